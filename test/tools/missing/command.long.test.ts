import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { scratch, sent } from './scratch.ts';

const designs = fileURLToPath(new URL('../../../bin/designs.ts', import.meta.url));

interface Finished {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs `designs missing` in the directory, as a shell would. */
async function missing(directory: string, args: readonly string[], input?: string): Promise<Finished> {
  const child = spawn(process.execPath, [designs, 'missing', ...args], { cwd: directory });
  const [out, err]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out: Buffer.concat(out).toString('latin1'), err: Buffer.concat(err).toString() };
}

const files = {
  signed: 'C3\nA1\nB2\n',
  'signed.csv': 'n,id\n1,C3\n2,A1\n',
  'signed.ndjson': '{"doc":{"id":"B2"}}\n',
  'logs/x.log': sent('A1'),
  'logs/y.log': sent('c3'),
};

describe('designs missing', () => {
  it('prints missed IDs, and a line for a person on stderr', async () => {
    const { code, out, err } = await missing(scratch(files), ['--signed', 'signed', '--logs', 'logs', '--sort']);
    expect({ code, out }).toEqual({ code: 0, out: 'B2\nC3\n' });
    expect(err).toBe(
      'warning: 1 missed ID would match if case were ignored: use --ignore-case\n' +
        '2 of 3 signed documents missed (2 lines in 2 logs, 2 successes)\n',
    );
  });

  it('takes logs repeated, several, and expanded by a shell', async () => {
    const directory = scratch({ ...files, 'more/z.log': sent('B2') });
    for (const logs of [
      ['--logs', 'logs', '--logs', 'more'],
      ['--logs', 'logs/x.log', 'logs/y.log', 'more/*.log'],
      ['--logs=*/?.log'],
    ]) {
      const { out } = await missing(directory, ['--signed', 'signed', ...logs, '--ignore-case', '--json']);
      expect(JSON.parse(out), logs.join(' ')).toMatchObject({ logs: 3, missed: 0 });
    }
  });

  it('reads standard input, a CSV column and an NDJSON field', async () => {
    const directory = scratch(files);
    expect((await missing(directory, ['--signed', '-', '--logs', 'logs'], 'Z9\r\nA1')).out).toBe('Z9\n');
    expect((await missing(directory, ['--signed', 'signed.csv', '--column', 'id', '--logs', 'logs'])).out).toBe('C3\n');
    expect((await missing(directory, ['--signed', 'signed.ndjson', '--field', 'doc.id', '--logs', 'logs'])).out).toBe(
      'B2\n',
    );
  });

  it('prints the counts as JSON, the contract, and IDs only to --out', async () => {
    const directory = scratch(files);
    const { code, out } = await missing(directory, [
      '--signed',
      'signed',
      '--logs',
      'logs',
      '--json',
      '--sort',
      '--out',
      'missed',
    ]);
    expect(code).toBe(0);
    expect(out).toBe(
      '{"signed":3,"logs":2,"lines":2,"matched":2,"unreadableLines":0,"duplicates":0,"missed":2,"complete":true,"missingLogs":[]}\n',
    );
    expect(readFileSync(join(directory, 'missed'), 'utf8')).toBe('B2\nC3\n');
    expect(readdirSync(directory).filter((name) => name.includes('part'))).toEqual([]);
  });

  it('says on every output that a result is partial', async () => {
    const directory = scratch({ ...files, names: 'x\ny\nz\n' });
    const args = ['--signed', 'signed', '--logs', 'logs', '--expect', 'names'];
    const refused = await missing(directory, args);
    expect(refused).toMatchObject({ code: 2, out: '' });
    expect(refused.err).toContain('an empty one: z (');
    const { code, out, err } = await missing(directory, [...args, '--allow-partial', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ complete: false, missingLogs: ['z'] });
    expect(err).toContain('PARTIAL, without the logs of z');
  });

  it.each([
    [['--signed', 'nowhere', '--logs', 'logs'], 'cannot read nowhere'],
    [['--signed', 'signed', '--logs', 'nowhere'], 'no file matches --logs nowhere'],
    [['--signed', 'signed', '--logs', 'logs', '--pattern', 'doc=.'], 'has no group'],
    [['--signed', 'signed', '--logs', 'logs', '--pattern', 'nothing=(.)'], 'matches none of 2 lines'],
    [['--signed', 'signed.csv', '--column', 'x', '--logs', 'logs'], 'no column "x"'],
    [['--signed', 'empty', '--logs', 'logs'], 'no signed ID in empty'],
    [['--signed', 'signed'], '--logs'],
    [['--logs', 'logs'], '--signed'],
    [['--signed', 'signed', '--logs', 'logs', '--sorted'], 'unknown option'],
  ])('ends with code 2 and no output for %j', async (args, message) => {
    const directory = scratch({ ...files, empty: '' });
    writeFileSync(join(directory, 'kept'), 'as it was');
    const { code, out, err } = await missing(directory, [...args, '--out', 'kept']);
    expect({ code, out }, err).toEqual({ code: 2, out: '' });
    expect(err).toContain(message);
    expect(readFileSync(join(directory, 'kept'), 'utf8')).toBe('as it was');
    expect(readdirSync(directory).sort()).toEqual(['empty', 'kept', 'logs', 'signed', 'signed.csv', 'signed.ndjson']);
  });

  it('refuses an --out that cannot become a file', async () => {
    const directory = scratch(files);
    mkdirSync(join(directory, 'folder'));
    const args = ['--signed', 'signed', '--logs', 'logs', '--out'];
    expect((await missing(directory, [...args, 'folder'])).err).toContain('--out folder is a directory');
    expect((await missing(directory, [...args, 'no/where'])).err).toContain('there is no directory no');
  });

  it('writes to a device as it is, and leaves it one', async () => {
    const { code } = await missing(scratch(files), ['--signed', 'signed', '--logs', 'logs', '--out', '/dev/null']);
    expect(code).toBe(0);
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
  });

  it('writes all of a long result to a slow pipe, and ends quietly when the pipe closes', async () => {
    const ids = Array.from({ length: 60_000 }, (_, n) => `document-${n}\n`).join('');
    const directory = scratch({ ...files, signed: ids });
    const args = [designs, 'missing', '--signed', 'signed', '--logs', 'logs'];
    const slow = spawn(process.execPath, args, { cwd: directory, stdio: ['ignore', 'pipe', 'ignore'] });
    let out = '';
    for await (const chunk of slow.stdout) {
      if (out === '') await new Promise((resolve) => setTimeout(resolve, 300));
      out += String(chunk);
    }
    expect(out.length).toBe(ids.length);
    expect(out.split('\n').sort().join() === ids.split('\n').sort().join()).toBe(true);

    const closed = spawn(process.execPath, args, { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] });
    let err = '';
    closed.stderr.on('data', (chunk) => (err += String(chunk)));
    await once(closed.stdout, 'data');
    closed.stdout.destroy();
    const [code] = (await once(closed, 'close')) as [number];
    expect(code).toBe(0);
    expect(err).not.toMatch(/EPIPE|error/i);
  });

  it('leaves no part of the result behind when it is interrupted', async () => {
    const directory = scratch({ ...files, 'signed.fifo.txt': '' });
    const script = `
      import { writeWhole } from ${JSON.stringify(new URL('../../../tools/io/output.ts', import.meta.url).href)};
      function* endless() { for (;;) { yield Buffer.alloc(1000, 'x\\n'); if (Math.random() < 0.01) process.stdout.write('.'); } }
      await writeWhole('missed', endless());`;
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], { cwd: directory });
      await once(child.stdout, 'data');
      expect(readdirSync(directory).some((name) => name.endsWith('.part'))).toBe(true);
      child.kill(signal);
      expect(await once(child, 'close')).toEqual([null, signal]);
      expect(readdirSync(directory).filter((name) => name.endsWith('.part'))).toEqual([]);
      expect(existsSync(join(directory, 'missed'))).toBe(false);
    }
  });
});
