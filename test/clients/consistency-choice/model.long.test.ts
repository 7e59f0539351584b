import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import {
  answerRequests,
  behindMaxMs,
  heavyTail,
  lagMaxMs,
  staleReads,
} from '../../../clients/consistency-choice/model.ts';
import { runCounting } from '../../../clients/consistency-choice/counting.ts';
import { randomFrom } from '../../../engines/simulation/random.ts';
import type { CachePolicy } from '../../../lambdas/consistency-choice/domain.ts';
import { question } from '../../../lib/questions/consistency-choice/question.ts';

const seeds = [1, 2, 3, 4, 5] as const;
const policy: CachePolicy = {
  freshForMs: 10_000,
  staleForMs: 60_000,
  waitMaxMs: 10,
  landMaxMs: 2,
  refreshMaxMs: 3_000,
  refreshGapMs: 250,
};
/** The load's: ten environments answer 500 requests a second, of 200 topics. */
const load = { gapMeanMs: 20, topics: 200 };

describe('the model of lagging replicas', () => {
  it.each(seeds)('has no stale item with strong reads, and many with eventual ones (seed %i)', (seed) => {
    expect(staleReads(seed, 'strong')).toBe(0);
    expect(staleReads(seed, 'eventual')).toBeGreaterThan(1_000);
  });

  const busy = { clicksPerSecond: 500, pages: 20, seconds: 30 };

  it.each(seeds)(
    'has counts of which each is written at once behind by the longest lag, if their reads are eventual (seed %i)',
    (seed) => {
      const { counted } = runCounting({ ...busy, seed, buffering: undefined });
      expect(behindMaxMs(seed, 'strong', counted)).toBe(0);
      const behind = behindMaxMs(seed, 'eventual', counted);
      expect(behind).toBeLessThanOrEqual(lagMaxMs);
      expect(behind).toBeGreaterThan(0.9 * lagMaxMs);
    },
  );

  it.each(seeds)('has counts of batches behind by these, and no further than a lag besides (seed %i)', (seed) => {
    const buffering = { batchSize: 5_000, windowMs: 20_000, visibilityMs: 50_000, receivesMax: 5, consumers: 2 };
    const { counted, delayMaxMs } = runCounting({ ...busy, seed, buffering });
    expect(behindMaxMs(seed, 'strong', counted)).toBeLessThanOrEqual(delayMaxMs);
    const behind = behindMaxMs(seed, 'eventual', counted);
    expect(behind).toBeLessThanOrEqual(delayMaxMs + lagMaxMs);
    expect(behind).toBeGreaterThan(20_000);
  });
});

describe('the model of an environment that freezes', () => {
  it.each(seeds)(
    'meets 20 ms at the 99.9th percentile under a heavy tail, and not without a deadline (seed %i)',
    (seed) => {
      const run = { ...load, seed, requests: 50_000, dependencyMs: heavyTail };
      const cached = answerRequests({ ...run, policy });
      expect(cached.handlerMsP999).toBeLessThanOrEqual(20);
      // Freezes took some of its refreshes, or the model would not be of Lambda.
      expect(cached.lostInFreeze).toBeGreaterThan(100);
      expect(cached.oldestMs).toBeLessThanOrEqual(60_000);
      expect(answerRequests({ ...run, policy: { ...policy, waitMaxMs: 5_000 } }).handlerMsP999).toBeGreaterThan(100);
      expect(answerRequests({ ...run, policy: undefined }).handlerMsP999).toBeGreaterThan(500);
    },
  );

  it.each(seeds)('asks as often as the load makes it, which the estimate prices (seed %i)', (seed) => {
    const asked = (freshForMs: number) =>
      answerRequests({
        ...load,
        seed,
        policy: { ...policy, freshForMs },
        requests: 100_000,
        dependencyMs: () => 1,
      }).askedShare;
    // A topic is asked for 0.25 times a second in an environment.
    expect(asked(10_000)).toBeCloseTo(1 / (1 + 0.25 * 10), 1);
    expect(asked(1_000)).toBeCloseTo(1 / (1 + 0.25 * 1), 1);
  });

  it('has a dependency of 26 ms on average, and of less than 8 half of the time, of which ten are waited for', () => {
    const random = randomFrom(1);
    const replies = Array.from({ length: 400_000 }, () => Math.min(10_000, heavyTail(random)));
    const mean = (values: readonly number[]) => values.reduce((sum, ms) => sum + ms, 0) / values.length;
    expect(mean(replies)).toBeCloseTo(question.load.dependency.value, -0.5);
    expect(mean(replies.map((ms) => Math.min(10, ms)))).toBeCloseTo(7.5, 1);
    expect(replies.toSorted((a, b) => a - b)[200_000]).toBeCloseTo(7.5, 1);
  });

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
      const { oldestMs } = answerRequests({ ...load, topics: 3, seed, policy: any, requests: 500, dependencyMs });
      expect(oldestMs).toBeLessThanOrEqual(any.staleForMs);
    },
  );

  it('has nothing but the fallback for a dependency that never replied', () => {
    const { fallbacks, oldestMs } = answerRequests({
      ...load,
      seed: 1,
      policy,
      requests: 300,
      dependencyMs: () => Infinity,
    });
    expect({ fallbacks, oldestMs }).toEqual({ fallbacks: 300, oldestMs: 0 });
  });

  it('gets hold of a reply of 500 ms, though no request waits so long', () => {
    const { fallbacks } = answerRequests({
      gapMeanMs: 150,
      topics: 1,
      seed: 1,
      policy,
      requests: 2_000,
      dependencyMs: () => 500,
    });
    expect(fallbacks).toBeLessThan(100);
  });

  it('gives the same for the same seed, and ends a function that waits at its timeout', () => {
    const run = { ...load, seed: 7, policy, requests: 2_000, dependencyMs: heavyTail };
    expect(answerRequests(run)).toEqual(answerRequests(run));
    const waiting = answerRequests({ ...run, policy: undefined, dependencyMs: () => Infinity });
    expect(waiting.handlerMsP999).toBeGreaterThanOrEqual(10_000);
    expect(waiting.handlerMsP999).toBeLessThan(10_100);
  });
});
