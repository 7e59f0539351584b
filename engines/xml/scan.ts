import { decoded, encodedName, isSingleByte, joined, narrowed } from './codes.ts';
import { unitBytes, type Encoding } from './encoding.ts';
import { defaultLimits, openTagBytesMax, summaryCharsMax, type XmlLimits } from './limits.ts';
import type { Candidate, Lane, LexicalState, RangeSummary, Stretch } from './summary.ts';
import { checkTag } from './tag.ts';

export interface ScannerOptions {
  /** As for `RecordReader`. */
  readonly tag: string;
  /** Of the whole file, from `sniff` on its beginning. */
  readonly encoding: Encoding;
  /** Any two offsets in the file; `from` 0 is the beginning of the document. */
  readonly from: number;
  readonly to: number;
  /** Length of the byte order mark, for the range from 0. */
  readonly markBytes?: number;
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
const [lf, cr, colon] = [0x0a, 0x0d, 0x3a] as const;
const states = ['content', 'comment', 'cdata', 'instruction'] as const;
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
  readonly #depthMax: number;
  readonly #key: Uint8Array | undefined;
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

  constructor({ tag, encoding, from, to, markBytes = 0, limits }: ScannerOptions) {
    checkTag(tag);
    this.#encoding = encoding;
    this.#from = from;
    this.#to = to;
    this.#width = unitBytes(encoding);
    this.#depthMax = limits?.depthMax ?? defaultLimits.depthMax;
    this.#key = encodedName(tag, encoding);
    this.#keyText = tag;
    // What comes before the first whole code unit belongs to the range before.
    this.#skip = from === 0 ? markBytes : from % this.#width;
    this.#base = from + this.#skip;
  }

