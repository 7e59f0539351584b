import { describe, expect, it } from 'vitest';
import { makeClicks, sendAll, sendUntilAnswered } from '../../../clients/consistency-choice/visitors.ts';
import { randomFrom } from '../../../engines/simulation/random.ts';
import { clickedAtMs } from '../../../lambdas/consistency-choice/domain.ts';
import { clickPath } from '../../../lambdas/consistency-choice/input.ts';

const request = { method: 'PUT', path: '/pages/front/clicks/1' } as const;
const reply = (status: number) => ({ status, headers: {}, body: '' });

describe('clicks of visitors', () => {
  const clicks = makeClicks(randomFrom(1), 2_000, ['front', 'about'], 1.8e12, 500);

  it('have IDs of their own, which the API takes, at the rate that was asked for', () => {
    expect(new Set(clicks.map(({ id }) => id)).size).toBe(2_000);
    for (const { page, id } of clicks) expect(clickPath.parse({ page, click: id })).toEqual({ page, click: id });
    const times = clicks.map(clickedAtMs);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect((times.at(-1)! - 1.8e12) / 1000).toBeCloseTo(4, 0);
  });

  it('are the same for the same seed', () => {
    expect(makeClicks(randomFrom(1), 2_000, ['front', 'about'], 1.8e12, 500)).toEqual(clicks);
  });
});

describe('a client', () => {
  it('sends again what was not answered, and takes a refusal for an answer', async () => {
    const outcomes = [new Error('reset'), reply(503), reply(409)];
    const sent: unknown[] = [];
    const send = async (what: unknown) => {
      sent.push(what);
      const outcome = outcomes.shift()!;
      if (outcome instanceof Error) throw outcome;
      return outcome;
    };
    expect((await sendUntilAnswered(send, request)).status).toBe(409);
    expect(sent).toEqual([request, request, request]);
  });

  it('gives up after ten attempts, and says what it was told last', async () => {
    let attempts = 0;
    const send = async () => {
      attempts += 1;
      return reply(500);
    };
    await expect(sendUntilAnswered(send, request)).rejects.toThrow('PUT /pages/front/clicks/1 failed 10 times: 500');
    expect(attempts).toBe(10);
  });

  it('sends some things twice, and keeps the better reply: it was done', async () => {
    const statuses = new Map([
      ['a', [201, 200]],
      ['b', [409, 201]],
    ]);
    const send = async ({ path }: { readonly path: string }) => reply(statuses.get(path)!.shift()!);
    const replies = await sendAll(['a', 'b'], (path) => ({ method: 'PUT', path }), send, {
      random: randomFrom(1),
      twiceShare: 1,
      atOnce: 1,
    });
    expect([...replies].map(([item, { status }]) => [item, status])).toEqual([
      ['a', 200],
      ['b', 201],
    ]);
  });
});
