import { analysePattern } from './analyse.ts';
import { latin1, latin1Bytes, startsWith } from './bytes.ts';
import { idBytesMax } from './ids.ts';

/** Says whether bytes[start, end) of the line is an ID that the caller can use. */
export type Accept = (start: number, end: number) => boolean;

/**
 * Where the ID stands in a line that leaves no doubt, so that the core finds it without the regular expression. A line
 * where any of this does not hold leaves a doubt.
 */
export interface LiteralPattern {
  /** 1 to 64 bytes that every match contains. A line with two of them leaves a doubt. */
  readonly marker: Uint8Array;
  /** Bytes that may stand before the marker, and behind it if there is a field; the line's beginning and end always may. */
  readonly besideMarker: (byte: number) => boolean;
  /** Bytes that no ID contains; it goes up to the first one, or to the line's end. */
  readonly endsId: (byte: number) => boolean;
  /** Bytes that may follow an ID, and whether the line's end may. */
  readonly followsId: (byte: number) => boolean;
  readonly lineEndFollowsId: boolean;
  /** Of an ID. */
  readonly bytesMin: number;
  readonly bytesMax: number;
  /**
   * The ID follows four bytes, which follow one that ends IDs, somewhere behind the marker; on the way no byte equals
   * `barrier`. It may stand in quotes, which then end IDs. Absent: the ID follows the marker directly.
   */
  readonly field?: { readonly name: Uint8Array; readonly barrier: number };
  /** Whether the ID can be a canonical UUID. `always`: it is one, whatever endsId says. */
  readonly uuid: 'always' | 'perhaps' | 'never';
}

/** How the ID is found in a line. */
export interface LogPattern {
  /** The regular expression: what the pattern means, whatever the way it is computed. */
  readonly source: string;
  /** Bytes that every line with an ID contains, so that others are skipped by a byte search; absent if there are none. */
  readonly marker?: Uint8Array;
  /** Absent without a marker: then only the expression can tell which lines have an ID. */
  readonly literal?: LiteralPattern;
  /**
   * Offers the line's ID, bytes within [start, end), to `accept`: the first match of the line. Where a line can be two
   * records glued together (the default pattern), each of them has its own.
   */
  find(bytes: Uint8Array, start: number, end: number, accept: Accept): void;
}

/** A pattern that cannot be used; the message says why, the source and the remedy. */
export class PatternError extends Error {
  override readonly name = 'PatternError';
}

/**
 * A JavaScript regular expression whose first group is the ID, applied to each line's bytes as Latin-1, one character a
 * byte, first match of the line. Flags: i, s, u, v. Throws a PatternError for an invalid one or one without a group.
 * The time of a match is the regular expression's own: sources from strangers need a bound of their own.
 */
export function compilePattern(source: string, flags = ''): LogPattern {
  if (/[^isuv]/.test(flags)) throw new PatternError(`unknown flags "${flags}": use i, s, u or v`);
  const far = /[^\0-\xff]/.exec(source)?.[0];
  if (far !== undefined) {
    throw new PatternError(`pattern /${source}/ contains "${far}", which is no single byte: write its bytes as \\xHH`);
  }
  let expression: RegExp;
  try {
    expression = new RegExp(source, flags);
  } catch (error) {
    throw new PatternError(`pattern /${source}/ is invalid: ${(error as Error).message}`, { cause: error });
  }
  // With an empty alternative it matches the empty string, and the result has an entry for each group.
  const groups = new RegExp(`${source}|`, flags).exec('')!.length - 1;
  if (groups === 0) throw new PatternError(`pattern /${source}/ has no group: put parentheses around the ID`);
  return {
    source,
    ...analysePattern(source, flags),
    find(bytes, start, end, accept) {
      const line = latin1(bytes, start, end);
      const match = expression.exec(line);
      if (!match) return;
      // Equal bytes are the same ID, so any place in the line where they stand will do.
      const id = match[1] ?? '';
      const at = start + line.indexOf(id);
      accept(at, at + id.length);
    },
  };
}