  /** Takes the bytes that follow, any number; their memory may be used again after the call. False when it has seen enough. */
  push(bytes: Uint8Array): boolean {
    if (this.#isDone) return false;
    const skipped = Math.min(this.#skip, bytes.length);
    this.#skip -= skipped;
    const fresh = bytes.subarray(skipped);
    this.#take(this.#kept.length === 0 ? fresh : joined(this.#kept, fresh));
    const keptFrom = this.#scan(false);
    this.#kept = this.#raw.slice(keptFrom * this.#width);
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
      lanes: this.#lanes(),
      stretches: this.#walks.map(stretchOf),
      length: { ...this.#length },
    };
  }

  #take(raw: Uint8Array): void {
    this.#raw = raw;
    this.#codes = this.#width === 1 ? raw : narrowed(raw, this.#encoding);
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
    this.#count(length);
    for (const walker of this.#walkers) {
      if (isEnd) this.#end(walker);
      else if (walker.isTorn && length - walker.at > openTagBytesMax) this.#drop(walker);
    }
    for (const { walk } of this.#walkers) if (walk) this.#settle(walk);
    this.#isDone = isEnd || this.#walkers.length === 0;
    let keptFrom = length;
    for (const walker of this.#walkers) if (walker.isTorn) keptFrom = Math.min(keptFrom, walker.at);
    for (const walker of this.#walkers) walker.at -= keptFrom;
    this.#counted -= keptFrom;
    return keptFrom;
  }

  /** Sets out at the range's first `<`. False when there is none so far. */
  #begin(toIndex: number, isLast: boolean): boolean {
    if (this.#from === 0) {
      const walk = this.#newWalk();
      this.#first.content = walk.index;
      this.#walkers = [{ began: 'content', mode: 'content', at: this.#nextTag(0), isTorn: false, walk }];
      return true;
    }
    const at = this.#codes.indexOf(less);
    if (at === -1 || at >= toIndex) {
      this.#isDone = at !== -1 || isLast || this.#codes.length >= toIndex;
      if (this.#isDone)
        this.#walkers = states.map((began) => ({ began, mode: began, at: 0, isTorn: false, walk: undefined }));
      return false;
    }
    this.#counted = at;
    this.#walkers = states.map((began) => {
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
      if (walker.mode === 'content' && this.#codes[walker.at] !== less) walker.at = this.#nextTag(walker.at);
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
    const { length } = codes;
    const { starts, ends, candidates } = walk;
    const depthMax = this.#depthMax;
    const key = this.#key;
    const keyLength = key?.length ?? 0;
    const keyEnd = key?.[keyLength - 1];
    let { depth, keyDepth, settled } = walk;
    let at = walker.at;
    let end = at;
    while (at < limit) {
      const code = codes[at + 1];
      if (code === slash) {
        end = at + 2;
        while (end < length && codes[end] !== greater && codes[end] !== less) end++;
        if (end === length || codes[end] !== greater) {
          end = end === length ? torn : malformed;
          break;
        }
        end++;
        if (depth > 0) {
          depth--;
          if (depth === keyDepth) keyDepth = -1;
          if (depth < settled) settled = depth;
        } else if (++walk.closes > depthMax) {
          end = malformed;
          break;
        }
      } else if (code === bang || code === question) {
        const mode = this.#markup(at);
        if (typeof mode === 'number') {
          end = mode;
          break;
        }
        walker.mode = mode;
        at += mode === 'cdata' ? 9 : mode === 'comment' ? 4 : 2;
        break;
      } else {
        end = at + 1;
        let character = codes[end]!;
        while (character > 0x20 && character !== greater && character !== slash && character !== less) {
          character = codes[++end]!;
        }
        const nameEnd = end;
        while (character !== greater) {
          if (character === quote || character === apostrophe) {
            const closing = character;
            character = codes[++end]!;
            while (character !== closing && character !== less && end < length) character = codes[++end]!;
            if (character === less) break;
          } else if (character === less || end >= length) break;
          character = codes[++end]!;
        }
        if (character !== greater) {
          end = end >= length ? torn : malformed;
          break;
        }
        const isKey = codes[nameEnd - 1] === keyEnd && this.#isKey(at + 1, nameEnd);
        if (isKey && keyDepth === -1 && (candidates.length === 0 || candidates.at(-1)!.closes < walk.closes)) {
          walk.depth = depth;
          walk.settled = settled;
          this.#candidate(walk, at);
          settled = walk.settled;
        }
        walk.hasTags = true;
        if (codes[end - 1] !== slash) {
          if (depth === depthMax) {
            end = malformed;
            break;
          }
          if (isKey && keyDepth === -1) keyDepth = depth;
          starts[depth] = at;
          ends[depth] = end + 1;
          depth++;
        }
        end++;
      }
      while (end < length && codes[end] !== less) end++;
      at = end;
    }
    walk.depth = depth;
    walk.keyDepth = keyDepth;
    walk.settled = settled;
    walker.at = at;
    if (end === torn) walker.isTorn = true;
    else if (end === malformed) this.#drop(walker);
  }

  #nextTag(from: number): number {
    const at = this.#codes.indexOf(less, from);
    return at === -1 ? this.#codes.length : at;
  }

  /** What begins with `<!` or `<?`. */
  #markup(at: number): LexicalState | typeof torn | typeof malformed {
    const codes = this.#codes;
    if (codes[at + 1] === question) return 'instruction';
    if (codes[at + 2] === dash && codes[at + 3] === dash) return 'comment';
    const rest = codes.subarray(at, at + cdataStart.length);
    if (!rest.every((code, i) => code === cdataStart[i])) {
      // A DOCTYPE among others: the reader refuses it, and nothing behind it needs to be split.
      return rest.length === 3 && rest[2] === dash ? torn : malformed;
    }
    return rest.length === cdataStart.length ? 'cdata' : torn;
  }

  /** Looks for the end of a comment, CDATA section or processing instruction; at it, goes on to the next `<`. */
  #search(walker: Walker): void {
    const codes = this.#codes;
    const { length } = codes;
    const code = walker.mode === 'comment' ? dash : walker.mode === 'cdata' ? bracket : question;
    const needed = walker.mode === 'instruction' ? 2 : 3;
    let at = walker.at;
    for (;;) {
      at = codes.indexOf(code, at);
      if (at === -1) {
        walker.at = length;
        return;
      }
      if (needed === 3 && at + 1 < length && codes[at + 1] !== code) {
        at += 2;
        continue;
      }
      if (at + needed > length) {
        walker.at = at;
        walker.isTorn = true;
        return;
      }
      if (codes[at + needed - 1] === greater) break;
      if (walker.mode === 'comment') return this.#drop(walker);
      at++;
    }
    walker.mode = 'content';
    walker.at = this.#nextTag(at + needed);
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
    const key = this.#key;
    if (key === undefined) return false;
    const start = to - key.length;
    if (start < from) return false;
    if (start > from && (this.#keyText.includes(':') || start === from + 1 || this.#codes[start - 1] !== colon)) {
      return false;
    }
    for (let i = 0; i < key.length; i++) if (this.#codes[start + i] !== key[i]) return false;
    return this.#width === 1 || this.#textOf(start, to) === this.#keyText;
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
    const codes = this.#codes;
    let { lineEnds } = this.#length;
    let lineStart = -1;
    let wasCr = this.#endsWithCr;
    for (let i = this.#counted; i < to; i++) {
      const code = codes[i]!;
      if (code > cr) {
        wasCr = false;
        continue;
      }
      if (code === cr || code === lf) {
        if (code === cr || !wasCr) lineEnds++;
        lineStart = i + 1;
      }
      wasCr = code === cr;
    }
    const from = lineStart === -1 ? this.#counted : lineStart;
    let characters = lineStart === -1 ? this.#length.characters : 0;
    if (isSingleByte(this.#encoding)) characters += to - from;
    else for (let i = from; i < to; i++) if ((codes[i]! & 0xc0) !== 0x80) characters++;
    this.#length = { lineEnds, characters };
    this.#endsWithCr = wasCr;
    this.#counted = Math.max(to, this.#counted);
  }

  #lanes(): RangeSummary['lanes'] {
    const lanes: Partial<Record<LexicalState, Lane>> = {};
    for (const { began, mode, walk } of this.#walkers) if (walk === undefined) lanes[began] = { end: mode };
    for (const began of states) {
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
