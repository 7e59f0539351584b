import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

/** How one tool does the job: a command that writes its answer to standard output. */
export interface Formulation {
  readonly name: string;
  readonly command: readonly string[];
}

/** Who takes part. The first of a contest is ours, and the others' figures are ratios to it. */
export interface Contestant {
  readonly name: string;
  /** Each is tried once; the fastest takes part. */
  readonly formulations: readonly Formulation[];
  /** It should take at least so many times our time, or at most for a reference. */
  readonly bar?: { readonly atLeast: number } | { readonly atMost: number };
  /** Does less than the job, as a measure of the machine: its output is no answer. */
  readonly isReference?: boolean;
  /** Programs that it needs and that nobody installs for it. */
  readonly needs?: readonly string[];
  /** Cannot do this job wherever its limits lie: then it is in the table with the reason, and not the bench's failure. */
  readonly mayFail?: boolean;
  /** The answer's lines, one byte a character, in what it writes; its own lines when absent. */
  readonly linesOf?: (output: Buffer) => readonly string[];
}

export interface Contest {
  readonly name: string;
  /** What is computed from what, for the heading. */
  readonly what: string;
  readonly contestants: readonly Contestant[];
  /** SHA-256 of the answer's sorted lines, as answerOfLines() gives it. */
  readonly answer: string;
  /** Of our own against the leanest peer. */
  readonly memoryBar?: boolean;
  /** Signed IDs, where what each of them takes is to be shown. */
  readonly ids?: number;
}

/** What a bench is asked for one contest. */
export interface ContestRequest {
  readonly size: Size;
  /** A Python with the packages of requirements.txt. */
  readonly python: string;
  /** Where data lie that were made before. */
  readonly directory: string;
  /** Peers that take part; all when absent. */
  readonly only?: readonly string[];
}

/** `small` tries the bench itself. */
export const sizes = ['small', 'full'] as const;
export type Size = (typeof sizes)[number];

/** Contests about one job. Its results are recorded in its folder. */
export interface Bench {
  readonly name: string;
  /** What the contests read at full size, and at small, for the help. */
  readonly reads: Readonly<Record<Size, string>>;
  readonly contestNames: readonly string[];
  /** Of those that `only` may name. */
  readonly peerNames: readonly string[];
  /** Makes the data of one contest, where it is not there yet, and says who takes part. */
  readonly makeContest: (name: string, request: ContestRequest) => Contest;
}

/** One run of a command, children included. */
export interface Measured {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly memoryBytes: number;
  readonly temporaryBytes: number;
}

export interface Standing {
  readonly name: string;
  readonly formulation: string;
  /** Medians over the runs, and the extremes of the seconds. */
  readonly seconds: number;
  readonly secondsMin: number;
  readonly secondsMax: number;
  readonly memoryBytes: number;
  readonly temporaryBytes: number;
  /** Its median over ours. */
  readonly ratio: number;
  readonly bar?: Contestant['bar'];
  readonly meets?: boolean;
}

export interface ContestResult {
  readonly name: string;
  readonly what: string;
  readonly runs: number;
  readonly standings: readonly Standing[];
  /** Who tried, and could not. */
  readonly failed: readonly { readonly name: string; readonly why: string }[];
  /** Who did not take part, and why. */
  readonly skipped: readonly string[];
  readonly memory?: { readonly bytes: number; readonly leanestPeerBytes: number; readonly meets: boolean };
  readonly ids?: number;
}

export interface ContestOptions {
  /** Counted runs of each. */
  readonly runs: number;
  /** A Python, of at least version 3.11. */
  readonly python: string;
  /** For results and temporary files. */
  readonly directory: string;
  readonly say: (text: string) => void;
}

const formulationTimeoutMs = 15 * 60_000;

/**
 * Runs every formulation once, checks its answer, then the best of each in turns, so that whatever else the machine
 * does befalls all alike. Throws an Error when our own answer, or anybody's, is another one than it should be.
 */
