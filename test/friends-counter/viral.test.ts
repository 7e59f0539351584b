import { describe, expect, it } from 'vitest';
import { partitionUnitsMax, viral, type Viral } from '../../clients/friends-counter/viral.ts';
import { question } from '../../lib/questions/friends-counter/question.ts';

const calm: Viral = {
  seed: 1,
  viewsPerSecond: 2_000,
  seconds: 3,
  handlerMs: 10,
  coldStartMs: 0,
  unitsPerRead: 0.5,
  keptMs: 0,
  warmEnvironments: 0,
};
const { viralViews, handlerMs, keptMs } = question.load;
const everybody: Viral = {
  ...calm,
  viewsPerSecond: viralViews.value,
  seconds: 5,
  handlerMs: handlerMs.value,
  coldStartMs: 300,
  keptMs: keptMs.value,
};

describe('a viral post', () => {
  it('reads for every view when nothing is kept', () => {
    expect(viral(calm).unitsPerSecond).toBeCloseTo(1_000, -2);
  });

  it('reads once an environment and second when answers are kept for a second', () => {
    const { unitsPerSecond, environments } = viral({ ...calm, keptMs: 1_000 });
    // Little's law: 2,000 views a second of 10 ms each keep 20 environments busy.
    expect(environments).toBeGreaterThanOrEqual(20);
    expect(environments).toBeLessThan(40);
    expect(unitsPerSecond).toBeLessThanOrEqual(0.5 * 2 * environments);
  });

  it('shows nothing older than what is kept', () => {
    for (const keptMs of [100, 1_000]) {
      const { stalestMs } = viral({ ...calm, keptMs });
      expect(stalestMs).toBeLessThan(keptMs);
      expect(stalestMs).toBeGreaterThan(keptMs / 2);
    }
  });

  it('is the same for the same seed', () => {
    expect(viral({ ...calm, keptMs: 50 })).toEqual(viral({ ...calm, keptMs: 50 }));
    expect(viral({ ...calm, keptMs: 50, seed: 2 })).not.toEqual(viral({ ...calm, keptMs: 50 }));
  });

  it('stays below a partition’s cap at ten times the question’s views, all answered, and breaks it without what is kept', () => {
    // Little's law: 200,000 views a second of 10 ms each keep 2,000 environments busy.
    const tenfold = { ...everybody, seconds: 2, viewsPerSecond: 10 * viralViews.value, warmEnvironments: 2_500 };
    const kept = viral(tenfold);
    expect(kept.refused).toBe(0);
    expect(kept.unitsPerSecond).toBeLessThan(partitionUnitsMax);
    const unkept = viral({ ...tenfold, keptMs: 0 });
    expect(unkept.refused).toBe(0);
    expect(unkept.unitsPerSecond).toBeGreaterThan(partitionUnitsMax);
  });

  it('refuses as many views from a standing start as the view’s answer says, kept or not, and none when warm', () => {
    for (const kept of [0, keptMs.value]) {
      const { refused, environments } = viral({ ...everybody, keptMs: kept });
      expect(refused).toBeGreaterThan(5_000);
      expect(refused).toBeLessThan(5_500);
      expect(environments).toBe(1_000);
      // All of them before the first environment has started.
      expect(viral({ ...everybody, keptMs: kept, seconds: 1 }).refused).toBe(refused);
    }
    expect(viral({ ...everybody, warmEnvironments: 250 })).toMatchObject({ refused: 0, environments: 250 });
  });
});
