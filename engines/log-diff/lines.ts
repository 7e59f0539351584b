import { searchable } from './bytes.ts';

const lf = 10;
const cr = 13;

export interface LineSink {
  /** One line, bytes[start, end), without its LF or CRLF; valid only during the call. `ended` is false when the input ended before the line did. */
  line(bytes: Uint8Array, start: number, end: number, ended: boolean): void;
  /** A line of more than `lineBytesMax` bytes went by; its bytes are gone. */
  overlong(): void;
}

export const lineBytesMaxDefault = 16 * 1024 * 1024;

/**
 * Cuts chunks of any size into lines. Whole lines are handed on where they lie; only a line that spans chunks is
 * copied, so memory is bounded by `lineBytesMax` (bytes before the LF).
 */
export class LineSplitter {
  readonly #sink: LineSink;
  readonly #lineBytesMax: number;
  #carry: Uint8Array = new Uint8Array(0);
  #carried = 0;
  #skipping = false;

  constructor(sink: LineSink, lineBytesMax = lineBytesMaxDefault) {
    this.#sink = sink;
    this.#lineBytesMax = lineBytesMax;
  }

  /** Takes the next bytes; the caller may reuse the chunk's memory afterwards. */
  push(chunk: Uint8Array): void {
    const bytes = searchable(chunk);
    let start = 0;
    if (this.#carried > 0 || this.#skipping) {
      const end = bytes.indexOf(lf);
      this.#append(bytes, 0, end === -1 ? bytes.length : end);
      if (end === -1) return;
      this.#finishCarried(true);
      start = end + 1;
    }
    for (let end = bytes.indexOf(lf, start); end !== -1; end = bytes.indexOf(lf, start)) {
      if (end - start > this.#lineBytesMax) this.#sink.overlong();
      else this.#sink.line(bytes, start, bytes[end - 1] === cr && end > start ? end - 1 : end, true);
      start = end + 1;
    }
    this.#append(bytes, start, bytes.length);
  }

  /** Hands on a last line that lacks its end. */
  finish(): void {
    if (this.#carried > 0 || this.#skipping) this.#finishCarried(false);
  }

  /** Drops a last line that lacks its end. */
  abandon(): void {
    this.#carried = 0;
    this.#skipping = false;
  }

  #append(bytes: Uint8Array, start: number, end: number): void {
    if (this.#skipping) return;
    const carried = this.#carried + end - start;
    if (carried > this.#lineBytesMax) {
      this.#skipping = true;
      this.#carried = 0;
      return;
    }
    if (carried > this.#carry.length) {
      const grown = new Uint8Array(Math.max(4096, carried, Math.min(2 * this.#carry.length, this.#lineBytesMax)));
      grown.set(this.#carry.subarray(0, this.#carried));
      this.#carry = grown;
    }
    this.#carry.set(bytes.subarray(start, end), this.#carried);
    this.#carried = carried;
  }

  #finishCarried(ended: boolean): void {
    if (this.#skipping) {
      this.#skipping = false;
      this.#sink.overlong();
      return;
    }
    // A view of its own: a search in it must not run into bytes that an earlier, longer line left behind.
    const bytes = searchable(this.#carry.subarray(0, this.#carried));
    this.#carried = 0;
    this.#sink.line(bytes, 0, bytes[bytes.length - 1] === cr ? bytes.length - 1 : bytes.length, ended);
  }
}
