import { test } from '@fast-check/vitest';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Cut } from '../../../engines/xml/cut.ts';
import type { Encoding } from '../../../engines/xml/encoding.ts';
import type { XmlRecord } from '../../../engines/xml/record.ts';
import { resolve } from '../../../engines/xml/resolve.ts';
import type { RangeSummary } from '../../../engines/xml/summary.ts';
import { encode, trickyDocument } from './documents.ts';
import { read, scan, split } from './split.ts';

const tag = 'item';

/** Offsets of the records that readers begin at, when a file is split at these: the first of each part, if it has one. */
function expectedStarts(records: readonly XmlRecord[], edges: readonly number[]): readonly number[] {
  const starts = edges.map((edge, i) => records.find(({ from }) => from >= edge && from < (edges[i + 1] ?? Infinity)));
  return starts.flatMap((record) => (record === undefined ? [] : [record.from]));
}

const encodings: readonly Encoding[] = ['UTF-8', 'UTF-16LE', 'UTF-16BE'];
const isFull = process.env['DESIGNS_SCALE'] === 'full';

/** A tricky document of at least 64 KB, in this encoding. */
function trickyFile(seed: number, encoding: Encoding, bytes = 66_000): Uint8Array {
  return encode(trickyDocument(seed, encoding === 'UTF-8' ? bytes : bytes / 2), encoding);
}

/**
 * Scans and resolves a file split at each of its bytes, and reads all its parts. Cuts are plain data and all that a
 * reader is given, so that cuts equal to others in every field, which those of most neighbouring bytes are, are read once.
 */
function checkEveryByte(
  file: Uint8Array,
  edgesAt: (at: number) => readonly number[],
  cutsAt: (at: number) => readonly Cut[],
): void {
  const records = read(file, tag);
  const all = JSON.stringify(records);
  const readCuts = new Set<string>();
  const starts = new Set<string>();
  for (let at = 1; at < file.length; at++) {
    const cuts = cutsAt(at);
    const found = cuts.slice(1).map(({ from }) => from);
    const expected = expectedStarts(records, edgesAt(at));
    if (found.join() !== expected.join()) expect({ at, starts: found }).toEqual({ at, starts: expected });
    starts.add(found.join());
    const key = JSON.stringify(cuts);
    if (readCuts.has(key)) continue;
    readCuts.add(key);
    const parts = cuts.flatMap((cut) => read(file, tag, cut));
    if (JSON.stringify(parts) !== all) expect({ at, parts }).toEqual({ at, parts: records });
  }
  // Each record but the first begins a part, and all bytes from which one does give the very same cuts.
  expect(starts.size).toBeGreaterThanOrEqual(records.length);
  expect(readCuts.size).toBe(starts.size);
}

describe('a file split at every byte', () => {
  // At 64 KB half a minute an encoding, and no other cuts than in four below.
  const bytes = isFull ? 66_000 : 9000;

  it.each(encodings)('in two, gives the same records: %s', { timeout: 180_000 }, (encoding) => {
    const file = trickyFile(7, encoding, bytes);
    expect(file.length).toBeGreaterThanOrEqual(bytes);
    checkEveryByte(
      file,
      (at) => [at],
      (at) => split(file, tag, [at], 16_384),
    );
  });

  // In four, since the outer two are the same for thousands of offsets, and need to be scanned only once.
  it.each(encodings)('of its 64 KB, gives the same records: %s', { timeout: 180_000 }, (encoding) => {
    const file = trickyFile(8, encoding);
    expect(file.length).toBeGreaterThan(64 * 1024);
    const memo = new Map<string, RangeSummary>();
    const scanned = (from: number, to: number): RangeSummary => {
      const key = `${from}-${to}`;
      let summary = memo.get(key);
      if (summary === undefined) memo.set(key, (summary = scan(file, tag, from, to)));
      return summary;
    };
    const grid = 1500;
    const edgesAt = (at: number): readonly number[] => {
      const before = Math.floor((at - 1) / grid) * grid;
      const behind = Math.min(file.length, (Math.floor(at / grid) + 2) * grid);
      return [...new Set([0, before, at, behind, file.length])];
    };
    checkEveryByte(
      file,
      (at) => edgesAt(at).slice(1),
      (at) => {
        const edges = edgesAt(at);
        const summaries = edges.slice(1).map((to, i) => {
          const from = edges[i]!;
          return from === at || to === at ? scan(file, tag, from, to) : scanned(from, to);
        });
        return resolve(summaries, file.length);
      },
    );
  });
});

describe('a file in many parts', () => {
  const documents = ['UTF-8', 'UTF-16LE', 'UTF-16BE', 'ISO-8859-1'] as const;

  test.prop(
    [
      fc.constantFrom(...documents),
      fc.nat({ max: 1000 }),
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 40 }),
      fc.constantFrom(1, 3, 64, 1000, 1 << 20),
    ],
    { numRuns: 150 },
  )('gives the same records, in cuts that follow each other', (encoding, seed, shares, pushBytes) => {
    const text = trickyDocument(seed, 4000).replace(/[^\0-\xff]/g, (character) =>
      encoding === 'ISO-8859-1' ? '' : character,
    );
    const declared = encoding === 'ISO-8859-1' ? text.replace('?>', ' encoding="iso-8859-1"?>') : text;
    const file = encode(declared, encoding);
    const records = read(file, tag);
    const distinct = new Set(shares.map((share) => 1 + Math.floor(share * (file.length - 2))));
    const offsets = [...distinct].sort((a, b) => a - b);
    const cuts = split(file, tag, offsets, pushBytes);
    expect(cuts.slice(1).map(({ from }) => from)).toEqual(expectedStarts(records, offsets));
    expect(cuts.map(({ to }) => to)).toEqual([...cuts.slice(1).map(({ from }) => from), file.length]);
    expect(cuts.flatMap((cut) => read(file, tag, cut, pushBytes))).toEqual(records);
  });
});
