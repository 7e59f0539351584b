import { test } from '@fast-check/vitest';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Cut } from '../../../engines/xml/cut.ts';
import { sniff, type Encoding } from '../../../engines/xml/encoding.ts';
import type { XmlRecord } from '../../../engines/xml/record.ts';
import { resolve } from '../../../engines/xml/resolve.ts';
import type { RangeSummary } from '../../../engines/xml/summary.ts';
import { encode, trickyDocument } from './documents.ts';
import { read, scan, split } from './split.ts';

const tag = 'item';

function placeOf({ from, line, column }: Pick<Cut, 'from' | 'line' | 'column'>): unknown {
  return { from, line, column };
}

/** Offsets of the records that readers begin at, when a file is split at these: the first of each part, if it has one. */
function expectedStarts(records: readonly XmlRecord[], edges: readonly number[]): readonly number[] {
  const starts = edges.map((edge, i) => records.find(({ from }) => from >= edge && from < (edges[i + 1] ?? Infinity)));
  return starts.flatMap((record) => (record === undefined ? [] : [record.from]));
}

const encodings: readonly Encoding[] = ['UTF-8', 'UTF-16LE', 'UTF-16BE'];

describe('a file split at every byte', () => {
  /** What a reader from such a cut, and the one before it, make of the file. */
  function checkCuts(file: Uint8Array, records: readonly XmlRecord[], cuts: Iterable<Cut>): void {
    const beginning = { from: 0, line: 1, column: 1, encoding: sniff(file).encoding, open: [], rootSeen: false };
    for (const { to: _, openAtEnd: __, ...start } of cuts) {
      const at = records.findIndex(({ from }) => from === start.from);
      expect(placeOf(start)).toEqual(placeOf(records[at]!));
      expect(read(file, tag, start)).toEqual(records.slice(at));
      expect(read(file, tag, { ...beginning, to: start.from, openAtEnd: start.open })).toEqual(records.slice(0, at));
    }
  }

  it.each(encodings)('in two, gives the same records: %s', (encoding) => {
    const bytes = process.env['DESIGNS_SCALE'] === 'full' ? 66_000 : 9000;
    const file = encode(trickyDocument(7, encoding === 'UTF-8' ? bytes : bytes / 2), encoding);
    const records = read(file, tag);
    const found = new Map<number, Cut>();
    for (let at = 1; at < file.length; at++) {
      const cuts = split(file, tag, [at]);
      const starts = cuts.slice(1).map(({ from }) => from);
      if (starts.join() !== expectedStarts(records, [at]).join()) expect({ at, starts }).toBe('another start');
      for (const cut of cuts.slice(1)) found.set(cut.from, cut);
    }
    expect(found.size).toBeGreaterThanOrEqual(records.length - 1);
    checkCuts(file, records, found.values());
  });

  // In four, since the outer two are the same for thousands of offsets, and need to be scanned only once.
  it.each(encodings)('of its 64 KB, gives the same records: %s', (encoding) => {
    const file = encode(trickyDocument(8, encoding === 'UTF-8' ? 66_000 : 33_000), encoding);
    expect(file.length).toBeGreaterThan(64 * 1024);
    const records = read(file, tag);
    expect(records.length).toBeGreaterThan(100);
    const memo = new Map<string, RangeSummary>();
    const scanned = (from: number, to: number): RangeSummary => {
      const key = `${from}-${to}`;
      let summary = memo.get(key);
      if (summary === undefined) memo.set(key, (summary = scan(file, tag, from, to)));
      return summary;
    };
    const found = new Map<number, Cut>();
    const grid = 1500;
    for (let at = 1; at < file.length; at++) {
      const before = Math.floor((at - 1) / grid) * grid;
      const behind = Math.min(file.length, (Math.floor(at / grid) + 2) * grid);
      const edges = [...new Set([0, before, at, behind, file.length])];
      const summaries = edges.slice(1).map((to, i) => {
        const from = edges[i]!;
        return from === at || to === at ? scan(file, tag, from, to) : scanned(from, to);
      });
      const cuts = resolve(summaries, file.length);
      const starts = cuts.slice(1).map(({ from }) => from);
      if (starts.join() !== expectedStarts(records, edges.slice(1)).join()) expect({ at, starts }).toBe('other starts');
      for (const cut of cuts.slice(1)) found.set(cut.from, cut);
    }
    expect(found.size).toBeGreaterThanOrEqual(records.length - 1);
    checkCuts(file, records, found.values());
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
