import type { Core } from './core.ts';
import { idBytesMax } from './ids.ts';
import type { LogPattern } from './pattern.ts';
import { createScanner, type Scanner, type ScanStats } from './scan.ts';

const lf = 10;

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
  #filled = 0;
  /** Within a line that is longer than the input. */
  #inLongLine = false;

  constructor(core: Core, pattern: LogPattern, stats: ScanStats, lineBytesMax?: number) {
    this.#core = core;
    this.#stats = stats;
    this.#literal = pattern.literal !== undefined;
    this.#scanner = createScanner({
      pattern,
      stats,
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
  }

  /** Reads a last line that lacks its end; the next bytes are another log's. */
  finish(): void {
    if (this.#filled > 0) {
      this.#core.input[this.#filled] = lf;
      this.took(1);
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

/** One byte stays free for the end that a last line may lack. */
function roomIn({ input }: Core, filled: number): Uint8Array {
  return input.subarray(filled, input.length - 1);
}
