import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { randomFrom } from '../../../engines/simulation/random.ts';

const seeds = fc.integer({ min: 0, max: 2 ** 32 - 1 });

describe('a seeded source of randomness', () => {
  it('gives the numbers of Mulberry32, as its author’s code does', () => {
    // https://gist.github.com/tommyettinger/46a874533244883189143505d203312c, seed 1, five 32-bit outputs.
    const random = randomFrom(1);
    expect(Array.from({ length: 5 }, () => random.below(2 ** 32))).toEqual(reference(1, 5));
  });

  test.prop([seeds])('gives the same numbers for the same seed', (seed) => {
    const draw = () => {
      const random = randomFrom(seed);
      return Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? random.below(1000) : random.share(0.5)));
    };
    expect(draw()).toEqual(draw());
  });

  it('gives other numbers for other seeds, neighbours too', () => {
    const streams = Array.from({ length: 1000 }, (_, seed) => {
      const random = randomFrom(seed);
      return [random.below(2 ** 32), random.below(2 ** 32)].join(' ');
    });
    expect(new Set(streams).size).toBe(1000);
  });

  test.prop([seeds, fc.integer({ min: 1, max: 2 ** 32 })])('stays below the bound, in whole numbers', (seed, bound) => {
    const random = randomFrom(seed);
    for (let draw = 0; draw < 50; draw += 1) {
      const value = random.below(bound);
      expect(Number.isInteger(value) && value >= 0 && value < bound).toBe(true);
    }
  });

  it('gives fractions of the same numbers, from 0 to less than 1', () => {
    const random = randomFrom(1);
    expect(Array.from({ length: 5 }, () => random.fraction() * 2 ** 32)).toEqual(reference(1, 5));
  });

  it('reaches every value below the bound about as often', () => {
    const random = randomFrom(42);
    const counts = Array.from({ length: 16 }, () => 0);
    for (let draw = 0; draw < 160_000; draw += 1) counts[random.below(16)]! += 1;
    const chiSquared = counts.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0);
    // 15 degrees of freedom: a fair source exceeds 37.7 once in a thousand seeds, and this seed is fixed.
    expect(chiSquared).toBeLessThan(37.7);
  });

  it.each([0, 0.002, 0.5, 1])('is true with the share %d', (share) => {
    const random = randomFrom(7);
    let hits = 0;
    for (let draw = 0; draw < 100_000; draw += 1) if (random.share(share)) hits += 1;
    expect(hits / 100_000).toBeCloseTo(share, 2);
    if (share === 0 || share === 1) expect(hits).toBe(share * 100_000);
  });
});

/** The published C code, over 64-bit integers so that no rule of JavaScript's numbers is shared with the engine. */
function reference(seed: number, count: number): readonly number[] {
  const wrap = (value: bigint) => BigInt.asUintN(32, value);
  let state = BigInt(seed);
  return Array.from({ length: count }, () => {
    state = wrap(state + 0x6d2b79f5n);
    let z = state;
    z = wrap((z ^ (z >> 15n)) * (z | 1n));
    z ^= wrap(z + wrap((z ^ (z >> 7n)) * (z | 61n)));
    return Number(z ^ (z >> 14n));
  });
}
