import { describe, expect, it } from 'vitest';
import { payInto, payPlainly } from '../../clients/banking-consistency/contention.ts';
import { hotAccount } from '../../clients/banking-consistency/workload.ts';

const seconds = 5;

describe('transfers into one hot account', () => {
  it.each([1, 2, 3])('are all posted when it is in parts, and few when it is one balance (seed %d)', (seed) => {
    const offered = { seed, perSecond: 1_000, seconds };
    const inParts = payInto(hotAccount, offered);
    expect(inParts.postedPerSecond).toBeGreaterThanOrEqual(990);
    expect(inParts.attemptsPerTransfer).toBeLessThan(2);
    const inOne = payInto({ ...hotAccount, parts: 1 }, offered);
    expect(inOne.postedPerSecond).toBeLessThan(100);
    expect(inOne.shareGivenUp).toBeGreaterThan(0.9);
  });

  it.each([1, 2, 3])('written on no condition are taken, and their money is lost (seed %d)', (seed) => {
    expect(payPlainly({ seed, perSecond: 1_000, seconds })).toBeLessThan(400);
    // So seldom that none meets another: nothing is lost.
    expect(payPlainly({ seed, perSecond: 1, seconds: 1 })).toBe(1);
    // More than one item takes, whatever is tried.
    expect(payPlainly({ seed, perSecond: 5_000, seconds })).toBeLessThan(400);
  });

  it('are the same for the same seed', () => {
    const offered = { seed: 7, perSecond: 200, seconds };
    expect(payInto(hotAccount, offered)).toEqual(payInto(hotAccount, offered));
    expect(payPlainly(offered)).toBe(payPlainly(offered));
    expect(payPlainly(offered)).not.toBe(payPlainly({ ...offered, seed: 8 }));
  });
});
