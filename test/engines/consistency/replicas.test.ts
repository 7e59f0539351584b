import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { readReplicas } from '../../../engines/consistency/replicas.ts';
import { randomFrom } from '../../../engines/simulation/random.ts';

const times = fc
  .array(fc.integer({ min: 0, max: 1_000 }), { maxLength: 30 })
  .map((list) => list.toSorted((a, b) => a - b));

const even = (count: number, everyMs: number) => Array.from({ length: count }, (_, index) => index * everyMs);
/** Many writes and reads, and a leader that is lost a hundred times. */
const busy = (seed: number) => ({
  random: randomFrom(seed),
  writesAtMs: even(1_000, 10),
  readsAtMs: even(10_000, 1),
  lossesAtMs: even(100, 97),
  quorumMs: (random: { below(bound: number): number }) => random.below(10),
  lagMs: (random: { below(bound: number): number }) => random.below(200),
});

describe('a read of a replicated item', () => {
  test.prop([times, times, times, fc.integer(), fc.nat({ max: 100 }), fc.nat({ max: 2_000 })])(
    'is never stale when it is strong, whenever the leader is lost',
    (writesAtMs, readsAtMs, lossesAtMs, seed, quorum, lag) => {
      const result = readReplicas({
        writesAtMs,
        readsAtMs,
        lossesAtMs,
        random: randomFrom(seed),
        quorumMs: (random) => random.below(quorum + 1),
        lagMs: (random) => random.below(lag + 1),
        consistency: 'strong',
      });
      expect(result).toEqual({ staleReads: 0, staleMaxMs: 0 });
    },
  );

  it.each([1, 2, 3])('is stale though it is strong, if a follower answers it (seed %i)', (seed) => {
    const { staleReads } = readReplicas({ ...busy(seed), consistency: 'strong', strongReadsGoTo: 'follower' });
    expect(staleReads).toBeGreaterThan(100);
  });

  it.each([1, 2, 3])('is stale though it is strong, if whoever comes may lead (seed %i)', (seed) => {
    expect(readReplicas({ ...busy(seed), consistency: 'strong', successor: 'any' }).staleReads).toBeGreaterThan(100);
    expect(readReplicas({ ...busy(seed), consistency: 'strong' }).staleReads).toBe(0);
  });

  test.prop([times, times, times, fc.integer(), fc.nat({ max: 2_000 }), fc.nat({ max: 500 })])(
    'is never further behind than the longest lag when it is eventual, however slow the quorum and whoever leads',
    (writesAtMs, readsAtMs, lossesAtMs, seed, quorum, lag) => {
      const { staleReads, staleMaxMs } = readReplicas({
        writesAtMs,
        readsAtMs,
        lossesAtMs,
        random: randomFrom(seed),
        quorumMs: (random) => random.below(quorum + 1),
        lagMs: (random) => random.below(lag + 1),
        consistency: 'eventual',
      });
      expect(staleMaxMs).toBeLessThanOrEqual(lag);
      if (lag === 0) expect(staleReads).toBe(0);
    },
  );

  it.each([1, 2, 3])('comes near the longest lag, quorums being slow and leaders lost (seed %i)', (seed) => {
    const { staleMaxMs } = readReplicas({ ...busy(seed), consistency: 'eventual' });
    expect(staleMaxMs).toBeGreaterThan(100);
    expect(staleMaxMs).toBeLessThan(200);
  });

  it('is stale in a third of the eventual reads that come at once, by as long as they wait', () => {
    const writesAtMs = [100];
    const readsAtMs = Array.from({ length: 30_000 }, () => 140);
    const run = { writesAtMs, readsAtMs, random: randomFrom(1), quorumMs: () => 0, consistency: 'eventual' } as const;
    const { staleReads, staleMaxMs } = readReplicas({ ...run, lagMs: () => 41 });
    expect(staleReads / readsAtMs.length).toBeCloseTo(1 / 3, 2);
    expect(staleMaxMs).toBe(40);
    expect(readReplicas({ ...run, lagMs: () => 40 }).staleReads).toBe(0);
  });

  it('finds writes in the order in which they were made: a late one holds up those behind it', () => {
    // One follower is in the quorum of both writes; the read comes to the other.
    const lags = [1_000, 0];
    const { staleMaxMs } = readReplicas({
      random: { below: (bound) => (bound === 3 ? 1 : bound - 1), fraction: () => 1 - 2 ** -32, share: () => false },
      writesAtMs: [0, 10],
      readsAtMs: [900],
      quorumMs: () => 0,
      lagMs: () => lags.shift()!,
      consistency: 'eventual',
    });
    expect(staleMaxMs).toBe(900);
  });

  it('is behind what was promised before it was written, the oldest of it first', () => {
    const run = {
      random: randomFrom(1),
      writesAtMs: [100, 200],
      quorumMs: () => 0,
      lagMs: () => 0,
      consistency: 'strong',
    } as const;
    const behind = (readsAtMs: readonly number[], ...promisedAtMs: readonly number[]) =>
      readReplicas({ ...run, readsAtMs, promisedAtMs });
    expect(behind([99, 100], 10, 150)).toEqual({ staleReads: 1, staleMaxMs: 89 });
    expect(behind([9, 99, 199], 10, 5)).toEqual({ staleReads: 3, staleMaxMs: 194 });
    expect(behind([200], 10, 5)).toEqual({ staleReads: 0, staleMaxMs: 0 });
    expect(readReplicas({ ...run, readsAtMs: [99] })).toEqual({ staleReads: 0, staleMaxMs: 0 });
  });
});
