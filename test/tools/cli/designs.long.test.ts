import { spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { commands } from '../../../bin/commands.ts';
import { describe as describeError } from '../../../tools/cli/main.ts';
import { RunError, UsageError } from '../../../tools/cli/errors.ts';

const root = join(import.meta.dirname, '../../..');
const version = /^\d+\.\d+\.\d+\n$/;

function designs(...args: readonly string[]) {
  return run([join(root, 'bin/designs.mjs'), ...args]);
}

function run(nodeArguments: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, nodeArguments, { encoding: 'utf8', cwd: tmpdir() });
  return { status, stdout, stderr };
}

describe('designs', () => {
  it('prints its commands for --help, -h and nothing', () => {
    const { status, stdout, stderr } = designs('--help');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    for (const name of Object.keys(commands)) expect(stdout).toMatch(new RegExp(`^ +${name}  `, 'm'));
    expect(designs('-h')).toEqual(designs('--help'));
    expect(designs()).toEqual(designs('--help'));
  });

  it('prints its version', () => {
    expect(designs('--version')).toEqual({ status: 0, stdout: expect.stringMatching(version), stderr: '' });
  });

  it.each(Object.keys(commands))('explains %s for --help, and runs nothing', (name) => {
    const { status, stdout, stderr } = designs(name, '--help');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain(`USAGE designs ${name}`);
  });

  it.each([
    [['lst'], 'error: unknown command "lst": did you mean list?\n'],
    [['toString'], 'error: unknown command "toString": `designs --help` names the commands\n'],
    [['--frob'], 'error: unknown option "--frob": `designs --help` names the commands\n'],
    [['list', '--jsn'], 'error: unknown option "--jsn": did you mean --json?\n'],
    [['list', 'all'], 'error: unexpected argument "all": take it away\n'],
    [
      ['show', 'missing-notification'],
      'error: unknown question "missing-notification": did you mean missing-notifications?\n',
    ],
  ])('refuses %j on stderr, with exit code 2', (args, stderr) => {
    expect(designs(...args)).toEqual({ status: 2, stdout: '', stderr });
  });

  it('ends quietly when the reader of its output goes away', async () => {
    const child = spawn(process.execPath, [join(root, 'bin/designs.mjs'), 'list', '--json']);
    child.stdout.destroy();
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    await new Promise((resolve) => child.once('exit', resolve));
    expect(stderr).toBe('');
  });

  it('answers list without loading the CDK or the SDK', () => {
    const hooks = `import { registerHooks } from 'node:module';
      registerHooks({ load: (url, context, next) => (process.stderr.write(url + '\\n'), next(url, context)) });`;
    const { stderr } = run([
      '--import',
      `data:text/javascript,${encodeURIComponent(hooks)}`,
      join(root, 'bin/designs.ts'),
      'list',
    ]);
    const loaded = stderr.split('\n');
    expect(loaded).toContainEqual(expect.stringContaining('/lib/catalogue.ts'));
    expect(loaded.filter((url) => /node_modules\/(aws-cdk-lib|constructs|@aws-sdk|@aws-cdk)\//.test(url))).toEqual([]);
  });
});

describe('an error', () => {
  it('is its message alone when a person can mend it', () => {
    expect(describeError(new UsageError('no such file'))).toBe('error: no such file');
    expect(describeError(new RunError('the run failed'))).toBe('error: the run failed');
  });

  it('has its stack when it is a mistake of ours', () => {
    expect(describeError(new TypeError('x is not a function'))).toMatch(
      /^error: TypeError: x is not a function\n +at /,
    );
    expect(describeError('text')).toBe('error: text');
  });
});

describe('the launcher', () => {
  // Another major than the pinned one, as the launcher sees it.
  const oldNode = `data:text/javascript,${encodeURIComponent(
    `Object.defineProperty(process.versions, 'node', { value: '20.19.0' });`,
  )}`;

  it('goes on under the pinned Node, with its output and exit code', () => {
    const launched = run(['--import', oldNode, join(root, 'bin/designs.mjs'), '--version']);
    expect(launched).toEqual({ status: 0, stdout: expect.stringMatching(version), stderr: '' });
    expect(run(['--import', oldNode, join(root, 'bin/designs.mjs'), 'lst']).status).toBe(2);
  });

  it('says what to do when the pinned Node is missing', () => {
    inCopy((directory) => {
      const { status, stderr } = run(['--import', oldNode, join(directory, 'bin/designs.mjs'), 'list']);
      expect(status).toBe(1);
      expect(stderr).toMatch(/^error: this is Node 20\.19\.0 and the pinned Node 24 is not at .*: run npm ci/);
    });
  });

  it.skipIf(process.platform === 'win32')('passes a signal on, and ends by it', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'designs-launcher-'));
    try {
      copyLauncher(directory);
      mkdirSync(join(directory, 'node_modules/node/bin'), { recursive: true });
      symlinkSync(process.execPath, join(directory, 'node_modules/node/bin/node'));
      writeFileSync(join(directory, 'bin/designs.ts'), `console.log('ready'); setInterval(() => {}, 1000);`);
      const child = spawn(process.execPath, ['--import', oldNode, join(directory, 'bin/designs.mjs')]);
      await new Promise((resolve) => child.stdout.once('data', resolve));
      child.kill('SIGTERM');
      const [code, signal] = await new Promise<[number | null, string | null]>((resolve) =>
        child.once('exit', (...ended) => resolve(ended)),
      );
      expect({ code, signal }).toEqual({ code: null, signal: 'SIGTERM' });
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });

  function inCopy(body: (directory: string) => void): void {
    const directory = mkdtempSync(join(tmpdir(), 'designs-launcher-'));
    try {
      copyLauncher(directory);
      body(directory);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }

  function copyLauncher(directory: string): void {
    cpSync(join(root, 'bin/designs.mjs'), join(directory, 'bin/designs.mjs'));
  }
});
