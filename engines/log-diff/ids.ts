import { grow, KeySet, type SetOptions } from './keys.ts';
import { TextSet } from './texts.ts';
import { formatUuid, parseUuid, uuidKeyBytes, uuidTextBytes } from './uuid.ts';

/** Longest ID, in bytes. */
export const idBytesMax = 256;

export interface IdSetOptions extends SetOptions {
  /** IDs that differ only by ASCII case are one; the spelling that came first is kept. */
  readonly ignoreCase?: boolean;
}

/**
 * An exact set of byte-string IDs of 1 to 256 bytes. Canonical UUIDs take a 16-byte path, all others keep their bytes;
 * equality is of bytes either way. An ID's reference is even for a UUID, odd for another, below `refs`; references do
 * not grow in the order of addition, inOrder() does.
 */
export class IdSet {
  readonly #ignoreCase: boolean;
  readonly #key = new Uint8Array(uuidKeyBytes);
  #keys: KeySet;
  #texts: TextSet;
  /** One bit an ID in the order of addition: 1 for a text. */
  #kinds: Uint32Array;

  constructor({ ignoreCase = false, ...options }: IdSetOptions = {}) {
    this.#ignoreCase = ignoreCase;
    this.#keys = new KeySet(options);
    this.#texts = new TextSet(options);
    this.#kinds = grow(new Uint32Array(0), 32);
  }

  get size(): number {
    return this.#keys.size + this.#texts.size;
  }

  /** Above every reference: the bits that a Marks for this set needs. */
  get refs(): number {
    return 2 * Math.max(this.#keys.size, this.#texts.size);
  }

  /** The reference of bytes[start, end), added if it was not there. Throws a RangeError for 0 or more than 256 bytes. */
  add(bytes: Uint8Array, start = 0, end = bytes.length): number {
    const length = end - start;
    if (length < 1 || length > idBytesMax) throw new RangeError(`an ID has 1 to ${idBytesMax} bytes, not ${length}`);
    const found = this.find(bytes, start, end);
    if (found !== -1) return found;
    const position = this.size;
    if (position >= 32 * this.#kinds.length) this.#kinds = grow(this.#kinds, 2 * this.#kinds.length);
    if (parseUuid(bytes, start, end, this.#key)) return keyRef(this.#keys.add(this.#key));
    this.#kinds[position >>> 5]! |= 1 << (position & 31);
    return textRef(this.#texts.add(bytes, start, end));
  }

  /** The reference of bytes[start, end), or -1. */
  find(bytes: Uint8Array, start = 0, end = bytes.length): number {
    if (this.#ignoreCase) return this.findIgnoringCase(bytes, start, end);
    if (parseUuid(bytes, start, end, this.#key)) return keyRef(this.#keys.find(this.#key));
    return textRef(this.#texts.find(bytes, start, end, false));
  }

  /** The reference of an ID that differs from bytes[start, end) at most by ASCII case, or -1. */
  findIgnoringCase(bytes: Uint8Array, start = 0, end = bytes.length): number {
    if (parseUuid(bytes, start, end, this.#key, true)) {
      const ref = keyRef(this.#keys.find(this.#key));
      if (ref !== -1) return ref;
    }
    // Not done yet: a UUID that was added in upper case is a text.
    return this.#texts.size === 0 ? -1 : textRef(this.#texts.find(bytes, start, end, true));
  }

  /** All references, in the order of addition. */
  *inOrder(): Generator<number> {
    for (let position = 0, keys = 0, texts = 0; position < this.size; position++) {
      const isText = (this.#kinds[position >>> 5]! >>> (position & 31)) & 1;
      yield isText ? textRef(texts++) : keyRef(keys++);
    }
  }

  /** The ID's bytes. */
  bytes(ref: number): Uint8Array {
    if (ref % 2 === 1) return this.#texts.bytes((ref - 1) / 2);
    this.#keys.write(ref / 2, this.#key, 0);
    const text = new Uint8Array(uuidTextBytes);
    formatUuid(this.#key, 0, text, 0);
    return text;
  }
}

function keyRef(index: number): number {
  return index === -1 ? -1 : 2 * index;
}

function textRef(index: number): number {
  return index === -1 ? -1 : 2 * index + 1;
}

/** Bits beside a set, one a reference. */
export class Marks {
  readonly #words: Uint32Array;

  /** Room for references below `refs`. */
  constructor(refs: number) {
    this.#words = new Uint32Array(Math.ceil(refs / 32));
  }

  set(ref: number): void {
    this.#words[ref >>> 5]! |= 1 << (ref & 31);
  }

  has(ref: number): boolean {
    return ((this.#words[ref >>> 5]! >>> (ref & 31)) & 1) === 1;
  }
}
