import { setImmediate } from 'node:timers/promises';
import type { BlockKind, Core, Joined, Shape } from '../../engines/log-diff/core.ts';
import { hasWasmCore, WasmCore } from '../../engines/log-diff/core.ts';
import { PlainCore } from '../../engines/log-diff/core-plain.ts';
import { IdFeed, LogFeed, LongIdError } from '../../engines/log-diff/feed.ts';
import { compilePattern, defaultPattern, type LogPattern } from '../../engines/log-diff/pattern.ts';
import { emptyStats, type ScanStats } from '../../engines/log-diff/scan.ts';
import { blocksOf, BlockStore, type SharedBlocks } from './blocks.ts';
import { byteOrderMarkBytes, feedFile, type Piece, piecesOf, UnreadableFileError } from '../io/files.ts';
import type { LogFile } from './logs.ts';
import type { MemoryPlan } from './memory.ts';

/** What all threads of one difference are told. */
export interface Job extends MemoryPlan {
  readonly logs: readonly LogFile[];
  readonly pattern: string | undefined;
  readonly ignoreCase: boolean;
  readonly allowUnreadable: boolean;
  readonly partitionBits: number;
  /** Words that the threads share. */
  readonly progress: Int32Array;
}

/** Words of `progress`: the next piece of A, of the logs, and the partition to take; the logs done, and their kilobytes read so far. */
export const word = { nextSigned: 0, nextLogged: 1, nextPartition: 2, logsDone: 3, kilobytes: 4, words: 5 } as const;

export interface ScanResult {
  readonly stats: ScanStats;
  /** Decompressed bytes that this thread read of logs, by their index. */
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

/** What a thread is asked, in this order; `sign` only where A is a plain file that threads can share. */
export type Request =
  | { readonly step: 'sign'; readonly path: string; readonly bytes: number }
  | { readonly step: 'scan'; readonly shape: Shape }
  | { readonly step: 'join'; readonly all: readonly SharedBlocks[] };

export type Reply =
  /** `ids` is -1 after a line that is too long for one. */
  | { readonly step: 'sign'; readonly ids: number; readonly shape: Shape }
  | { readonly step: 'scan'; readonly result: ScanResult; readonly blocks: SharedBlocks }
  | { readonly step: 'join'; readonly result: JoinResult };

const inputBytes = 256 * 1024;
const signedPieceBytes = 1024 * 1024;
const loggedPieceBytes = 64 * 1024 * 1024;
const linesBytes = 1024 * 1024;

/** One thread's part of a difference: some of A, some logs, some partitions. */
export class Share {
  readonly core: Core;
  readonly #job: Job;
  /** What there is to scan, in the order in which it is taken. */
  readonly #pieces: readonly { readonly log: number; readonly piece: Piece }[];
  readonly #blocks: BlockStore;
  #side: 'signed' | 'logged' = 'signed';

  constructor(job: Job) {
    this.#job = job;
    this.#pieces = job.logs.flatMap(({ bytes }, log) =>
      piecesOf(bytes, loggedPieceBytes).map((piece) => ({ log, piece })),
    );
    this.#blocks = new BlockStore(job.blocksBytes);
    const { literal } = patternOf(job.pattern);
    this.core = new (hasWasmCore() ? WasmCore : PlainCore)({
      ...job,
      ...(literal ? { literal } : {}),
      inputBytes,
      spill: (kind, partition, block) => this.#blocks.put(blockName(this.#side, kind, partition), block),
    });
  }

  async answer(request: Request): Promise<Reply> {
    switch (request.step) {
      case 'sign':
        try {
          const ids = await this.#sign(request.path, request.bytes);
          return { step: 'sign', ids, shape: this.signedShape() };
        } catch (error) {
          if (error instanceof LongIdError) return { step: 'sign', ids: -1, shape: this.signedShape() };
          throw error;
        }
      case 'scan':
        return { step: 'scan', result: await this.#scan(request.shape), blocks: this.#blocks.share() };
      case 'join':
        return { step: 'join', result: this.#join(request.all) };
    }
  }

  /** Reads pieces of a plain list of IDs, one a line, until there is none left. Returns how many IDs it read. */
  async #sign(path: string, bytes: number): Promise<number> {
    const pieces = piecesOf(bytes, signedPieceBytes);
    let ids = 0;
    for (;;) {
      const piece = pieces[Atomics.add(this.#job.progress, word.nextSigned, 1)];
      if (!piece) return ids;
      const feed = new IdFeed(this.core);
      let isStart = piece.from === 0;
      await feedFile(
        { path, bytes, piece },
        {
          room: () => feed.room(),
          finish: () => feed.finish(),
          took(read) {
            const room = feed.room();
            const mark = isStart ? byteOrderMarkBytes(room.subarray(0, read)) : 0;
            if (mark > 0) room.copyWithin(0, mark, read);
            isStart = false;
            feed.took(read - mark);
          },
        },
      );
      ids += feed.ids;
    }
  }

  /** Ends the reading of A. */
  signedShape(): Shape {
    this.core.flush();
    return this.core.shape;
  }

  /** Takes piece after piece of the logs until there is none left, or one fails. `shape`: of all of A. */
  async #scan(shape: Shape): Promise<ScanResult> {
    this.#side = 'logged';
    this.core.addShape(shape);
    const { logs, progress, allowUnreadable } = this.#job;
    const stats = emptyStats();
    const feed = new LogFeed(this.core, patternOf(this.#job.pattern), stats);
    const logBytes = new Map<number, number>();
    const unreadable: number[] = [];
    let failure: string | undefined;
    for (;;) {
      const next = this.#pieces[Atomics.add(progress, word.nextLogged, 1)];
      if (!next) break;
      const { log, piece } = next;
      const before = stats.bytes;
      try {
        // Between two logs others get their turn: messages, and the progress that a person sees.
        await setImmediate();
        await feedFile(
          { ...logs[log]!, piece },
          {
            room: () => feed.room(),
            finish: () => feed.finish(),
            took(bytes) {
              feed.took(bytes);
              Atomics.add(progress, word.kilobytes, bytes >>> 10);
            },
          },
        );
      } catch (error) {
        if (!(error instanceof UnreadableFileError)) throw error;
        feed.abandon();
        if (!allowUnreadable) {
          failure = error.message;
          // Nobody needs the other logs any more.
          Atomics.store(progress, word.nextLogged, this.#pieces.length);
          break;
        }
        unreadable.push(log);
      }
      logBytes.set(log, (logBytes.get(log) ?? 0) + stats.bytes - before);
      if (piece.end === Infinity) Atomics.add(progress, word.logsDone, 1);
    }
    this.core.flush();
    return { stats, logBytes, unreadable, ...(failure === undefined ? {} : { failure }) };
  }

  /** Joins partition after partition until there is none left. `all`: every thread's blocks. */
  #join(all: readonly SharedBlocks[]): JoinResult {
    const counts = { signed: 0, found: 0, missed: 0, missedByCase: 0 };
    const missed = new BlockStore(this.#job.linesBytes);
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
