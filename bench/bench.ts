import { writeFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { UsageError } from '../tools/cli/errors.ts';
import { pythonEnvironment } from '../tools/emulator/python.ts';
import { type ContestResult, runContest } from './contest.ts';
import { contestNames, makeContest, type Size } from './log-diff/contests.ts';
import { renderContest } from './render.ts';

const help = `npm run bench -- log-diff [CONTEST…] [--runs N] [--size small|full] [--only PEER…] [--record]

Runs the engine beside its peers on the same files, in turns, and prints a table and a chart.

  CONTEST   ${contestNames.join(', ')}; all of them when none is named
  --runs    counted runs of each, 5 by default; the medians are compared
  --size    full: 20 M lines, 2.4 GB, 10 M signed (default); small: a hundred thousand lines, to try the bench itself
  --only    peers that take part, such as --only DuckDB; all by default
  --record  writes bench/log-diff/results.json, which the README's numbers come from
`;

const root = join(import.meta.dirname, '..');
const made = join(root, '.designs/bench');

/** What was measured, on what, when: the record that the README's table is held against. */
export interface Recorded {
  readonly date: string;
  readonly machine: string;
  readonly contests: readonly ContestResult[];
}

async function main(args: readonly string[]): Promise<void> {
  const { positionals, values } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      runs: { type: 'string', default: '5' },
      size: { type: 'string', default: 'full' },
      only: { type: 'string', multiple: true },
      record: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help || positionals.length === 0) return console.log(help);
  const [bench, ...named] = positionals;
  if (bench !== 'log-diff') throw new UsageError(`unknown bench "${bench}": use log-diff`);
  const unknown = named.find((name) => !contestNames.includes(name));
  if (unknown !== undefined) throw new UsageError(`unknown contest "${unknown}": use ${contestNames.join(', ')}`);
  const runs = Number(values.runs);
  if (!Number.isInteger(runs) || runs < 1 || runs > 99) throw new UsageError(`--runs ${values.runs}: use 1 to 99`);
  if (values.size !== 'small' && values.size !== 'full')
    throw new UsageError(`--size ${values.size}: use small or full`);
  const size: Size = values.size;

  const say = (text: string): void => console.error(text);
  const python = await pythonEnvironment(join(import.meta.dirname, 'requirements.txt'), say);
  const contests: ContestResult[] = [];
  for (const name of named.length > 0 ? named : contestNames) {
    say(`${name}: making its data, where it is not there yet`);
    const only = values.only === undefined ? {} : { only: values.only };
    const contest = makeContest(name, { size, python, directory: join(made, 'data'), ...only });
    const result = await runContest(contest, { runs, python, directory: join(made, 'runs'), say });
    console.log(renderContest(result));
    contests.push(result);
  }
  if (!values.record) return undefined;
  const recorded: Recorded = {
    date: new Date().toISOString().slice(0, 10),
    machine: `${availableParallelism()} x ${cpus()[0]!.model}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}`,
    contests,
  };
  writeFileSync(join(import.meta.dirname, bench, 'results.json'), `${JSON.stringify(recorded, undefined, 2)}\n`);
  return undefined;
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  const isUsage =
    error instanceof UsageError || (error as { readonly code?: string }).code?.startsWith('ERR_PARSE_ARGS');
  console.error(`error: ${(error as Error).message}`);
  process.exitCode = isUsage === true ? 2 : 1;
}
