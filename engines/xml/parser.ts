import { SaxesParser, type SaxesOptions } from 'saxes';
import { Bare } from './names.ts';
import type { XmlElement } from './record.ts';
import type { XmlLimits } from './limits.ts';
import { worded } from './wording.ts';

/** A parsed element while its children arrive. */
export interface OpenElement extends XmlElement {
  readonly attributes: Record<string, string>;
  children: (OpenElement | string)[];
}

/** What the parser tells. */
export interface ParserEvents {
  /** After a start tag's last character. */
  open(element: OpenElement): void;
  /** After an end tag's, or an empty element's. */
  close(element: OpenElement): void;
  /** Text or CDATA; pieces may follow each other. */
  text(text: string): void;
  /** Throws: the document is malformed. `at` its last character read, or the start of its last token. */
  fail(message: string, at: 'character' | 'token' | 'end'): never;
}

/** Those internals of saxes 6.0.0 (pinned) that this file overrides or reads. */
interface Internals {
  /** How much of the stream is read, in UTF-16 code units. */
  readonly position: number;
  chunk: string;
  /** The next character to read, and the one before it, as indices of `chunk`. */
  i: number;
  prevI: number;
  /** Index in the stream of the chunk's first character. */
  chunkPosition: number;
  line: number;
  column: number;
  state: number;
  text: string;
  name: string;
  entity: string;
  piTarget: string;
  q: number | null;
  forbiddenState: number;
  tag: OpenElement | null;
  tags: OpenElement[];
  sawRoot: boolean;
  closedRoot: boolean;
  xmlDeclPossible: boolean;
  attribList: { name: string; value: string }[];
  write(chunk: string): this;
  close(): this;
  on(event: 'text' | 'cdata', handler: (text: string) => void): void;
  on(event: 'xmldecl', handler: (declaration: { version?: string }) => void): void;
  fail(message: string): this;
  captureNameChars(): number;
  sBegin(): void;
  sText(): void;
  sOpenWaka(): void;
  sOpenTag(): void;
  sDoctype(): void;
  sEntity(): void;
  sPIRest(): void;
  sPIEnding(): void;
  getCode(): number;
  openTag(): void;
  openSelfClosingTag(): void;
  closeTag(): void;
  pushAttribPlain(name: string, value: string): void;
  processAttribsPlain(): void;
}

const Saxes = SaxesParser as unknown as new (options: SaxesOptions) => Internals;

const state = {
  beginWhitespace: 1,
  text: 13,
  instructionEnding: 26,
  openTag: 34,
  openTagSlash: 35,
  attrib: 36,
  attribValueClosed: 41,
} as const;
const endOfChunk = -1;
const [tab, space, quote, amp, apostrophe, slash, semicolon, less, equals, greater, bracket] = [
  9, 32, 34, 38, 39, 47, 59, 60, 61, 62, 93,
] as const;
const surrogates = 0xd800;

const nameStart = 2;

/** ASCII characters of a name: the others, and all beyond ASCII, are left to saxes. */
const nameCharacters = Uint8Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code);
  return /[A-Za-z_:]/.test(character) ? nameStart : /[0-9.-]/.test(character) ? nameStart - 1 : 0;
});

const kinds = { plain: 0, lineEnd: 1, less: 2, reference: 3, other: 4 } as const;

/** What each code unit is in a text: `other` is left to saxes. */
const textKinds = Uint8Array.from({ length: 0x1_0000 }, (_, code) => {
  if (code === 10) return kinds.lineEnd;
  if (code === less) return kinds.less;
  if (code === amp) return kinds.reference;
  const isPlain = (code >= space && code < surrogates && code !== bracket) || code === tab;
  return isPlain ? kinds.plain : kinds.other;
});

interface Reference {
  readonly character: string;
  /** With its `&` and `;`. */
  readonly length: number;
  readonly codes: readonly number[];
}

