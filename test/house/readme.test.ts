import { describe, expect, it } from 'vitest';
import { benches } from '../../bench/benches.ts';
import { extractMemoryMb, numbersPage } from '../../bench/lambda-numbers.ts';
import { readRecorded, withNumbers } from '../../bench/record.ts';
import { commands } from '../../bin/commands.ts';
import { checkCommandLine } from '../../tools/cli/main.ts';
import type { ProofResult } from '../../tools/prove/prove.ts';
import { json, read, repositoryFiles } from './files.ts';

const { scripts } = json('package.json') as { scripts: Readonly<Record<string, string>> };

/** Commands of the `sh` blocks of a page, without prompts, comments and what a backslash continues. */
function commandsOf(page: string): readonly string[] {
  return [...page.matchAll(/^```sh\b[^\n]*\n(.*?)^```/gms)]
    .flatMap(([, block]) => block!.replaceAll('\\\n', ' ').split(/\n|&&/))
    .map((line) =>
      line
        .replace(/^\s*\$ /, '')
        .replace(/(^|\s)#.*$/, '')
        .trim(),
    )
    .filter((line) => line !== '');
}

/** What is wrong with a command of ours; nothing for other programs. */
async function problemOf(command: string): Promise<string | undefined> {
  const words = [...command.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)]
    .map(([, double, single, bare]) => double ?? single ?? bare!)
    .map((word, index, all) => (word === '|' || word === '>' || all.slice(0, index).includes('|') ? undefined : word))
    .filter((word) => word !== undefined);
  while (/^[A-Z_]+=/.test(words[0] ?? '')) words.shift();
  const [program, name, ...rest] = words;
  if (program === 'designs') return refusal(words.slice(1));
  if (program === 'npx' && name === 'designs') return refusal(rest);
  if (program !== 'npm') return undefined;
  if (name === 'start' || name === 'test') return scripts[name] === undefined ? `no script "${name}"` : undefined;
  if (name === 'run') return scripts[rest[0] ?? ''] === undefined ? `no script "${rest[0]}"` : undefined;
  return ['ci', 'install'].includes(name ?? '') ? undefined : `unknown npm command "${name}"`;
}

async function refusal(rawArgs: readonly string[]): Promise<string | undefined> {
  try {
    await checkCommandLine(commands, rawArgs);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

describe('the README', () => {
  it('shows only commands that exist, with options that they take', async () => {
    const commands = commandsOf(read('README.md'));
    expect(commands.filter((command) => /designs|npm/.test(command)).length).toBeGreaterThan(3);
    const problems = await Promise.all(
      commands.map(async (command) => ({ command, problem: await problemOf(command) })),
    );
    expect(problems.filter(({ problem }) => problem !== undefined)).toEqual([]);
  });

  it('shows a newcomer the two commands', () => {
    expect(read('README.md')).toContain('npm ci && npm start');
    expect(read('README.md')).toContain('npm ci && npm test');
  });

  it('links to files that exist', () => {
    const files = repositoryFiles();
    const links = [...read('README.md').matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map(([, link]) =>
      link!.replace(/^\.\//, ''),
    );
    const broken = links.filter(
      (link) => !files.some((file) => file === link || file.startsWith(`${link.replace(/\/$/, '')}/`)),
    );
    expect(broken).toEqual([]);
  });
});

describe('the figures and excerpts of the README', () => {
  const readme = read('README.md');

  it('are those of the recorded proof', () => {
    const { properties } = json('lib/questions/missing-notifications/proof.json') as Pick<ProofResult, 'properties'>;
    const number = (value: number | undefined) => value!.toLocaleString('en-US', { maximumFractionDigits: 2 });
    for (const { name, unit, measured, tier } of properties) {
      expect(readme).toContain(
        `| ${name} | ${unit} | ${number(measured['naive'])} | ${number(measured['improved'])} | ${tier} |`,
      );
    }
  });

  it('are those of the page of numbers', () => {
    // Formatted as the page is: cells of a table are padded.
    const cells = (text: string) =>
      text
        .replaceAll(/ *\| */g, '|')
        .replaceAll(/-+:?\|/g, '|')
        .replaceAll(/\s+/g, ' ');
    expect(cells(readme)).toContain(cells(numbersPage()));
    expect(read('lib/questions/missing-notifications/improved.ts')).toContain(
      `const extractMemoryMb = ${extractMemoryMb};`,
    );
  });

  it.each(benches)('are those of the recorded bench of $name', (bench) => {
    const remedy = `npm run bench -- ${bench.name} --readme`;
    expect(readme, `run ${remedy}`).toBe(withNumbers(readme, bench, readRecorded(bench)));
  });

  it('are those of the committed diff', () => {
    const excerpts = [...readme.matchAll(/^```diff\n.*?^```\n/gms)].map(([excerpt]) => excerpt);
    expect(excerpts.length).toBeGreaterThan(0);
    for (const excerpt of excerpts) {
      expect(read('lib/questions/missing-notifications/diff.md'), 'copy it again').toContain(excerpt);
    }
  });
});

describe('the check of its commands', () => {
  it.each([
    ['npx designs lst', 'unknown command "lst": did you mean list?'],
    ['designs list --jsn', 'unknown option "--jsn": did you mean --json?'],
    ['AWS_ENDPOINT_URL=http://localhost:4566 npx designs list --frob', 'unknown option "--frob": see --help'],
    ['npm run nothing', 'no script "nothing"'],
    ['npm strat', 'unknown npm command "strat"'],
  ])('finds the mistake in %j', async (command, problem) => {
    expect(await problemOf(command)).toBe(problem);
  });

  it('reads every command of a block', () => {
    expect(commandsOf('```sh\n$ npm ci && npm start  # both\n\nnpx designs list \\\n  --json\n```\n')).toEqual([
      'npm ci',
      'npm start',
      'npx designs list    --json',
    ]);
  });
});
