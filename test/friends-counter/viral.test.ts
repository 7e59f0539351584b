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

  it('stays below a partition’s cap at ten times the question’s views, and breaks it without what is kept', () => {
    const { viralViews, handlerMs, keptMs } = question.load;
    const storm = { ...calm, seconds: 2, handlerMs: handlerMs.value, coldStartMs: 300 };
    const kept = { ...storm, viewsPerSecond: 10 * viralViews.value, keptMs: keptMs.value };
    expect(viral(kept).unitsPerSecond).toBeLessThan(partitionUnitsMax);
    expect(viral({ ...storm, viewsPerSecond: viralViews.value }).unitsPerSecond).toBeGreaterThan(partitionUnitsMax);
  });
});
