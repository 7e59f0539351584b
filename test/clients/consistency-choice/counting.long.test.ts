import { describe, expect, it } from 'vitest';
import { type Buffering, runCounting } from '../../../clients/consistency-choice/counting.ts';
import { question } from '../../../lib/questions/consistency-choice/question.ts';

const seeds = [1, 2, 3] as const;
const buffering: Buffering = {
  batchSize: 5_000,
  windowMs: 20_000,
  visibilityMs: 50_000,
  receivesMax: 5,
  consumers: 2,
};
const { clicks, clicksAtPeak, pages } = question.load;
const load = { buffering, clicksPerSecond: clicks.value, pages: pages.value, seconds: 120 };
const peak = { buffering, clicksPerSecond: clicksAtPeak.value, pages: 1, seconds: 30 };

describe('the model of the counter', () => {
  it.each(seeds)('writes a twentieth of a unit a click at the load and at the peak (seed %i)', (seed) => {
    const [even, hot] = [runCounting({ ...load, seed }), runCounting({ ...peak, seed })];
    expect(even.writeUnitsOfAClick).toBeLessThanOrEqual(0.05);
    expect(hot.writeUnitsOfAClick).toBeLessThanOrEqual(0.05);
    expect([even.wrong, even.lateShare, hot.wrong, hot.lateShare]).toEqual([0, 0, 0, 0]);
  });

  it.each([
    ['on one page', { pages: 1 }, 0.05],
    ['by one consumer', { buffering: { ...buffering, consumers: 1 } }, 0.05],
    ['by four consumers', { buffering: { ...buffering, consumers: 4 } }, 0.05],
  ])('does so %s as well', (_how, change, most) => {
    expect(runCounting({ ...load, ...change, seed: 1 }).writeUnitsOfAClick).toBeLessThanOrEqual(most);
  });

  it.each([
    ['many pages', { pages: 200 }],
    ['small batches', { buffering: { ...buffering, windowMs: 1_000 } }],
  ])('does not do so with %s, each batch of which has few clicks of a page', (_what, change) => {
    expect(runCounting({ ...load, ...change, seed: 1 }).writeUnitsOfAClick).toBeGreaterThan(0.1);
  });

  it.each([
    [0.005, 0.035, 0.05],
    [0.01, 0.05, 0.06],
    [0.05, 0.08, 0.1],
  ])('writes more when clocks are wrong, on %d of the clicks %d to %d units', (skewedShare, least, most) => {
    const { writeUnitsOfAClick, wrong } = runCounting({ ...load, skewedShare, seed: 1 });
    expect(writeUnitsOfAClick).toBeGreaterThan(least);
    expect(writeUnitsOfAClick).toBeLessThan(most);
    expect(wrong).toBe(0);
  });

  it('leaves what a full window has no room for to become dead letters, and counts none of it', () => {
    const flood = { buffering: { ...buffering, batchSize: 10_000 }, clicksPerSecond: 60_000, pages: 1, seconds: 4 };
    // Skewed, so that portions have clicks of other windows too, which count.
    const { wrong, deadShare, lateShare } = runCounting({ ...flood, skewedShare: 0.01, seed: 1 });
    expect(wrong).toBe(0);
    expect(deadShare).toBeGreaterThan(0.05);
    expect(lateShare).toBe(deadShare);
  });

  it('refuses half of the peak when each click is written at once', () => {
    const { lateShare, writeUnitsOfAClick, delayMaxMs, wrong } = runCounting({
      ...peak,
      buffering: undefined,
      seed: 1,
    });
    expect(lateShare).toBeCloseTo(0.5, 1);
    expect({ writeUnitsOfAClick, delayMaxMs, wrong }).toEqual({ writeUnitsOfAClick: 1, delayMaxMs: 0, wrong: 0 });
  });

  it('is behind at the peak when batches are small, since consumers are few', () => {
    const small = { ...buffering, batchSize: 10 };
    expect(runCounting({ ...peak, buffering: small, seconds: 10, seed: 1 }).delayMaxMs).toBeGreaterThan(10_000);
  });

  it.each(seeds)(
    'counts each click once or never when consumers die, and is late by redeliveries (seed %i)',
    (seed) => {
      const crashing = { ...load, clicksPerSecond: 25, seconds: 1_200, seed };
      const { wrong, delayMaxMs, deadShare } = runCounting({ ...crashing, crashShare: 0.3 });
      expect(wrong).toBe(0);
      expect(delayMaxMs).toBeGreaterThan(70_000);
      expect(deadShare).toBeLessThan(0.05);
      const once = runCounting({ ...crashing, crashShare: 0.3, buffering: { ...buffering, receivesMax: 1 } });
      expect(once.wrong).toBe(0);
      // Half of them when they had counted.
      expect(once.deadShare).toBeGreaterThan(0.2);
      expect(once.lateShare / once.deadShare).toBeGreaterThan(0.25);
      expect(once.lateShare / once.deadShare).toBeLessThan(0.75);
    },
  );

  it.each(seeds)('loses races at a counter after an outage, and fewer the more shards it has (seed %i)', (seed) => {
    const many = { ...buffering, consumers: 8 };
    const outage = { ...load, pages: 1, buffering: many, outageSeconds: 150, seconds: 150, seed };
    const [one, eight] = [runCounting({ ...outage, shards: 1 }), runCounting({ ...outage, shards: 8 })];
    expect(one.lostAtCounters).toBeGreaterThan(5);
    expect(eight.lostAtCounters).toBeLessThan(one.lostAtCounters / 2);
    expect([one.wrong, eight.wrong]).toEqual([0, 0]);
  });

  it('gives the same for the same seed', () => {
    const run = { ...load, seconds: 30, crashShare: 0.2, seed: 5 };
    expect(runCounting(run)).toEqual(runCounting(run));
  });
});
