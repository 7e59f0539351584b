import type { Cut, Start } from './cut.ts';
import { Decoder, type Decoded } from './decoder.ts';
import { sniff, unitBytes, type Encoding } from './encoding.ts';
import { XmlError, type Place } from './error.ts';
import { defaultLimits, type XmlLimits } from './limits.ts';
import { Parser, type OpenElement } from './parser.ts';
import type { XmlRecord } from './record.ts';
import { startTagText } from './start-tag.ts';
import { checkTag, matchesName } from './tag.ts';
import type { Excerpt, Guess } from './guess.ts';

export interface ReaderOptions {
  /** The key tag: `item` is that local name whatever its prefix, `a:item` exactly that; see `matchesName`. */
  readonly tag: string;
  /**
   * Where to begin: a checkpoint, or a cut, whose end is then an end too. The beginning of the file when absent. To
   * go on inside a cut: `{ ...cut, ...checkpoint }`.
   */
  readonly start?: Start | Cut | Guess;
  /**
   * Where to stop: in front of the first outermost start tag under the key tag at or behind this offset. At the end when
   * absent, or when there is none.
   */
  readonly stopAt?: number;
  /** `defaultLimits` for those that are absent. */
  readonly limits?: Partial<XmlLimits>;
  /** Is given each record once, in document order, and may keep it; what it throws ends the reading. */
  readonly onRecord: (record: XmlRecord) => void;
}

/** An open element outside records: a list that grows and shrinks at its end and can be kept as it is at no cost. */
interface Ancestor {
  readonly element: OpenElement;
  readonly up: Ancestor | undefined;
  /** In names and values, its own and those of the elements around it. */
  readonly chars: number;
}

/** Where a reader stopped, and what it left open. */
interface Stop extends Place {
  readonly open: readonly string[];
}

/** Thrown through the parser, which has no other way to end early. */
const stopping = new Error('the reader has come to its stop');

/** Bytes are parsed in pieces that end at multiples of this, so that limits are met at the same place in every cut. */
const pieceBytes = 64 * 1024;

/**
 * Reads a document, or one cut of it, and hands out the outermost elements under the key tag one at a time. It holds one
 * record and a piece of the file; what is outside records is checked and not kept. The whole document must be
 * well-formed (XML 1.0, fifth edition; prefixes are not resolved), without DOCTYPE, and within the limits.
 *
 * All methods throw an XmlError; after one, the records handed out are right and no more may be pushed.
 */
export class RecordReader {
  readonly #tag: string;
  readonly #limits: XmlLimits;
  readonly #onRecord: (record: XmlRecord) => void;
  readonly #to: number | undefined;
  readonly #openAtEnd: readonly string[] | undefined;
  readonly #stopAt: number;
  readonly #isGuess: boolean;
  readonly #parser: Parser;
  #decoder: Decoder | undefined;

  readonly #piece = new Uint8Array(pieceBytes);
  #pieced = 0;
  /** Offset in the file of the next byte to be pushed. */
  #next: number;
  #ended = false;

  #decoded: Decoded | undefined;
  /** The parser's position at the beginning of what is decoded. */
  #decodedAt = 0;
  /** Offset of the last token's `<`, when it is in an earlier piece. */
  #tokenByte: number;

  #ancestors: Ancestor | undefined;
  #record: OpenElement | undefined;
  #recordAt = 0;
  #recordFrom: Place;
  #records = 0;
  #checkpoint: Omit<Start, 'open' | 'encoding'>;
  #checkpointAncestors: Ancestor | undefined;

  readonly #from: number;
  #stop: Stop | undefined;
  /** Of the start tags of its own that were open at once, the most. */
  #charsMost = 0;

