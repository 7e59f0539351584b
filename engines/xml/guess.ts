import { encodedName, endOfName, isNamed, narrowed } from './codes.ts';
import type { Start } from './cut.ts';
import { unitBytes, type Encoding } from './encoding.ts';
import type { Place } from './error.ts';
import { defaultLimits, type XmlLimits } from './limits.ts';

/**
 * Where a reader may begin without knowing what comes before: at what looks like an outermost key start tag. If it is
 * one, the records are right, whatever is open there; `follow` tells when that is known.
 */
export interface Guess {
  readonly from: number;
  readonly encoding: Encoding;
  readonly isGuess: true;
}

/** What a guess has learned of the stretch that it read. Plain JSON. Lines and columns are counted from its beginning. */
export interface Excerpt {
  readonly from: number;
  /** Names in the end tags of elements that were open where it began, innermost first. */
  readonly closes: readonly string[];
  /** How many of them had been read at the last of what may not follow a root element. */
  readonly contentAfter: number;
  /** The most elements that were open at once, less those that were where it began: negative when only such were. */
  readonly deepest: number;
  /** Characters of its own open start tags, the most at once. */
  readonly charsMost: number;
  /** Where it stopped, and start tags of its own that are open there; absent when it has read to the end of the file. */
  readonly stop?: Place & { readonly open: readonly string[] };
}

/**
 * What holds behind an excerpt, now that it is known where readers before it have stopped: the next start, or the end of
 * a document that is complete. Undefined when the guess was wrong or is in doubt: then the stretch is to be read again
 * from `start`, by a reader that names the fault, if there is one.
 */
export function follow(start: Start, excerpt: Excerpt, limits?: Partial<XmlLimits>): Start | 'end' | undefined {
  const { depthMax, recordCharsMax } = { ...defaultLimits, ...limits };
  const { open } = start;
  const { from, closes, contentAfter, deepest, charsMost, stop } = excerpt;
  const kept = open.length - closes.length;
  if (start.from !== from || kept < 0 || open.length + deepest > depthMax) return undefined;
  if (open.reduce((chars, tag) => chars + tag.length, charsMost) > recordCharsMax) return undefined;
  if (closes.some((name, i) => nameOf(open[open.length - 1 - i]!) !== name)) return undefined;
  // Behind the root's end tag there may be little, and no element.
  if (kept === 0) return stop === undefined && contentAfter < closes.length ? 'end' : undefined;
  if (stop === undefined) return undefined;
  return {
    from: stop.byte,
    line: start.line + stop.line - 1,
    column: stop.line === 1 ? start.column + stop.column - 1 : stop.column,
    encoding: start.encoding,
    open: [...open.slice(0, kept), ...stop.open],
    rootSeen: true,
  };
}

function nameOf(startTag: string): string {
  return /^<([^\s/>]+)/.exec(startTag)![1]!;
}

const less = 0x3c;

/** Bytes that `findKey` needs behind a `<`, and so what is to be looked at again before a next chunk. */
export const keyBytesMax = 4 * (defaultLimits.nameCharsMax + 2);

/**
 * Offset in some bytes, which begin with a whole code unit, of the first `<` that may begin a key start tag: one that
 * does may also stand in a comment or in CDATA. -1 when there is none, or its name is not there to its end.
 */
export function findKey(bytes: Uint8Array, tag: string, encoding: Encoding): number {
  const key = encodedName(tag, encoding);
  if (key === undefined) return -1;
  const width = unitBytes(encoding);
  const codes = width === 1 ? bytes : narrowed(bytes, encoding);
  for (let at = codes.indexOf(less); at !== -1; at = codes.indexOf(less, at + 1)) {
    const end = endOfName(codes, at + 1);
    if (end < codes.length && isNamed(codes, at + 1, end, key)) return at * width;
  }
  return -1;
}
