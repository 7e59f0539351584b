import { joined } from './codes.ts';
import { unitBytes, type Encoding } from './encoding.ts';

/** Some bytes as text. */
export interface Decoded {
  readonly text: string;
  /** The text's code units, and a 0 behind them. Used again by the next call. */
  readonly codes: Uint16Array;
  /** Offset in the file of the bytes behind the text. */
  readonly end: number;
  /** Why the text ends at `end`; absent when all is well. */
  readonly problem?: string;
  /** Offset in the file of the character at an index of the text. Cheap when indices ascend. */
  byteAt(index: number): number;
}

/**
 * Bytes to text, exactly: nothing is replaced. Neither a character nor CR LF is ever torn: what may go on is kept for
 * the next call. Not a TextDecoder alone, because that one knows no offsets, is slower when it streams, and reads
 * ISO-8859-1 as Windows-1252.
 */
export class Decoder {
  readonly encoding: Encoding;
  readonly #width: 1 | 2;
  #at: number;
  #kept = new Uint8Array(0);
  #codes = new Uint16Array(0);

  /** `at`: offset in the file of the first byte. */
  constructor(encoding: Encoding, at: number) {
    this.encoding = encoding;
    this.#width = unitBytes(encoding);
    this.#at = at;
  }

  decode(piece: Uint8Array, isLast: boolean): Decoded {
    const all = this.#kept.length === 0 ? piece : joined(this.#kept, piece);
    const whole = wholeBytes(all, this.encoding);
    const usable = isLast ? whole : whole - (endsWithCr(all, whole, this.encoding) ? this.#width : 0);
    const { text: decoded, bytes, problem } = this.#text(all.subarray(0, usable));
    const text = this.#endWithLf(decoded);
    // Not `slice`: a Buffer's copies nothing.
    this.#kept = new Uint8Array(all.subarray(usable));
    const torn = isLast && problem === undefined && usable < all.length ? 'the file ends inside a character' : problem;
    const begin = this.#at;
    this.#at += bytes;
    return {
      text,
      codes: this.#codes,
      end: this.#at,
      ...(torn === undefined ? {} : { problem: `${torn}: convert the file to UTF-8, or declare its encoding` }),
      byteAt:
        text.length * this.#width === bytes
          ? (index) => begin + index * this.#width
          : utf8Offsets(begin, this.#codes.subarray(0, text.length)),
    };
  }

  /**
   * No LF follows the CRs that still end the text, so each is a line end, as LF is: saxes would keep the last one for its
   * next chunk, which would then not be the text that it was given.
   */
  #endWithLf(text: string): string {
    let end = text.length;
    while (end > 0 && text.charCodeAt(end - 1) === 13) end--;
    if (end === text.length) return text;
    this.#codes.fill(10, end, text.length);
    return text.slice(0, end) + '\n'.repeat(text.length - end);
  }

  #text(bytes: Uint8Array): { text: string; bytes: number; problem?: string } {
    switch (this.encoding) {
      case 'ISO-8859-1':
        return { text: this.#units(bytes), bytes: bytes.length };
      case 'US-ASCII': {
        const bad = bytes.findIndex((byte) => byte >= 0x80);
        if (bad === -1) return { text: this.#units(bytes), bytes: bytes.length };
        return { text: this.#units(bytes.subarray(0, bad)), bytes: bad, problem: strange(bytes[bad]!) };
      }
      case 'UTF-8': {
        const valid = utf8(bytes);
        if (valid !== undefined) {
          if (valid.length === bytes.length) this.#units(bytes, false);
          else this.#unitsOf(valid);
          return { text: valid, bytes: bytes.length };
        }
        const length = validUtf8Bytes(bytes);
        const text = utf8(bytes.subarray(0, length))!;
        this.#unitsOf(text);
        return { text, bytes: length, problem: strange(bytes[length]!) };
      }
      case 'UTF-16LE':
      case 'UTF-16BE':
        return this.#utf16(bytes);
    }
  }

  #utf16(bytes: Uint8Array): { text: string; bytes: number; problem?: string } {
    const units = this.#room(bytes.length / 2);
    const [low, high] = this.encoding === 'UTF-16LE' ? [0, 1] : [1, 0];
    let length = units.length;
    for (let i = 0; i < units.length; i++) units[i] = bytes[2 * i + low]! | (bytes[2 * i + high]! << 8);
    for (let i = 0; i < length; i++) {
      if ((units[i]! & 0xf800) !== 0xd800) continue;
      if (units[i]! < 0xdc00 && (units[i + 1]! & 0xfc00) === 0xdc00) i++;
      else length = i;
    }
    const text = textOf(units.subarray(0, length));
    const lone = units[length];
    this.#codes[length] = 0;
    if (lone === undefined) return { text, bytes: bytes.length };
    return { text, bytes: 2 * length, problem: `a lone surrogate 0x${lone.toString(16)}` };
  }

  /** One byte, one code unit. */
  #units(bytes: Uint8Array): string;
  #units(bytes: Uint8Array, asText: false): void;
  #units(bytes: Uint8Array, asText = true): string | undefined {
    const units = this.#room(bytes.length);
    units.set(bytes);
    return asText ? textOf(units) : undefined;
  }

  #unitsOf(text: string): void {
    const units = this.#room(text.length);
    // All machines that Node runs on are little-endian; a loop over the characters takes ten times as long.
    if (typeof Buffer === 'function') Buffer.from(units.buffer).write(text, 'utf16le');
    else for (let i = 0; i < text.length; i++) units[i] = text.charCodeAt(i);
  }

