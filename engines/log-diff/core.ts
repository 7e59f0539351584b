import { latin1, latin1Bytes, searchable } from './bytes.ts';
import { coreBase64 } from './core.wasm.ts';
import { idBytesMax } from './ids.ts';
import { wordAt } from './keys.ts';
import type { LiteralPattern } from './pattern.ts';
import { uuidKeyBytes, uuidTextBytes } from './uuid.ts';

/** Blocks hold keys (16 bytes each, a canonical UUID other than nil) or texts (length - 1 as one byte, then the bytes). */
export type BlockKind = 'keys' | 'texts';

/** Which bytes, in either case, and which lengths the IDs of A have: 256 flags, then 257. What differs is nobody's. */
export type Shape = Uint8Array;
export const shapeBytes = 256 + idBytesMax + 1;

export interface CoreOptions {
  /** IDs that differ only by ASCII case are one. */
  readonly ignoreCase?: boolean;
  /** Where the ID stands in a line that leaves no doubt; absent, scanLog() leaves nothing out and finds nothing. */
  readonly literal?: LiteralPattern;
  /** 2^partitionBits partitions, 0 to 12. */
  readonly partitionBits: number;
  /** Of a partition's block: a multiple of 16, at least 512. */
  readonly blockBytes: number;
  /** Bytes that `input` takes at once. */
  readonly inputBytes: number;
  /** Seeds the tables' hashes; random when absent. */
  readonly seed?: bigint;
  /** Takes a block; its bytes are valid during the call only. */
  readonly spill: (kind: BlockKind, partition: number, block: Uint8Array) => void;
}

/** What one call of scanLog() saw. */
export interface Scanned {
  /** End of the whole lines that were dealt with: below `end` when there was no room for more that are left. */
  readonly end: number;
  readonly lines: number;
  readonly matched: number;
  /** Lines that only the pattern itself can judge: pairs of offset and length in `input`, without the line's end. */
  readonly left: Uint32Array;
}

/** What of one partition's A its B lacks. */
export interface Joined {
  /** Distinct IDs of A. */
  readonly signed: number;
  /** IDs of B that A has, repeats included. */
  readonly found: number;
  readonly missed: number;
  /** Missed IDs that B has in another case. */
  readonly missedByCase: number;
  /** Missed IDs, one a line, in byte order; valid until the next join. */
  readonly lines: Uint8Array;
}

/** A block that was spilled, wherever it is kept. */
export interface Block {
  readonly bytes: number;
  /** Writes its bytes to `target`, which has just so many. */
  copyTo(target: Uint8Array): void;
}

/** Blocks of one side of one partition. */
export type SideBlocks = Readonly<Record<BlockKind, readonly Block[]>>;

/** All blocks of one partition, from all threads. */
export type PartitionBlocks = Readonly<Record<'signed' | 'logged', SideBlocks>>;

/** The table of one partition's A. Dead as soon as its core adds an ID, reads input or opens another one. */
export interface PartitionTable {
  /** Marks the IDs of A that a block of B has. */
  probe(kind: BlockKind, block: Block): void;
  /**
   * Sets one bit for each ID of a block of A, in the block's order from bit `first` on, lowest bit of a byte first: 1 if
   * it is marked. Returns the bit behind the last.
   */
  found(kind: BlockKind, block: Block, bits: Uint8Array, first: number): number;
  /** IDs of B so far that A has, repeats included. */
  readonly hits: number;
  missing(): Joined;
}

/**
 * A - B in two steps: IDs of both sides go to partitions by their hash, in blocks that the caller keeps; then each
 * partition is joined by itself. Exact: see core.as.ts. One instance a thread; any thread may join any partition.
 */
