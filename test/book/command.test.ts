import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { portOf } from '../../book/command.ts';

const bin = join(import.meta.dirname, '../../bin/designs.ts');

function book(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, 'book', ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

/** Says on standard error which modules it loads. */
const hooks = `data:text/javascript,${encodeURIComponent(
  `import { registerHooks } from 'node:module';
  registerHooks({ load: (url, context, next) => (process.stderr.write(url + '\\n'), next(url, context)) });`,
)}`;

async function started() {
  const child = spawn(process.execPath, ['--import', hooks, bin, 'book', '--port', '0']);
  onTestFinished(() => void child.kill('SIGKILL'));
  let loaded = '';
  child.stderr.on('data', (chunk: Buffer) => (loaded += chunk.toString()));
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, line: line.toString(), loaded: () => loaded };
}

describe('designs book', () => {
  it('prints its address, serves the book there, and stops at Ctrl-C', async () => {
    const { child, line, loaded } = await started();
    const [, url] = /^the book is at (http:\/\/127\.0\.0\.1:\d+\/) until Ctrl-C\n$/.exec(line) ?? [];
    const front = await fetch(url!);
    expect(front.status).toBe(200);
    expect(await front.text()).toContain('Idempotent APIs');
    expect((await fetch(`${url}questions/idempotent-apis`)).status).toBe(200);
    const lost = await fetch(`${url}questions/crosswords`);
    expect({ status: lost.status, type: lost.headers.get('content-type') }).toEqual({
      status: 404,
      type: 'text/html; charset=utf-8',
    });
    expect(await lost.text()).toContain('No such page');
    expect(loaded()).toContain('/lib/catalogue.ts');
    expect(loaded()).not.toMatch(/node_modules\/(aws-cdk-lib|constructs|@aws-sdk|@aws-cdk)\//);

    const ended = once(child, 'exit');
    child.kill('SIGINT');
    expect(await ended).toEqual([0, null]);
  });

  it('refuses what is no port', () => {
    expect(book('--port', '80x')).toEqual({
      status: 2,
      stdout: '',
      stderr: 'error: --port 80x is no port: give a whole number up to 65535, or 0 for any that is free\n',
    });
    for (const text of ['', '-1', '1e3', '65536', '22.5', ' 22', '0x50', '٢٢']) {
      expect(() => portOf(text)).toThrow(`--port ${text} is no port`);
    }
    expect(['0', '2200', '65535'].map(portOf)).toEqual([0, 2200, 65_535]);
  });

  it('refuses a port that is in use', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    expect(book('--port', String(port))).toEqual({
      status: 2,
      stdout: '',
      stderr: `error: port ${port} is in use: give another, or 0 for any that is free\n`,
    });
    other.close();
  });

  it('refuses what it does not know', () => {
    expect(book('--prot', '1').stderr).toBe('error: unknown option "--prot": did you mean --port?\n');
  });

  it('explains itself', () => {
    const { status, stdout } = book('--help');
    expect(status).toBe(0);
    expect(stdout).toContain('serves the book on this machine: every question, and the decision helper');
    expect(stdout).toMatch(/--port=<N>\s+where to listen; 0 takes any port that is free \(Default: 2200\)/);
  });
});
