import { indexOfBytes, latin1, latin1Bytes, searchable } from './bytes.ts';
import type {
  Block,
  BlockKind,
  Core,
  CoreOptions,
  Joined,
  PartitionBlocks,
  PartitionTable,
  Scanned,
  Shape,
  SideBlocks,
} from './core.ts';
import { shapeBytes } from './core.ts';
import { idBytesMax, IdSet, Marks } from './ids.ts';
import { hashWords, wordAt } from './keys.ts';
import { hashText } from './texts.ts';
import { parseUuid, uuidKeyBytes, uuidText } from './uuid.ts';

const lf = 10;
const cr = 13;
const upperOrLower = 0x20;
/** Who has one UUID may have any. */
const uuidBytes = latin1Bytes('0123456789abcdef-');

/**
 * The core in plain TypeScript: for where WebAssembly SIMD is missing, some five times slower. Its blocks are those of
 * the other core, its partitions are not.
 */
export class PlainCore implements Core {
  readonly input: Uint8Array;
  readonly #options: CoreOptions;
  readonly #key = new Uint8Array(uuidKeyBytes);
  readonly #shape: Shape = new Uint8Array(shapeBytes);
  /** Blocks that are being filled, by kind and partition. */
  readonly #blocks: Readonly<Record<BlockKind, { bytes: Uint8Array; used: number }[]>>;

  constructor(options: CoreOptions) {
    this.#options = options;
    this.input = searchable(new Uint8Array(options.inputBytes));
    const none = () =>
      Array.from({ length: 2 ** options.partitionBits }, () => ({ bytes: new Uint8Array(0), used: 0 }));
    this.#blocks = { keys: none(), texts: none() };
  }

  parseIds(bytes: number): { consumed: number; ids: number; lines: number } {
    let [ids, lines] = [0, 0];
    for (let at = 0; at < bytes; lines++) {
      const end = this.input.indexOf(lf, at);
      const idEnd = end > at && this.input[end - 1] === cr ? end - 1 : end;
      if (idEnd - at > idBytesMax) return { consumed: at, ids, lines };
      if (idEnd > at) {
        this.addSigned(this.input, at, idEnd);
        ids++;
      }
      at = end + 1;
    }
    return { consumed: bytes, ids, lines };
  }

  /** Leaves every line with the marker to the pattern. */
  scanLog(start: number, end: number): Scanned {
    const { literal } = this.#options;
    const left: number[] = [];
    let lines = 0;
    let next = literal ? indexOfBytes(this.input, literal.marker, start) : -1;
    for (let at = start; at < end; lines++) {
      const lineEnd = this.input.indexOf(lf, at);
      if (literal && next !== -1 && next < at) next = indexOfBytes(this.input, literal.marker, at);
      if (literal && next !== -1 && next + literal.marker.length <= lineEnd) {
        left.push(at, lineEnd - at - (lineEnd > at && this.input[lineEnd - 1] === cr ? 1 : 0));
      }
      at = lineEnd + 1;
    }
    return { end, lines, matched: 0, left: Uint32Array.from(left) };
  }

  addSigned(bytes: Uint8Array, start: number, end: number): void {
    this.#shape[256 + end - start] = 1;
    const occurring = this.#isKey(bytes, start, end) ? uuidBytes : bytes.subarray(start, end);
    for (const byte of occurring) {
      this.#shape[byte] = 1;
      if (isLetter(byte)) this.#shape[byte ^ upperOrLower] = 1;
    }
    this.addId(bytes, start, end);
  }

  #isKey(bytes: Uint8Array, start: number, end: number): boolean {
    return (
      this.#options.ignoreCase !== true &&
      parseUuid(bytes, start, end, this.#key) &&
      this.#key.some((byte) => byte !== 0)
    );
  }

  addId(bytes: Uint8Array, start: number, end: number): void {
    const partitions = 2 ** this.#options.partitionBits;
    const isUuid = parseUuid(bytes, start, end, this.#key, true);
    const key = this.#key;
    // A UUID in another case goes where its key goes: whoever compares without case finds both in one partition.
    const hash = isUuid
      ? hashWords(wordAt(key, 0), wordAt(key, 4), wordAt(key, 8), wordAt(key, 12))
      : hashText(bytes, start, end);
    const partition = Math.floor((hash * partitions) / 2 ** 32);
    if (this.#isKey(bytes, start, end)) {
      this.#room('keys', partition, uuidKeyBytes).set(key);
      return;
    }
    const record = this.#room('texts', partition, 1 + end - start);
    record[0] = end - start - 1;
    record.set(bytes.subarray(start, end), 1);
  }

  /** Where the next so many bytes of a partition's block go. */
  #room(kind: BlockKind, partition: number, bytes: number): Uint8Array {
    const block = this.#blocks[kind][partition]!;
    if (block.bytes.length === 0) block.bytes = new Uint8Array(this.#options.blockBytes);
    if (block.used + bytes > block.bytes.length) this.#spill(kind, partition);
    const at = block.used;
    block.used += bytes;
    return block.bytes.subarray(at, at + bytes);
  }

  #spill(kind: BlockKind, partition: number): void {
    const block = this.#blocks[kind][partition]!;
    if (block.used > 0) this.#options.spill(kind, partition, block.bytes.subarray(0, block.used));
    block.used = 0;
  }