export interface Core {
  /** The caller writes whole lines to its beginning. */
  readonly input: Uint8Array;
  /** Reads input[0, bytes), whole lines of one ID each. `consumed` < bytes: there begins a line that is too long for one. */
  parseIds(bytes: number): { readonly consumed: number; readonly ids: number; readonly lines: number };
  /** Reads input[start, end), whole lines of a log. */
  scanLog(start: number, end: number): Scanned;
  /** Adds bytes[start, end), 1 to 256 of them. */
  addId(bytes: Uint8Array, start: number, end: number): void;
  /** As addId(), for A. */
  addSigned(bytes: Uint8Array, start: number, end: number): void;
  /** Whether A can have bytes[start, end), by its shape. */
  mayBeSigned(bytes: Uint8Array, start: number, end: number): boolean;
  /** The shape of what was added for A. */
  readonly shape: Shape;
  /** Adds another thread's shape. */
  addShape(shape: Shape): void;
  /** Spills what is left. */
  flush(): void;
  /**
   * Of input[start, end), whole lines, those that may begin with a later time than `time` (2026-11-23T01:02:03.456), as
   * pairs of offset and length without the line's end. Below `end`: there was no room for more.
   */
  linesAfter(start: number, end: number, time: string): { readonly end: number; readonly lines: Uint32Array };
  /** Puts one partition's A in a table. */
  open(signed: SideBlocks): PartitionTable;
  /** What open(), probe() and missing() do, for all blocks at once. */
  join(blocks: PartitionBlocks): Joined;
}

interface Exports {
  setMemory(...places: number[]): void;
  setPattern(markerBytes: number, rare1: number, rare2: number, field: number, barrier: number): void;
  setIdShape(uuid: number, bytesMin: number, bytesMax: number): void;
  setIds(keysWanted: boolean, seed: bigint): void;
  setPartitions(
    bits: number,
    keys: number,
    keysUsed: number,
    texts: number,
    textsUsed: number,
    blockBytes: number,
  ): void;
  parseIds(from: number, end: number): number;
  getIdsRead(): number;
  getLines(): number;
  scanLog(from: number, end: number): number;
  getMatched(): number;
  getLinesLeft(): number;
  addId(at: number, bytes: number): void;
  isKey(at: number, bytes: number): boolean;
  noteShape(at: number, bytes: number): void;
  noteKeys(): void;
  flush(): void;
  linesAfter(from: number, end: number, time: number): number;
  foundKeys(from: number, n: number, bits: number, first: number): void;
  foundTexts(from: number, end: number, bits: number, first: number): void;
  setKeyTable(table: number, buckets: number, marks: number): void;
  getKeysFound(): number;
  insertKeys(from: number, n: number): number;
  probeKeys(from: number, n: number): void;
  countTexts(from: number, end: number): number;
  setTextTable(table: number, slots: number, marks: number, arena: number, fold: boolean): void;
  getTextsFound(): number;
  insertTexts(from: number, end: number): number;
  probeTexts(from: number, end: number): void;
  missingKeys(out: number): number;
  missingTexts(out: number): number;
  getOtherCase(): number;
  sortKeys(from: number, n: number): void;
  formatKeys(from: number, n: number, out: number): number;
}

/** Bytes of core.as.ts that are fixed: its batchMax keys, texts and lines, and its scratch. */
const batchMax = 8192;
const bufferSpare = 64;
const at = { classes: 1024, lengths: 1280, marker: 2048, oneId: 4096, scratch: 8192, keys: 8192 + 65_536 } as const;
const texts = at.keys + 16 * batchMax + 64;
const lines = texts + 8 * batchMax;
const input = lines + 8 * batchMax;
/** core.as.ts reads so far behind the last byte of its input. */
const slack = 256;
const besideMarker = 1;
const endsIdOrLine = 2;
const occursInA = 4;
const followsId = 8;
/** As core.as.ts has them. */
const uuidModes = { never: 0, perhaps: 1, always: 2 } as const;

let compiled: WebAssembly.Module | undefined;

/** Whether this machine runs the core: WebAssembly with SIMD. */
export function hasWasmCore(): boolean {
  return wasmModule() !== undefined;
}

function wasmModule(): WebAssembly.Module | undefined {
  if (compiled) return compiled;
  try {
    compiled = new WebAssembly.Module(Uint8Array.from(atob(coreBase64), (character) => character.charCodeAt(0)));
  } catch {
    // Without SIMD the module does not validate.
  }
  return compiled;
}