/** The five that need no declaration (XML 1.0, 4.6). */
const references: readonly Reference[] = Object.entries({ amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }).map(
  ([name, character]) => ({
    character,
    length: name.length + 2,
    codes: Array.from(`${name};`, (letter) => letter.charCodeAt(0)),
  }),
);

const noAttributes: Record<string, string> = Object.freeze(new Bare<string>());
const noChildren: OpenElement['children'] = Object.freeze([]) as unknown as OpenElement['children'];

/**
 * saxes, with short cuts through what nearly all characters of a document are: plain text, plain attribute values, ASCII
 * names and the end tag that is due. Everything else is left to saxes, from the character at which it begins. Without
 * them its loops, which call a method and write three fields for each character, take twice the time.
 *
 * It also holds the limits, refuses DOCTYPE at its first character rather than after its last, and treats any XML
 * version as 1.0.
 */
export class Parser extends Saxes {
  readonly #events: ParserEvents;
  readonly #limits: XmlLimits;
  /** Names seen, so that each is one string and not one for each tag. */
  readonly #names: (string | undefined)[] = Array.from({ length: 128 });
  /** Of the last token's `<`, as index in the stream, line and column. */
  tokenAt = 0;
  tokenLine = 1;
  tokenColumn = 1;

  constructor(events: ParserEvents, limits: XmlLimits) {
    super({ position: false, forceXMLVersion: true, defaultXMLVersion: '1.0' });
    this.#events = events;
    this.#limits = limits;
    this.on('text', (text) => this.#text(text));
    this.on('cdata', (text) => {
      this.#noteContent('CDATA');
      this.#text(text);
    });
    this.on('xmldecl', ({ version }) => {
      if (version === '1.1') events.fail('XML version 1.1 is not supported: declare 1.0, or convert the file', 'token');
    });
  }

  /** How many of the open elements stand for ones whose start tags were not read: the outer ones. */
  #unread = 0;
  /** Names in the end tags of such elements, in the order in which they were read. */
  readonly closes: string[] = [];
  /** How many of them had been read at the last of what may not follow a root element. */
  contentAfter = 0;
  /** The most elements that were open at once. */
  deepest = 0;

  /** In names and values of the start tag’s attributes so far, where saxes reads them. */
  #attributesChars = 0;
  /** Whether the instruction’s name ended with a `?`. */
  #isBareInstruction = false;

  /** The code units of the chunk about to be written, and a 0: arrays are read several times faster than strings. */
  codes: Uint16Array = new Uint16Array(1);

  /** Leaves `position` where the chunk ends, which saxes does not before the next one begins. */
  override write(chunk: string): this {
    super.write(chunk);
    this.i = 0;
    return this;
  }

  /** What is read of a token whose end is not in sight stays bounded. To be called after each write. */
  checkPending(): void {
    const { nameCharsMax, textCharsMax } = this.#limits;
    if (this.text.length > textCharsMax) this.#long('text');
    if (Math.max(this.name.length, this.piTarget.length, this.entity.length) > nameCharsMax) this.#long('name');
  }

  /** Between two tokens. */
  get isBetweenTokens(): boolean {
    return this.state === state.text || this.state <= state.beginWhitespace;
  }

  /** Makes the next character the document's, at this place, as though its beginning had been read. */
  resume(open: readonly string[], rootSeen: boolean, line: number, column: number): void {
    // A space: no XML declaration may follow.
    this.#begin(open.length > 0 ? open.join('') : rootSeen ? '<root/>' : ' ');
    this.text = '';
    this.line = line;
    this.column = column - 1;
  }

  /**
   * Makes the next character one of a document of which nothing before it is known, but that it stands in an element and
   * in no tag, comment, CDATA section or instruction: as many elements are open as may be, and any end tag fits them.
   */
  resumeUnread(): void {
    this.#begin('<_>'.repeat(this.#limits.depthMax));
    this.#unread = this.tags.length;
    this.text = '';
    this.line = 1;
    this.column = 0;
  }

  /** With codes of its own: one look beyond those of nothing, and the loops over them are slow ever after. */
  #begin(text: string): void {
    this.codes = new Uint16Array(text.length + 1);
    for (let i = 0; i < text.length; i++) this.codes[i] = text.charCodeAt(i);
    this.write(text);
  }

