import { execFile } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UsageError } from '../../../tools/cli/errors.ts';
import { catalogueWith, checkSlug, writeQuestion } from '../../../tools/new/new.ts';
import { cruiseRooms } from '../../house/cruise.ts';
import { read, repositoryFiles, root } from '../../house/files.ts';

const slug = 'payment-counter';
const run = promisify(execFile);

describe('designs new', () => {
  let copy: string;
  beforeAll(() => {
    copy = realpathSync(mkdtempSync(join(tmpdir(), 'designs-new-')));
    for (const file of repositoryFiles()) cpSync(join(root, file), join(copy, file));
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  });
  afterAll(() => rmSync(copy, { recursive: true, force: true }));

  it('writes a question that works in every room', async () => {
    const { stdout } = await run(process.execPath, [
      join(copy, 'bin/designs.ts'),
      'new',
      slug,
      '--title',
      "Anna's counter",
    ]);
    expect(stdout).toContain(`wrote lib/questions/${slug}/proof.ts`);
    const listed = await run(process.execPath, [join(copy, 'bin/designs.ts'), 'list', '--json']);
    expect((JSON.parse(listed.stdout) as readonly unknown[]).at(-1)).toMatchObject({
      slug,
      title: "Anna's counter",
      variants: ['naive', 'improved'],
    });
    const shown = await run(process.execPath, [join(copy, 'bin/designs.ts'), 'show', slug]);
    expect(shown.stdout).toContain('"PutItem, UpdateItem"');
    expect(readFileSync(join(copy, `lib/questions/${slug}/diff.md`), 'utf8')).toContain('PutItem');
  }, 300_000);

  it('writes what the compiler, the linter, the formatter and the import rules accept', async () => {
    const script = (path: string, ...args: readonly string[]) =>
      run(process.execPath, [join(copy, 'node_modules', path), ...args], { cwd: copy }).then(
        ({ stdout }) => stdout,
        ({ stdout }: { stdout: string }) => stdout,
      );
    const folders = [`lib/questions/${slug}`, `lambdas/${slug}`, `test/${slug}`];
    const ours = (text: string) => text.split('\n').filter((line) => line.includes(slug));
    expect(ours(await script('typescript/bin/tsc', '--project', copy))).toEqual([]);
    expect(ours(await script('oxlint/bin/oxlint', '--format=unix', ...folders))).toEqual([]);
    expect(ours(await script('oxfmt/bin/oxfmt', '--list-different', ...folders, 'lib/catalogue.ts'))).toEqual([]);
    const { modules, summary } = await cruiseRooms(copy);
    expect(modules.filter(({ source }) => source.includes(slug)).length).toBe(10);
    expect(summary.violations.filter(({ from }) => from.includes(slug))).toEqual([]);
  }, 300_000);

  it('writes what the house tests accept, and tests that pass', async () => {
    const reports = join(copy, 'report.json');
    await run(
      process.execPath,
      [
        join(copy, 'node_modules/vitest/vitest.mjs'),
        'run',
        '--project=unit',
        '--reporter=json',
        `--outputFile=${reports}`,
        'test/house/rooms',
        'test/house/catalogue',
        `test/${slug}`,
      ],
      { cwd: copy },
    ).catch(() => undefined);
    const { testResults } = JSON.parse(readFileSync(reports, 'utf8')) as {
      testResults: readonly { name: string; assertionResults: readonly { fullName: string; status: string }[] }[];
    };
    const ours = testResults.flatMap(({ name, assertionResults }) =>
      assertionResults.filter(({ fullName }) => fullName.includes(slug) || basename(name) === `${slug}.test.ts`),
    );
    expect(ours.length).toBeGreaterThan(10);
    expect(ours.filter(({ status }) => status !== 'passed')).toEqual([]);
  }, 300_000);

  it('refuses the same slug a second time, and changes nothing', async () => {
    const before = readFileSync(join(copy, 'lib/catalogue.ts'), 'utf8');
    await expect(writeQuestion(copy, { slug })).rejects.toThrow(
      new UsageError(`"${slug}" is taken: lib/questions/${slug} exists, so use another slug`),
    );
    expect(readFileSync(join(copy, 'lib/catalogue.ts'), 'utf8')).toBe(before);
  });
});

describe('a failure in the middle', () => {
  it('leaves nothing behind', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'designs-new-'));
    try {
      mkdirSync(join(directory, 'lib'));
      writeFileSync(join(directory, 'lib/catalogue.ts'), read('lib/catalogue.ts'));
      // Where the last folder is to be made there is a file.
      writeFileSync(join(directory, 'test'), '');
      await expect(writeQuestion(directory, { slug })).rejects.toThrow(/EEXIST|ENOTDIR/);
      expect(existsSync(join(directory, 'lib/questions', slug))).toBe(false);
      expect(existsSync(join(directory, 'lambdas', slug))).toBe(false);
      expect(readFileSync(join(directory, 'lib/catalogue.ts'), 'utf8')).toBe(read('lib/catalogue.ts'));
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});

describe('a slug', () => {
  it.each(['abc', 'rate-limits', 'a1-b2', 'x'.repeat(40)])('may be %s', (good) => {
    expect(() => checkSlug(good)).not.toThrow();
  });

  it.each([
    '',
    'ab',
    'Rate-limits',
    'rate_limits',
    '-rate',
    'rate-',
    'rate--limits',
    '1rate',
    '../etc',
    'x'.repeat(41),
    'house',
  ])('may not be %j', (bad) => {
    expect(() => checkSlug(bad)).toThrow(UsageError);
  });
});

describe('the line in the catalogue', () => {
  it('stands at the end of imports and list, and changes nothing else', () => {
    const catalogue = read('lib/catalogue.ts');
    const lines = catalogueWith(catalogue, slug).split('\n');
    const added = [
      `import { question as paymentCounter } from './questions/${slug}/question.ts';`,
      '  paymentCounter,',
    ];
    for (const line of added) expect(lines).toContain(line);
    expect(lines.filter((line) => !added.includes(line)).join('\n')).toBe(catalogue);
    expect(lines.indexOf('  paymentCounter,')).toBe(lines.indexOf('];') - 1);
  });

  it('is refused when the file has no list', () => {
    expect(() => catalogueWith('', slug)).toThrow(/write the line by hand/);
  });
});
