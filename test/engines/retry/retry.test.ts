import { expect, it } from 'vitest';
import { backoffMs, persist, retry, type RetryPolicy } from '../../../engines/retry/retry.ts';

const policy: RetryPolicy = { attemptsMax: 5, baseMs: 10, maxMs: 60 };

function recorded() {
  const waits: number[] = [];
  return { waits, random: () => 1, wait: async (ms: number) => void waits.push(ms) };
}

it('waits twice as long after each failure, up to the longest wait, and never before the first attempt', async () => {
  const patience = recorded();
  const numbers: number[] = [];
  expect(await retry(policy, patience, async (number) => void numbers.push(number))).toBeUndefined();
  expect(numbers).toEqual([1, 2, 3, 4, 5]);
  expect(patience.waits).toEqual([20, 40, 60, 60]);
});

it('ends with what an attempt gives, false and 0 too', async () => {
  for (const given of ['done', false, 0, null]) {
    const patience = recorded();
    expect(await retry(policy, patience, async (number) => (number === 3 ? given : undefined))).toBe(given);
    expect(patience.waits).toHaveLength(2);
  }
});

it('ends with what an attempt throws', async () => {
  const patience = recorded();
  const broken = retry(policy, patience, async () => Promise.reject(new Error('broken')));
  await expect(broken).rejects.toThrow('broken');
  expect(patience.waits).toEqual([]);
});

it.each([
  [1, 0, 0],
  [1, 0.5, 10],
  [3, 0.5, 30],
  [1_000, 0.5, 30],
])('after attempt %d, at %d of the jitter, waits %d ms', (attempt, random, ms) => {
  expect(backoffMs(policy, attempt, random)).toBe(ms);
});

it('persists until an attempt does not throw, or throws what the last one threw', async () => {
  const failing = (times: number) => {
    let calls = 0;
    return async () => {
      calls += 1;
      if (calls <= times) throw new Error(`failed ${calls}`);
      return undefined;
    };
  };
  const patience = recorded();
  expect(await persist(policy, patience, failing(4))).toBeUndefined();
  expect(patience.waits).toHaveLength(4);
  await expect(persist(policy, recorded(), failing(5))).rejects.toThrow('failed 5');
});