  /** To be called at the end of a document that `resumeUnread` began. */
  finishUnread(): void {
    this.#noteContent(this.text);
  }

  #noteContent(text: string): void {
    if (this.tags.length <= this.#unread && /[^ \t\r\n]/.test(text)) this.contentAfter = this.closes.length;
  }

  override fail(message: string): never {
    const { chunk, i } = this;
    const from = (chunk.charCodeAt(i - 1) & 0xfc00) === 0xdc00 ? i - 2 : i - 1;
    return this.#events.fail(worded(message, chunk.slice(Math.max(0, from), i)), 'character');
  }

  #text(text: string): void {
    if (text.length > this.#limits.textCharsMax) this.#long('text');
    if (this.#unread > 0) this.#noteContent(text);
    this.#events.text(text);
  }

  #long(what: 'name' | 'text'): never {
    const { nameCharsMax, textCharsMax } = this.#limits;
    return this.#events.fail(
      what === 'name'
        ? `a name is longer than ${nameCharsMax} characters: raise nameCharsMax if that is meant`
        : `a text or attribute value is longer than ${textCharsMax} characters: raise textCharsMax if that is meant`,
      'token',
    );
  }

  /**
   * The short cut: texts and tags, one after the other, as long as all of a token is in the chunk and plain. At anything
   * else, saxes goes on from that token's first character.
   */
  override sText(): void {
    const { chunk, codes, tags } = this;
    if (tags.length === 0 || this.text.length > 0 || this.forbiddenState !== 0) return super.sText();
    for (;;) {
      let start = this.i;
      let i = start;
      let lines = 0;
      let lineStart = start - this.column;
      let text = '';
      for (let kind = textKinds[codes[i]!]!; kind !== kinds.less; kind = textKinds[codes[i]!]!) {
        if (kind === kinds.plain) i++;
        else if (kind === kinds.lineEnd) {
          lines++;
          lineStart = ++i;
        } else {
          const reference = kind === kinds.reference ? predefined(codes, i + 1) : undefined;
          if (reference !== undefined) {
            text += chunk.slice(start, i) + reference.character;
            i += reference.length;
            start = i;
            continue;
          }
          if (text === '') return super.sText();
          break;
        }
      }
      text = text === '' ? chunk.slice(start, i) : text + chunk.slice(start, i);
      this.line += lines;
      this.column = i - lineStart;
      this.i = i;
      if (codes[i] !== less) {
        this.text = text;
        return super.sText();
      }
      if (text !== '') this.#text(text);
      const isPlain = codes[i + 1] === slash ? this.#plainEndTag() : this.#plainStartTag();
      if (!isPlain) return super.sText();
      if (tags.length === 0) return;
    }
  }

  #plainEndTag(): boolean {
    const { chunk, codes, i, tags } = this;
    if (tags.length <= this.#unread) return false;
    const tag = tags[tags.length - 1]!;
    const end = i + 2 + tag.name.length;
    if (codes[end]! !== greater || !chunk.startsWith(tag.name, i + 2)) return false;
    this.#token(i);
    this.i = end + 1;
    this.column += end + 1 - i;
    tags.pop();
    this.#events.close(tag);
    if (tags.length === 0) this.closedRoot = true;
    return true;
  }

  #plainStartTag(): boolean {
    const { chunk, codes, i: start } = this;
    const { nameCharsMax, textCharsMax, attributesMax } = this.#limits;
    let i = nameEnd(codes, start + 1);
    if (i === start + 1 || i - start > nameCharsMax) return false;
    const name = this.#name(start + 1, i);
    let attributes = noAttributes;
    let count = 0;
    let code = codes[i]!;
    while (code === space) {
      const from = i + 1;
      i = nameEnd(codes, from);
      if (i === from || i - from > nameCharsMax || codes[i]! !== equals) return false;
      const key = this.#name(from, i);
      const q = codes[++i]!;
      if (q !== quote && q !== apostrophe) return false;
      const valueFrom = ++i;
      code = codes[i]!;
      while (code >= space && code < surrogates && code !== q && code !== amp && code !== less) {
        code = codes[++i]!;
      }
      if (code !== q || i - valueFrom > textCharsMax) return false;
      if (count === attributesMax || attributes[key] !== undefined) return false;
      if (count++ === 0) attributes = new Bare();
      attributes[key] = chunk.slice(valueFrom, i);
      code = codes[++i]!;
    }
    const empty = code === slash;
    if (codes[empty ? ++i : i]! !== greater) return false;
    this.#token(start);
    this.i = i + 1;
    this.column += i + 1 - start;
    this.tag = { name, attributes, children: noChildren };
    if (empty) this.openSelfClosingTag();
    else this.openTag();
    return true;
  }

  #name(from: number, to: number): string {
    const { chunk, codes } = this;
    const slot = (codes[from]! * 31 + codes[to - 1]! + (to - from) * 7) & 127;
    const cached = this.#names[slot];
    if (cached !== undefined && cached.length === to - from && chunk.startsWith(cached, from)) return cached;
    return (this.#names[slot] = chunk.slice(from, to));
  }

  #token(at: number): void {
    this.tokenAt = this.chunkPosition + at;
    this.tokenLine = this.line;
    this.tokenColumn = this.column + 1;
  }

  override sOpenWaka(): void {
    this.tokenAt = this.chunkPosition + this.i - 1;
    this.tokenLine = this.line;
    this.tokenColumn = this.column;
    super.sOpenWaka();
  }

  override captureNameChars(): number {
    const end = super.captureNameChars();
    if (this.name.length > this.#limits.nameCharsMax) this.#long('name');
    return end;
  }

  override sOpenTag(): void {
    const code = this.captureNameChars();
    if (code === endOfChunk) return;
    this.tag = { name: this.name, attributes: noAttributes, children: noChildren };
    this.name = '';
    this.#attributesChars = 0;
    this.sawRoot = true;
    if (this.closedRoot) this.fail('documents may contain only one root.');
    if (code === greater) this.openTag();
    else if (code === slash) this.state = state.openTagSlash;
    else {
      if (code !== space && code !== tab && code !== 10 && code !== 13) this.fail('disallowed character in tag name.');
      this.state = state.attrib;
    }
  }

  override pushAttribPlain(name: string, value: string): void {
    const { attributesMax, recordCharsMax, textCharsMax } = this.#limits;
    if (this.attribList.length === attributesMax) {
      this.#events.fail(
        `an element has more than ${attributesMax} attributes: raise attributesMax if that is meant`,
        'token',
      );
    }
    if (value.length > textCharsMax) this.#long('text');
    this.#attributesChars += name.length + value.length;
    if (this.#attributesChars > recordCharsMax) {
      this.#events.fail(
        `the attributes of an element are longer than ${recordCharsMax} characters: raise recordCharsMax if that is meant`,
        'token',
      );
    }
    this.attribList.push({ name, value });
  }

  override processAttribsPlain(): void {
    const { attribList } = this;
    if (attribList.length === 0) return;
    const attributes = new Bare<string>();
    for (const { name, value } of attribList) {
      if (attributes[name] !== undefined) this.fail(`duplicate attribute: ${name}.`);
      attributes[name] = value;
    }
    (this.tag as { attributes: Record<string, string> }).attributes = attributes;
    this.attribList = [];
  }

  override openTag(): void {
    this.processAttribsPlain();
    this.#open();
    this.tags.push(this.tag!);
  }

  override openSelfClosingTag(): void {
    this.processAttribsPlain();
    this.#open();
    this.#events.close(this.tag!);
    if (this.tags.length === 0) this.closedRoot = true;
    this.tag = this.tags.at(-1) ?? null;
  }

  #open(): void {
    const { depthMax } = this.#limits;
    const { length } = this.tags;
    if (this.#unread > 0) {
      this.deepest = Math.max(this.deepest, length + 1);
      this.#noteContent('<');
    }
    if (length >= depthMax + this.#unread) {
      this.#events.fail(`elements are nested deeper than ${depthMax}: raise depthMax if that is meant`, 'token');
    }
    this.#events.open(this.tag!);
    this.state = state.text;
    this.name = '';
  }

  override closeTag(): void {
    const { tags, name } = this;
    const tag = tags.at(-1);
    if (tag !== undefined && tags.length <= this.#unread) {
      this.#unread--;
      this.closes.push(name);
    } else if (tag === undefined || tag.name !== name) return this.#mismatch(name, tag?.name);
    this.state = state.text;
    this.name = '';
    tags.pop();
    this.tag = tag;
    this.#events.close(tag);
    if (tags.length === 0) this.closedRoot = true;
  }

  #mismatch(found: string, due: string | undefined): never {
    return this.#events.fail(
      due === undefined
        ? `</${found}> closes nothing: no element is open`
        : `</${found}> closes nothing: <${due}> is open, and </${due}> is due`,
      'token',
    );
  }

  /** Fails at the first character that is part of no reference, where saxes goes on to a `;` however far that is. */
  override sEntity(): void {
    const { chunk, codes, i: start } = this;
    this.#noteContent('&');
    let i = start;
    while (i < chunk.length && isReferenceCharacter(codes[i]!)) i++;
    if (i < chunk.length && codes[i] !== semicolon) {
      this.column += Array.from(chunk.slice(start, i)).length + 1;
      this.i = i + 1;
      this.#events.fail('& begins no reference: write &amp; for a plain &', 'character');
    }
    super.sEntity();
  }

  /** No byte order mark is skipped: the decoder has taken the one that there may be. */
  override sBegin(): void {
    this.state = state.beginWhitespace;
  }

  override sPIRest(): void {
    super.sPIRest();
    this.#isBareInstruction = this.state === state.instructionEnding;
  }

  /** A name and `?` are followed by `>`, where saxes goes on to any `?>` (XML 1.0, production 16). */
  override sPIEnding(): void {
    if (this.#isBareInstruction && this.chunk.charCodeAt(this.i) !== greater) {
      this.getCode();
      this.#events.fail('a ? stands behind the name of a processing instruction: put a space before it', 'character');
    }
    super.sPIEnding();
  }

  override sDoctype(): never {
    return this.#events.fail('DOCTYPE is refused, and with it entities: take the declaration away', 'token');
  }
}

/** The predefined reference whose name begins at an index; undefined when none does, or not all of it is there. */
function predefined(text: Uint16Array, from: number): Reference | undefined {
  return references.find(({ codes }) => codes.every((code, i) => text[from + i] === code));
}

/** Those of names and numbers; saxes looks at them more closely, but for those that are none: U+FFFE and U+FFFF. */
function isReferenceCharacter(code: number): boolean {
  return code >= 128 ? code < 0xfffe : nameCharacters[code] !== 0 || code === 0x23;
}

/** Index after the ASCII name that begins at `from`; `from` itself where none does. */
function nameEnd(codes: Uint16Array, from: number): number {
  let i = from;
  let code = codes[i]!;
  if (!(code < 128) || nameCharacters[code] !== nameStart) return from;
  while (code < 128 && nameCharacters[code] !== 0) code = codes[++i]!;
  return i;
}
