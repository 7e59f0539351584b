import { grow, type SetOptions } from './keys.ts';

/** ASCII upper case to lower; every other byte stands for itself. */
const folded = Uint8Array.from({ length: 256 }, (_, byte) => (byte >= 65 && byte <= 90 ? byte + 32 : byte));

/**
 * An exact set of byte strings, in the order in which they came. All bytes are kept and compared on every hit of the
 * hash. Texts that differ only by ASCII case have the same hash, so that either kind of equality can be asked for.
 */
export class TextSet {
  readonly #hashMask: number;
  #kept: Uint8Array;
  /** End of each text in #kept; it begins where the one before it ends. */
  #ends: Uint32Array;
  #slots: Uint32Array;
  #size = 0;

  constructor({ hashMask = 0xffffffff }: SetOptions = {}) {
    this.#hashMask = hashMask;
    this.#kept = growBytes(new Uint8Array(0), 256);
    this.#ends = grow(new Uint32Array(0), 16);
    this.#slots = grow(new Uint32Array(0), 32);
  }

  get size(): number {
    return this.#size;
  }

  /** The index of bytes[start, end), which is `size - 1` after the call if the text is new. */
  add(bytes: Uint8Array, start: number, end: number): number {
    const slot = this.#slotOf(bytes, start, end, false);
    const found = this.#slots[slot]!;
    if (found !== 0) return found - 1;
    const index = this.#size++;
    const at = this.#start(index);
    const keptEnd = at + end - start;
    if (keptEnd > 0xffffffff) throw new RangeError('IDs other than UUIDs exceed 4 GiB');
    while (keptEnd > this.#kept.length) this.#kept = growBytes(this.#kept, 2 * this.#kept.length);
    if (this.#size > this.#ends.length) this.#ends = grow(this.#ends, 2 * this.#ends.length);
    for (let i = start; i < end; i++) this.#kept[at + i - start] = bytes[i]!;
    this.#ends[index] = keptEnd;
    this.#slots[slot] = this.#size;
    if (4 * this.#size > 3 * this.#slots.length) this.#rehash();
    return index;
  }

  /** The index of bytes[start, end), or -1; with `ignoreCase` that of the first text added that differs at most by ASCII case. */
  find(bytes: Uint8Array, start: number, end: number, ignoreCase: boolean): number {
    return this.#slots[this.#slotOf(bytes, start, end, ignoreCase)]! - 1;
  }

  bytes(index: number): Uint8Array {
    return this.#kept.subarray(this.#start(index), this.#ends[index]);
  }

  #start(index: number): number {
    return index === 0 ? 0 : this.#ends[index - 1]!;
  }

  #slotOf(bytes: Uint8Array, start: number, end: number, ignoreCase: boolean): number {
    const slots = this.#slots;
    const last = slots.length - 1;
    for (let slot = hashText(bytes, start, end) & this.#hashMask & last; ; slot = (slot + 1) & last) {
      const found = slots[slot]!;
      if (found === 0 || this.#equals(found - 1, bytes, start, end, ignoreCase)) return slot;
    }
  }

  #equals(index: number, bytes: Uint8Array, start: number, end: number, ignoreCase: boolean): boolean {
    const at = this.#start(index);
    if (this.#ends[index]! - at !== end - start) return false;
    const kept = this.#kept;
    for (let i = 0; i < end - start; i++) {
      const [a, b] = [kept[at + i]!, bytes[start + i]!];
      if (a !== b && !(ignoreCase && folded[a] === folded[b])) return false;
    }
    return true;
  }

  #rehash(): void {
    this.#slots = grow(new Uint32Array(0), 2 * this.#slots.length);
    for (let index = 0; index < this.#size; index++) {
      const slot = this.#slotOf(this.#kept, this.#start(index), this.#ends[index]!, false);
      this.#slots[slot] = index + 1;
    }
  }
}

/** FNV-1a over the folded bytes, then a finisher: its own low bits are weak. */
export function hashText(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ folded[bytes[i]!]!, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}

function growBytes(old: Uint8Array, length: number): Uint8Array {
  const grown = new Uint8Array(length);
  grown.set(old);
  return grown;
}
