import { hashWords, KeySet, sortKeys, wordAt } from './keys.ts';
import { Marks } from './ids.ts';
import { uuidKeyBytes } from './uuid.ts';

/*
 * A run is what one work unit found: its distinct 16-byte keys ordered by partition and within it by byte, so that the
 * object's bytes depend on nothing but the set of keys, and a reducer reads its partition with one range request.
 *
 *   keys      16 bytes each
 *   footer    offsets of the partitions in keys: partitions + 1 little-endian 32-bit words; then the stats, JSON in UTF-8
 *   tail      16 bytes: partitions, bytes of the stats, version, magic
 */

const magic = 0x422d4158; // "XA-B" as bytes
const version = 1;
const tailBytes = 16;
/** Statistics are counts and names of a unit, no data. */
export const statsBytesMax = 16 * 1024;
export const partitionsMax = 65_536;

export type RunStats = Readonly<Record<string, unknown>>;

/**
 * The partition of key[at, at + 16): 0 to partitions - 1. It is the hash scaled down rather than its remainder, because
 * the tables that hold a partition's keys use the hash's low bits.
 */
export function partitionOf(key: Uint8Array, at: number, partitions: number): number {
  const hash = hashWords(wordAt(key, at), wordAt(key, at + 4), wordAt(key, at + 8), wordAt(key, at + 12));
  return Math.floor((hash * partitions) / 2 ** 32);
}

export interface RunOptions {
  /** 1 to 65,536. */
  readonly partitions: number;
  /** Most distinct keys that this run may hold: bounds memory, at 16 + 11 bytes a key and as much again to finish. */
  readonly idsMax: number;
}

/** Collects the keys of one work unit and lays them out as a run. */
export class RunBuilder {
  readonly #partitions: number;
  readonly #idsMax: number;
  readonly #keys = new KeySet();

  constructor({ partitions, idsMax }: RunOptions) {
    if (!Number.isInteger(partitions) || partitions < 1 || partitions > partitionsMax) {
      throw new RangeError(`a run has 1 to ${partitionsMax} partitions, not ${partitions}`);
    }
    this.#partitions = partitions;
    this.#idsMax = idsMax;
  }

  /** Distinct keys so far. */
  get size(): number {
    return this.#keys.size;
  }

  /** Adds key[at, at + 16); false if it was there. Throws a RangeError when there are more than `idsMax`. */
  add(key: Uint8Array, at = 0): boolean {
    const before = this.#keys.size;
    const isNew = this.#keys.add(key, at) === before && this.#keys.size > before;
    if (this.#keys.size > this.#idsMax) {
      throw new RangeError(`a work unit holds more than ${this.#idsMax} distinct IDs: plan smaller units`);
    }
    return isNew;
  }

