import { stat } from 'node:fs/promises';
import { PatternError } from '../../engines/log-diff/pattern.ts';
import type { Shape } from '../../engines/log-diff/core.ts';
import { blocksOf, closeBlocks, type SharedBlocks } from './blocks.ts';
import { UsageError } from '../cli/errors.ts';
import { missingServers, readExpected, type Expected } from './expect.ts';
import { readHead } from '../io/files.ts';
import { compressionHeadBytes, compressionOf } from '../../engines/log-diff/compression.ts';
import { listLogs, threadsFor, type LogFile } from './logs.ts';
import { planMemory } from './memory.ts';
import { mergeLines, readBlocks } from './merge.ts';
import { patternOf, Share, word, type Job } from './share.ts';
import { readSigned, type SignedSource } from './signed.ts';
import { Team } from './team.ts';

export interface ScanProgress {
  readonly logsDone: number;
  readonly bytes: number;
}

export interface MissingOptions {
  /** A file, or `-` for standard input. */
  readonly signed: string;
  readonly column?: string;
  readonly field?: string;
  /** Files, directories, globs. */
  readonly logs: readonly string[];
  /** Regular expression whose first group is the ID; the default pattern when absent. */
  readonly pattern?: string;
  /** A file of server names, or a number of servers; no check when absent. */
  readonly expect?: string;
  /** Go on without a server's log, or past an unreadable one, and say so in the result. */
  readonly allowPartial?: boolean;
  readonly ignoreCase?: boolean;
  /** By default one for small input, else as many as there are processors. */
  readonly threads?: number;
  /** Memory to make do with; IDs that exceed it go to temporary files. 1.5 GiB when absent. */
  readonly memoryBytes?: number;
  /** By default the process's. */
  readonly stdin?: AsyncIterable<Uint8Array>;
  readonly onProgress?: (progress: ScanProgress & { readonly logs: number; readonly bytesOnDisk: number }) => void;
}

/** What `--json` prints: a contract. */
export interface MissingReport {
  /** Distinct signed documents. */
  readonly signed: number;
  /** Log files read. */
  readonly logs: number;
  readonly lines: number;
  /** Lines that gave an ID. */
  readonly matched: number;
  /** Lines with the success marker that gave none. */
  readonly unreadableLines: number;
  /** Matched lines beyond the first of each signed document. */
  readonly duplicates: number;
  readonly missed: number;
  /** False when a server's log was missing or unreadable: some of the missed may have been notified. */
  readonly complete: boolean;
  /** Servers without a log, and files that could not be read to their end. */
  readonly missingLogs: readonly string[];
}

export interface MissingResult {
  readonly report: MissingReport;
  /** Decompressed bytes of all logs. */
  readonly bytes: number;
  /** Missed documents that would not be if ASCII case were ignored. */
  readonly missedByCase: number;
  /** Missed IDs, one a line, in blocks: in byte order, or in one that depends on nothing but the input. */
  lines(order: 'any' | 'bytes'): Iterable<Uint8Array>;
  /** Frees a temporary file that holds the lines; nothing may be read afterwards. */
  close(): void;
}

const namesShown = 20;

/** A - B on local files: signed documents that no log says to have been notified. Throws a UsageError for bad input. */
export async function findMissing(options: MissingOptions): Promise<MissingResult> {
  checkPattern(options.pattern);
  const expected = options.expect === undefined ? undefined : await readExpected(options.expect);
  const source: SignedSource = {
    path: options.signed,
    stdin: options.stdin ?? process.stdin,
    ...(options.column === undefined ? {} : { column: options.column }),
    ...(options.field === undefined ? {} : { field: options.field }),
  };
  const signedFile = await sizeOf(source);
  // Threads start while this one looks for the logs, where A alone says that they pay.
  const early = options.threads ?? threadsFor(signedFile.bytes);
  let team = early > 1 ? new Team(early) : undefined;
  try {
    const logs = await listLogs(options.logs);
    team ??= new Team(options.threads ?? threadsFor(bytesOf(logs) + signedFile.bytes));
    return await difference(options, { expected, source, signedFile, logs, team });
  } finally {
    await team?.end();
  }
}

