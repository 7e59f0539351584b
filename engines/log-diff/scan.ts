import { indexOfBytes } from './bytes.ts';
import { idBytesMax } from './ids.ts';
import { LineSplitter, lineBytesMaxDefault } from './lines.ts';
import type { LogPattern } from './pattern.ts';
import { timestampReader } from './timestamp.ts';

export interface ScanStats {
  /** Decompressed bytes. */
  bytes: number;
  /** Lines of any kind, a last one without its end included. */
  lines: number;
  /** Lines that gave an ID, whether anybody knows it or not. */
  matched: number;
  /** Lines that carry the pattern's marker but gave no usable ID, and lines too long to look at. */
  unreadableLines: number;
  /** Latest time at the start of a complete line; absent without one, or when not asked for. */
  lastTimestampMs?: number;
}

export function emptyStats(): ScanStats {
  return { bytes: 0, lines: 0, matched: 0, unreadableLines: 0 };
}

export interface ScanOptions {
  readonly pattern: LogPattern;
  /**
   * An ID, bytes[start, end): valid only during the call. `false` says that it is unknown: a pattern whose lines can be
   * glued (the default one) then goes on to the line's next record; anything else ends the line.
   */
  readonly onId: (bytes: Uint8Array, start: number, end: number) => boolean | void;
  /** Longer lines are skipped and counted as unreadable; 16 MiB when absent. */
  readonly lineBytesMax?: number;
  /** Read the ISO 8601 UTC time at the start of each line; off when absent. */
  readonly timestamps?: boolean;
  /** Counted into, so that many logs can share one; a new one when absent. */
  readonly stats?: ScanStats;
}

export interface Scanner {
  /** Takes the next bytes of one log; the caller may reuse the chunk's memory afterwards. */
  push(chunk: Uint8Array): void;
  /** Handles a last line that lacks its end. Not to be called for a log that broke off, since that line is cut. */
  finish(): void;
  /** Drops a last line that lacks its end: the log broke off, so that the line is cut. */
  abandon(): void;
  /** Takes the line bytes[start, end) by itself, which is known to carry the pattern's marker; `lines` and `bytes` of the stats do not change. */
  marked(bytes: Uint8Array, start: number, end: number): void;
  readonly stats: ScanStats;
}

/** Finds IDs in one log, given in chunks of any size; memory is bounded by the chunk and by `lineBytesMax`. */
export function createScanner(options: ScanOptions): Scanner {
  const { pattern, onId, lineBytesMax = lineBytesMaxDefault, stats = emptyStats() } = options;
  const { marker } = pattern;
  const readTimestamp = options.timestamps ? timestampReader() : undefined;

  let searched: Uint8Array | undefined;
  let markerAt = 0;
  let offered = false;
  let usable = false;
  const accept = (start: number, end: number): boolean => {
    offered = true;
    const length = end - start;
    if (length < 1 || length > idBytesMax) return false;
    usable = true;
    return onId(searched!, start, end) !== false;
  };

  /** Whether the line carries the marker. Remembers where the next one lies, so that a chunk is searched only once. */
  const carriesMarker = (bytes: Uint8Array, start: number, end: number): boolean => {
    if (bytes !== searched || markerAt < start) {
      const found = indexOfBytes(bytes, marker!, start);
      markerAt = found === -1 ? Infinity : found;
      searched = bytes;
    }
    return markerAt + marker!.length <= end;
  };

  const marked = (bytes: Uint8Array, start: number, end: number): void => {
    searched = bytes;
    offered = usable = false;
    pattern.find(bytes, start, end, accept);
    if (usable) stats.matched++;
    else if (offered || marker) stats.unreadableLines++;
  };

  const splitter = new LineSplitter(
    {
      line(bytes, start, end, ended) {
        stats.lines++;
        if (readTimestamp && ended) {
          const ms = readTimestamp(bytes, start, end);
          if (ms !== undefined) stats.lastTimestampMs = Math.max(ms, stats.lastTimestampMs ?? ms);
        }
        if (!marker || carriesMarker(bytes, start, end)) marked(bytes, start, end);
      },
      overlong() {
        stats.lines++;
        stats.unreadableLines++;
      },
    },
    lineBytesMax,
  );
  return {
    stats,
    marked(bytes, start, end) {
      marked(bytes, start, end);
      // Its memory may hold other bytes by the next push().
      searched = undefined;
    },
    abandon() {
      searched = undefined;
      splitter.abandon();
    },
    push(chunk) {
      // The caller may have read new bytes into the same memory.
      searched = undefined;
      stats.bytes += chunk.length;
      splitter.push(chunk);
    },
    finish() {
      searched = undefined;
      splitter.finish();
    },
  };
}