/** The core in WebAssembly. Throws an Error where hasWasmCore() is false. */
export class WasmCore implements Core {
  readonly #options: CoreOptions;
  readonly #memory: WebAssembly.Memory;
  readonly #wasm: Exports;
  /** Where the partitions' buffers begin, and the tables of a join, when the buffers are empty. */
  readonly #buffers: number;
  #all: Uint8Array;

  constructor(options: CoreOptions) {
    const module = wasmModule();
    if (!module) throw new Error('WebAssembly SIMD is missing here: use PlainCore');
    this.#options = options;
    const { partitionBits, blockBytes, inputBytes, literal, ignoreCase = false } = options;
    const partitions = 2 ** partitionBits;
    const used = aligned(input + inputBytes + slack);
    this.#buffers = aligned(used + 8 * partitions);
    const textBuffers = this.#buffers + partitions * (blockBytes + bufferSpare);
    const end = textBuffers + partitions * (blockBytes + bufferSpare) + slack;
    this.#memory = new WebAssembly.Memory({ initial: Math.ceil(end / 65_536), maximum: 65_536 });
    this.#all = new Uint8Array(this.#memory.buffer);
    const spill = (kind: number, partition: number, from: number, bytes: number): void =>
      options.spill(kind === 0 ? 'keys' : 'texts', partition, this.#all.subarray(from, from + bytes));
    this.#wasm = new WebAssembly.Instance(module, { env: { memory: this.#memory }, host: { spill } })
      .exports as unknown as Exports;
    this.#wasm.setMemory(at.classes, at.lengths, at.marker, at.keys, texts, lines, at.scratch);
    this.#wasm.setIds(!ignoreCase, options.seed ?? randomSeed());
    this.#wasm.setPartitions(partitionBits, this.#buffers, used, textBuffers, used + 4 * partitions, blockBytes);
    if (literal) this.#setPattern(literal);
  }

  #setPattern(literal: LiteralPattern): void {
    const { marker, field } = literal;
    this.#all.set(marker, at.marker);
    for (let byte = 0; byte < 256; byte++) {
      const isLineEnd = byte === 10;
      // A CR may be half of a line's end, which is not for the table to say.
      const follows = isLineEnd ? literal.lineEndFollowsId : byte !== 13 && literal.followsId(byte);
      this.#all[at.classes + byte]! |=
        (isLineEnd || literal.besideMarker(byte) ? besideMarker : 0) |
        (isLineEnd || literal.endsId(byte) ? endsIdOrLine : 0) |
        (follows ? followsId : 0);
    }
    const [rare1, rare2] = rarest(marker);
    this.#wasm.setPattern(marker.length, rare1, rare2, field ? wordAt(field.name, 0) : 0, field?.barrier ?? 0);
    this.#wasm.setIdShape(uuidModes[literal.uuid], literal.bytesMin, literal.bytesMax);
  }