interface Input {
  readonly expected: Expected | undefined;
  readonly source: SignedSource;
  readonly signedFile: SignedFile;
  readonly logs: readonly LogFile[];
  readonly team: Team;
}

async function difference(options: MissingOptions, input: Input): Promise<MissingResult> {
  const { allowPartial = false, ignoreCase = false, onProgress } = options;
  const { expected, source, signedFile, logs, team } = input;
  // A server that has no file at all is known now, before hours of work; one with empty files only after them.
  if (expected && !allowPartial)
    refuseMissing(
      missingServers(
        expected,
        bytesByServer(logs, () => 1),
      ),
      expected,
      logs,
    );

  const bytesOnDisk = bytesOf(logs);
  const progress = new Int32Array(new SharedArrayBuffer(4 * word.words));
  const partitionBits = partitionBitsFor(signedFile.bytes);
  const job: Job = {
    logs,
    pattern: options.pattern,
    ignoreCase,
    allowUnreadable: allowPartial,
    partitionBits,
    ...planMemory(options.memoryBytes ?? memoryBytesDefault, team.threads, 2 ** partitionBits),
    progress,
  };
  const own = team.begin(job);
  const ticker =
    onProgress && setInterval(() => onProgress({ ...read(progress), logs: logs.length, bytesOnDisk }), 200);
  let all: readonly SharedBlocks[] = [];
  try {
    const shape = await readSignedBy(team, own, source, signedFile, job);
    const scans = await team.ask<'scan'>({ step: 'scan', shape });
    onProgress?.({ ...read(progress), logs: logs.length, bytesOnDisk });
    all = scans.map(({ blocks }) => blocks);
    const results = scans.map(({ result }) => result);
    const failure = results.find((result) => result.failure !== undefined)?.failure;
    if (failure !== undefined) throw new UsageError(`${failure}: repair it, or go on with --allow-partial`);
    const stats = sums(results.map((result) => result.stats));

    const logBytes = new Map<number, number>();
    for (const [log, bytes] of results.flatMap((result) => [...result.logBytes])) {
      logBytes.set(log, (logBytes.get(log) ?? 0) + bytes);
    }
    const missing = expected
      ? missingServers(
          expected,
          bytesByServer(logs, (i) => logBytes.get(i) ?? 0),
        )
      : [];
    if (expected && !allowPartial) refuseMissing(missing, expected, logs);
    const unreadable = [...new Set(results.flatMap((result) => result.unreadable))].sort((a, b) => a - b);
    const missingLogs = [...missing, ...unreadable.map((index) => logs[index]!.path)];
    if (stats.matched === 0) {
      const pattern = options.pattern === undefined ? 'the default pattern' : `the pattern /${options.pattern}/`;
      throw new UsageError(
        `${pattern} matches none of ${stats.lines} lines in ${logs.length} logs: ` +
          'give --pattern with a regular expression whose first group is the ID',
      );
    }

    const joins = (await team.ask<'join'>({ step: 'join', all })).map(({ result }) => result);
    const counts = sums(joins.map((join) => join.counts));
    const partitions = Array.from({ length: 2 ** job.partitionBits }, (_, partition) =>
      joins.flatMap((join) => blocksOf(join.lines, String(partition))),
    );
    return {
      report: {
        signed: counts.signed,
        logs: logs.length,
        lines: stats.lines,
        matched: stats.matched,
        unreadableLines: stats.unreadableLines,
        duplicates: counts.found - (counts.signed - counts.missed),
        missed: counts.missed,
        complete: missingLogs.length === 0,
        missingLogs,
      },
      bytes: stats.bytes,
      missedByCase: counts.missedByCase,
      lines: (order) => (order === 'bytes' ? mergeLines(partitions) : readBlocks(partitions.flat())),
      close: () => joins.forEach((join) => closeBlocks(join.lines)),
    };
  } finally {
    clearInterval(ticker);
    all.forEach(closeBlocks);
  }
}

