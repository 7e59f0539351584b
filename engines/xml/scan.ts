import { decoded, encodedName, endOfName, isNamed, isSingleByte, joined, narrowed } from './codes.ts';
import { unitBytes, type Encoding } from './encoding.ts';
import { defaultLimits, openTagBytesMax, summaryCharsMax, type XmlLimits } from './limits.ts';
import { charactersFrom, lineEnds } from './lines.ts';
import type { Candidate, Lane, LexicalState, RangeSummary, Stretch } from './summary.ts';
import { checkTag } from './tag.ts';

export interface ScannerOptions {
  /** As for `RecordReader`. */
  readonly tag: string;
  /** Of the whole file, from `sniff` on its beginning. */
  readonly encoding: Encoding;
  /** Any two offsets in the file, `to` the greater; `from` 0 is the beginning of the document. */
  readonly from: number;
  readonly to: number;
  /** Length of the byte order mark, for the range from 0. */
  readonly markBytes?: number;
  /**
   * In which the range may begin: all four when absent. Each but `content` costs a search, and the range of a file that
   * can be scanned again may be tried in `content` alone.
   */
  readonly states?: readonly LexicalState[];
  /** The readers', of which `depthMax` matters here. */
  readonly limits?: Partial<XmlLimits>;
}

/** Goes through the tokens from one of the states in which the range may begin. */
interface Walker {
  mode: LexicalState;
  /** Index in the chunk: of the next `<` in content; elsewhere, where to look for the end of the token. */
  at: number;
  /** Waits for the next chunk. */
  isTorn: boolean;
  /** Absent until it first is in content, unless it began there. */
  walk: Walk | undefined;
  readonly began: LexicalState;
}

/** A stretch in the making. */
interface Walk {
  readonly index: number;
  closes: number;
  depth: number;
  /** Open start tags: the text of the outer ones, and where the others, those of this chunk, are in it. */
  texts: string[];
  readonly starts: number[];
  readonly ends: number[];
  /** Depth of the outermost open element under the key tag; -1 when none is. */
  keyDepth: number;
  /** How many of the open ones have their text in `texts`. */
  settled: number;
  hasTags: boolean;
  readonly candidates: Candidate[];
  next: number | undefined;
  end: LexicalState | 'malformed' | undefined;
}

const [slash, less, greater, bang, question, dash, bracket, quote, apostrophe] = [
  0x2f, 0x3c, 0x3e, 0x21, 0x3f, 0x2d, 0x5d, 0x22, 0x27,
] as const;
const cr = 0x0d;
const allStates = ['content', 'comment', 'cdata', 'instruction'] as const;
const cdataStart = Uint8Array.from('<![CDATA[', (character) => character.charCodeAt(0));

/** What a token does: the index behind it, or one of these. */
const torn = -1;
const malformed = -2;

/**
 * Scans one range of a file without knowing what comes before it: which of the tokens are tags, which of them are open
 * at its ends, and where the first outermost key start tag may be. Bytes are pushed from `from` on, and beyond `to` as
 * long as `push` returns true: a range ends at a `<`.
 *
 * It begins in all four states that are possible at a `<`, and drops those that turn out to be malformed. A walker that
 * began in content goes from tag to tag; one that began in a comment, CDATA section or processing instruction looks for
 * its end with the engine's native search, and from there goes from tag to tag itself. Two that are in content at the
 * same `<` go on as one. After the first few tags nearly every file has one walker left, and up to three searches.
 *
 * A parallel bracket matching over a speculative lexer, as in Ogden, Thomas, Pietzuch, "Scalable XML query processing
 * using parallel pushdown transducers" (VLDB 2013).
 */
export class RangeScanner {
  readonly #encoding: Encoding;
  readonly #from: number;
  readonly #to: number;
  readonly #width: 1 | 2;
  readonly #states: readonly LexicalState[];
  readonly #depthMax: number;
  readonly #key: Uint8Array | undefined;
  readonly #keyEnd: number | undefined;
  readonly #keyText: string;

  #raw: Uint8Array = new Uint8Array(0);
  /** One byte for each code unit of `#raw`: tokens are found in these alike in all encodings. */
  #codes: Uint8Array = new Uint8Array(0);
  /** Offset in the file of the first. */
  #base: number;
  /** Bytes of the last chunk that are looked at again. */
  #kept: Uint8Array = new Uint8Array(0);
  #skip: number;

