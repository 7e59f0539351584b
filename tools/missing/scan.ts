import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

import type { DiffCounts, LogDiff, SharedDiff } from '../../engines/log-diff/diff.ts';
import { compilePattern, defaultPattern, type LogPattern } from '../../engines/log-diff/pattern.ts';
import { readFileChunks, UnreadableFileError } from './files.ts';
import type { LogFile } from './logs.ts';

/** Words that threads share: the next log to take, the logs done, the kilobytes read so far. */
const shared = { nextLog: 0, logsDone: 1, kilobytes: 2, words: 3 } as const;

export interface ScanJob {
  readonly diff: SharedDiff;
  readonly logs: readonly LogFile[];
  readonly pattern: string | undefined;
  readonly allowUnreadable: boolean;
  readonly progress: Int32Array;
}

export interface ScanResult {
  readonly counts: DiffCounts;
  /** Decompressed bytes of each log that this thread took, by its index. */
  readonly logBytes: ReadonlyMap<number, number>;
  /** Indices of logs that could not be read to their end; empty unless that is allowed. */
  readonly unreadable: readonly number[];
  /** Why the scan stopped; absent when it did not. */
  readonly failure?: string;
}

export interface ScanProgress {
  readonly logsDone: number;
  readonly bytes: number;
}

/** Scans all logs into the difference, on so many threads, and sums up what they found. */
export async function scanLogs(
  diff: LogDiff,
  logs: readonly LogFile[],
  options: {
    readonly pattern: string | undefined;
    readonly allowUnreadable: boolean;
    readonly threads: number;
    readonly onProgress?: (progress: ScanProgress) => void;
  },
): Promise<ScanResult> {
  const progress = new Int32Array(new SharedArrayBuffer(4 * shared.words));
  const { pattern, allowUnreadable, threads, onProgress } = options;
  const job: ScanJob = { diff: diff.share(), logs, pattern, allowUnreadable, progress };
  const ticker = onProgress && setInterval(() => onProgress(read(progress)), 200);
  const workers: Worker[] = [];
  try {
    const results =
      threads === 1
        ? [await scanShare(job, diff)]
        : await Promise.all(
            Array.from({ length: threads }, async () => {
              const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: job });
              workers.push(worker);
              const [result] = (await once(worker, 'message')) as [ScanResult];
              return result;
            }),
          );
    onProgress?.(read(progress));
    return results.reduce(sum);
  } finally {
    clearInterval(ticker);
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

/** What one thread does: takes log after log until there is none left, or one fails. */
export async function scanShare(job: ScanJob, diff: LogDiff): Promise<ScanResult> {
  const { logs, progress } = job;
  const pattern = patternOf(job.pattern);
  const logBytes = new Map<number, number>();
  const unreadable: number[] = [];
  let failure: string | undefined;
  for (;;) {
    const index = Atomics.add(progress, shared.nextLog, 1);
    const log = logs[index];
    if (!log) break;
    const before = diff.counts.bytes;
    try {
      const scanner = diff.scanner(pattern);
      for await (const chunk of readFileChunks(log.path)) {
        scanner.push(chunk);
        Atomics.add(progress, shared.kilobytes, chunk.length >>> 10);
      }
      scanner.finish();
    } catch (error) {
      if (!(error instanceof UnreadableFileError)) throw error;
      if (!job.allowUnreadable) {
        failure = error.message;
        // Nobody needs the other logs any more.
        Atomics.store(progress, shared.nextLog, logs.length);
        break;
      }
      unreadable.push(index);
    }
    logBytes.set(index, diff.counts.bytes - before);
    Atomics.add(progress, shared.logsDone, 1);
  }
  return { counts: diff.counts, logBytes, unreadable, ...(failure === undefined ? {} : { failure }) };
}

/** The regular expression, or the default pattern when there is none. Throws a PatternError. */
export function patternOf(source: string | undefined): LogPattern {
  return source === undefined ? defaultPattern : compilePattern(source);
}

function read(progress: Int32Array): ScanProgress {
  return {
    logsDone: Atomics.load(progress, shared.logsDone),
    bytes: (Atomics.load(progress, shared.kilobytes) >>> 0) * 1024,
  };
}

function sum(a: ScanResult, b: ScanResult): ScanResult {
  const failure = a.failure ?? b.failure;
  return {
    counts: {
      bytes: a.counts.bytes + b.counts.bytes,
      lines: a.counts.lines + b.counts.lines,
      matched: a.counts.matched + b.counts.matched,
      unreadableLines: a.counts.unreadableLines + b.counts.unreadableLines,
      duplicates: a.counts.duplicates + b.counts.duplicates,
    },
    logBytes: new Map([...a.logBytes, ...b.logBytes]),
    unreadable: [...a.unreadable, ...b.unreadable].sort((x, y) => x - y),
    ...(failure === undefined ? {} : { failure }),
  };
}
