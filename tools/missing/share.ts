import { closeSync, openSync, readSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import type { BlockKind, Core, Joined, Shape } from '../../engines/log-diff/core.ts';
import { hasWasmCore, WasmCore } from '../../engines/log-diff/core.ts';
import { PlainCore } from '../../engines/log-diff/core-plain.ts';
import { IdFeed, LogFeed } from '../../engines/log-diff/feed.ts';
import { compilePattern, defaultPattern, type LogPattern } from '../../engines/log-diff/pattern.ts';
import { emptyStats, type ScanStats } from '../../engines/log-diff/scan.ts';
import { blocksOf, BlockStore, type SharedBlocks } from './blocks.ts';
import { byteOrderMarkBytes, feedFile, UnreadableFileError } from '../io/files.ts';
import type { LogFile } from './logs.ts';

/** What all threads of one difference are told. */
export interface Job {
  readonly logs: readonly LogFile[];
  readonly pattern: string | undefined;
  readonly ignoreCase: boolean;
  readonly allowUnreadable: boolean;
  readonly partitionBits: number;
  readonly blockBytes: number;
  /** Of one thread: blocks beyond it go to a file. */
  readonly memoryBytes: number;
  /** Words that the threads share. */
  readonly progress: Int32Array;
}

/** Words of `progress`: the next piece of A, log and partition to take; the logs done, and their kilobytes read so far. */
export const word = { nextPiece: 0, nextLog: 1, nextPartition: 2, logsDone: 3, kilobytes: 4, words: 5 } as const;

export interface ScanResult {
  readonly stats: ScanStats;
  /** Decompressed bytes of each log that this thread took, by its index. */
  readonly logBytes: ReadonlyMap<number, number>;
  /** Indices of logs that could not be read to their end; empty unless that is allowed. */
  readonly unreadable: readonly number[];
  /** Why the scan stopped; absent when it did not. */
  readonly failure?: string;
}

export interface JoinResult {
  readonly counts: Omit<Joined, 'lines'>;
  /** The missed IDs' lines, by partition. */
  readonly lines: SharedBlocks;
}

const inputBytes = 256 * 1024;
const pieceBytes = 1024 * 1024;
const linesBytes = 1024 * 1024;

/** One thread's part of a difference: some of A, some logs, some partitions. */
export class Share {
  readonly core: Core;
  readonly #job: Job;
  readonly #blocks: BlockStore;
  #side: 'signed' | 'logged' = 'signed';

  constructor(job: Job) {
    this.#job = job;
    this.#blocks = new BlockStore(job.memoryBytes);
    const { literal } = patternOf(job.pattern);
    this.core = new (hasWasmCore() ? WasmCore : PlainCore)({
      ...job,
      ...(literal ? { literal } : {}),
      inputBytes,
      spill: (kind, partition, block) => this.#blocks.put(blockName(this.#side, kind, partition), block),
    });
  }

  /** Reads pieces of a plain list of IDs, one a line, until there is none left. Returns how many IDs it read. */
  readPieces(path: string, bytes: number): number {
    const file = openSync(path, 'r');
    let ids = 0;
    try {
      for (;;) {
        const from = Atomics.add(this.#job.progress, word.nextPiece, 1) * pieceBytes;
        if (from >= bytes) return ids;
        ids += this.#readPiece(file, from, Math.min(from + pieceBytes, bytes), bytes);
      }
    } finally {
      closeSync(file);
    }
  }

  /** Reads the lines that begin in [from, end). */
  #readPiece(file: number, from: number, end: number, bytes: number): number {
    const feed = new IdFeed(this.core);
    // A line begins at `from` if the byte before is a line end: what comes up to the first one is the piece's before.
    let position = from === 0 ? 0 : from - 1;
    let skipping = from > 0;
    for (let reading = true; reading;) {
      const room = feed.room();
      const read = readSync(file, room, 0, Math.min(room.length, bytes - position), position);
      if (read === 0) break;
      let [start, stop] = [0, read];
      if (skipping) {
        start = room.subarray(0, read).indexOf(10) + 1;
        if (start === 0) {
          position += read;
          if (position >= end) return feed.ids;
          continue;
        }
        skipping = false;
        if (position + start >= end) return feed.ids;
      } else if (position === 0) {
        start = byteOrderMarkBytes(room.subarray(0, read));
      }
      if (position + read >= end) {
        // The piece's last line ends at the first line end at or after its last byte.
        const last = room.subarray(0, read).indexOf(10, Math.max(start, end - 1 - position));
        if (last !== -1) {
          stop = last + 1;
          reading = false;
        }
      }
      room.copyWithin(0, start, stop);
      feed.took(stop - start);
      position += read;
    }
    feed.finish();
    return feed.ids;
  }

  /** Ends the reading of A. */
  signedShape(): Shape {
    this.core.flush();
    return this.core.shape;
  }

  /** Takes log after log until there is none left, or one fails. `shape`: of all of A. */
  async scan(shape: Shape): Promise<ScanResult> {
    this.#side = 'logged';
    this.core.addShape(shape);
    const { logs, progress, allowUnreadable } = this.#job;
    const stats = emptyStats();
    const feed = new LogFeed(this.core, patternOf(this.#job.pattern), stats);
    const logBytes = new Map<number, number>();
    const unreadable: number[] = [];
    let failure: string | undefined;
    for (;;) {
      const index = Atomics.add(progress, word.nextLog, 1);
      const log = logs[index];
      if (!log) break;
      const before = stats.bytes;
      try {
        // Between two logs others get their turn: messages, and the progress that a person sees.
        await setImmediate();
        await feedFile(log, {
          room: () => feed.room(),
          took: (bytes) => {
            feed.took(bytes);
            Atomics.add(progress, word.kilobytes, bytes >>> 10);
          },
        });
        feed.finish();
      } catch (error) {
        if (!(error instanceof UnreadableFileError)) throw error;
        feed.abandon();
        if (!allowUnreadable) {
          failure = error.message;
          // Nobody needs the other logs any more.
          Atomics.store(progress, word.nextLog, logs.length);
          break;
        }
        unreadable.push(index);
      }
      logBytes.set(index, stats.bytes - before);
      Atomics.add(progress, word.logsDone, 1);
    }
    this.core.flush();
    return { stats, logBytes, unreadable, ...(failure === undefined ? {} : { failure }) };
  }

  /** The blocks of what it read, for the threads that join. */
  blocks(): SharedBlocks {
    return this.#blocks.share();
  }

  /** Joins partition after partition until there is none left. `all`: every thread's blocks. */
  join(all: readonly SharedBlocks[]): JoinResult {
    const counts = { signed: 0, found: 0, missed: 0, missedByCase: 0 };
    const missed = new BlockStore(this.#job.memoryBytes);
    for (;;) {
      const partition = Atomics.add(this.#job.progress, word.nextPartition, 1);
      if (partition >= 2 ** this.#job.partitionBits) return { counts, lines: missed.share() };
      const side = (name: 'signed' | 'logged') => ({
        keys: all.flatMap((blocks) => blocksOf(blocks, blockName(name, 'keys', partition))),
        texts: all.flatMap((blocks) => blocksOf(blocks, blockName(name, 'texts', partition))),
      });
      const { lines, ...joined } = this.core.join({ signed: side('signed'), logged: side('logged') });
      counts.signed += joined.signed;
      counts.found += joined.found;
      counts.missed += joined.missed;
      counts.missedByCase += joined.missedByCase;
      for (let at = 0; at < lines.length; at += linesBytes) {
        missed.put(String(partition), lines.subarray(at, at + linesBytes));
      }
    }
  }
}

function blockName(side: 'signed' | 'logged', kind: BlockKind, partition: number): string {
  return `${side} ${kind} ${partition}`;
}

/** The regular expression, or the default pattern when there is none. Throws a PatternError. */
export function patternOf(source: string | undefined): LogPattern {
  return source === undefined ? defaultPattern : compilePattern(source);
}