  #isDone = false;
  #walkers: Walker[] = [];
  readonly #walks: Walk[] = [];
  readonly #first: Partial<Record<LexicalState, number>> = {};
  #length = { lineEnds: 0, characters: 0 };
  /** Index in the chunk up to which `#length` counts. */
  #counted = 0;
  #endsWithCr = false;
  #candidateChars = 0;

  constructor({ tag, encoding, from, to, markBytes = 0, states = allStates, limits }: ScannerOptions) {
    this.#states = states;
    checkTag(tag);
    if (!(from >= 0 && from < to))
      throw new RangeError(`a range from ${from} to ${to} is empty: give at least one byte`);
    this.#encoding = encoding;
    this.#from = from;
    this.#to = to;
    this.#width = unitBytes(encoding);
    this.#depthMax = limits?.depthMax ?? defaultLimits.depthMax;
    this.#key = encodedName(tag, encoding);
    this.#keyText = tag;
    this.#keyEnd = this.#key?.at(-1);
    // What comes before the first whole code unit belongs to the range before.
    this.#skip = from === 0 ? markBytes : from % this.#width;
    this.#base = from + this.#skip;
  }

  /** Takes the bytes that follow, any number; their memory may be used again after the call. False when it has seen enough. */
  push(pushed: Uint8Array): boolean {
    if (this.#isDone) return false;
    const skipped = Math.min(this.#skip, pushed.length);
    this.#skip -= skipped;
    const fresh = pushed.subarray(skipped);
    const bytes = this.#kept.length === 0 ? fresh : joined(this.#kept, fresh);
    this.#take(bytes);
    const keptFrom = this.#scan(false);
    // Not `slice`: a Buffer's copies nothing.
    this.#kept = new Uint8Array(bytes.subarray(keptFrom * this.#width));
    this.#base += keptFrom * this.#width;
    return !this.#isDone;
  }

  /** The summary. Before `push` has returned false: says that the file ends. */
  finish(): RangeSummary {
    if (!this.#isDone) {
      this.#take(this.#kept);
      this.#scan(true);
    }
    return {
      from: this.#from,
      to: this.#to,
      encoding: this.#encoding,
      ...(this.#states === allStates ? {} : { states: this.#states }),
      lanes: this.#lanes(),
      stretches: this.#walks.map(stretchOf),
      length: { ...this.#length },
    };
  }

  #take(raw: Uint8Array): void {
    // Always the plain class: a Buffer among them makes every access in the loops below ask which it is.
    this.#raw = new Uint8Array(raw.buffer, raw.byteOffset, raw.byteLength - (raw.byteLength % this.#width));
    this.#codes = this.#width === 1 ? this.#raw : narrowed(this.#raw, this.#encoding);
  }

  /** Scans the chunk. Returns the index from which it is looked at again. */
  #scan(isLast: boolean): number {
    const toIndex = Math.ceil((this.#to - this.#base) / this.#width);
    if (this.#walkers.length === 0 && this.#walks.length === 0 && !this.#begin(toIndex, isLast))
      return this.#codes.length;
    let isEnd = isLast;
    if (this.#codes.length > toIndex) {
      const end = this.#codes.indexOf(less, Math.max(0, toIndex));
      if (end !== -1) {
        this.#codes = this.#codes.subarray(0, end);
        isEnd = true;
      }
    }
    const { length } = this.#codes;
    this.#advance();
    for (const walker of this.#walkers) {
      if (isEnd) this.#end(walker);
      else if (walker.isTorn && length - walker.at > openTagBytesMax) this.#drop(walker);
    }
    for (const { walk } of this.#walkers) if (walk) this.#settle(walk);
    this.#isDone = isEnd || this.#walkers.length === 0;
    let keptFrom = length;
    for (const walker of this.#walkers) if (walker.isTorn) keptFrom = Math.min(keptFrom, walker.at);
    // Not what is kept: a candidate may be there.
    this.#count(keptFrom);
    for (const walker of this.#walkers) walker.at -= keptFrom;
    this.#counted -= keptFrom;
    return keptFrom;
  }

  /** Sets out at the range's first `<`. False when there is none so far. */
  #begin(toIndex: number, isLast: boolean): boolean {
    if (this.#from === 0) {
      const walk = this.#newWalk();
      this.#first.content = walk.index;
      this.#walkers = [{ began: 'content', mode: 'content', at: nextTag(this.#codes, 0), isTorn: false, walk }];
      return true;
    }
    const at = this.#codes.indexOf(less);
    if (at === -1 || at >= toIndex) {
      this.#isDone = at !== -1 || isLast || this.#codes.length >= toIndex;
      if (this.#isDone)
        this.#walkers = this.#states.map((began) => ({ began, mode: began, at: 0, isTorn: false, walk: undefined }));
      return false;
    }
    this.#counted = at;
    this.#walkers = this.#states.map((began) => {
      const walk = began === 'content' ? this.#newWalk() : undefined;
      if (walk) this.#first.content = walk.index;
      return { began, mode: began, at, isTorn: false, walk };
    });
    return true;
  }

  /** Brings every walker to the end of the chunk, always the one that is furthest behind, so that those that meet do. */
  #advance(): void {
    const { length } = this.#codes;
    for (const walker of this.#walkers) {
      walker.isTorn = false;
      if (walker.mode === 'content' && this.#codes[walker.at] !== less) walker.at = nextTag(this.#codes, walker.at);
    }
    for (;;) {
      let behind: Walker | undefined;
      let next = length;
      for (const walker of this.#walkers) {
        if (walker.isTorn || walker.at >= length) continue;
        if (behind === undefined || walker.at < behind.at) {
          if (behind) next = Math.min(next, behind.at);
          behind = walker;
        } else next = Math.min(next, walker.at);
      }
      if (behind === undefined) break;
      if (behind.mode === 'content') this.#walk(behind, behind.walk!, Math.max(next, behind.at + 1));
      else this.#search(behind);
      this.#meet(behind);
    }
  }

  /** If another walker is in content at the same `<`, both go on as one, in a new stretch. */
  #meet(walker: Walker): void {
    if (walker.mode !== 'content' || walker.isTorn) return;
    const other = this.#walkers.find(
      (candidate) =>
        candidate !== walker && candidate.mode === 'content' && !candidate.isTorn && candidate.at === walker.at,
    );
    if (other === undefined || !this.#walkers.includes(walker)) return;
    const shared = this.#newWalk();
    for (const { walk } of [walker, other]) {
      this.#settle(walk!);
      walk!.next = shared.index;
    }
    other.walk = shared;
    this.#walkers = this.#walkers.filter((candidate) => candidate !== walker);
  }

  /** Takes tokens until one begins at or behind `limit`. */
  #walk(walker: Walker, walk: Walk, limit: number): void {
    const codes = this.#codes;
    while (walker.at < limit) {
      const { at } = walker;
      const code = codes[at + 1];
      if (code === bang || code === question) return this.#markup(walker);
      // Each in a function of its own: what is called often is compiled well, a loop that never returns is not.
      const end = code === slash ? this.#endTag(walk, at + 2) : this.#startTag(walk, at);
      if (end < 0) {
        if (end === malformed) this.#drop(walker);
        else walker.isTorn = true;
        return;
      }
      walker.at = nextTag(codes, end);
    }
  }

  #endTag(walk: Walk, from: number): number {
    const end = tagEnd(this.#codes, from);
    if (end < 0) return end;
    if (walk.depth === 0) return ++walk.closes > this.#depthMax ? malformed : end;
    const depth = --walk.depth;
    if (depth === walk.keyDepth) walk.keyDepth = -1;
    if (depth < walk.settled) walk.settled = depth;
    return end;
  }

  #startTag(walk: Walk, at: number): number {
    const codes = this.#codes;
    const nameEnd = endOfName(codes, at + 1);
    const end = tagEnd(codes, nameEnd);
    if (end < 0) return end;
    const { depth } = walk;
    const isOutermostKey = walk.keyDepth === -1 && codes[nameEnd - 1] === this.#keyEnd && this.#isKey(at + 1, nameEnd);
    if (isOutermostKey && !walk.candidates.some(({ closes }) => closes === walk.closes)) this.#candidate(walk, at);
    walk.hasTags = true;
    if (codes[end - 2] === slash) return end;
    if (depth === this.#depthMax) return malformed;
    if (isOutermostKey) walk.keyDepth = depth;
    walk.starts[depth] = at;
    walk.ends[depth] = end;
    walk.depth = depth + 1;
    return end;
  }

  /** What begins with `<!` or `<?`. */
  #markup(walker: Walker): void {
    const codes = this.#codes;
    const { at } = walker;
    if (codes[at + 1] === question) {
      walker.mode = 'instruction';
      walker.at += 2;
    } else if (codes[at + 2] === dash && codes[at + 3] === dash) {
      walker.mode = 'comment';
      walker.at += 4;
    } else {
      const rest = codes.subarray(at, at + cdataStart.length);
      const isTorn = at + cdataStart.length > codes.length;
      if (rest.every((code, i) => code === cdataStart[i])) {
        if (!isTorn) walker.mode = 'cdata';
        if (!isTorn) walker.at += cdataStart.length;
        walker.isTorn = isTorn;
      } else if (rest.length === 3 && rest[2] === dash) walker.isTorn = true;
      // A DOCTYPE among others: the reader refuses it, and nothing behind it needs to be split.
      else this.#drop(walker);
    }
  }

  /** Looks for the end of a comment, CDATA section or processing instruction; at it, goes on to the next `<`. */
  #search(walker: Walker): void {
    const codes = this.#codes;
    const { mode } = walker;
    const end = mode === 'comment' ? commentEnd(codes, walker.at) : sectionEnd(codes, walker.at, mode);
    if (end === malformed) return this.#drop(walker);
    if (end < 0) {
      // Half an end may be there.
      walker.at = -end - 3;
      walker.isTorn = walker.at < codes.length;
      return;
    }
    walker.mode = 'content';
    walker.at = nextTag(codes, end);
    if (walker.walk === undefined) {
      walker.walk = this.#newWalk();
      this.#first[walker.began] = walker.walk.index;
    }
  }

  /** The range ends here, at a `<` or with the file. */
  #end(walker: Walker): void {
    const { mode, isTorn, at } = walker;
    // Two dashes are followed by > or the comment is malformed.
    const isMalformed = isTorn && (mode === 'content' || (mode === 'comment' && this.#codes.length - at > 1));
    if (isMalformed) this.#drop(walker);
    else if (walker.walk) walker.walk.end = mode;
    walker.isTorn = false;
  }

  #drop(walker: Walker): void {
    if (walker.walk) walker.walk.end = 'malformed';
    this.#walkers = this.#walkers.filter((other) => other !== walker);
  }

  #isKey(from: number, to: number): boolean {
    if (this.#key === undefined || !isNamed(this.#codes, from, to, this.#key)) return false;
    return this.#width === 1 || this.#textOf(to - this.#key.length, to) === this.#keyText;
  }

  #candidate(walk: Walk, at: number): void {
    this.#count(at);
    this.#settle(walk);
    const opens = walk.texts.slice(0, walk.depth);
    this.#candidateChars += opens.reduce((sum, text) => sum + text.length, 0);
    // Without it this range is not cut here, which is no error.
    if (this.#candidateChars > summaryCharsMax) return;
    walk.candidates.push({
      at: this.#base + at * this.#width,
      closes: walk.closes,
      opens,
      hasTagsBefore: walk.hasTags,
      length: { ...this.#length },
    });
  }

  /** Takes the text of the open start tags out of the chunk. */
  #settle(walk: Walk): void {
    walk.texts.length = walk.settled;
    for (let i = walk.settled; i < walk.depth; i++) walk.texts.push(this.#textOf(walk.starts[i]!, walk.ends[i]!));
    walk.settled = walk.depth;
  }

  #textOf(from: number, to: number): string {
    return decoded(this.#raw.subarray(from * this.#width, to * this.#width), this.#encoding);
  }

  #newWalk(): Walk {
    const walk: Walk = {
      index: this.#walks.length,
      closes: 0,
      depth: 0,
      texts: [],
      starts: [],
      ends: [],
      keyDepth: -1,
      settled: 0,
      hasTags: false,
      candidates: [],
      next: undefined,
      end: undefined,
    };
    this.#walks.push(walk);
    return walk;
  }

  /** Counts line ends, and characters behind the last one, up to an index of the chunk. */
  #count(to: number): void {
    if (to <= this.#counted) return;
    const part = this.#codes.subarray(this.#counted, to);
    this.#counted = to;
    const { count, last } = lineEnds(part, this.#endsWithCr);
    this.#endsWithCr = part.at(-1) === cr;
    const characters = isSingleByte(this.#encoding) ? part.length - last : charactersFrom(part, last);
    this.#length =
      last === 0 && count === 0
        ? { lineEnds: this.#length.lineEnds, characters: this.#length.characters + characters }
        : { lineEnds: this.#length.lineEnds + count, characters };
  }

  #lanes(): RangeSummary['lanes'] {
    const lanes: Partial<Record<LexicalState, Lane>> = {};
    for (const { began, mode, walk } of this.#walkers) if (walk === undefined) lanes[began] = { end: mode };
    for (const began of this.#states) {
      const first = this.#first[began];
      if (first === undefined) continue;
      let walk = this.#walks[first]!;
      let chars = 0;
      for (;;) {
        for (const text of walk.texts) chars += text.length;
        if (walk.next === undefined) break;
        walk = this.#walks[walk.next]!;
      }
      const { end } = walk;
      if (end !== undefined && end !== 'malformed' && chars <= summaryCharsMax) lanes[began] = { first, end };
    }
    return lanes;
  }
}

function stretchOf({ closes, texts, keyDepth, hasTags, candidates, next }: Walk): Stretch {
  return {
    closes,
    opens: texts,
    ...(keyDepth === -1 ? {} : { key: keyDepth }),
    hasTags,
    candidates,
    ...(next === undefined ? {} : { next }),
  };
}

/** Index of the next `<`; the codes' length when there is none. */
function nextTag(codes: Uint8Array, from: number): number {
  const { length } = codes;
  const near = Math.min(from + 48, length);
  for (let i = from; i < near; i++) if (codes[i] === less) return i;
  if (near === length) return length;
  // A long text: the engine's own search is faster, and dearer to start.
  const at = codes.indexOf(less, near);
  return at === -1 ? length : at;
}

/** Index behind a tag's `>`. */
function tagEnd(codes: Uint8Array, from: number): number {
  const { length } = codes;
  for (let i = from; i < length; i++) {
    const code = codes[i]!;
    if (code === greater) return i + 1;
    if (code === less) return malformed;
    if (code === quote || code === apostrophe) {
      i = quoteEnd(codes, i + 1, code);
      if (i < 0) return i;
    }
  }
  return torn;
}

/** Index of the quote that ends an attribute's value. */
function quoteEnd(codes: Uint8Array, from: number, closing: number): number {
  const { length } = codes;
  for (let i = from; i < length; i++) {
    const code = codes[i]!;
    if (code === closing) return i;
    if (code === less) return malformed;
  }
  return torn;
}

/** Index behind the end of a comment; `malformed` for two dashes without it. Otherwise `unfinished` where to go on. */
function commentEnd(codes: Uint8Array, from: number): number {
  const { length } = codes;
  // Of two dashes in a row, every second look meets one.
  for (let i = from + 1; i < length; i += 2) {
    if (codes[i] !== dash) continue;
    const first = codes[i - 1] === dash ? i - 1 : codes[i + 1] === dash ? i : -1;
    if (first === -1) continue;
    if (first + 2 >= length) return unfinished(first);
    return codes[first + 2] === greater ? first + 3 : malformed;
  }
  return unfinished(length > from && codes[length - 1] === dash ? length - 1 : length);
}

/** As `commentEnd`, of what may hold anything but its end. */
function sectionEnd(codes: Uint8Array, from: number, mode: LexicalState): number {
  const { length } = codes;
  const [code, needed] = mode === 'cdata' ? [bracket, 3] : [question, 2];
  for (let at = codes.indexOf(code, from); at !== -1; at = codes.indexOf(code, at + 1)) {
    if (at + needed > length)
      return needed === 3 && at + 1 < length && codes[at + 1] !== code ? unfinished(length) : unfinished(at);
    if (codes[at + needed - 1] === greater && codes[at + needed - 2] === code) return at + needed;
  }
  return unfinished(length);
}

/** No end before the chunk's, and where to go on looking; told from the other results by being below them. */
function unfinished(at: number): number {
  return -at - 3;
}