/** Reads A and returns its shape. Threads share the pieces of a plain file; anything else has one beginning. */
async function readSignedBy(
  team: Team,
  own: Share,
  source: SignedSource,
  { plain, bytes }: SignedFile,
  job: Job,
): Promise<Shape> {
  if (!plain) {
    await readSigned(source, own.core);
    return own.signedShape();
  }
  const replies = await team.ask<'sign'>({ step: 'sign', path: source.path, bytes });
  // Which line it is that no thread could read, or that there is none, is told by one that reads them all.
  const ids = replies.map((reply) => reply.ids);
  if (ids.includes(-1) || ids.every((count) => count === 0)) await readSigned(source, new Share(job).core);
  return replies.map(({ shape }) => shape).reduce((a, b) => a.map((flag, i) => flag | b[i]!));
}

const memoryBytesDefault = 1.5 * 1024 ** 3;

function bytesOf(logs: readonly LogFile[]): number {
  return logs.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** A file's size, and whether it is plain and one ID a line. Of anything else, nothing is known. */
interface SignedFile {
  readonly bytes: number;
  readonly plain: boolean;
}

async function sizeOf({ path, column, field }: SignedSource): Promise<SignedFile> {
  const info = path === '-' ? undefined : await stat(path).catch(() => undefined);
  if (!info?.isFile()) return { bytes: 0, plain: false };
  const isPlain = async () => compressionOf(await readHead(path, compressionHeadBytes)) === undefined;
  const plain = column === undefined && field === undefined && (await isPlain());
  return { bytes: info.size, plain };
}

/** A partition's table should fit a processor's cache: some 1.6 MB of a list of IDs make one of about 1 MB. */
function partitionBitsFor(signedBytes: number): number {
  return Math.min(10, Math.max(0, Math.ceil(Math.log2(signedBytes / 1.6e6))));
}

function read(progress: Int32Array): ScanProgress {
  return {
    logsDone: Atomics.load(progress, word.logsDone),
    bytes: (Atomics.load(progress, word.kilobytes) >>> 0) * 1024,
  };
}

/** Sums of each count. */
function sums<Name extends string>(counts: readonly Partial<Readonly<Record<Name, number>>>[]): Record<Name, number> {
  const total: Partial<Record<Name, number>> = {};
  for (const count of counts) {
    for (const [name, value] of Object.entries(count) as [Name, number][]) total[name] = (total[name] ?? 0) + value;
  }
  return total as Record<Name, number>;
}

function checkPattern(source: string | undefined): void {
  try {
    patternOf(source);
  } catch (error) {
    if (error instanceof PatternError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}

function bytesByServer(logs: readonly LogFile[], bytesOf: (index: number) => number): ReadonlyMap<string, number> {
  const bytes = new Map<string, number>();
  logs.forEach(({ server }, index) => bytes.set(server, (bytes.get(server) ?? 0) + bytesOf(index)));
  return bytes;
}

function refuseMissing(missing: readonly string[], expected: Expected, logs: readonly LogFile[]): void {
  if (missing.length === 0) return;
  const servers = 'names' in expected ? expected.names.length : expected.count;
  const shown = missing.slice(0, namesShown).join(', ');
  const more = missing.length > namesShown ? ` and ${missing.length - namesShown} more` : '';
  throw new UsageError(
    `of ${servers} expected servers these have no log or an empty one: ${shown}${more} ` +
      `(${logs.length} files found): every document that they notified would be sent again. ` +
      'Fetch their logs, or go on with --allow-partial',
  );
}
