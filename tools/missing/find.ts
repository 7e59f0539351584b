import { LogDiff, idLines } from '../../engines/log-diff/diff.ts';
import { PatternError } from '../../engines/log-diff/pattern.ts';
import { UsageError } from '../cli/errors.ts';
import { missingServers, readExpected, type Expected } from './expect.ts';
import { listLogs, threadsFor, type LogFile } from './logs.ts';
import { patternOf, scanLogs, type ScanProgress } from './scan.ts';
import { readSigned } from './signed.ts';

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
  /** By default one for small logs, else as many as there are processors. */
  readonly threads?: number;
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
  /** Missed IDs, one a line, in blocks that are valid until the next: in the order of the signed list, or in byte order. */
  lines(order: 'signed' | 'bytes'): Iterable<Uint8Array>;
}

const namesShown = 20;

/** A - B on local files: signed documents that no log says to have been notified. Throws a UsageError for bad input. */
export async function findMissing(options: MissingOptions): Promise<MissingResult> {
  const { allowPartial = false, ignoreCase = false, onProgress } = options;
  checkPattern(options.pattern);
  const expected = options.expect === undefined ? undefined : await readExpected(options.expect);
  const logs = await listLogs(options.logs);
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

  const signed = await readSigned(
    {
      path: options.signed,
      stdin: options.stdin ?? process.stdin,
      ...(options.column === undefined ? {} : { column: options.column }),
      ...(options.field === undefined ? {} : { field: options.field }),
    },
    ignoreCase,
  );
  const diff = new LogDiff(signed);
  const bytesOnDisk = logs.reduce((sum, log) => sum + log.bytes, 0);
  const scan = await scanLogs(diff, logs, {
    pattern: options.pattern,
    allowUnreadable: allowPartial,
    threads: options.threads ?? threadsFor(logs),
    ...(onProgress ? { onProgress: (done) => onProgress({ ...done, logs: logs.length, bytesOnDisk }) } : {}),
  });
  if (scan.failure !== undefined) throw new UsageError(`${scan.failure}: repair it, or go on with --allow-partial`);
  const { counts } = scan;

  const missing = expected
    ? missingServers(
        expected,
        bytesByServer(logs, (i) => scan.logBytes.get(i) ?? 0),
      )
    : [];
  if (expected && !allowPartial) refuseMissing(missing, expected, logs);
  const missingLogs = [...missing, ...scan.unreadable.map((index) => logs[index]!.path)];
  if (counts.matched === 0) {
    const pattern = options.pattern === undefined ? 'the default pattern' : `the pattern /${options.pattern}/`;
    throw new UsageError(
      `${pattern} matches none of ${counts.lines} lines in ${logs.length} logs: ` +
        'give --pattern with a regular expression whose first group is the ID',
    );
  }

  let missed = 0;
  for (const _ of diff.missed()) missed++;
  return {
    report: {
      signed: signed.size,
      logs: logs.length,
      lines: counts.lines,
      matched: counts.matched,
      unreadableLines: counts.unreadableLines,
      duplicates: counts.duplicates,
      missed,
      complete: missingLogs.length === 0,
      missingLogs,
    },
    bytes: counts.bytes,
    missedByCase: diff.missedByCase(),
    lines: (order) => {
      if (order === 'signed') return idLines(signed, diff.missed());
      return idLines(
        signed,
        [...diff.missed()].sort((a, b) => signed.compare(a, b)),
      );
    },
  };
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
