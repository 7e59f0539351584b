import type { Block, BlockKind, SideBlocks } from './core.ts';
import { uuidKeyBytes } from './uuid.ts';

/*
 * What one work unit found, as one object: for each partition in order its keys, then its texts, each as the core's
 * blocks hold them (core.ts). So whoever joins a partition reads one range of the object, and so does who joins several
 * neighbours at once: partition p of 2^b is that range of a finer cut whose top b bits are p.
 *
 *   | keys 0 | texts 0 | keys 1 | texts 1 | …
 *   footer    where each begins, and the end: 2 x partitions + 1 little-endian 32-bit words; then the stats, JSON in UTF-8
 *   tail      16 bytes: partitions, bytes of the stats, version, magic
 */

const magic = 0x422d4158; // "XA-B" as bytes
const version = 2;
const tailBytes = 16;
/** Statistics are counts and names of a unit, no data. */
export const statsBytesMax = 16 * 1024;
/** A partition's number is the top bits of a hash; core.ts takes so many. */
export const partitionsMax = 4096;
const wordBytes = 4;

/** Blocks of one work unit in memory, as the core spills them. */
export class UnitBlocks {
  readonly #partitions: number;
  #blocks = new Map<number, Uint8Array[]>();
  /** Held so far. */
  bytes = 0;

  /** A power of two, at most partitionsMax. */
  constructor(partitions: number) {
    this.#partitions = partitions;
  }

  /** Keeps a copy. */
  put(kind: BlockKind, partition: number, block: Uint8Array): void {
    const place = 2 * partition + (kind === 'keys' ? 0 : 1);
    const blocks = this.#blocks.get(place);
    if (blocks) blocks.push(block.slice());
    else this.#blocks.set(place, [block.slice()]);
    this.bytes += block.length;
  }

  of(partition: number): SideBlocks {
    const side = (place: number) => (this.#blocks.get(place) ?? []).map(blockOf);
    return { keys: side(2 * partition), texts: side(2 * partition + 1) };
  }

  clear(): void {
    this.#blocks = new Map();
    this.bytes = 0;
  }

  /** The object's bytes. Throws a RangeError for more than 4 GiB, and for stats of more than statsBytesMax. */
  layOut(stats: Readonly<Record<string, unknown>>): Uint8Array {
    const json = new TextEncoder().encode(JSON.stringify(stats));
    if (json.length > statsBytesMax) {
      throw new RangeError(`stats of a unit exceed ${statsBytesMax} bytes: ${json.length}`);
    }
    const words = 2 * this.#partitions + 1;
    if (this.bytes >= 2 ** 32) throw new RangeError(`a unit of ${this.bytes} bytes exceeds 4 GiB: plan smaller units`);
    const object = new Uint8Array(this.bytes + words * wordBytes + json.length + tailBytes);
    const view = new DataView(object.buffer);
    let at = 0;
    for (let place = 0; place < words; place++) {
      view.setUint32(this.bytes + place * wordBytes, at, true);
      for (const block of this.#blocks.get(place) ?? []) {
        object.set(block, at);
        at += block.length;
      }
    }
    object.set(json, this.bytes + words * wordBytes);
    [this.#partitions, json.length, version, magic].forEach((word, i) => {
      view.setUint32(object.length - tailBytes + wordBytes * i, word, true);
    });
    return object;
  }
}

export interface UnitFooter {
  /** Where keys and texts of each partition begin, in turn, and where the last ends: 2 x partitions + 1. */
  readonly offsets: Uint32Array;
  readonly stats: Readonly<Record<string, unknown>>;
}

/** Bytes from the object's end that are certain to contain the footer: one suffix range request reads it. */
export function footerTailBytes(partitions: number): number {
  return wordBytes * (2 * partitions + 1) + statsBytesMax + tailBytes;
}

/**
 * Reads the footer from the object's last bytes (at least `footerTailBytes`, or the whole object when that is shorter).
 * Throws a RangeError for anything that is not the end of a whole unit of `objectLength` bytes.
 */
export function readFooter(tail: Uint8Array, objectLength: number): UnitFooter {
  const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength);
  const end = tail.length - tailBytes;
  const refuse = (why: string): never => {
    throw new RangeError(`not the end of a unit of ${objectLength} bytes: ${why}`);
  };
  if (end < 0 || tail.length > objectLength) refuse(`${tail.length} bytes were given`);
  const [partitions, jsonBytes, foundVersion, foundMagic] = [0, 4, 8, 12].map((at) => view.getUint32(end + at, true));
  if (foundMagic !== magic || foundVersion !== version) refuse(`no magic number of version ${version}`);
  const words = 2 * partitions! + 1;
  const offsetsAt = end - jsonBytes! - wordBytes * words;
  if (partitions! < 1 || partitions! > partitionsMax || offsetsAt < 0) refuse('the footer does not fit');
  const offsets = Uint32Array.from({ length: words }, (_, i) => view.getUint32(offsetsAt + wordBytes * i, true));
  const dataBytes = objectLength - (tail.length - offsetsAt);
  if (offsets[0] !== 0 || offsets.at(-1) !== dataBytes || offsets.some((at, i) => at > (offsets[i + 1] ?? at))) {
    refuse('the partitions do not cover the data');
  }
  const json = tail.subarray(offsetsAt + wordBytes * words, end);
  return {
    offsets,
    stats: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json)) as UnitFooter['stats'],
  };
}

