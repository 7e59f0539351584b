import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addOrdinals, encodeOrdinals } from '../../../engines/log-diff/ordinals.ts';

const ordinals = fc.oneof(
  fc.uniqueArray(fc.nat(100), { maxLength: 60 }),
  fc.uniqueArray(fc.nat(20_000), { maxLength: 40 }),
  fc.uniqueArray(fc.nat(3_000_000), { maxLength: 4 }),
);

function bitsOf(set: readonly number[], count: number): Uint8Array {
  const bits = new Uint8Array(Math.ceil(count / 8));
  for (const ordinal of set) bits[ordinal >>> 3]! |= 1 << (ordinal & 7);
  return bits;
}

function read(bits: Uint8Array): readonly number[] {
  return [...bits].flatMap((byte, i) => [0, 1, 2, 3, 4, 5, 6, 7].filter((b) => (byte >> b) & 1).map((b) => 8 * i + b));
}

describe('ordinals', () => {
  it('are read as they were written, and added to those of others', () => {
    fc.assert(
      fc.property(ordinals, ordinals, fc.nat(40), (one, other, more) => {
        const count = Math.max(0, ...one, ...other) + 1 + more;
        const bits = bitsOf(other, count);
        addOrdinals(encodeOrdinals(bitsOf(one, count)), bits, count);
        expect(read(bits)).toEqual([...new Set([...one, ...other])].toSorted((a, b) => a - b));
      }),
    );
  });

  it('have the same code however much room there is', () => {
    fc.assert(
      fc.property(ordinals, (set) => {
        const count = Math.max(0, ...set) + 1;
        expect(encodeOrdinals(bitsOf(set, count + 999))).toEqual(encodeOrdinals(bitsOf(set, count)));
      }),
    );
  });

  it.each([
    { of: 'none', every: 0, bytes: 0 },
    { of: 'one in 1,000', every: 1000, bytes: 1 + 2 * 100 - 1 },
    { of: 'one in 100', every: 100, bytes: 1 + 1000 },
    { of: 'one in 5', every: 5, bytes: 1 + 12_500 },
    { of: 'all', every: 1, bytes: 1 + 12_500 },
  ])('of $of are $bytes bytes for 100,000 IDs', ({ every, bytes }) => {
    const set = Array.from({ length: every === 0 ? 0 : 100_000 / every }, (_, i) => i * every);
    const length = encodeOrdinals(bitsOf(set, 100_000)).length;
    expect(length).toBeLessThanOrEqual(bytes);
    expect(length).toBeGreaterThanOrEqual(bytes - 1);
  });

  it.each([
    ['of another form', [3, 0]],
    ['torn', [1, 128]],
    ['beyond the last ID', [1, 10]],
    ['far beyond it', [1, 255, 255, 255, 255, 255, 255, 127]],
    ['a bitmap that is too long', [2, 0, 0, 1]],
    ['a bitmap with a bit too many', [2, 0, 4]],
    ['an empty bitmap', [2]],
  ])('are refused when they are %s', (_, code) => {
    expect(() => addOrdinals(Uint8Array.from(code), new Uint8Array(2), 10)).toThrow(/are no ordinals below 10/);
  });
});
