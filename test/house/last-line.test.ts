import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lastLine } from '../reporter.ts';
import { root } from './files.ts';

let directory: string;
beforeAll(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'designs-last-line-')));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const test = (body: string) => `import { beforeAll, describe, expect, it } from 'vitest';\n${body}\n`;

describe('the last line of a test run', () => {
  it('names skipped tests when there are any', () => {
    expect(lastLine({ passed: 3, failed: 0, skipped: 0 })).toBe('3 passed, 0 failed');
    expect(lastLine({ passed: 3, failed: 1, skipped: 2 })).toBe('3 passed, 1 failed, 2 skipped');
  });

  it('is of test runs only: other tools load the configuration too', () => {
    const loading = spawnSync(process.execPath, ['--input-type=module', '-e', `await import('./vitest.config.ts')`], {
      cwd: root,
      encoding: 'utf8',
    });
    expect({ status: loading.status, stdout: loading.stdout }).toEqual({ status: 0, stdout: '' });
  });

  it.each([
    ['all tests that pass', { 'a.test.ts': test(`it('a', () => {}); it('b', () => {});`) }, '2 passed, 0 failed', 0],
    [
      'failed and skipped tests',
      { 'a.test.ts': test(`it('a', () => {}); it.skip('b', () => {}); it('c', () => expect(1).toBe(2));`) },
      '1 passed, 1 failed, 1 skipped',
      1,
    ],
    [
      'a file that does not load',
      { 'a.test.ts': test(`it('a', () => {});`), 'b.test.ts': `import './nowhere.ts';` },
      '1 passed, 1 failed',
      1,
    ],
    [
      'a hook that fails',
      { 'a.test.ts': test(`describe('x', () => { beforeAll(() => { throw new Error('x'); }); it('a', () => {}); });`) },
      '0 passed, 1 failed, 1 skipped',
      1,
    ],
    [
      'an error that no test caught',
      {
        'a.test.ts': test(
          `it('a', () => { setTimeout(() => { throw new Error('x'); }); return new Promise((r) => setTimeout(r, 50)); });`,
        ),
      },
      '1 passed, 1 failed',
      1,
    ],
    ['no tests at all', {}, '0 passed, 1 failed', 1],
  ])('counts %s', (name, files, line, status) => {
    const project = join(directory, name.replaceAll(' ', '-'));
    mkdirSync(project);
    symlinkSync(join(root, 'node_modules'), join(project, 'node_modules'));
    for (const [file, source] of Object.entries(files)) writeFileSync(join(project, file), source);
    writeFileSync(
      join(project, 'vitest.config.mjs'),
      `import { LastLine } from ${JSON.stringify(join(root, 'test/reporter.ts'))};
      export default { test: { reporters: ['default', new LastLine()] } };`,
    );
    const ran = spawnSync(process.execPath, [join(root, 'node_modules/vitest/vitest.mjs'), 'run'], {
      cwd: project,
      encoding: 'utf8',
      env: { ...process.env, VITEST: undefined },
    });
    expect({ line: ran.stdout.trimEnd().split('\n').at(-1), status: ran.status }).toEqual({ line, status });
  });
});

describe.skipIf(process.platform === 'win32')('.ci/run', () => {
  it.each([
    ['passes when all pass', 'exit 0', 'echo 5 passed, 0 failed', '5 passed, 0 failed', 0],
    [
      'fails with the tests',
      'exit 0',
      'echo 5 passed, 2 failed, 1 skipped; exit 1',
      '5 passed, 2 failed, 1 skipped',
      1,
    ],
    ['fails when nothing can be installed', 'exit 1', 'echo 5 passed, 0 failed', '0 passed, 1 failed', 1],
    ['fails when the runner says nothing', 'exit 0', 'exit 0', '0 passed, 1 failed', 1],
    ['fails when the runner crashes at its end', 'exit 0', 'echo 5 passed, 0 failed; exit 3', '5 passed, 1 failed', 3],
    ['fails when a failure is not in the exit code', 'exit 0', 'echo 5 passed, 10 failed', '5 passed, 10 failed', 1],
    [
      'prints the line last',
      'exit 0',
      'echo 5 passed, 0 failed; echo npm has something to say',
      '5 passed, 0 failed',
      0,
    ],
    ['gives tests no input to wait for', 'exit 0', 'read -r x || echo 1 passed, 0 failed', '1 passed, 0 failed', 0],
  ])('%s', (name, install, tests, line, status) => {
    const bin = join(directory, name.replaceAll(' ', '-'));
    mkdirSync(bin);
    writeFileSync(join(bin, 'npm'), `#!/bin/sh\nif [ "$1" = ci ]; then ${install}; else ${tests}; fi\n`);
    chmodSync(join(bin, 'npm'), 0o755);
    const ran = spawnSync(join(root, '.ci/run'), {
      encoding: 'utf8',
      env: { ...process.env, PATH: `${bin}${delimiter}${process.env['PATH']}` },
      timeout: 20_000,
    });
    expect({ line: ran.stdout.trimEnd().split('\n').at(-1), status: ran.status }).toEqual({ line, status });
  });
});