const marker = latin1Bytes('notification.sent');
const field = latin1Bytes('doc=');
/** The head of another record, which a torn one ran into: what follows it is not about this notification. */
const recordHead =
  /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z [^ \t,;"'=]+ (?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL|CRITICAL)(?!\w)/g;
const recordHeadBytesMin = '2026-11-23T01:02:03Z s INFO'.length;

const delimiters = latin1Bytes(' \t,;"\'');
const isDelimiter = Uint8Array.from({ length: 256 }, (_, byte) => (delimiters.includes(byte) ? 1 : 0));
const isNameByte = Uint8Array.from({ length: 256 }, (_, byte) => (/[\w.-]/.test(String.fromCharCode(byte)) ? 1 : 0));

/**
 * The success marker `notification.sent` as a whole name, then anything but the head of another record, then a field
 * `doc=<id>`. The ID is a whole token of 1 to 256 bytes: delimited by space, tab, comma, semicolon, quote or the line's
 * end, so that `olddoc=<id>` and `doc=<id>suffix` are other things. A refused ID is followed by the next one of the line,
 * because a torn record and the whole one after it share a line; an accepted one by that of another record whose head
 * stands in the line, because a record may lack its end.
 *
 * Written by hand because a backtracking expression would need quadratic time on a long line full of markers.
 */
export const defaultPattern: LogPattern = {
  source:
    `(?<![\\w.-])notification\\.sent(?![\\w.-])(?:(?!${recordHead.source})[^])*?` +
    `[ \\t,;"']doc=["']?([^ \\t,;"']{1,${idBytesMax}})(?![^ \\t,;"'])`,
  marker,
  literal: {
    marker,
    besideMarker: (byte) => isNameByte[byte] === 0,
    endsId: (byte) => isDelimiter[byte] === 1,
    followsId: (byte) => isDelimiter[byte] === 1,
    lineEndFollowsId: true,
    bytesMin: 1,
    bytesMax: idBytesMax,
    // The time of another record's head ends in Z.
    field: { name: field, barrier: 'Z'.charCodeAt(0) },
    uuid: 'perhaps',
  },
  find(bytes, start, end, accept) {
    let sent = nextMarker(bytes, start, start, end);
    let at = sent;
    while (sent !== -1) {
      // The delimiter before the field belongs to the gap's end, so the field begins after the marker's last byte.
      const doc = nextField(bytes, at, end);
      if (doc === -1) return;
      const idStart = doc + field.length + (isQuote(bytes[doc + field.length]) && doc + field.length < end ? 1 : 0);
      let idEnd = idStart;
      while (idEnd < end && isDelimiter[bytes[idEnd]!] === 0) idEnd++;
      if (idEnd === idStart || idEnd - idStart > idBytesMax) {
        at = idEnd;
        continue;
      }
      const head = lastRecordHead(bytes, sent, doc);
      sent =
        head === -1 && accept(idStart, idEnd)
          ? nextRecord(bytes, start, idEnd, end)
          : nextMarker(bytes, start, head === -1 ? idEnd : head, end);
      at = sent;
    }
  },
};

/** Where the whole name `notification.sent` ends, at or after `from` in the line [start, end), or -1. */
function nextMarker(bytes: Uint8Array, start: number, from: number, end: number): number {
  for (let at = from; at + marker.length <= end; at++) {
    if (!startsWith(bytes, at, end, marker)) continue;
    const after = at + marker.length;
    if (at > start && isNameByte[bytes[at - 1]!] === 1) continue;
    if (after < end && isNameByte[bytes[after]!] === 1) continue;
    return after;
  }
  return -1;
}

/** Where the marker of another record ends, whose head stands at or after `from` in the line [start, end), or -1. */
function nextRecord(bytes: Uint8Array, start: number, from: number, end: number): number {
  for (let at = from; ;) {
    const sent = nextMarker(bytes, start, at, end);
    if (sent === -1 || lastRecordHead(bytes, at, sent) !== -1) return sent;
    at = sent;
  }
}

/** Where a field `doc=` begins that a delimiter at or after `from` precedes, or -1. */
function nextField(bytes: Uint8Array, from: number, end: number): number {
  for (let at = from + 1; at + field.length <= end; at++) {
    if (isDelimiter[bytes[at - 1]!] === 1 && startsWith(bytes, at, end, field)) return at;
  }
  return -1;
}

function lastRecordHead(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < recordHeadBytesMin) return -1;
  let last = -1;
  for (const { index } of latin1(bytes, start, end).matchAll(recordHead)) last = start + index;
  return last;
}

function isQuote(byte: number | undefined): boolean {
  return byte === 34 || byte === 39;
}
