import { describe, expect, it } from 'vitest';
import { type Reply, untilFinal } from '../../../clients/idempotent-apis/cashier.ts';
import { randomFrom } from '../../../engines/simulation/random.ts';

const reply = (status: number, headers: Reply['headers'] = {}): Reply => ({ status, headers, body: '' });

describe('a client that must know how it ended', () => {
  const send = async (replies: readonly (Reply | 'nothing')[]) => {
    let attempts = 0;
    const answer = async () => {
      const one = replies[Math.min(attempts, replies.length - 1)]!;
      attempts += 1;
      if (one === 'nothing') throw new Error('socket hang up');
      return Promise.resolve(one);
    };
    let waitedMs = 0;
    const wait = async (ms: number) => Promise.resolve((waitedMs += ms));
    const patience = { random: randomFrom(1), lostShare: 0, wait };
    const ended = await untilFinal(answer, patience).catch((error: unknown) => error);
    return { ended, attempts, waitedMs };
  };

  it('asks again until a reply is final, and waits as long as it is told', async () => {
    const running = reply(409, { 'retry-after': '7' });
    const { ended, attempts, waitedMs } = await send(['nothing', reply(500), running, running, reply(201)]);
    expect({ ended, attempts }).toEqual({ ended: reply(201), attempts: 5 });
    expect(waitedMs).toBeGreaterThanOrEqual(14_000);
    expect(waitedMs).toBeLessThan(16_000);
  });

  it('gives up after a hundred attempts, and says what it was told last', async () => {
    const { ended, attempts, waitedMs } = await send([reply(503, { 'retry-after': '1' })]);
    expect((ended as Error).message).toMatch(/^no final reply in 100 attempts, the last was \{"status":503/);
    expect(attempts).toBe(100);
    expect(waitedMs).toBeGreaterThan(99_000);
  });
});
