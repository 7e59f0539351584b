import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'esbuild';
import { expect, it, vi } from 'vitest';
import { buildBundles, type BundleOptions } from '../../../tools/bundle/bundle.ts';
import { RunError } from '../../../tools/cli/errors.ts';
import { checkout } from './checkout.ts';

vi.mock(import('esbuild'), { spy: true });

const files = {
  'lambdas/kit/clock.ts': `export const handler = 'shared code is not a handler';`,
  'lambdas/demo/domain.ts': `export function twice(n: number): number {\n  if (n < 0) throw new RangeError('negative: ' + n);\n  return 2 * n;\n}`,
  'lambdas/demo/store.ts': `export const handler = 'a store is not a handler';`,
  'lambdas/demo/words.ts': `export const greeting = 'hello';`,
  'lambdas/demo/double.ts': `import { twice } from './domain.ts';\nexport const handler = async (n: number) => twice(n);`,
  'lambdas/demo/double.improved.ts': `import { twice } from './domain.ts';\nexport async function handler(n: number) { return twice(n) + 1; }`,
  'lambdas/other/greet.naive.ts': `import { greeting } from '../demo/words.ts';\nconst greet = async () => greeting;\nexport { greet as handler };`,
};

async function list(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .toSorted();
}

async function read(directory: string): Promise<Readonly<Record<string, string>>> {
  const paths = await list(directory);
  const texts = await Promise.all(paths.map((path) => readFile(join(directory, path), 'utf8')));
  return Object.fromEntries(paths.map((path, index) => [path, texts[index] ?? '']));
}

async function builds(root: string): Promise<readonly string[]> {
  const names = await readdir(join(root, '.designs/bundles/plain'));
  return names.filter((name) => !name.endsWith('.json')).toSorted();
}

it('builds every file that exports a handler, by slug and name, and nothing else', async () => {
  const built = await buildBundles({ root: await checkout({ files }) });
  expect(await list(built)).toEqual([
    'demo/double.improved/index.mjs',
    'demo/double.improved/index.mjs.map',
    'demo/double/index.mjs',
    'demo/double/index.mjs.map',
    'metafile.json',
    'other/greet.naive/index.mjs',
    'other/greet.naive/index.mjs.map',
  ]);
  const { handler } = (await import(join(built, 'demo/double.improved/index.mjs'))) as {
    handler: (n: number) => Promise<number>;
  };
  expect(await handler(4)).toBe(9);
});

it('builds the handlers of the chosen questions only', async () => {
  const built = await buildBundles({
    root: await checkout({ files }),
    slugs: ['other', 'an-estimate-without-lambdas'],
  });
  expect(await readdir(built)).toEqual(['metafile.json', 'other']);
});

it('makes the same bytes in any directory of any checkout', async () => {
  const withPackage = {
    ...files,
    'lambdas/demo/wrapped.ts': `import middy from '@middy/core';\nexport const handler = middy().handler(async () => 1);`,
  };
  const packages = ['@middy/core', '@middy/util'];
  const [here, there] = await Promise.all([
    checkout({ files: withPackage, packages }),
    checkout({ files: withPackage, packages, folder: 'much/deeper' }),
  ]);
  const first = await buildBundles({ root: here });
  const second = await buildBundles({ root: there, outdir: join(there, '..', 'elsewhere') });
  expect(basename(second)).toBe(basename(first));
  const bytes = await read(first);
  expect(await read(second)).toEqual(bytes);
  expect(Object.keys(bytes)).toContain('demo/wrapped/index.mjs');
  for (const text of Object.values(bytes)) expect(text).not.toContain('checkout-');
});

it('makes other bytes, in another directory, when a source changes', async () => {
  const root = await checkout({ files });
  const other = await checkout({
    files: { ...files, 'lambdas/demo/words.ts': `export const greeting = 'good morning';` },
  });
  expect(basename(await buildBundles({ root: other }))).not.toBe(basename(await buildBundles({ root })));
});

it('keeps the instrumentation out of plain bundles, and puts it into proof bundles', async () => {
  const root = await checkout({
    files: {
      'lambdas/demo/put.ts': [
        `import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';`,
        'const dynamo = new DynamoDBClient({});',
        'export const handler = async (input) => dynamo.send(new PutItemCommand(input));',
      ].join('\n'),
    },
  });
  await symlink(join(import.meta.dirname, '..', '..', '..', 'node_modules'), join(root, 'node_modules'));
  const traces = /designs|DESIGNS_|VmHWM|SIGKILL|ReturnConsumedCapacity: ?"TOTAL"/;
  const plain = await read(await buildBundles({ root }));
  expect(plain['demo/put/index.mjs']).not.toMatch(traces);
  expect(plain['metafile.json']).not.toContain('tools/bundle');
  const proof = await read(await buildBundles({ root, instrumented: true }));
  for (const trace of ['designs', 'DESIGNS_FAULTS', 'VmHWM', 'SIGKILL'])
    expect(proof['demo/put/index.mjs']).toContain(trace);
  // One copy of the SDK's client, or the patch would miss the one that the handler uses.
  const { inputs } = JSON.parse(proof['metafile.json'] ?? '') as { inputs: Record<string, unknown> };
  expect(Object.keys(inputs).filter((path) => path.endsWith('/smithy-client/client.js'))).toHaveLength(1);
});

