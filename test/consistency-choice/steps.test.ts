import { fc, test } from '@fast-check/vitest';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { clickId } from '../../clients/consistency-choice/visitors.ts';
import { randomFrom } from '../../engines/simulation/random.ts';
import {
  type CachePolicy,
  type Click,
  countableForMs,
  type Entered,
  joined,
  type Ranking,
  type Seen,
  type Tally,
  windowsOf,
} from '../../lambdas/consistency-choice/domain.ts';
import { countClicks, enter, suggesting, suggestionsReply } from '../../lambdas/consistency-choice/steps.ts';

vi.mock('../../lambdas/kit/run.ts', () => ({ logger: { error: () => {}, warn: () => {} } }));
afterEach(() => vi.useRealTimers());

const now = 1_800_000_000_000;

/** Marks and counters in memory, which move together; what `meddle` does happens between a read and its write. */
function inMemory(meddle: (tally: Tally) => 'nothing' | 'race' | 'fail before' | 'fail after' = () => 'nothing') {
  const windows = new Map<string, Seen>();
  const counted = new Map<string, number>();
  const shardsUsed = new Set<string>();
  let writes = 0;
  const seenOf = (window: string): Seen => windows.get(window) ?? { marks: new Uint8Array(), segments: 0 };
  return {
    clicks: (page: string) => counted.get(page) ?? 0,
    total: () => [...counted.values()].reduce((sum, clicks) => sum + clicks, 0),
    writes: () => writes,
    shardsUsed,
    seen: {
      read: async (window: string) => seenOf(window),
      count: async (tally: Tally, shard: string) => {
        const happens = meddle(tally);
        if (happens === 'fail before') throw new Error('the connection broke');
        const moved = tally.segments.some(({ window, number }) => seenOf(window).segments !== number);
        if (happens === 'race' || moved) return { counted: false };
        writes += 1;
        shardsUsed.add(shard);
        for (const { window, number, marks } of tally.segments)
          windows.set(window, { marks: joined([seenOf(window).marks, marks]), segments: number + 1 });
        for (const [page, clicks] of tally.added) counted.set(page, (counted.get(page) ?? 0) + clicks);
        if (happens === 'fail after') throw new Error('the reply was lost');
        return { counted: true };
      },
    },
    clock: () => now,
    waiting: { random: () => 0.6, wait: async () => {} },
  };
}

function messagesOf(clicks: readonly Click[]) {
  return clicks.map((click, index) => ({ messageId: `m${index}`, click }));
}

/** Of few IDs, so that many are the same. */
const few = fc.array(
  fc
    .tuple(fc.constantFrom('a', 'b'), fc.integer({ min: -9_000, max: 0 }), fc.integer({ min: 0, max: 30 }))
    .map(([page, atMs, seed]): Click => ({ page, id: clickId(randomFrom(seed), now + atMs) })),
  { maxLength: 40 },
);
/** Of more pages and windows than a transaction has items. */
const many = fc.array(
  fc
    .tuple(fc.nat({ max: 150 }), fc.integer({ min: -600_000, max: 0 }), fc.nat({ max: 1_000 }))
    .map(([page, atMs, seed]): Click => ({ page: `p${page}`, id: clickId(randomFrom(seed), now + atMs) })),
  { maxLength: 400, size: 'max' },
);
const clicks = fc.oneof(few, many);
const troubles = fc.array(fc.constantFrom('nothing', 'race', 'fail before', 'fail after'), { maxLength: 6 });

