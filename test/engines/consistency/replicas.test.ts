import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { readReplicas } from '../../../engines/consistency/replicas.ts';
import { randomFrom } from '../../../engines/simulation/random.ts';

const times = fc
  .array(fc.integer({ min: 0, max: 1_000 }), { maxLength: 30 })
  .map((list) => list.toSorted((a, b) => a - b));

describe('a read of a replicated item', () => {
  test.prop([times, times, fc.integer(), fc.integer({ min: 0, max: 2_000 })])(
    'is never stale when it is strong',
    (writesAtMs, readsAtMs, seed, lag) => {
      const run = { writesAtMs, readsAtMs, random: randomFrom(seed), lagMs: () => lag };
      expect(readReplicas({ ...run, consistency: 'strong' })).toEqual({ staleReads: 0, staleMaxMs: 0 });
    },
  );

  test.prop([times, times, fc.integer(), fc.integer({ min: 0, max: 500 })])(
    'is never further behind than the longest lag when it is eventual',
    (writesAtMs, readsAtMs, seed, lag) => {
      const run = { writesAtMs, readsAtMs, random: randomFrom(seed) };
      const { staleReads, staleMaxMs } = readReplicas({
        ...run,
        lagMs: (random) => random.below(lag + 1),
        consistency: 'eventual',
      });
      expect(staleMaxMs).toBeLessThanOrEqual(lag);
      if (lag === 0) expect(staleReads).toBe(0);
    },
  );

  it('is stale in a third of the eventual reads that come at once, by as long as they wait', () => {
    const writesAtMs = [100];
    const readsAtMs = Array.from({ length: 30_000 }, () => 140);
    const run = { writesAtMs, readsAtMs, random: randomFrom(1), consistency: 'eventual' } as const;
    const { staleReads, staleMaxMs } = readReplicas({ ...run, lagMs: () => 41 });
    expect(staleReads / readsAtMs.length).toBeCloseTo(1 / 3, 2);
    expect(staleMaxMs).toBe(40);
    expect(readReplicas({ ...run, lagMs: () => 40 }).staleReads).toBe(0);
  });

  it('finds writes in the order in which they were made: a late one holds up those behind it', () => {
    // Whichever follower is late with the first, it has the second no sooner.
    const lags = [1_000, 0];
    const { staleMaxMs } = readReplicas({
      random: { below: (bound) => bound - 1, fraction: () => 1 - 2 ** -32, share: () => false },
      writesAtMs: [0, 10],
      readsAtMs: [900],
      lagMs: () => lags.shift()!,
      consistency: 'eventual',
    });
    expect(staleMaxMs).toBe(900);
  });
});
