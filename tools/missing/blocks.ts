import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Block } from '../../engines/log-diff/core.ts';

const segmentBytes = 16 * 1024 * 1024;

/** Where blocks lie, by the name under which they were put: pairs of a place and a number of bytes. Structured clone keeps it shared. */
export interface SharedBlocks {
  readonly segments: readonly SharedArrayBuffer[];
  /** Of the file that holds what memory did not: open in this process, and nowhere else. */
  readonly file: number | undefined;
  readonly places: ReadonlyMap<string, readonly number[]>;
}

/**
 * Blocks of bytes that one thread writes and every thread of the process reads: in memory up to a bound, the rest in a
 * file in the system's directory for temporary files. The file has no name any more once it is open, so that it is gone
 * with the process, however that ends.
 */
export class BlockStore {
  readonly #memoryBytes: number;
  readonly #directory: string;
  readonly #segments: SharedArrayBuffer[] = [];
  readonly #places = new Map<string, number[]>();
  #segment: Uint8Array = new Uint8Array(0);
  #used = 0;
  #file: number | undefined;
  #fileBytes = 0;

  constructor(memoryBytes: number, directory = tmpdir()) {
    this.#memoryBytes = memoryBytes;
    this.#directory = directory;
  }

  /** Keeps a copy. At most 16 MiB. */
  put(name: string, block: Uint8Array): void {
    let places = this.#places.get(name);
    if (!places) this.#places.set(name, (places = []));
    if (this.#used + block.length > this.#segment.length && !this.#addSegment()) {
      this.#file ??= openUnnamed(this.#directory);
      places.push(-1 - this.#fileBytes, block.length);
      for (let done = 0; done < block.length;)
        done += writeSync(this.#file, block, done, block.length - done, this.#fileBytes + done);
      this.#fileBytes += block.length;
      return;
    }
    places.push((this.#segments.length - 1) * segmentBytes + this.#used, block.length);
    this.#segment.set(block, this.#used);
    this.#used += block.length;
  }

  #addSegment(): boolean {
    if ((this.#segments.length + 1) * segmentBytes > this.#memoryBytes) return false;
    const segment = new SharedArrayBuffer(segmentBytes);
    this.#segments.push(segment);
    this.#segment = new Uint8Array(segment);
    this.#used = 0;
    return true;
  }

  share(): SharedBlocks {
    return { segments: this.#segments, file: this.#file, places: this.#places };
  }
}

/** The blocks of that name, in the order in which they were put. */
export function blocksOf({ segments, file, places }: SharedBlocks, name: string): readonly Block[] {
  const found = places.get(name) ?? [];
  return Array.from({ length: found.length / 2 }, (_, i) => {
    const [place, bytes] = [found[2 * i]!, found[2 * i + 1]!];
    if (place < 0) return { bytes, copyTo: (target) => readWhole(file!, target, -1 - place) };
    const source = new Uint8Array(segments[Math.floor(place / segmentBytes)]!, place % segmentBytes, bytes);
    return { bytes, copyTo: (target) => target.set(source) };
  });
}

/** Frees what is not memory. */
export function closeBlocks({ file }: SharedBlocks): void {
  if (file !== undefined) closeSync(file);
}

function readWhole(file: number, target: Uint8Array, at: number): void {
  for (let done = 0; done < target.length;) {
    const bytes = readSync(file, target, done, target.length - done, at + done);
    if (bytes === 0) throw new Error('a temporary file is shorter than what was written to it');
    done += bytes;
  }
}

function openUnnamed(directory: string): number {
  const path = join(directory, `designs-missing-${crypto.randomUUID()}`);
  const file = openSync(path, 'wx+', 0o600);
  unlinkSync(path);
  return file;
}
