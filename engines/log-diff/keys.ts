import { uuidKeyBytes } from './uuid.ts';

/** How a set hashes. */
export interface SetOptions {
  /** Bits of the hash that are used: 0 makes all IDs collide, for tests. */
  readonly hashMask?: number;
}

/** The old words followed by zeros. */
export function grow(old: Uint32Array, words: number): Uint32Array {
  const grown = new Uint32Array(words);
  grown.set(old);
  return grown;
}

/** 32 bits of four words (MurmurHash3_x86_32 by Austin Appleby, public domain). */
export function hashWords(a: number, b: number, c: number, d: number): number {
  return finish(mix(mix(mix(mix(0, a), b), c), d));
}

function mix(hash: number, word: number): number {
  const k = Math.imul(word, 0xcc9e2d51);
  const h = hash ^ Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
}

function finish(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** bytes[at, at + 4) as a little-endian word on every machine, since the hash decides where a key is stored. */
export function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

/**
 * An exact set of 16-byte keys, in the order in which they came: 16 bytes a key and 5 to 11 of open-addressed table.
 * The table holds positions, not keys, so no key (not the nil UUID either) is mistaken for an empty slot.
 */
export class KeySet {
  readonly #hashMask: number;
  #words: Uint32Array;
  #slots: Uint32Array;
  #size = 0;

  constructor({ hashMask = 0xffffffff }: SetOptions = {}) {
    this.#hashMask = hashMask;
    this.#words = grow(new Uint32Array(0), 64);
    this.#slots = grow(new Uint32Array(0), 32);
  }

  get size(): number {
    return this.#size;
  }

  /** The index of key[at, at + 16), which is `size - 1` after the call if the key is new. */
  add(key: Uint8Array, at = 0): number {
    const slot = this.#slotOf(wordAt(key, at), wordAt(key, at + 4), wordAt(key, at + 8), wordAt(key, at + 12));
    const found = this.#slots[slot]!;
    if (found !== 0) return found - 1;
    const index = this.#size++;
    if (4 * this.#size > this.#words.length) this.#words = grow(this.#words, 2 * this.#words.length);
    for (let i = 0; i < 4; i++) this.#words[4 * index + i] = wordAt(key, at + 4 * i);
    this.#slots[slot] = this.#size;
    if (4 * this.#size > 3 * this.#slots.length) this.#rehash();
    return index;
  }

  /** The index of key[at, at + 16), or -1. */
  find(key: Uint8Array, at = 0): number {
    return (
      this.#slots[this.#slotOf(wordAt(key, at), wordAt(key, at + 4), wordAt(key, at + 8), wordAt(key, at + 12))]! - 1
    );
  }

  /** Writes the key at `index` to out[at, at + 16). */
  write(index: number, out: Uint8Array, at: number): void {
    for (let i = 0; i < uuidKeyBytes; i++) out[at + i] = this.#words[4 * index + (i >> 2)]! >>> (8 * (i & 3));
  }

  /** The slot that holds the key, or the empty one where it belongs. */
  #slotOf(a: number, b: number, c: number, d: number): number {
    const words = this.#words;
    const slots = this.#slots;
    const last = slots.length - 1;
    for (let slot = hashWords(a, b, c, d) & this.#hashMask & last; ; slot = (slot + 1) & last) {
      const found = slots[slot]!;
      if (found === 0) return slot;
      const at = 4 * (found - 1);
      if (
        words[at] === a >>> 0 &&
        words[at + 1] === b >>> 0 &&
        words[at + 2] === c >>> 0 &&
        words[at + 3] === d >>> 0
      ) {
        return slot;
      }
    }
  }

  #rehash(): void {
    const words = this.#words;
    this.#slots = grow(new Uint32Array(0), 2 * this.#slots.length);
    for (let index = 0; index < this.#size; index++) {
      const at = 4 * index;
      this.#slots[this.#slotOf(words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!)] = index + 1;
    }
  }
}
