import { UsageError } from '../cli/errors.ts';

const units: Readonly<Record<string, number>> = {
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

/** What Node and the code take, before the first ID. */
const baseBytes = 128 * 1024 * 1024;
export const memoryBytesMin = 256 * 1024 * 1024;
const blockBytesMin = 4096;
const blockBytesMax = 64 * 1024;

/** How the memory of a difference is divided. All in bytes. */
export interface MemoryPlan {
  /** Of a partition's block: each thread fills two for each partition. */
  readonly blockBytes: number;
  /** Of IDs that one thread keeps in memory; the rest goes to its temporary file. */
  readonly blocksBytes: number;
  /** Of missed IDs' lines that it keeps in memory, while the blocks are there still. */
  readonly linesBytes: number;
}

/** `2GB`, `512MiB`: a number and a unit. Throws a UsageError for anything else, and for less than memoryBytesMin. */
export function parseMemory(value: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]i?b)$/i.exec(value);
  const bytes = match ? Number(match[1]) * units[match[2]!.toLowerCase()]! : NaN;
  if (!Number.isFinite(bytes)) throw new UsageError(`--memory ${value} is no size: give one such as 2GB or 512MiB`);
  if (bytes < memoryBytesMin) {
    throw new UsageError(`--memory ${value} is too little: give at least ${memoryBytesMin / 2 ** 20}MiB`);
  }
  return Math.floor(bytes);
}

/** Divides the memory that a difference may take among its threads. */
export function planMemory(memoryBytes: number, threads: number, partitions: number): MemoryPlan {
  const buffers = 2 * threads * partitions;
  const wanted = 2 ** Math.floor(Math.log2(Math.max(1, memoryBytes / 4 / buffers)));
  const blockBytes = Math.min(blockBytesMax, Math.max(blockBytesMin, wanted));
  const left = Math.max(0, memoryBytes - baseBytes - buffers * blockBytes) / threads;
  return { blockBytes, blocksBytes: Math.floor((left * 3) / 4), linesBytes: Math.floor(left / 4) };
}
