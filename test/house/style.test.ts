import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { json, read, repositoryFiles, root } from './files.ts';

const complaints = (script: string, ...args: readonly string[]) => complaintsIn(root, script, ...args);

/** What the tool says when it is not content, or nothing. */
async function complaintsIn(directory: string, script: string, ...args: readonly string[]): Promise<string> {
  try {
    await promisify(execFile)(process.execPath, [join(directory, 'node_modules', script), ...args], {
      cwd: directory,
      timeout: 170_000,
      maxBuffer: 64 * 1024 * 1024,
      env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' },
    });
    return '';
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    return `${stdout}${stderr}` || String(error);
  }
}

// Beside other tests a look at all sources may take a minute.
describe('the sources', { timeout: 180_000 }, () => {
  it.concurrent('are type-correct', async () => {
    expect(await complaints('typescript/bin/tsc', '--project', root)).toBe('');
  });

  it.concurrent('are type-correct where a browser runs them', async () => {
    expect(await complaints('typescript/bin/tsc', '--project', join(root, 'tsconfig.browser.json'))).toBe('');
  });

  it.concurrent('are clean for the linter: no any, default export, barrel or postponed work', async () => {
    expect(await complaints('oxlint/bin/oxlint', '--format=unix')).toBe('');
  });

  it.concurrent('are formatted: run npm run format', async () => {
    expect(await complaints('oxfmt/bin/oxfmt', '--check')).toBe('');
  });

  it.concurrent('have no dead file, export or dependency', async () => {
    expect(await complaints('knip/bin/knip.js', '--no-progress', '--treat-config-hints-as-errors')).toBe('');
  });

  it('export what they define, and nothing that another file defines', () => {
    const barrels = repositoryFiles()
      .filter((file) => file.endsWith('.ts'))
      .filter((file) => /^export\s+(type\s+)?(\*|\{[^}]*\})[^;]*\sfrom\s/m.test(read(file)));
    expect(barrels, 'import from the file that defines the name').toEqual([]);
  });
});

describe('the linter', () => {
  const planted: Readonly<Record<string, string>> = {
    'no-explicit-any': 'export const a = (value: any) => String(value);',
    'no-default-export': 'export default 1;',
    'no-barrel-file': `export * from './eqeqeq.ts';`,
    'no-warning-comments': 'export const a = 1; // todo: later',
    'no-floating-promises': 'export const a = () => { Promise.resolve(1); };',
    eqeqeq: 'export const a = (b: number) => b == 1;',
  };

  it('finds what is planted for it', async () => {
    const directory = realpathSync(mkdtempSync(join(tmpdir(), 'designs-lint-')));
    try {
      symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
      for (const file of ['.oxlintrc.json', 'tsconfig.json']) cpSync(join(root, file), join(directory, file));
      mkdirSync(join(directory, 'lib'));
      for (const [rule, source] of Object.entries(planted)) {
        writeFileSync(join(directory, 'lib', `${rule}.ts`), `${source}\n`);
      }
      const found = await complaintsIn(directory, 'oxlint/bin/oxlint', '--format=unix', 'lib');
      const missed = Object.keys(planted).filter(
        (rule) => !found.split('\n').some((line) => line.startsWith(`lib/${rule}.ts`) && line.includes(`(${rule})`)),
      );
      expect(missed).toEqual([]);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});

describe('tracked files', () => {
  // As alternatives, so that this file does not name what it looks for.
  const pattern = /\/(work|root|home\/[a-z]\w*|Users\/[A-Za-z]\w*|tmp\/w)\//;

  it('name no path of the machine on which they were written', () => {
    const text = repositoryFiles().filter((file) => !/\.(png|gz|zst|ico|woff2)$/.test(file));
    expect(text.length).toBeGreaterThan(50);
    const found = text.flatMap((file) =>
      read(file)
        .split('\n')
        .flatMap((line, index) => (pattern.test(line) ? [`${file}:${index + 1}: ${line.trim().slice(0, 120)}`] : [])),
    );
    expect(found, 'write a path relative to the repository').toEqual([]);
  });

  it('install from the public registries only', () => {
    const { packages } = json('package-lock.json') as { packages: Readonly<Record<string, { resolved?: string }>> };
    const elsewhere = Object.entries(packages).filter(
      ([, { resolved }]) => resolved !== undefined && !resolved.startsWith('https://registry.npmjs.org/'),
    );
    expect(elsewhere, 'run npm install with the public registry').toEqual([]);
    for (const file of repositoryFiles().filter((name) => /(^|\/)(\.npmrc|requirements\.(in|txt))$/.test(name))) {
      expect(read(file), `${file} names an index`).not.toMatch(
        /^\s*(registry\s*=|@.*:registry|--(extra-)?index-url|-i\s)/m,
      );
    }
  });
});