/**
 * Where each of `partitions` lies in each of several objects, ordered by partition, so that one range request tells it
 * for one of them: row p has the words of each object's footer from p's first to the next one's first. All objects are
 * cut alike, into `partitions` or a multiple of it.
 */
export function layOutIndex(footers: readonly Uint32Array[], partitions: number): Uint8Array {
  const words = footers.map((offsets) => (offsets.length - 1) / partitions);
  const index = new DataView(new ArrayBuffer(partitions * rowBytes(footers.length, words[0] ?? 0)));
  let at = 0;
  for (let partition = 0; partition < partitions; partition++) {
    footers.forEach((offsets, object) => {
      for (let i = 0; i <= words[object]!; i++, at += wordBytes) {
        index.setUint32(at, offsets[partition * words[object]! + i]!, true);
      }
    });
  }
  return new Uint8Array(index.buffer);
}

/** Bytes of a row of an index over so many objects, each cut `finer` times as fine as the index. */
export function indexRowBytes(objects: number, finer: number): number {
  return rowBytes(objects, 2 * finer);
}

function rowBytes(objects: number, words: number): number {
  return objects * (words + 1) * wordBytes;
}

/** The range of an object that has one partition: where each of its stretches of keys and texts, in turn, begins, and the end. */
export type Place = Uint32Array;

/** Each object's place, from a row of an index. */
export function placesIn(row: Uint8Array, objects: number): readonly Place[] {
  const view = new DataView(row.buffer, row.byteOffset, row.byteLength);
  const words = row.length / wordBytes / objects;
  return Array.from({ length: objects }, (_, object) =>
    Uint32Array.from({ length: words }, (_, i) => view.getUint32((object * words + i) * wordBytes, true)),
  );
}

/** The blocks in the bytes of a place, in their order in the object. */
export function blocksAt(
  place: Place,
  bytes: Uint8Array,
): readonly { readonly kind: BlockKind; readonly block: Block }[] {
  if (bytes.length !== place.at(-1)! - place[0]!) {
    throw new RangeError(`${bytes.length} bytes were read of a range of ${place.at(-1)! - place[0]!}`);
  }
  const blocks: { kind: BlockKind; block: Block }[] = [];
  for (let i = 0; i + 1 < place.length; i++) {
    const [start, end] = [place[i]! - place[0]!, place[i + 1]! - place[0]!];
    if (start === end) continue;
    const kind = i % 2 === 0 ? 'keys' : 'texts';
    if (kind === 'keys' && (end - start) % uuidKeyBytes !== 0) {
      throw new RangeError(`a stretch of ${end - start} bytes has a torn key`);
    }
    blocks.push({ kind, block: blockOf(bytes.subarray(start, end)) });
  }
  return blocks;
}

function blockOf(bytes: Uint8Array): Block {
  return { bytes: bytes.length, copyTo: (target) => target.set(bytes) };
}

/** How many IDs a block has. */
export function idsIn(kind: BlockKind, block: Block): number {
  if (kind === 'keys') return block.bytes / uuidKeyBytes;
  const bytes = bytesOf(block);
  let ids = 0;
  for (let at = 0; at < bytes.length; at += 2 + bytes[at]!) ids++;
  return ids;
}

/** The IDs of a block whose bit is set, `first` being that of its first ID; as a block. */
export function pickIds(kind: BlockKind, block: Block, bits: Uint8Array, first: number): Block {
  const bytes = bytesOf(block);
  const picked = new Uint8Array(bytes.length);
  let end = 0;
  for (let at = 0, bit = first; at < bytes.length; bit++) {
    const next = at + (kind === 'keys' ? uuidKeyBytes : 2 + bytes[at]!);
    if (((bits[bit >>> 3]! >>> (bit & 7)) & 1) === 1) {
      picked.set(bytes.subarray(at, next), end);
      end += next - at;
    }
    at = next;
  }
  return blockOf(picked.subarray(0, end));
}

function bytesOf(block: Block): Uint8Array {
  const bytes = new Uint8Array(block.bytes);
  block.copyTo(bytes);
  return bytes;
}

/** As open() takes them. */
export function sideOf(blocks: ReturnType<typeof blocksAt>): SideBlocks {
  const of = (wanted: BlockKind) => blocks.filter(({ kind }) => kind === wanted).map(({ block }) => block);
  return { keys: of('keys'), texts: of('texts') };
}