  constructor({ tag, start, stopAt = Infinity, limits, onRecord }: ReaderOptions) {
    checkTag(tag);
    this.#tag = tag;
    this.#limits = { ...defaultLimits, ...limits };
    this.#onRecord = onRecord;
    this.#stopAt = stopAt;
    this.#isGuess = start !== undefined && 'isGuess' in start;
    const known = start === undefined || 'isGuess' in start ? undefined : start;
    const { from = 0 } = start ?? {};
    const { line = 1, column = 1, rootSeen = false } = known ?? {};
    this.#to = start && 'to' in start ? start.to : undefined;
    this.#openAtEnd = start && 'openAtEnd' in start ? start.openAtEnd : undefined;
    this.#from = from;
    this.#next = from;
    this.#tokenByte = from;
    this.#recordFrom = { line, column, byte: from };
    this.#checkpoint = { from, line, column, rootSeen };
    this.#parser = new Parser(
      {
        open: (element) => this.#open(element),
        close: (element) => this.#close(element),
        text: (text) => this.#text(text),
        fail: (message, at) => this.#fail(message, at),
      },
      this.#limits,
    );
    if (start !== undefined && from > 0) {
      this.#decoder = new Decoder(start.encoding, from);
      if (known) this.#parser.resume(known.open, rootSeen, line, column);
      else this.#parser.resumeUnread();
    }
    this.#checkpointAncestors = this.#ancestors;
  }

  /** Records handed out so far. */
  get records(): number {
    return this.#records;
  }

  /** The bytes that follow, any number of them; their memory may be used again after the call. False when it has come to its stop. */
  push(bytes: Uint8Array): boolean {
    if (this.#stop) return false;
    if (this.#to !== undefined && this.#next + bytes.length > this.#to) {
      throw new RangeError(`bytes beyond ${this.#to} are pushed: the cut ends there`);
    }
    for (let at = 0; at < bytes.length;) {
      const room = pieceBytes - (this.#next % pieceBytes);
      const taken = bytes.subarray(at, at + room);
      at += taken.length;
      this.#next += taken.length;
      if (this.#pieced === 0 && taken.length === room) {
        if (!this.#parse(taken, false)) return false;
        continue;
      }
      this.#piece.set(taken, this.#pieced);
      this.#pieced += taken.length;
      if (taken.length === room && !this.#flush(false)) return false;
    }
    return true;
  }

  /** Says that no more bytes follow: of the file, or of the cut. */
  finish(): void {
    if (this.#stop || !this.#flush(true)) return;
    this.#ended = true;
    if (this.#isGuess) {
      if (!this.#parser.isBetweenTokens || this.#record !== undefined) this.#fail('ends too early', 'end');
      this.#parser.finishUnread();
      return;
    }
    if (this.#to !== undefined && this.#next < this.#to) {
      this.#fail(`ends before byte ${this.#to}: it is not the file that was split, or it was cut short`, 'end');
    }
    if (this.#openAtEnd === undefined) this.#parser.close();
    else this.#checkEnd(this.#openAtEnd);
  }

  /**
   * Where a new reader goes on: behind the last record that was handed out, that of a call in progress included; where
   * this one began when there is none yet. Throws a RangeError before anything is pushed of a whole file.
   */
  checkpoint(): Start {
    const encoding = this.#encoding();
    return { ...this.#checkpoint, encoding, open: startTags(this.#checkpointAncestors) };
  }

  /** Where another reader takes over; undefined when this one has come to the end, or is a guess. */
  next(): Start | undefined {
    if (this.#stop === undefined || this.#isGuess) return undefined;
    const { byte: from, line, column, open } = this.#stop;
    return { from, line, column, encoding: this.#encoding(), open, rootSeen: open.length > 0 };
  }

  /** What a guess learned, when it has stopped or is finished. */
  excerpt(): Excerpt {
    const { closes, contentAfter, deepest } = this.#parser;
    const { depthMax } = this.#limits;
    return {
      from: this.#from,
      closes,
      contentAfter,
      deepest: deepest - depthMax,
      charsMost: this.#charsMost,
      ...(this.#stop ? { stop: this.#stop } : {}),
    };
  }

  #encoding(): Encoding {
    if (this.#decoder === undefined) throw new RangeError('there is no checkpoint before the first byte: push it');
    return this.#decoder.encoding;
  }

  #flush(isLast: boolean): boolean {
    const piece = this.#piece.subarray(0, this.#pieced);
    this.#pieced = 0;
    return this.#parse(piece, isLast);
  }

  /** False when it has come to its stop. */
  #parse(piece: Uint8Array, isLast: boolean): boolean {
    let bytes = piece;
    if (this.#decoder === undefined) {
      const { encoding, markBytes } = sniff(piece);
      this.#decoder = new Decoder(encoding, markBytes);
      this.#tokenByte = markBytes;
      bytes = piece.subarray(markBytes);
    }
    const parser = this.#parser;
    const decoded = this.#decoder.decode(bytes, isLast);
    this.#decodedAt = parser.position;
    this.#decoded = decoded;
    if (decoded.text !== '') {
      parser.codes = decoded.codes;
      try {
        parser.write(decoded.text);
      } catch (error) {
        if (error === stopping) return false;
        throw error;
      }
      this.#tokenByte = this.#byteOfToken();
    }
    if (decoded.problem !== undefined) {
      throw new XmlError(decoded.problem, { line: parser.line, column: parser.column + 1, byte: decoded.end });
    }
    if (this.#record !== undefined) this.#checkRecord();
    parser.checkPending();
    return true;
  }

  #open(element: OpenElement): void {
    if (this.#record !== undefined) {
      append(this.#parser.tags.at(-1)!, element);
      return;
    }
    if (this.#decoded !== undefined && matchesName(element.name, this.#tag)) {
      const place = this.#placeOfToken();
      if (place.byte >= this.#stopAt) {
        this.#stop = { ...place, open: startTags(this.#ancestors) };
        throw stopping;
      }
      this.#record = element;
      this.#recordAt = this.#parser.tokenAt;
      this.#recordFrom = place;
      return;
    }
    // What a guess does not know of is nobody's.
    if (this.#isGuess && this.#decoded === undefined) return;
    const chars = (this.#ancestors?.chars ?? 0) + startTagChars(element);
    if (chars > this.#limits.recordCharsMax) {
      this.#fail(
        `the start tags of the open elements are longer than ${this.#limits.recordCharsMax} characters: raise recordCharsMax if that is meant`,
        'token',
      );
    }
    this.#charsMost = Math.max(this.#charsMost, chars);
    this.#ancestors = { element, up: this.#ancestors, chars };
  }

  #text(text: string): void {
    if (this.#record !== undefined && text !== '') append(this.#parser.tags.at(-1)!, text);
  }

  #close(element: OpenElement): void {
    if (this.#record === undefined) {
      this.#ancestors = this.#ancestors?.up;
      return;
    }
    if (element !== this.#record) return;
    this.#checkRecord();
    this.#record = undefined;
    const parser = this.#parser;
    const { line, column, byte } = this.#recordFrom;
    const to = this.#byteAt(parser.position);
    this.#records++;
    this.#checkpoint = { from: to, line: parser.line, column: parser.column + 1, rootSeen: true };
    this.#checkpointAncestors = this.#ancestors;
    this.#onRecord({ from: byte, to, line, column, element });
  }

  #checkRecord(): void {
    const { recordCharsMax } = this.#limits;
    if (this.#parser.position - this.#recordAt <= recordCharsMax) return;
    throw new XmlError(
      `a record is longer than ${recordCharsMax} characters: take a tag further inside, or raise recordCharsMax`,
      this.#recordFrom,
    );
  }

  /** What is open at the end of a cut must be what the next one begins with. */
  #checkEnd(openAtEnd: readonly string[]): void {
    const parser = this.#parser;
    if (!parser.isBetweenTokens || this.#record !== undefined) this.#fail('is split inside a token or record', 'end');
    const next = new Parser(
      { open() {}, close() {}, text() {}, fail: (message) => this.#fail(message, 'end') },
      this.#limits,
    );
    next.resume(openAtEnd, true, 1, 1);
    const due = openAtEnd.length === 0 ? '' : next.tags.map(startTagText).join('');
    const open = startTags(this.#ancestors).join('');
    if (due !== open) this.#fail(`has ${open} open where the next cut begins with ${due}`, 'end');
  }

  #byteAt(position: number): number {
    return this.#decoded?.byteAt(position - this.#decodedAt) ?? this.#tokenByte;
  }

  #byteOfToken(): number {
    const behind = this.#parser.tokenAt - this.#decodedAt;
    if (behind >= 0) return this.#byteAt(this.#parser.tokenAt);
    // The last piece ended with the `<` itself, and what it begins shows only now.
    return behind === -1 ? this.#byteAt(this.#decodedAt) - unitBytes(this.#encoding()) : this.#tokenByte;
  }

  #placeOfToken(): Place {
    const { tokenLine, tokenColumn } = this.#parser;
    return { line: tokenLine, column: tokenColumn, byte: this.#byteOfToken() };
  }

  #fail(message: string, at: 'character' | 'token' | 'end'): never {
    const { line, column, position, chunk, i } = this.#parser;
    if (at === 'token') throw new XmlError(message, this.#placeOfToken());
    // A line end that was read is the place behind it: it has no column of its own.
    if (this.#ended || at === 'end' || column === 0) {
      throw new XmlError(message, { line, column: column + 1, byte: this.#byteAt(position) });
    }
    // Read beyond the chunk, which nothing follows or does so in the next one: the place behind it.
    if (i > chunk.length) throw new XmlError(message, { line, column: column + 1, byte: this.#byteAt(position - 1) });
    const units = i > 1 && (chunk.charCodeAt(i - 1) & 0xfc00) === 0xdc00 ? 2 : 1;
    throw new XmlError(message, { line, column, byte: this.#byteAt(position - units) });
  }
}

/** Of what is kept of a tag, not as it is written: the same for one that a cut begins with. */
function startTagChars({ name, attributes }: OpenElement): number {
  let chars = name.length;
  for (const key in attributes) chars += key.length + attributes[key]!.length;
  return chars;
}

function startTags(ancestors: Ancestor | undefined): readonly string[] {
  const tags: string[] = [];
  for (let ancestor = ancestors; ancestor !== undefined; ancestor = ancestor.up)
    tags.push(startTagText(ancestor.element));
  return tags.toReversed();
}

/** Arrays of one, since most elements have one child and an array grows by sixteen. */
function append(parent: OpenElement, child: OpenElement | string): void {
  const { children } = parent;
  if (children.length === 0) parent.children = [child];
  else if (typeof child === 'string' && typeof children.at(-1) === 'string') {
    children[children.length - 1] = `${children.at(-1) as string}${child}`;
  } else children.push(child);
}
