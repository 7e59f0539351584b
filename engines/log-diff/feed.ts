import type { Core } from './core.ts';
import { idBytesMax } from './ids.ts';
import type { LogPattern } from './pattern.ts';
import { createScanner, type Scanner, type ScanStats } from './scan.ts';
import { timestampReader } from './timestamp.ts';

const lf = 10;
const cr = 13;

/** A line of A that is longer than an ID may be. */
export class LongIdError extends RangeError {
  override readonly name = 'LongIdError';

  /** `line` from 1; `bytes` of it as far as they were read. */
  constructor(line: number, bytes: number) {
    super(`line ${line}: an ID of ${bytes} bytes exceeds ${idBytesMax}`);
  }
}

/** Gives a core the bytes of one list of IDs, one a line: written to room(), then took(). */
export class IdFeed {
  readonly #core: Core;
  #filled = 0;
  #lines = 0;
  /** IDs so far, repeats included. */
  ids = 0;

  constructor(core: Core) {
    this.#core = core;
  }

  /** Where the next bytes go. */
  room(): Uint8Array {
    return roomIn(this.#core, this.#filled);
  }

  /** So many bytes were written there. Throws a LongIdError. */
  took(bytes: number): void {
    const { input } = this.#core;
    const filled = this.#filled + bytes;
    const end = filled === 0 ? 0 : input.lastIndexOf(lf, filled - 1) + 1;
    if (end === 0 && filled === input.length - 1) throw new LongIdError(this.#lines + 1, filled);
    const { consumed, ids, lines } = this.#core.parseIds(end);
    this.#lines += lines;
    this.ids += ids;
    if (consumed < end) throw new LongIdError(this.#lines + 1, input.indexOf(lf, consumed) - consumed);
    input.copyWithin(0, end, filled);
    this.#filled = filled - end;
  }

  /** Reads a last line that lacks its end. */
  finish(): void {
    if (this.#filled === 0) return;
    this.#core.input[this.#filled] = lf;
    this.took(1);
  }
}

/**
 * Gives a core the bytes of one log after the other: written to room(), then took(), and finish() at the end of each.
 * Lines that leave a doubt, and those that are longer than the core's input, are read by the pattern itself.
 */
export class LogFeed {
  readonly #core: Core;
  readonly #stats: ScanStats;
  readonly #literal: boolean;
  readonly #scanner: Scanner;
  readonly #readTimestamp: ReturnType<typeof timestampReader> | undefined;
  #filled = 0;
  /** Within a line that is longer than the input. */
  #inLongLine = false;
  /** At a last line that lacks its end, and may lack more. */
  #finishing = false;

  /** `timestamps`: keep the latest time at the start of a complete line; off when absent. */
  constructor(
    core: Core,
    pattern: LogPattern,
    stats: ScanStats,
    { lineBytesMax, timestamps = false }: { readonly lineBytesMax?: number; readonly timestamps?: boolean } = {},
  ) {
    this.#core = core;
    this.#stats = stats;
    this.#literal = pattern.literal !== undefined;
    this.#readTimestamp = timestamps ? timestampReader() : undefined;
    this.#scanner = createScanner({
      pattern,
      stats,
      timestamps,
      ...(lineBytesMax === undefined ? {} : { lineBytesMax }),
      onId: (bytes, start, end) => {
        // An ID that A cannot have may be what is left of a torn record: the next one of the line counts.
        if (!core.mayBeSigned(bytes, start, end)) return false;
        core.addId(bytes, start, end);
        return true;
      },
    });
  }

  /** Where the next bytes go. */
  room(): Uint8Array {
    return roomIn(this.#core, this.#filled);
  }

  /** So many bytes were written there. */
  took(bytes: number): void {
    const { input } = this.#core;
    let filled = this.#filled + bytes;
    this.#filled = 0;
    let start = 0;
    if (!this.#literal || this.#inLongLine) {
      start = this.#literal ? input.subarray(0, filled).indexOf(lf) + 1 : filled;
      this.#scanner.push(input.subarray(0, start === 0 ? filled : start));
      if (start === 0) return;
      this.#inLongLine = false;
    }
    let end = start === filled ? start : input.lastIndexOf(lf, filled - 1) + 1;
    if (end <= start) end = start;
    if (end > start) this.#scan(start, end);
    if (end === 0 && filled === input.length - 1) {
      this.#scanner.push(input.subarray(0, filled));
      this.#inLongLine = true;
      filled = 0;
    }
    input.copyWithin(0, end, filled);
    this.#filled = Math.max(0, filled - end);
  }

  #scan(start: number, end: number): void {
    this.#stats.bytes += end - start;
    for (let from = start; from < end;) {
      const scanned = this.#core.scanLog(from, end);
      this.#stats.lines += scanned.lines;
      this.#stats.matched += scanned.matched;
      const { left } = scanned;
      if (left.length > 0) {
        const { input } = this.#core;
        for (let i = 0; i < left.length; i += 2) this.#scanner.marked(input, left[i]!, left[i]! + left[i + 1]!);
      }
      from = scanned.end;
    }
    if (this.#readTimestamp && !this.#finishing) this.#readTimes(start, end);
  }

  /** A log is mostly in order: once its last line is known, few others come into question. */
  #readTimes(start: number, end: number): void {
    const { input } = this.#core;
    const lastStart = end - 1 > start ? Math.max(start, input.lastIndexOf(lf, end - 2) + 1) : start;
    this.#noteTime(lastStart, end - 1 - lastStart - (input[end - 2] === cr && end - 1 > lastStart ? 1 : 0));
    for (let from = start; from < end;) {
      const later = this.#core.linesAfter(from, end, timeText(this.#stats.lastTimestampMs));
      for (let i = 0; i < later.lines.length; i += 2) this.#noteTime(later.lines[i]!, later.lines[i + 1]!);
      from = later.end;
    }
  }

  #noteTime(at: number, bytes: number): void {
    const ms = this.#readTimestamp!(this.#core.input, at, at + bytes);
    if (ms !== undefined) this.#stats.lastTimestampMs = Math.max(ms, this.#stats.lastTimestampMs ?? ms);
  }

  /** Reads a last line that lacks its end; the next bytes are another log's. */
  finish(): void {
    if (this.#filled > 0) {
      this.#core.input[this.#filled] = lf;
      this.#finishing = true;
      this.took(1);
      this.#finishing = false;
      this.#stats.bytes--;
    }
    this.#scanner.finish();
    this.#inLongLine = false;
  }

  /** Drops a last line that lacks its end, because the log broke off; the next bytes are another log's. */
  abandon(): void {
    this.#filled = 0;
    this.#inLongLine = false;
    this.#scanner.abandon();
  }
}

/**
 * Gives a feed the bytes of logs in chunks of any size. The feed takes them in pieces whose ends depend on the log alone,
 * not on the chunks: so whoever reads the same logs again has the core spill the same blocks.
 */
export class EvenFeed {
  readonly #feed: LogFeed;
  #filled = 0;

  constructor(feed: LogFeed) {
    this.#feed = feed;
  }

  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length;) {
      const room = this.#feed.room();
      const part = chunk.subarray(at, at + room.length - this.#filled);
      room.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === room.length) this.#take();
    }
  }

  /** The next bytes are another log's. */
  finish(): void {
    if (this.#filled > 0) this.#take();
    this.#feed.finish();
  }

  #take(): void {
    const bytes = this.#filled;
    this.#filled = 0;
    this.#feed.took(bytes);
  }
}

function timeText(ms: number | undefined): string {
  return ms === undefined ? '0000-00-00T00:00:00.000' : new Date(ms).toISOString().slice(0, 23);
}

/** One byte stays free for the end that a last line may lack. */
function roomIn({ input }: Core, filled: number): Uint8Array {
  return input.subarray(filled, input.length - 1);
}
