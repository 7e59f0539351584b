import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  countDistinct,
  footerTailBytes,
  partitionOf,
  readFooter,
  RunBuilder,
  statsBytesMax,
  subtract,
} from '../../../engines/log-diff/run.ts';

const key = fc.oneof(
  fc.uint8Array({ minLength: 16, maxLength: 16 }),
  fc.nat({ max: 20 }).map((n) => Uint8Array.from({ length: 16 }, (_, i) => (i === 15 || i === 0 ? n : 0))),
);
const keys = fc.array(key, { maxLength: 60 });
const partitions = fc.integer({ min: 1, max: 9 });
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const split = (bytes: Uint8Array): string[] => hex(bytes).match(/.{32}/g) ?? [];

function build(list: readonly Uint8Array[], count: number, stats = {}): Uint8Array {
  const run = new RunBuilder({ partitions: count, idsMax: 1000 });
  for (const each of list) run.add(each);
  return run.finish(stats);
}

describe('a run', () => {
  it('holds each key once, in its partition and in order, and its footer finds them', () => {
    fc.assert(
      fc.property(keys, partitions, (list, count) => {
        const run = build(list, count, { lines: 7, server: 'srv-ü' });
        for (const tail of [run, run.subarray(-Math.min(run.length, footerTailBytes(count)))]) {
          const { offsets, stats } = readFooter(tail, run.length);
          expect(stats).toEqual({ lines: 7, server: 'srv-ü' });
          expect(offsets.length).toBe(count + 1);
          const distinct = [...new Set(list.map(hex))].sort();
          for (let p = 0; p < count; p++) {
            const expected = distinct.filter((text) => partitionOf(Buffer.from(text, 'hex'), 0, count) === p);
            expect(split(run.subarray(offsets[p], offsets[p + 1]))).toEqual(expected);
          }
        }
      }),
    );
  });

  it('has the same bytes whatever the order and the repetitions', () => {
    fc.assert(
      fc.property(keys, partitions, (list, count) => {
        expect(hex(build(list.toReversed().concat(list), count))).toBe(hex(build(list, count)));
      }),
    );
  });

  it('says whether a key is new, and stops at its bound', () => {
    const run = new RunBuilder({ partitions: 2, idsMax: 2 });
    const three = [1, 2, 3].map((n) => new Uint8Array(16).fill(n));
    expect([run.add(three[0]!), run.add(three[0]!), run.add(three[1]!), run.add(three[1]!)]).toEqual([
      true,
      false,
      true,
      false,
    ]);
    expect(run.size).toBe(2);
    expect(() => run.add(three[2]!)).toThrow('more than 2 distinct IDs');
    expect(() => new RunBuilder({ partitions: 0, idsMax: 2 })).toThrow('1 to 65536 partitions, not 0');
    expect(() => run.finish({ text: 'x'.repeat(statsBytesMax) })).toThrow('stats of a run exceed');
  });

  it('reads its footer with one request of the last bytes, however large it is', () => {
    const run = new RunBuilder({ partitions: 64, idsMax: 5000 });
    for (let n = 0; n < 5000; n++)
      run.add(Uint8Array.from({ length: 16 }, (_, i) => (n * (i + 1) * 2654435761) >>> 24));
    const bytes = run.finish({ text: 'x'.repeat(statsBytesMax - 20) });
    const tail = bytes.subarray(-footerTailBytes(64));
    expect(tail.length).toBeLessThan(bytes.length);
    expect(readFooter(tail, bytes.length).offsets.at(-1)).toBe(16 * run.size);
  });

  it('is refused when it is torn, padded or something else', () => {
    const run = build([new Uint8Array(16), new Uint8Array(16).fill(9)], 3, { lines: 1 });
    for (let length = 0; length < run.length; length++) {
      expect(() => readFooter(run.subarray(0, length), length), `cut to ${length}`).toThrow(RangeError);
    }
    expect(() => readFooter(run, run.length + 16)).toThrow('do not cover the keys');
    expect(() => readFooter(run, run.length - 1)).toThrow(RangeError);
    const disordered = run.slice();
    disordered[2 * 16 + 4] = 9;
    expect(() => readFooter(disordered, run.length)).toThrow('do not cover the keys');
    const damaged = run.slice();
    damaged[run.length - 5]! ^= 1;
    expect(() => readFooter(damaged, run.length)).toThrow('no magic number of version 1');
  });

  it('spreads keys evenly, and puts a key where it always was', () => {
    const counts = Array.from({ length: 10 }, () => 0);
    for (let n = 0; n < 10_000; n++)
      counts[partitionOf(new Uint8Array(new Uint32Array([n, 0, 0, 0]).buffer), 0, 10)]!++;
    expect(Math.min(...counts)).toBeGreaterThan(850);
    expect(Math.max(...counts)).toBeLessThan(1150);
    // Runs of an earlier deployment must be read by a later one.
    const fixed = Uint8Array.from({ length: 16 }, (_, i) => 17 * i);
    expect([2, 64, 1000, 65_536].map((count) => partitionOf(fixed, 0, count))).toMatchInlineSnapshot(`
      [
        0,
        2,
        38,
        2492,
      ]
    `);
  });
});

describe('subtracting slices', () => {
  it('equals a difference of sets', () => {
    const slices = fc
      .array(keys, { maxLength: 4 })
      .map((lists) => lists.map((list) => new Uint8Array(Buffer.concat(list))));
    fc.assert(
      fc.property(slices, slices, (a, b) => {
        const signed = new Set(a.flatMap(split));
        const found = new Set(b.flatMap(split));
        const missed = [...signed].filter((text) => !found.has(text)).sort();
        const result = subtract(a, b);
        expect(split(result.missed)).toEqual(missed);
        expect(result).toMatchObject({ signed: signed.size, matchedDistinct: signed.size - missed.length });
        expect(countDistinct(b)).toBe(found.size);
      }),
    );
  });

  it('keeps the nil key apart from nothing', () => {
    const nil = new Uint8Array(16);
    expect(subtract([nil], [])).toEqual({ signed: 1, matchedDistinct: 0, missed: nil });
    expect(subtract([nil], [nil])).toEqual({ signed: 1, matchedDistinct: 1, missed: new Uint8Array(0) });
  });

  it('refuses a slice with a torn key', () => {
    expect(() => subtract([new Uint8Array(16)], [new Uint8Array(17)])).toThrow('a slice of 17 bytes has a torn key');
  });
});