describe('counting a batch of clicks', () => {
  // Hundreds of clicks shrink for minutes: what is found by then is told before the test's own time is up.
  test.prop([clicks, troubles, fc.nat({ max: 3 })], { interruptAfterTimeLimit: 40_000, markInterruptAsFailure: true })(
    'counts each click once in the end, whatever fails on the way and however often it is delivered',
    async (list, trouble, more) => {
      const left = [...trouble];
      const store = inMemory(() => left.shift() ?? 'nothing');
      let messages = messagesOf(list);
      for (let delivery = 0; delivery < 20; delivery += 1) {
        const failed = new Set(await countClicks(messages, store));
        messages = messages.filter(({ messageId }) => failed.has(messageId));
        if (messages.length === 0) break;
      }
      expect(messages).toEqual([]);
      for (let delivery = 0; delivery < more; delivery += 1)
        expect(await countClicks(messagesOf(list), store)).toEqual([]);
      expect(store.total()).toBe(new Set(list.map(({ id }) => id)).size);
    },
  );

  it('writes once for a batch, and not at all for clicks that are counted', async () => {
    const store = inMemory();
    const list = Array.from({ length: 200 }, (_, index) => ({
      page: `p${index % 20}`,
      id: clickId(randomFrom(index), now - 100 * index),
    }));
    await countClicks(messagesOf(list), store);
    expect(store.writes()).toBe(1);
    await countClicks(messagesOf(list.toReversed()), store);
    expect(store.writes()).toBe(1);
    expect(store.total()).toBe(200);
  });

  it('adds to the shard that the invocation picks, the same for all of its portions, any of eight', async () => {
    const list = Array.from({ length: 400 }, (_, index) => ({
      page: `p${index}`,
      id: clickId(randomFrom(index), now),
    }));
    const store = inMemory();
    await countClicks(messagesOf(list), store);
    expect([store.writes(), [...store.shardsUsed]]).toEqual([5, ['4']]);
    for (const [random, shard] of [
      [0, '0'],
      [0.999, '7'],
    ] as const) {
      const other = inMemory();
      await countClicks(messagesOf(list), { ...other, waiting: { ...other.waiting, random: () => random } });
      expect([...other.shardsUsed]).toEqual([shard]);
    }
  });

  it('names the messages of the portion that fails, and counts the others', async () => {
    const list = Array.from({ length: 120 }, (_, index) => ({
      page: `p${index}`,
      id: clickId(randomFrom(index), now),
    }));
    const store = inMemory(({ added }) => (added.has('p0') ? 'fail before' : 'nothing'));
    // 99 pages and a window are a transaction.
    expect(await countClicks(messagesOf(list), store)).toEqual(Array.from({ length: 99 }, (_, index) => `m${index}`));
    expect([store.clicks('p98'), store.clicks('p99'), store.total()]).toEqual([0, 1, 21]);
  });

  it('names the messages of a full window, and counts the others of its portion', async () => {
    const list = [-60_000, 0, -60_001].map((atMs) => ({ page: 'a', id: clickId(randomFrom(atMs), now + atMs) }));
    const full = new Uint8Array(new Uint32Array(3 * 200_001).map((_, index) => index).buffer).subarray(0, 11 * 200_001);
    const store = inMemory();
    const read = async (window: string) =>
      window === windowsOf(list)[0] ? { marks: full, segments: 41 } : store.seen.read(window);
    const counting = { ...store, seen: { ...store.seen, read } };
    expect(await countClicks(messagesOf(list), counting)).toEqual(['m0', 'm2']);
    expect([store.clicks('a'), store.writes()]).toEqual([1, 1]);
    // Alone they write nothing, and come again all the same.
    expect(await countClicks(messagesOf([list[0]!]), counting)).toEqual(['m0']);
    expect(store.writes()).toBe(1);
  });

  it('gives a portion up when others are always faster, within bounds', async () => {
    let lost = 0;
    const store = inMemory(() => {
      lost += 1;
      return 'race';
    });
    expect(await countClicks(messagesOf([{ page: 'a', id: clickId(randomFrom(1), now) }]), store)).toEqual(['m0']);
    expect(lost).toBe(6);
  });

  it('does not count a click whose marks may be gone: it ends as a dead letter', async () => {
    const store = inMemory();
    const late = { page: 'a', id: clickId(randomFrom(1), now - countableForMs - 1) };
    expect(await countClicks(messagesOf([late]), store)).toEqual(['m0']);
    expect(store.clicks('a')).toBe(0);
  });
});

describe('making an entry', () => {
  const entry = { account: 'alice', id: 'e-1', amount: 500 };
  const outcomes = (...list: Entered[]) => ({ enter: vi.fn<() => Promise<Entered>>(async () => list.shift()!) });

  it('is created, and the same answer when it comes again', async () => {
    const [first, again] = [
      await enter(entry, outcomes({ entered: 'now' })),
      await enter(entry, outcomes({ entered: 'before' })),
    ];
    expect([first.status, again.status]).toEqual([201, 200]);
    expect(again.body).toBe(first.body);
    expect(JSON.parse(first.body)).toEqual({ account: 'alice', entry: 'e-1', amount: 500 });
  });

  it.each<[Entered, number, string]>([
    [
      { refused: 'another amount', amount: 7 },
      422,
      'entry e-1 has the amount 7 already: give another entry its own id',
    ],
    [{ refused: 'funds' }, 409, 'an entry of 500 does not fit the balance of alice: read it, enter less'],
  ])('is refused for good when it is %j', async (outcome, status, message) => {
    const table = outcomes(outcome);
    await expect(enter(entry, table)).rejects.toMatchObject({ status, message });
    expect(table.enter).toHaveBeenCalledTimes(1);
  });

  it('is tried again while others write to the account, and given up with a time to come back', async () => {
    const contended: Entered = { refused: 'contended' };
    const waiting = { random: () => 1, wait: vi.fn<(ms: number) => Promise<void>>(async () => {}) };
    const free = outcomes(contended, contended, { entered: 'now' });
    expect((await enter(entry, free, waiting)).status).toBe(201);
    expect(waiting.wait.mock.calls).toEqual([[40], [80]]);
    const table = outcomes(...Array.from({ length: 10 }, () => contended));
    await expect(enter(entry, table, waiting)).rejects.toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
    expect(table.enter).toHaveBeenCalledTimes(6);
  });
});

