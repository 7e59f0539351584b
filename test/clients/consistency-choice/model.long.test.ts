import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import {
  answerRequests,
  type Buffering,
  countDelayMaxSeconds,
  heavyTail,
  refusedShare,
  staleBalances,
} from '../../../clients/consistency-choice/model.ts';
import type { CachePolicy } from '../../../lambdas/consistency-choice/domain.ts';

const seeds = [1, 2, 3, 4, 5] as const;
const policy: CachePolicy = {
  freshForMs: 1_000,
  staleForMs: 60_000,
  waitMaxMs: 10,
  landMaxMs: 2,
  refreshMaxMs: 3_000,
  refreshGapMs: 250,
};
const buffering: Buffering = { batchSize: 2_000, windowMs: 5_000, visibilityMs: 30_000, receivesMax: 5 };

describe('the model of lagging replicas', () => {
  it.each(seeds)('has no stale balance with strong reads, and many with eventual ones (seed %i)', (seed) => {
    expect(staleBalances(seed, 'strong')).toBe(0);
    expect(staleBalances(seed, 'eventual')).toBeGreaterThan(1_000);
  });
});

describe('the model of a count’s delay', () => {
  it('is none for what is written and read at once', () => {
    expect(countDelayMaxSeconds(1, undefined, 'strong')).toBe(0);
  });

  it('is a lag of at most a second for what is written at once and read from any replica', () => {
    const delay = countDelayMaxSeconds(1, undefined, 'eventual');
    expect(delay).toBeGreaterThan(0.1);
    expect(delay).toBeLessThanOrEqual(1);
  });

  it.each(seeds)('has the bound of windows, redeliveries, a consumer and a lag (seed %i)', (seed) => {
    const { windowMs, visibilityMs, receivesMax } = buffering;
    const bound = (receivesMax * windowMs + (receivesMax - 1) * visibilityMs + 200 + 1_000) / 1000;
    const delay = countDelayMaxSeconds(seed, buffering, 'eventual');
    expect(delay).toBeLessThanOrEqual(bound);
    // Somebody's consumers crashed four times.
    expect(delay).toBeGreaterThan(120);
  });
});

describe('the model of a hot partition', () => {
  it('refuses what a thousand units a second do not pay for', () => {
    expect(refusedShare(1, undefined, 2_000)).toBeCloseTo(0.5, 1);
    expect(refusedShare(1, undefined, 4_000)).toBeCloseTo(0.75, 1);
    expect(refusedShare(1, undefined, 800)).toBe(0);
  });

  it.each(seeds)('refuses none of ten times that in batches (seed %i)', (seed) => {
    expect(refusedShare(seed, buffering, 2_000)).toBe(0);
  });

  it('is no better than without a queue when batches have one click', () => {
    expect(refusedShare(1, { ...buffering, batchSize: 1 }, 2_000)).toBeGreaterThan(0.5);
    expect(refusedShare(1, { ...buffering, windowMs: 0 }, 2_000)).toBeGreaterThan(0.5);
  });
});

describe('the model of an environment that freezes', () => {
  it.each(seeds)(
    'meets 20 ms at the 99.9th percentile under a heavy tail, and not without a deadline (seed %i)',
    (seed) => {
      const run = { seed, requests: 50_000, dependencyMs: heavyTail };
      const cached = answerRequests({ ...run, policy });
      expect(cached.handlerMsP999).toBeLessThanOrEqual(20);
      // Freezes took some of its refreshes, or the model would not be of Lambda.
      expect(cached.lostInFreeze).toBeGreaterThan(100);
      expect(cached.oldestMs).toBeLessThanOrEqual(60_000);
      expect(answerRequests({ ...run, policy: { ...policy, waitMaxMs: 5_000 } }).handlerMsP999).toBeGreaterThan(100);
      expect(answerRequests({ ...run, policy: undefined }).handlerMsP999).toBeGreaterThan(500);
    },
  );

  test.prop(
    [
      fc.integer(),
      fc.record({
        freshForMs: fc.integer({ min: 0, max: 2_000 }),
        staleForMs: fc.integer({ min: 2_000, max: 100_000 }),
        waitMaxMs: fc.integer({ min: 0, max: 15 }),
        landMaxMs: fc.integer({ min: 0, max: 5 }),
        refreshMaxMs: fc.integer({ min: 100, max: 5_000 }),
        refreshGapMs: fc.integer({ min: 0, max: 500 }),
      }),
      fc.constantFrom(
        heavyTail,
        () => Infinity,
        () => 500,
        () => 1,
      ),
    ],
    { numRuns: 200 },
  )(
    'never answers with what is older than the policy says, whatever policy and dependency',
    (seed, any, dependencyMs) => {
      const { oldestMs } = answerRequests({ seed, policy: any, requests: 500, dependencyMs });
      expect(oldestMs).toBeLessThanOrEqual(any.staleForMs);
    },
  );

  it('has nothing but the fallback for a dependency that never replied', () => {
    const { fallbacks, oldestMs } = answerRequests({ seed: 1, policy, requests: 300, dependencyMs: () => Infinity });
    expect({ fallbacks, oldestMs }).toEqual({ fallbacks: 300, oldestMs: 0 });
  });

  it('gets hold of a reply of 500 ms, though no request waits so long', () => {
    const { fallbacks } = answerRequests({ seed: 1, policy, requests: 2_000, dependencyMs: () => 500 });
    expect(fallbacks).toBeLessThan(100);
  });

  it('gives the same for the same seed, and ends a function that waits at its timeout', () => {
    const run = { seed: 7, policy, requests: 2_000, dependencyMs: heavyTail };
    expect(answerRequests(run)).toEqual(answerRequests(run));
    const waiting = answerRequests({ ...run, policy: undefined, dependencyMs: () => Infinity });
    expect(waiting.handlerMsP999).toBeGreaterThanOrEqual(10_000);
    expect(waiting.handlerMsP999).toBeLessThan(10_100);
  });
});