it('loads nothing of Node’s at the start that no handler uses', async () => {
  const sources = {
    'lambdas/demo/import.ts': `import * as http from 'node:http';\nexport const handler = async () => http.STATUS_CODES[418];`,
    'lambdas/demo/name.ts': `import { STATUS_CODES } from 'http';\nexport const handler = async () => STATUS_CODES[418];`,
    'lambdas/demo/require.ts': `const http = require('node:http');\nexport const handler = async () => http.STATUS_CODES[418];`,
  };
  const built = await buildBundles({ root: await checkout({ files: sources }) });
  for (const name of ['import', 'name', 'require']) {
    const bundle = JSON.stringify(join(built, 'demo', name, 'index.mjs'));
    const script = `import(${bundle}).then(async ({ handler }) =>
      console.log(await handler(), process.moduleLoadList.filter((module) => module.includes('undici')).length))`;
    expect(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' }), name).toBe("I'm a Teapot 0\n");
  }
});

it('builds an edited copy and leaves the sources alone', async () => {
  const root = await checkout({ files });
  const edits = { 'lambdas/demo/words.ts': (source: string) => source.replace('hello', 'goodbye') };
  const built = await buildBundles({ root, edits });
  expect(await readFile(join(built, 'other/greet.naive/index.mjs'), 'utf8')).toContain('goodbye');
  expect(built.startsWith(join(root, '.designs/bundles/edited'))).toBe(true);
  expect(await readFile(join(root, 'lambdas/demo/words.ts'), 'utf8')).toBe(files['lambdas/demo/words.ts']);
});

it('refuses an edit that changes nothing', async () => {
  const root = await checkout({ files });
  const edits = { 'lambdas/demo/words.ts': (source: string) => source.replace('no such text', '') };
  const refused = buildBundles({ root, edits });
  await expect(refused).rejects.toThrow(RunError);
  await expect(refused).rejects.toThrow('the edit of lambdas/demo/words.ts changes nothing: it must match the source');
});

it('refuses an edit of a file that no handler loads', async () => {
  const root = await checkout({ files });
  const edits = { 'lambdas/demo/store.ts': () => '' };
  await expect(buildBundles({ root, edits })).rejects.toThrow(
    'the edit of lambdas/demo/store.ts changes nothing: no handler loads it',
  );
});

it('names the file and the place when a handler does not compile', async () => {
  const root = await checkout({
    files: { 'lambdas/demo/broken.ts': `import './missing.ts';\nexport const handler = 1;` },
  });
  const failed = buildBundles({ root });
  await expect(failed).rejects.toThrow(RunError);
  await expect(failed).rejects.toThrow(/lambdas\/demo\/broken\.ts:1:7/);
});

it('lets builds run at once without any seeing half of another', async () => {
  const root = await checkout({ files });
  const whole = await Promise.all(Array.from({ length: 8 }, async () => list(await buildBundles({ root }))));
  for (const paths of whole) expect(paths).toHaveLength(7);
  expect(await builds(root)).toHaveLength(1);
});

it('removes builds that nobody used for a day', async () => {
  const root = await checkout({ files });
  const old = await buildBundles({ root, slugs: ['other'] });
  const recent = await buildBundles({ root, slugs: ['demo'] });
  const [dayAgo, hourAgo] = [25, 1].map((hours) => new Date(Date.now() - hours * 3_600_000));
  await Promise.all([utimes(old, dayAgo!, dayAgo!), utimes(recent, hourAgo!, hourAgo!)]);
  const all = await buildBundles({ root });
  expect(await builds(root)).toEqual([basename(recent), basename(all)].toSorted());
});

it('gives stack traces in the lines of the sources', async () => {
  const built = await buildBundles({ root: await checkout({ files }) });
  const call = `import('./demo/double/index.mjs').then(({ handler }) => handler(-1)).catch(({ stack }) => console.log(stack))`;
  const stack = execFileSync(process.execPath, ['--enable-source-maps', '-e', call], { cwd: built, encoding: 'utf8' });
  expect(stack).toMatch(/RangeError: negative: -1\n\s+at twice \(.*lambdas\/demo\/domain\.ts:2:/);
});

it('builds again only when something that it is made of changed', async () => {
  const root = await checkout({ files });
  await mkdir(join(root, 'node_modules'));
  async function isBuilt(options: BundleOptions = {}): Promise<boolean> {
    vi.mocked(build).mockClear();
    // Files that are as young as the build are not trusted.
    await sleep(50);
    await buildBundles({ root, ...options });
    return vi.mocked(build).mock.calls.length > 0;
  }
  expect(await isBuilt()).toBe(true);
  expect(await isBuilt()).toBe(false);
  expect(await isBuilt({ instrumented: true, slugs: ['demo'] })).toBe(true);
  expect(await isBuilt({ edits: { 'lambdas/demo/words.ts': (source) => `${source};` } })).toBe(true);
  expect(await isBuilt()).toBe(false);
  for (const changed of ['lambdas/demo/domain.ts', 'lambdas/demo/added.ts', 'node_modules/.package-lock.json']) {
    await writeFile(join(root, changed), `export const handler = 1, twice = 2; // ${changed}`);
    expect(await isBuilt()).toBe(true);
    expect(await isBuilt()).toBe(false);
  }
  await rm(await buildBundles({ root }), { recursive: true });
  expect(await isBuilt()).toBe(true);
});

it('trusts no source that changed while it was built', async () => {
  const root = await checkout({ files });
  const source = join(root, 'lambdas/demo/words.ts');
  await sleep(50);
  vi.mocked(build).mockImplementationOnce(async (options) => {
    const { build: original } = await vi.importActual<typeof import('esbuild')>('esbuild');
    const result = await original(options);
    await writeFile(source, `export const greeting = 'good evening';`);
    return result;
  });
  await buildBundles({ root });
  const built = await buildBundles({ root });
  expect(await readFile(join(built, 'other/greet.naive/index.mjs'), 'utf8')).toContain('good evening');
});