  mayBeSigned(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#shape[256 + end - start] === 0) return false;
    for (let i = start; i < end; i++) if (this.#shape[bytes[i]!] === 0) return false;
    return true;
  }

  get shape(): Shape {
    return this.#shape.slice();
  }

  addShape(shape: Shape): void {
    shape.forEach((flag, i) => (this.#shape[i]! |= flag));
  }

  flush(): void {
    for (let partition = 0; partition < 2 ** this.#options.partitionBits; partition++) {
      this.#spill('keys', partition);
      this.#spill('texts', partition);
    }
  }

  /** Leaves every line to whoever knows what a time is. */
  linesAfter(start: number, end: number): { end: number; lines: Uint32Array } {
    const lines: number[] = [];
    for (let at = start; at < end;) {
      const lineEnd = this.input.indexOf(lf, at);
      lines.push(at, lineEnd - at - (lineEnd > at && this.input[lineEnd - 1] === cr ? 1 : 0));
      at = lineEnd + 1;
    }
    return { end, lines: Uint32Array.from(lines) };
  }

  join({ signed, logged }: PartitionBlocks): Joined {
    const table = this.open(signed);
    for (const keys of logged.keys) table.probe('keys', keys);
    for (const texts of logged.texts) table.probe('texts', texts);
    return table.missing();
  }

  open(signed: SideBlocks): PartitionTable {
    const { ignoreCase = false } = this.#options;
    const ids = new IdSet({ ignoreCase });
    // In byte order, so that the first of several spellings is the same, whatever order the blocks come in.
    const all = [...idsOfSide(signed)];
    if (ignoreCase) all.sort();
    for (const id of all) ids.add(latin1Bytes(id));
    const marks = new Marks(ids.refs);
    const inOtherCase = new Set<string>();
    let hits = 0;
    return {
      probe(kind, block) {
        for (const id of idsOf(kind, block)) {
          const bytes = latin1Bytes(id);
          const ref = ids.find(bytes);
          if (ref !== -1) {
            hits++;
            marks.set(ref);
          } else if (ids.findIgnoringCase(bytes) !== -1) inOtherCase.add(lowerCase(id));
        }
      },
      found(kind, block, bits, first) {
        let bit = first;
        for (const id of idsOf(kind, block)) {
          const ref = ids.find(latin1Bytes(id));
          if (ref !== -1 && marks.has(ref)) bits[bit >>> 3]! |= 1 << (bit & 7);
          bit++;
        }
        return bit;
      },
      get hits() {
        return hits;
      },
      missing() {
        const missed = [...ids.inOrder()].filter((ref) => !marks.has(ref));
        return {
          signed: ids.size,
          found: hits,
          missed: missed.length,
          missedByCase: missed.filter((ref) => inOtherCase.has(lowerCase(textOf(ids.bytes(ref))))).length,
          lines: latin1Bytes(
            missed
              .map((ref) => textOf(ids.bytes(ref)))
              .sort()
              .map((id) => `${id}\n`)
              .join(''),
          ),
        };
      },
    };
  }
}

function* idsOfSide({ keys, texts }: SideBlocks): Generator<string> {
  for (const block of keys) yield* idsOf('keys', block);
  for (const block of texts) yield* idsOf('texts', block);
}

function* idsOf(kind: BlockKind, block: Block): Generator<string> {
  const bytes = searchable(new Uint8Array(block.bytes));
  block.copyTo(bytes);
  if (kind === 'keys') for (let at = 0; at < bytes.length; at += uuidKeyBytes) yield uuidText(bytes, at);
  else for (let at = 0; at < bytes.length; at += 2 + bytes[at]!) yield latin1(bytes, at + 1, at + 2 + bytes[at]!);
}

function textOf(id: Uint8Array): string {
  return latin1(searchable(id), 0, id.length);
}

function lowerCase(id: string): string {
  return id.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function isLetter(byte: number): boolean {
  const lower = byte | upperOrLower;
  return lower >= 97 && lower <= 122;
}