const policy: CachePolicy = {
  freshForMs: 1_000,
  staleForMs: 60_000,
  waitMaxMs: 10,
  landMaxMs: 2,
  refreshMaxMs: 3_000,
  refreshGapMs: 250,
};

/** A service whose replies arrive when the test lets them. */
function slowService() {
  const calls: { readonly reply: (ranking: Ranking) => void; readonly fail: (error: Error) => void }[] = [];
  return {
    calls,
    service: {
      rank: () =>
        new Promise<Ranking>((resolve, reject) => {
          calls.push({ reply: resolve, fail: reject });
        }),
    },
  };
}

describe('suggesting', () => {
  /** Time is the test's; a wait ends at once, and counts. */
  function suggester() {
    const { service, calls } = slowService();
    const waits: number[] = [];
    const time = { now: 10_000 };
    const suggest = suggesting({
      service,
      policy,
      clock: () => time.now,
      after: async (ms) => {
        // A turn of the event loop: what has arrived is read.
        await new Promise(setImmediate);
        waits.push(ms);
        time.now += ms;
      },
    });
    return { suggest, calls, waits, time };
  }
  const ranking: Ranking = { suggestions: ['x'], version: 1 };

  it('answers with the fallback after the deadline, and with what landed from then on', async () => {
    const { suggest, calls, waits } = suggester();
    expect((await suggest('a')).source).toBe('fallback');
    expect(waits).toEqual([10]);
    calls[0]!.reply(ranking);
    expect(await suggest('a')).toEqual({ source: 'current', ageMs: expect.any(Number), ranking });
    expect(calls).toHaveLength(1);
    const waited = waits.length;
    await suggest('a');
    expect(waits).toHaveLength(waited);
  });

  it('does not wait longer than the service takes', async () => {
    const { suggest, calls, time } = suggester();
    const answer = suggest('a');
    calls[0]!.reply(ranking);
    expect(await answer).toEqual({ source: 'current', ageMs: 0, ranking });
    expect(time.now).toBe(10_000);
  });

  it('never rejects, whatever the service does, also after the answer was given', async () => {
    const { suggest, calls, time } = suggester();
    await suggest('a');
    calls[0]!.fail(new Error('reset while the process was frozen'));
    await new Promise(setImmediate);
    time.now += 300;
    const answer = suggest('a');
    calls[1]!.fail(new Error('refused'));
    expect((await answer).source).toBe('fallback');
    expect(calls).toHaveLength(2);
  });

  it('takes a reply that arrives at a thaw for as old as it is', async () => {
    const { suggest, calls, time } = suggester();
    await suggest('a');
    time.now += 2_000;
    calls[0]!.reply(ranking);
    expect(await suggest('a')).toMatchObject({ source: 'stale', ranking });
    const { ageMs } = (await suggest('a')) as { ageMs: number };
    expect(ageMs).toBeGreaterThanOrEqual(2_010);
  });

  it('asks anew when a refresh does not come back from a freeze', async () => {
    const { suggest, calls, time } = suggester();
    await suggest('a');
    time.now += 3_001;
    const answer = suggest('a');
    calls[1]!.reply(ranking);
    expect(await answer).toMatchObject({ source: 'current', ranking });
  });

  it('leaves no timer behind that would hold the process', async () => {
    vi.useFakeTimers();
    const suggest = suggesting({ service: { rank: async () => ranking }, policy, clock: () => 0 });
    await suggest('a');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is done at its deadline by the real clock as well', async () => {
    const { service } = slowService();
    const suggest = suggesting({ service, policy: { ...policy, waitMaxMs: 30 }, clock: () => Date.now() });
    const startMs = performance.now();
    expect((await suggest('a')).source).toBe('fallback');
    const tookMs = performance.now() - startMs;
    expect(tookMs).toBeGreaterThan(28);
    // Room for a busy machine, none for a wait of seconds.
    expect(tookMs).toBeLessThan(1_000);
  });
});

describe('a reply with suggestions', () => {
  const ranking: Ranking = { suggestions: ['x', 'y'], version: 4 };

  it('says how old it is, and what the handler took', () => {
    const { headers, body } = suggestionsReply('a', { source: 'stale', ageMs: 2_345.6, ranking }, 1.26);
    expect(JSON.parse(body)).toEqual({ topic: 'a', source: 'stale', ageMs: 2346, suggestions: ['x', 'y'], version: 4 });
    expect(headers).toMatchObject({ age: '2', 'server-timing': 'handler;dur=1.3' });
  });

  it('claims no age for the fallback', () => {
    const { headers, body } = suggestionsReply('a', { source: 'fallback', ranking }, 0);
    expect(JSON.parse(body)).toEqual({ topic: 'a', source: 'fallback', suggestions: ['x', 'y'], version: 4 });
    expect(headers).not.toHaveProperty('age');
  });
});
