import { describe, expect, it } from 'vitest';
import { exponential, lognormal, pareto, percentile, uniform } from '../../../engines/consistency/chance.ts';
import { type Random, randomFrom } from '../../../engines/simulation/random.ts';

const draws = 100_000;

function sample(draw: (random: Random) => number): Float64Array {
  const random = randomFrom(20261126);
  return Float64Array.from({ length: draws }, () => draw(random));
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

describe('chance', () => {
  it('is uniform strictly between 0 and 1', () => {
    const values = sample(uniform);
    expect(values.every((value) => value > 0 && value < 1)).toBe(true);
    expect(mean(values)).toBeCloseTo(0.5, 2);
    // The ends of the random numbers beneath.
    const ends = [0, 2 ** 32 - 2].map((value) => uniform({ below: () => value }));
    expect(ends[0]).toBeGreaterThan(0);
    expect(ends[1]).toBeLessThan(1);
  });

  it('has the mean of an exponential, and e to the -1 above it', () => {
    const values = sample((random) => exponential(random, 40));
    expect(mean(values) / 40).toBeCloseTo(1, 1);
    expect(values.filter((value) => value > 40).length / draws).toBeCloseTo(Math.exp(-1), 2);
  });

  it('has the tail of a Pareto: a share of (least / x) ^ shape is above x', () => {
    const values = sample((random) => pareto(random, 4, 1.1));
    expect(Math.min(...values)).toBeGreaterThanOrEqual(4);
    for (const x of [8, 40, 400]) {
      expect(values.filter((value) => value > x).length / draws).toBeCloseTo((4 / x) ** 1.1, 2);
    }
  });

  it('has the median and the deviation of a lognormal', () => {
    const values = sample((random) => lognormal(random, 3, 0.5));
    expect(percentile(values, 0.5)).toBeCloseTo(3, 1);
    const logs = values.map((value) => Math.log(value / 3));
    expect(Math.sqrt(mean(logs.map((log) => log ** 2)))).toBeCloseTo(0.5, 2);
  });
});

describe('a percentile', () => {
  it('is the nearest rank', () => {
    const values = Float64Array.from({ length: 1000 }, (_, index) => 1000 - index);
    expect([0, 0.001, 0.5, 0.999, 1].map((share) => percentile(values, share))).toEqual([1, 1, 500, 999, 1000]);
    expect(values[0]).toBe(1000);
  });

  it('of nothing is refused', () => {
    expect(() => percentile(new Float64Array(), 0.5)).toThrow('no values have a percentile: give one at least');
  });
});
