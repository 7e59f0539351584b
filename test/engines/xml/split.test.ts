import { test } from '@fast-check/vitest';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Cut } from '../../../engines/xml/cut.ts';
import type { Encoding } from '../../../engines/xml/encoding.ts';
import type { XmlRecord } from '../../../engines/xml/record.ts';
import { resolve } from '../../../engines/xml/resolve.ts';
import { encode, trickyDocument } from './documents.ts';
import { read, scan, split } from './split.ts';

const tag = 'item';

/** Where a reader may begin, as the whole document's records say. */
function placesOf(records: readonly XmlRecord[]): readonly unknown[] {
  return records.map(({ from, line, column }) => ({ from, line, column }));
}

function placeOf({ from, line, column }: Pick<Cut, 'from' | 'line' | 'column'>): unknown {
  return { from, line, column };
}

describe('a file of 64 KB in two', () => {
  it.each<[Encoding, boolean]>([
    ['UTF-8', false],
    ['UTF-16LE', true],
    ['UTF-16BE', true],
  ])('gives the same records, split at every byte: %s', (encoding, mark) => {
    const characters = encoding === 'UTF-8' ? 66_000 : 33_000;
    const file = encode(trickyDocument(7, characters), encoding, mark);
    expect(file.length).toBeGreaterThan(64_000);
    const records = read(file, tag);
    expect(records.length).toBeGreaterThan(100);
    const places = placesOf(records);
    const seen = new Map<number, Cut>();
    // Big-endian differs in which byte is which only: every seventh byte is enough to see that.
    const step = encoding === 'UTF-16BE' ? 7 : 1;
    for (let at = 1; at < file.length; at += step) {
      const cuts = resolve([scan(file, tag, 0, at), scan(file, tag, at, file.length)], file.length);
      const next = records.findIndex(({ from }) => from >= at);
      // A place only when it is wrong: 64,000 comparisons of objects take their time.
      if (cuts.length !== (next === -1 ? 1 : 2) || cuts[1]?.from !== records[next]?.from) {
        expect({ at, cuts: cuts.map(placeOf) }).toEqual({ at, cuts: [places[0], places[next]] });
      }
      if (cuts[1] && !seen.has(cuts[1].from)) seen.set(cuts[1].from, cuts[1]);
    }
    expect(seen.size).toBeGreaterThanOrEqual(records.length - 1);
    for (const cut of seen.values()) {
      const at = records.findIndex(({ from }) => from === cut.from);
      expect(placeOf(cut)).toEqual(places[at]);
      expect(read(file, tag, cut)).toEqual(records.slice(at));
      const before = { from: 0, line: 1, column: 1, encoding, open: [], rootSeen: false };
      expect(read(file, tag, { ...before, to: cut.from, openAtEnd: cut.open })).toEqual(records.slice(0, at));
    }
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
    const offsets = new Set(shares.map((share) => 1 + Math.floor(share * (file.length - 2))));
    const cuts = split(
      file,
      tag,
      [...offsets].sort((a, b) => a - b),
      pushBytes,
    );
    expect(cuts.map(({ to }) => to)).toEqual([...cuts.slice(1).map(({ from }) => from), file.length]);
    expect(cuts.flatMap((cut) => read(file, tag, cut, pushBytes))).toEqual(records);
  });
});