  #room(length: number): Uint16Array {
    if (this.#codes.length <= length) this.#codes = new Uint16Array(length + 1024);
    this.#codes[length] = 0;
    return this.#codes.subarray(0, length);
  }
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const utf16 = new TextDecoder('utf-16le', { fatal: true, ignoreBOM: true });

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined;
  }
}

function textOf(units: Uint16Array): string {
  return utf16.decode(new Uint8Array(units.buffer, units.byteOffset, units.byteLength));
}

function strange(byte: number): string {
  return `byte 0x${byte.toString(16).padStart(2, '0')} is no character of its encoding`;
}

/** Without a character that goes on behind them. */
function wholeBytes(bytes: Uint8Array, encoding: Encoding): number {
  const { length } = bytes;
  if (encoding === 'UTF-8') {
    for (let back = 1; back <= Math.min(3, length); back++) {
      const byte = bytes[length - back]!;
      if ((byte & 0xc0) === 0x80) continue;
      const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
      return needed > back && byte < 0xf8 ? length - back : length;
    }
    return length;
  }
  if (unitBytes(encoding) === 1) return length;
  const even = length - (length % 2);
  const isHigh = even > 0 && (bytes[encoding === 'UTF-16LE' ? even - 1 : even - 2]! & 0xfc) === 0xd8;
  return isHigh ? even - 2 : even;
}

function endsWithCr(bytes: Uint8Array, length: number, encoding: Encoding): boolean {
  if (length === 0) return false;
  if (unitBytes(encoding) === 1) return bytes[length - 1] === 13;
  const [low, high] = encoding === 'UTF-16LE' ? [2, 1] : [1, 2];
  return bytes[length - low] === 13 && bytes[length - high] === 0;
}

/** Bytes before the first that is no UTF-8, found by halving: only a file that is refused pays for it. */
function validUtf8Bytes(bytes: Uint8Array): number {
  let [good, bad] = [0, bytes.length];
  while (bad - good > 1) {
    const middle = (good + bad) >>> 1;
    const whole = wholeBytes(bytes.subarray(0, middle), 'UTF-8');
    if (utf8(bytes.subarray(0, whole)) === undefined) bad = middle;
    else good = middle;
  }
  return wholeBytes(bytes.subarray(0, good), 'UTF-8');
}

/** The bits that neither of two code units of ASCII has. */
const nonAscii = 0xff80_ff80;

/** Offsets in UTF-8 of a text's characters, counted from the last one that was asked for. */
function utf8Offsets(begin: number, codes: Uint16Array): (index: number) => number {
  const pairs = new Int32Array(codes.buffer, 0, codes.length >>> 1);
  let [last, offset] = [0, begin];
  return (index) => {
    if (index < last) [last, offset] = [0, begin];
    offset += utf8Bytes(codes, pairs, last, index);
    last = index;
    return offset;
  };
}

/** Bytes in UTF-8 of some code units; of ASCII eight at a time. */
function utf8Bytes(codes: Uint16Array, pairs: Int32Array, from: number, to: number): number {
  let bytes = to - from;
  for (let i = from; i < to;) {
    if ((i & 1) === 0 && i + 8 <= to) {
      const pair = i >>> 1;
      const any = pairs[pair]! | pairs[pair + 1]! | pairs[pair + 2]! | pairs[pair + 3]!;
      if ((any & nonAscii) === 0) {
        i += 8;
        continue;
      }
    }
    const code = codes[i++]!;
    // A surrogate is half of four bytes.
    if (code >= 0x80) bytes += code < 0x800 || (code & 0xf800) === 0xd800 ? 1 : 2;
  }
  return bytes;
}