  /** The run's bytes: the same for the same keys and stats, in whatever order they came. */
  finish(stats: RunStats): Uint8Array {
    const keys = new Uint8Array(this.#keys.size * uuidKeyBytes);
    for (let index = 0; index < this.#keys.size; index++) this.#keys.write(index, keys, index * uuidKeyBytes);
    const sorted = sortKeys(keys, (bytes, at) => partitionOf(bytes, at, this.#partitions));
    const json = new TextEncoder().encode(JSON.stringify(stats));
    if (json.length > statsBytesMax)
      throw new RangeError(`stats of a run exceed ${statsBytesMax} bytes: ${json.length}`);

    const offsetBytes = 4 * (this.#partitions + 1);
    const run = new Uint8Array(sorted.length + offsetBytes + json.length + tailBytes);
    const view = new DataView(run.buffer);
    run.set(sorted);
    const counts = new Uint32Array(this.#partitions);
    for (let at = 0; at < sorted.length; at += uuidKeyBytes) counts[partitionOf(sorted, at, this.#partitions)]!++;
    let before = 0;
    counts.forEach((count, partition) => {
      view.setUint32(sorted.length + 4 * partition, before, true);
      before += count;
    });
    view.setUint32(sorted.length + 4 * this.#partitions, before, true);
    run.set(json, sorted.length + offsetBytes);
    [this.#partitions, json.length, version, magic].forEach((word, i) => {
      view.setUint32(run.length - tailBytes + 4 * i, word, true);
    });
    return run;
  }
}

export interface RunFooter {
  /** Partition p is bytes [offsets[p], offsets[p + 1]) of the object; partitions + 1 entries. */
  readonly offsets: readonly number[];
  readonly stats: RunStats;
}

/** Bytes from the object's end that are certain to contain the footer: one suffix range request reads it. */
export function footerTailBytes(partitions: number): number {
  return 4 * (partitions + 1) + statsBytesMax + tailBytes;
}

/**
 * Reads the footer from the object's last bytes (at least `footerTailBytes`, or the whole object when that is shorter).
 * Throws a RangeError for anything that is not the end of a whole run of `objectLength` bytes.
 */
export function readFooter(tail: Uint8Array, objectLength: number): RunFooter {
  const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength);
  const end = tail.length - tailBytes;
  const refuse = (why: string): never => {
    throw new RangeError(`not the end of a run of ${objectLength} bytes: ${why}`);
  };
  if (end < 0 || tail.length > objectLength) refuse(`${tail.length} bytes were given`);
  const [partitions, jsonBytes, foundVersion, foundMagic] = [0, 4, 8, 12].map((at) => view.getUint32(end + at, true));
  if (foundMagic !== magic || foundVersion !== version) refuse(`no magic number of version ${version}`);
  const offsetsAt = end - jsonBytes! - 4 * (partitions! + 1);
  if (partitions! < 1 || partitions! > partitionsMax || offsetsAt < 0) refuse('the footer does not fit');
  const offsets = Array.from(
    { length: partitions! + 1 },
    (_, i) => view.getUint32(offsetsAt + 4 * i, true) * uuidKeyBytes,
  );
  const keyBytes = objectLength - (tail.length - offsetsAt);
  if (
    offsets[0] !== 0 ||
    offsets.at(-1) !== keyBytes ||
    offsets.some((offset, i) => offset > (offsets[i + 1] ?? offset))
  ) {
    refuse('the partitions do not cover the keys');
  }
  const json = tail.subarray(offsetsAt + 4 * (partitions! + 1), end);
  return { offsets, stats: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json)) as RunStats };
}

export interface Subtraction {
  /** Distinct keys of A. */
  readonly signed: number;
  /** Distinct keys of A that are in B. */
  readonly matchedDistinct: number;
  /** A - B: 16 bytes a key, in byte order. */
  readonly missed: Uint8Array;
}

/**
 * A - B of one partition, whose slices come from many runs; a key may be in several of them. Memory is that of A's
 * distinct keys. Throws a RangeError for a slice that is not made of whole keys.
 */
export function subtract(a: readonly Uint8Array[], b: readonly Uint8Array[]): Subtraction {
  for (const slice of [...a, ...b]) {
    if (slice.length % uuidKeyBytes !== 0) throw new RangeError(`a slice of ${slice.length} bytes has a torn key`);
  }
  const signed = new KeySet();
  for (const slice of a) for (let at = 0; at < slice.length; at += uuidKeyBytes) signed.add(slice, at);
  const found = new Marks(signed.size);
  let matchedDistinct = 0;
  for (const slice of b) {
    for (let at = 0; at < slice.length; at += uuidKeyBytes) {
      const index = signed.find(slice, at);
      if (index !== -1 && found.set(index)) matchedDistinct++;
    }
  }
  const missed = new Uint8Array((signed.size - matchedDistinct) * uuidKeyBytes);
  for (let index = 0, at = 0; index < signed.size; index++) {
    if (found.has(index)) continue;
    signed.write(index, missed, at);
    at += uuidKeyBytes;
  }
  return { signed: signed.size, matchedDistinct, missed: sortKeys(missed) };
}

/** Distinct keys in slices of one partition, whichever runs they come from. Memory is that of the distinct keys. */
export function countDistinct(slices: readonly Uint8Array[]): number {
  const keys = new KeySet();
  for (const slice of slices) for (let at = 0; at < slice.length; at += uuidKeyBytes) keys.add(slice, at);
  return keys.size;
}
