import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench, ContestResult } from './contest.ts';
import { renderNumbers } from './render.ts';

/** A contest's result, and on what and when it was measured. */
export interface RecordedContest extends ContestResult {
  readonly date: string;
  readonly machine: string;
}

/** What was measured at full size: the README's numbers come from it. */
export interface Recorded {
  readonly contests: readonly RecordedContest[];
}

/** Adds a contest, or replaces its earlier result; others stay as they are, in the bench's order. */
export function withContest(
  { contestNames }: Bench,
  recorded: Recorded | undefined,
  contest: RecordedContest,
): Recorded {
  const all = new Map([...(recorded?.contests ?? []), contest].map((one) => [one.name, one]));
  return { contests: contestNames.flatMap((name) => all.get(name) ?? []) };
}

/** The README with a bench's numbers between its two marks, or with nothing there when none are recorded. */
export function withNumbers(readme: string, { name }: Bench, recorded: Recorded | undefined): string {
  const [from, to] = [`<!-- npm run bench -- ${name} -->\n`, `<!-- end of npm run bench -- ${name} -->\n`];
  const [start, end] = [readme.indexOf(from), readme.indexOf(to)];
  if (start === -1 || end < start) throw new Error(`the README has no place for the numbers: add ${from}${to}`);
  const numbers = recorded === undefined ? '' : `\n${renderNumbers(recorded)}\n`;
  return readme.slice(0, start + from.length) + numbers + readme.slice(end);
}

const readmeFile = join(import.meta.dirname, '../README.md');

function resultsFile({ name }: Bench): string {
  return join(import.meta.dirname, name, 'results.json');
}

export function readRecorded(bench: Bench): Recorded | undefined {
  const file = resultsFile(bench);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Recorded) : undefined;
}

export function record(bench: Bench, contest: RecordedContest): void {
  const recorded = withContest(bench, readRecorded(bench), contest);
  replace(resultsFile(bench), `${JSON.stringify(recorded, undefined, 2)}\n`);
  writeNumbers(bench);
}

/** Writes the recorded numbers into the README. */
export function writeNumbers(bench: Bench): void {
  replace(readmeFile, withNumbers(readFileSync(readmeFile, 'utf8'), bench, readRecorded(bench)));
}

function replace(file: string, text: string): void {
  writeFileSync(`${file}.part`, text);
  renameSync(`${file}.part`, file);
}