export async function runContest(contest: Contest, options: ContestOptions): Promise<ContestResult> {
  const skipped: string[] = [];
  const failed: { readonly name: string; readonly why: string }[] = [];
  const taking: { readonly contestant: Contestant; readonly formulation: Formulation; readonly all: Measured[] }[] = [];
  for (const contestant of contest.contestants) {
    const lacking = await missingPrograms(contestant.needs ?? []);
    if (lacking.length > 0) {
      skipped.push(`${contestant.name}: ${lacking.join(', ')} is not installed`);
      continue;
    }
    let best: { readonly formulation: Formulation; readonly seconds: number } | undefined;
    let failure: Failure | undefined;
    for (const formulation of contestant.formulations) {
      const output = join(options.directory, 'answer');
      let seconds: number;
      try {
        ({ seconds } = await measure(formulation, output, options));
      } catch (error) {
        if (contestant.mayFail !== true || !(error instanceof Failure)) throw error;
        failure = error;
        options.say(`${contest.name}: ${contestant.name} (${formulation.name}) failed: ${error.why}`);
        continue;
      }
      if (contestant.isReference !== true && (await answerOf(output, contestant.linesOf)) !== contest.answer) {
        throw new Error(
          `${contest.name}: ${contestant.name} (${formulation.name}) gives a wrong answer: see ${output}`,
        );
      }
      options.say(`${contest.name}: ${contestant.name} (${formulation.name}) ${seconds.toFixed(2)} s`);
      if (!best || seconds < best.seconds) best = { formulation, seconds };
    }
    if (best) taking.push({ contestant, formulation: best.formulation, all: [] });
    else failed.push({ name: contestant.name, why: failure!.why });
  }
  for (let run = 0; run < options.runs; run++) {
    options.say(`${contest.name}: run ${run + 1} of ${options.runs}`);
    for (const { formulation, all } of taking)
      all.push(await measure(formulation, join(options.directory, 'answer'), options));
  }
  const ours = median(taking[0]!.all.map(({ seconds }) => seconds));
  const standings = taking.map(({ contestant: { name, bar }, formulation, all }) => {
    const seconds = all.map((one) => one.seconds);
    const ratio = median(seconds) / ours;
    return {
      name,
      formulation: formulation.name,
      seconds: median(seconds),
      secondsMin: Math.min(...seconds),
      secondsMax: Math.max(...seconds),
      memoryBytes: median(all.map((one) => one.memoryBytes)),
      temporaryBytes: median(all.map((one) => one.temporaryBytes)),
      ratio,
      ...(bar === undefined ? {} : { bar, meets: meets(ratio, bar) }),
    };
  });
  const peers = standings.filter((_, i) => i > 0 && taking[i]!.contestant.isReference !== true);
  const leanestPeerBytes = Math.min(...peers.map((peer) => peer.memoryBytes + peer.temporaryBytes));
  const bytes = standings[0]!.memoryBytes + standings[0]!.temporaryBytes;
  return {
    name: contest.name,
    what: contest.what,
    runs: options.runs,
    standings,
    failed,
    skipped,
    ...(contest.memoryBar === true && peers.length > 0
      ? { memory: { bytes, leanestPeerBytes, meets: bytes <= leanestPeerBytes } }
      : {}),
    ...(contest.ids === undefined ? {} : { ids: contest.ids }),
  };
}

function meets(ratio: number, bar: NonNullable<Contestant['bar']>): boolean {
  // A reference does less, so our own time may be so many times its own.
  return 'atLeast' in bar ? ratio >= bar.atLeast : 1 / ratio <= bar.atMost;
}

/** A command that ended otherwise than with 0, and the last that it said. */
class Failure extends Error {
  readonly why: string;

  constructor(command: readonly string[], code: number, lastLine: string) {
    super(`${command.join(' ')} ended with ${code}: ${lastLine}`);
    this.why = lastLine === '' ? `it ended with ${code}` : lastLine;
  }
}

async function measure({ command }: Formulation, output: string, options: ContestOptions): Promise<Measured> {
  await mkdir(options.directory, { recursive: true });
  const temporary = await mkdtemp(join(options.directory, 'temporary-'));
  const result = join(options.directory, 'measured.json');
  try {
    const script = join(import.meta.dirname, 'measure.py');
    const { stderr } = await promisify(execFile)(options.python, [script, result, output, temporary, ...command], {
      timeout: formulationTimeoutMs,
      maxBuffer: 16 * 1024 * 1024,
    });
    const measured = JSON.parse(await readFile(result, 'utf8')) as Measured & { readonly code: number };
    if (measured.code !== 0) throw new Failure(command, measured.code, stderr.trim().split('\n').at(-1)!);
    return measured;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function missingPrograms(programs: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(
    programs.map(async (program) => {
      try {
        await promisify(execFile)('sh', ['-c', `command -v ${program}`]);
        return true;
      } catch {
        return false;
      }
    }),
  );
  return programs.filter((_, i) => !found[i]);
}

/** SHA-256 of the answer's lines in byte order, each with a line end. */
async function answerOf(file: string, linesOf: Contestant['linesOf']): Promise<string> {
  if (linesOf) return answerOfLines(linesOf(await readFile(file)));
  const lines: string[] = [];
  for await (const line of createInterface({ input: createReadStream(file, 'latin1') })) lines.push(line);
  return answerOfLines(lines);
}

/** Lines have one byte a character. */
export function answerOfLines(lines: readonly string[]): string {
  const hash = createHash('sha256');
  for (const line of lines.toSorted()) hash.update(`${line}\n`, 'latin1');
  return hash.digest('hex');
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
