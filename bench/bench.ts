import { availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { UsageError } from '../tools/cli/errors.ts';
import { pythonEnvironment } from '../tools/emulator/python.ts';
import { benches } from './benches.ts';
import { type Bench, runContest, type Size, sizes } from './contest.ts';
import { record, writeNumbers } from './record.ts';
import { renderContest } from './render.ts';

const names = benches.map(({ name }) => name);
const help = `npm run bench -- BENCH [CONTEST…] [--runs N] [--size small|full] [--only PEER…] [--record]

Runs an engine beside its peers on the same files, in turns, and prints a table and a chart of each contest.

${benches.map(({ name, reads }) => `  npm run bench -- ${name.padEnd(11)} ${reads.full}`).join('\n')}

  CONTEST   all of them when none is named
${benches.map(({ name, contestNames }) => `            of ${name}: ${contestNames.join(', ')}`).join('\n')}
  --runs    counted runs of each, 5 by default; the medians are compared
  --size    full (default), or small, to try the bench itself: ${benches.map(({ reads }) => reads.small).join(', ')}
  --only    peers that take part, such as --only saxes; all by default
  --record  writes each contest into bench/BENCH/results.json, where the others stay, and its numbers into the README
  --readme  runs nothing, and writes into the README what is recorded
`;

const made = join(import.meta.dirname, '../.designs/bench');

async function main(args: readonly string[]): Promise<void> {
  const { positionals, values } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      runs: { type: 'string', default: '5' },
      size: { type: 'string', default: 'full' },
      only: { type: 'string', multiple: true },
      record: { type: 'boolean', default: false },
      readme: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const [name, ...named] = positionals;
  if (values.help || name === undefined) return console.log(help);
  const bench = benches.find((one) => one.name === name);
  if (bench === undefined) throw new UsageError(`unknown bench "${name}": use ${names.join(' or ')}`);
  const { contestNames } = bench;
  const unknown = named.find((contest) => !contestNames.includes(contest));
  if (unknown !== undefined) throw new UsageError(`unknown contest "${unknown}": use ${contestNames.join(', ')}`);
  const stranger = values.only?.find((peer) => !bench.peerNames.includes(peer));
  if (stranger !== undefined) throw new UsageError(`unknown peer "${stranger}": use ${bench.peerNames.join(' or ')}`);
  const runs = Number(values.runs);
  if (!Number.isInteger(runs) || runs < 1 || runs > 99) throw new UsageError(`--runs ${values.runs}: use 1 to 99`);
  const size = sizes.find((one) => one === values.size);
  if (size === undefined) throw new UsageError(`--size ${values.size}: use ${sizes.join(' or ')}`);
  if (values.record && (size !== 'full' || values.only)) {
    throw new UsageError('--record is of all peers at full size: leave out --size and --only');
  }
  if (values.readme) return writeNumbers(bench);
  return run(bench, named.length > 0 ? named : contestNames, {
    runs,
    size,
    ...(values.only ? { only: values.only } : {}),
    isRecorded: values.record,
  });
}

interface RunOptions {
  readonly runs: number;
  readonly size: Size;
  readonly only?: readonly string[];
  readonly isRecorded: boolean;
}

async function run(bench: Bench, contests: readonly string[], { runs, isRecorded, ...of }: RunOptions): Promise<void> {
  const say = (text: string): void => console.error(text);
  const python = await pythonEnvironment(join(import.meta.dirname, 'requirements.txt'), say);
  for (const name of contests) {
    say(`${name}: making its data, where it is not there yet`);
    const contest = bench.makeContest(name, { ...of, python, directory: join(made, 'data') });
    const result = await runContest(contest, { runs, python, directory: join(made, 'runs'), say });
    console.log(renderContest(result));
    if (isRecorded) record(bench, { ...result, date: new Date().toISOString().slice(0, 10), machine: machine() });
  }
}

function machine(): string {
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${availableParallelism()} x ${cpus()[0]!.model}, ${memory} GiB, Node ${process.versions.node}`;
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  const isUsage =
    error instanceof UsageError || (error as { readonly code?: string }).code?.startsWith('ERR_PARSE_ARGS');
  console.error(`error: ${(error as Error).message}`);
  process.exitCode = isUsage === true ? 2 : 1;
}