  get input(): Uint8Array {
    return searchable(new Uint8Array(this.#memory.buffer, input, this.#options.inputBytes));
  }

  parseIds(bytes: number): { consumed: number; ids: number; lines: number } {
    const consumed = this.#wasm.parseIds(input, input + bytes) - input;
    return { consumed, ids: this.#wasm.getIdsRead(), lines: this.#wasm.getLines() };
  }

  scanLog(from: number, to: number): Scanned {
    const end = this.#wasm.scanLog(input + from, input + to) - input;
    const left = new Uint32Array(this.#memory.buffer, lines, 2 * this.#wasm.getLinesLeft()).slice();
    for (let i = 0; i < left.length; i += 2) left[i]! -= input;
    return { end, lines: this.#wasm.getLines(), matched: this.#wasm.getMatched(), left };
  }

  addId(bytes: Uint8Array, start: number, end: number): void {
    // Of its own memory without a view, whose making takes longer than the copy.
    if (bytes.buffer === this.#all.buffer)
      this.#all.copyWithin(at.oneId, bytes.byteOffset + start, bytes.byteOffset + end);
    else this.#all.set(bytes.subarray(start, end), at.oneId);
    this.#wasm.addId(at.oneId, end - start);
  }

  addSigned(bytes: Uint8Array, start: number, end: number): void {
    this.addId(bytes, start, end);
    if (this.#wasm.isKey(at.oneId, end - start)) this.#wasm.noteKeys();
    else this.#wasm.noteShape(at.oneId, end - start);
  }

  mayBeSigned(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#all[at.lengths + end - start] === 0) return false;
    for (let i = start; i < end; i++) if ((this.#all[at.classes + bytes[i]!]! & occursInA) === 0) return false;
    return true;
  }

  get shape(): Shape {
    const shape = this.#all.slice(at.classes, at.classes + shapeBytes);
    for (let byte = 0; byte < 256; byte++) shape[byte] = (shape[byte]! & occursInA) === 0 ? 0 : 1;
    return shape;
  }

  addShape(shape: Shape): void {
    for (let byte = 0; byte < 256; byte++) if (shape[byte] === 1) this.#all[at.classes + byte]! |= occursInA;
    for (let i = 256; i < shapeBytes; i++) if (shape[i] === 1) this.#all[at.classes + i] = 1;
  }

  flush(): void {
    this.#wasm.flush();
  }

  linesAfter(from: number, to: number, time: string): { end: number; lines: Uint32Array } {
    this.#all.set(latin1Bytes(time), at.oneId);
    const end = this.#wasm.linesAfter(input + from, input + to, at.oneId) - input;
    const found = new Uint32Array(this.#memory.buffer, lines, 2 * this.#wasm.getLinesLeft()).slice();
    for (let i = 0; i < found.length; i += 2) found[i]! -= input;
    return { end, lines: found };
  }

  join({ signed, logged }: PartitionBlocks): Joined {
    const table = this.open(signed);
    for (const keys of logged.keys) table.probe('keys', keys);
    for (const texts of logged.texts) table.probe('texts', texts);
    return table.missing();
  }

  //  | texts of A | their table, marks | table of keys, marks | one block, or what was found, or what is missing
  open(signed: SideBlocks): PartitionTable {
    const wasm = this.#wasm;
    const keyCount = total(signed.keys) / uuidKeyBytes;
    // At most three quarters full for keys, three fifths for texts, which are probed one by one; never quite full.
    const buckets = Math.ceil(keyCount / 3) + 1;
    const arena = this.#buffers;
    const arenaEnd = arena + total(signed.texts);
    this.#grow(arenaEnd + slack);
    this.#copy(signed.texts, arena);
    const textCount = wasm.countTexts(arena, arenaEnd);
    const slots = Math.ceil(textCount / 0.6) + 1;

    const textTable = aligned(arenaEnd + slack);
    const textMarks = textTable + 8 * slots;
    const keyTable = aligned(textMarks + slots);
    const keyMarks = keyTable + 64 * buckets;
    const end = aligned(keyMarks + buckets);
    this.#grow(end);
    this.#all.fill(0, textTable, end);
    wasm.setTextTable(textTable, slots, textMarks, arena, this.#options.ignoreCase ?? false);
    wasm.setKeyTable(keyTable, buckets, keyMarks);

    /** Where a copy of the block ends, which begins at `end`. */
    const stage = (block: Block): number => {
      this.#grow(end + block.bytes + slack);
      this.#copy([block], end);
      return end + block.bytes;
    };
    let distinct = wasm.insertTexts(arena, arenaEnd);
    for (const block of signed.keys) distinct += wasm.insertKeys(end, (stage(block) - end) / uuidKeyBytes);
    return {
      probe: (kind, block) => {
        const blockEnd = stage(block);
        if (kind === 'keys') wasm.probeKeys(end, block.bytes / uuidKeyBytes);
        else wasm.probeTexts(end, blockEnd);
      },
      found: (kind, block, bits, first) => {
        const blockEnd = stage(block);
        const count = kind === 'keys' ? block.bytes / uuidKeyBytes : wasm.countTexts(end, blockEnd);
        const out = aligned(blockEnd + slack);
        const outEnd = out + Math.ceil((count + 8) / 8);
        this.#grow(outEnd);
        this.#all.fill(0, out, outEnd);
        if (kind === 'keys') wasm.foundKeys(end, count, out, first % 8);
        else wasm.foundTexts(end, blockEnd, out, first % 8);
        for (let from = out, to = first >>> 3; from < outEnd && to < bits.length;) bits[to++]! |= this.#all[from++]!;
        return first + count;
      },
      get hits() {
        return wasm.getKeysFound() + wasm.getTextsFound();
      },
      missing: () => this.#missing(distinct, { at: end, keyCount, textCount }),
    };
  }

  /** What is unmarked in the tables; writes from `at` on. */
  #missing(signed: number, of: { readonly at: number; readonly keyCount: number; readonly textCount: number }): Joined {
    const wasm = this.#wasm;
    this.#grow(of.at + uuidKeyBytes * of.keyCount);
    const keys = wasm.missingKeys(of.at);
    let missedByCase = wasm.getOtherCase();
    const missedTexts = of.at + uuidKeyBytes * keys;
    this.#grow(missedTexts + 4 * of.textCount);
    const texts = wasm.missingTexts(missedTexts);
    missedByCase += wasm.getOtherCase();
    wasm.sortKeys(of.at, keys);
    const out = missedTexts + 4 * texts;
    this.#grow(out + keys * (uuidTextBytes + 1) + slack);
    const outEnd = wasm.formatKeys(of.at, keys, out);
    let lines = this.#all.subarray(out, outEnd);
    if (texts > 0) lines = this.#withTexts(lines, new Uint32Array(this.#memory.buffer.slice(missedTexts, out)));
    return {
      signed,
      found: wasm.getKeysFound() + wasm.getTextsFound(),
      missed: keys + texts,
      missedByCase,
      lines,
    };
  }

  #copy(blocks: readonly Block[], to: number): void {
    let end = to;
    for (const block of blocks) block.copyTo(this.#all.subarray(end, (end += block.bytes)));
  }

  /** The lines and those of the texts whose records lie there, in byte order. */
  #withTexts(keyLines: Uint8Array, records: Uint32Array): Uint8Array {
    const ids = keyLines.length === 0 ? [] : latin1(searchable(keyLines), 0, keyLines.length - 1).split('\n');
    const bytes = searchable(this.#all);
    for (const record of records) ids.push(latin1(bytes, record + 1, record + 2 + this.#all[record]!));
    return latin1Bytes(`${ids.sort().join('\n')}\n`);
  }

  /** Room up to `end`. Views of the memory that were made before are dead. */
  #grow(end: number): void {
    const missing = end - this.#memory.buffer.byteLength;
    if (missing <= 0) return;
    this.#memory.grow(Math.ceil(missing / 65_536));
    this.#all = new Uint8Array(this.#memory.buffer);
  }
}

function total(blocks: readonly Block[]): number {
  return blocks.reduce((sum, { bytes }) => sum + bytes, 0);
}

function aligned(place: number): number {
  return Math.ceil(place / 64) * 64;
}

/** 64 bits that whoever wrote the IDs cannot know. Web Crypto would do, but takes longer to load than a small run. */
function randomSeed(): bigint {
  const word = () => BigInt(Math.floor(Math.random() * 2 ** 32));
  return (word() << 32n) | word();
}

/** How often a byte occurs in logs, roughly: what is not listed is rare. */
const commonBytes = ' e0ta1oi2n3sr5-4l:6d7c8p9u.=mhg/"fby,T_wvk';

/** Offsets of two different bytes that are the rarest in logs: what a search looks for. */
function rarest(marker: Uint8Array): readonly [number, number] {
  const rank = (byte: number): number => {
    const place = commonBytes.indexOf(String.fromCharCode(byte));
    return place === -1 ? commonBytes.length : place;
  };
  const offsets = Array.from(marker.keys()).sort((a, b) => rank(marker[b]!) - rank(marker[a]!));
  const first = offsets[0]!;
  return [first, offsets.find((offset) => marker[offset] !== marker[first]) ?? offsets.at(-1)!];
}
