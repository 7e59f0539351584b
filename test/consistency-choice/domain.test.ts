import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { clickId } from '../../clients/consistency-choice/visitors.ts';
import { randomFrom } from '../../engines/simulation/random.ts';
import {
  balanceBefore,
  type CachePolicy,
  type Click,
  clickedAtMs,
  clockSkewMaxMs,
  consistencyOf,
  countableForMs,
  enteredOf,
  fallback,
  isCountable,
  joined,
  limits,
  policyOf,
  portionsOf,
  problemOfClick,
  type Ranking,
  type Seen,
  SuggestionCache,
  type Tally,
  tallyOf,
  windowsOf,
} from '../../lambdas/consistency-choice/domain.ts';

describe('a consistency', () => {
  it('is strong or eventual, and nothing else', () => {
    expect([consistencyOf('strong'), consistencyOf('eventual')]).toEqual(['strong', 'eventual']);
    expect(() => consistencyOf('Strong')).toThrow('unknown consistency "Strong": set strong or eventual');
  });
});

describe('an entry', () => {
  const amounts = fc.integer({ min: -limits.amountMax, max: limits.amountMax });
  const balances = fc.oneof(
    fc.integer({ min: 0, max: limits.balanceMax }),
    fc.integer({ min: 0, max: 2 * limits.amountMax }),
    fc.constantFrom(0, limits.balanceMax),
  );

  test.prop([amounts, balances])('fits a balance if the sum is neither negative nor too large', (amount, balance) => {
    const { least, most } = balanceBefore({ account: 'a', id: 'e', amount });
    const sum = balance + amount;
    expect(balance >= least && balance <= most).toBe(sum >= 0 && sum <= limits.balanceMax);
    expect(Number.isSafeInteger(limits.balanceMax + limits.amountMax)).toBe(true);
  });

  const entry = { account: 'a', id: 'e', amount: 5 };
  const failed = 'ConditionalCheckFailed';
  it.each([
    [{ entry: failed, balance: 'None', amountBefore: 5 }, { entered: 'before' }],
    // The first delivery took the funds: the second must not hear that they are short.
    [{ entry: failed, balance: failed, amountBefore: 5 }, { entered: 'before' }],
    [
      { entry: failed, balance: 'None', amountBefore: 6 },
      { refused: 'another amount', amount: 6 },
    ],
    [{ entry: 'None', balance: failed }, { refused: 'funds' }],
    [{ entry: 'TransactionConflict', balance: 'None' }, { refused: 'contended' }],
    [{ entry: 'None', balance: 'TransactionConflict' }, { refused: 'contended' }],
    [{ entry: 'None', balance: 'ThrottlingError' }, { refused: 'contended' }],
  ])('whose transaction was cancelled for %j is %j', (cancelled, outcome) => {
    expect(enteredOf(entry, cancelled)).toEqual(outcome);
  });
});

const timesMs = fc.integer({ min: 0, max: 2 ** 48 - 1 });
const ids = fc.tuple(timesMs, fc.integer()).map(([atMs, seed]) => clickId(randomFrom(seed), atMs));
/** Ids of few milliseconds and few random numbers: near misses and repetitions. */
const nearIds = fc
  .tuple(fc.integer({ min: 0, max: 9_000 }), fc.integer({ min: 0, max: 40 }))
  .map(([atMs, seed]) => clickId(randomFrom(seed), 1_800_000_000_000 + atMs));
const clicks = fc.array(fc.record({ page: fc.constantFrom('a', 'b'), id: nearIds }), { maxLength: 60 });

describe('a click', () => {
  test.prop([timesMs, fc.integer()])('knows when it was made', (atMs, seed) => {
    expect(clickedAtMs({ page: 'a', id: clickId(randomFrom(seed), atMs) })).toBe(atMs);
  });

  it.each([
    [-300_000, undefined],
    [300_000, undefined],
    [-300_001, "the click's id was made 5 minutes ago: give a UUID of version 7 made now"],
    [300_001, "the click's id was made 5 minutes ahead: give a UUID of version 7 made now"],
  ])('made %i ms from now is taken, or refused with a reason', (offMs, problem) => {
    const now = 1_800_000_000_000;
    expect(problemOfClick({ page: 'a', id: clickId(randomFrom(1), now + offMs) }, now)).toBe(problem);
  });

  it('is counted for as long as its message may live, also as a dead letter that is redriven', () => {
    const click = { page: 'a', id: clickId(randomFrom(1), 1_000) };
    const { deadLettersDays, queueDays } = { deadLettersDays: 14, queueDays: 4 };
    expect(countableForMs).toBeGreaterThan((deadLettersDays + queueDays) * 86_400_000 + clockSkewMaxMs);
    expect(isCountable(click, 1_000 + countableForMs)).toBe(true);
    expect(isCountable(click, 1_001 + countableForMs)).toBe(false);
  });
});

describe('portions of clicks', () => {
  const many = fc.array(
    fc
      .tuple(fc.nat({ max: 150 }), fc.nat({ max: 600_000 }), fc.integer())
      .map(([page, atMs, seed]): Click => ({ page: `p${page}`, id: clickId(randomFrom(seed), 1.8e12 + atMs) })),
    { maxLength: 400, size: 'max' },
  );

  test.prop([many])('hold every click once, and no more pages and windows than a transaction has items', (list) => {
    const portions = portionsOf(list);
    expect(portions.flat().toSorted(byId)).toEqual(list.toSorted(byId));
    for (const portion of portions) {
      expect(new Set(portion.map(({ page }) => page)).size + windowsOf(portion).length).toBeLessThanOrEqual(100);
    }
  });

  it('are one for the batch of the load, whose counters are then written once', () => {
    const list = Array.from({ length: 5_000 }, (_, index) => ({
      page: `p${index % 20}`,
      id: clickId(randomFrom(index), 1.8e12 + 4 * index),
    }));
    expect(portionsOf(list)).toHaveLength(1);
    expect(windowsOf(list).length).toBeLessThanOrEqual(6);
  });

  it('are cut by window where these are more than the pages, so that a batch late by minutes has few', () => {
    const windows = 220;
    const list = Array.from({ length: 5_000 }, (_, index) => ({
      page: `p${index % 20}`,
      id: clickId(randomFrom(index), 1.8e12 + 4_096 * (Math.floor(index / 20) % windows)),
    }));
    expect(windowsOf(list)).toHaveLength(windows);
    const portions = portionsOf(list);
    expect(portions).toHaveLength(3);
    const items = portions.map((portion) => new Set(portion.map(({ page }) => page)).size + windowsOf(portion).length);
    // Each costs two units, in a transaction.
    expect((2 * items.reduce((sum, count) => sum + count, 0)) / list.length).toBeLessThan(0.12);
  });

  it('are cut by page where these are more than the windows', () => {
    const list = Array.from({ length: 5_000 }, (_, index) => ({
      page: `p${Math.floor(index / 20) % 220}`,
      id: clickId(randomFrom(index), 1.8e12 + 4_096 * (index % 20)),
    }));
    expect(portionsOf(list)).toHaveLength(3);
  });

  function byId(a: Click, b: Click): number {
    return a.id + a.page < b.id + b.page ? -1 : 1;
  }
});

/** Marks as the table keeps them. */
function marking() {
  const windows = new Map<string, Seen>();
  const seenOf = (window: string): Seen => windows.get(window) ?? { marks: new Uint8Array(), segments: 0 };
  return (batch: readonly Click[]): Tally => {
    const tally = tallyOf(batch, new Map(windowsOf(batch).map((window) => [window, seenOf(window)])));
    for (const { window, number, marks } of tally.segments) {
      expect(number).toBe(seenOf(window).segments);
      windows.set(window, { marks: joined([seenOf(window).marks, marks]), segments: number + 1 });
    }
    return tally;
  };
}

describe('the marks of counted clicks', () => {
  test.prop([clicks, fc.array(fc.integer({ min: 0, max: 200 }), { maxLength: 8 })])(
    'count each click once, in whatever batches and however often it comes, and are written once',
    (list, cuts) => {
      const counted = new Map<string, number>();
      const count = marking();
      let bytes = 0;
      const ends = [...cuts.map((cut) => cut % (list.length + 1)).toSorted((a, b) => a - b), list.length];
      let from = 0;
      for (const end of ends) {
        // Each batch is delivered, and everything before it once more.
        for (const batch of [list.slice(from, end), list.slice(0, end)]) {
          const { segments, added } = count(batch);
          for (const { marks } of segments) bytes += marks.length;
          for (const [page, clicks] of added) counted.set(page, (counted.get(page) ?? 0) + clicks);
        }
        from = end;
      }
      const distinct = new Set(list.map(({ id }) => id)).size;
      expect([...counted.values()].reduce((sum, clicks) => sum + clicks, 0)).toBe(distinct);
      expect(bytes).toBe(11 * distinct);
      for (const page of ['a', 'b']) {
        const elsewhere = new Set(list.filter((click) => click.page !== page).map(({ id }) => id));
        const ofPage = new Set(list.filter((click) => click.page === page).map(({ id }) => id));
        // An ID that comes for both pages is one click.
        expect(counted.get(page) ?? 0).toBeGreaterThanOrEqual(ofPage.difference(elsewhere).size);
        expect(counted.get(page) ?? 0).toBeLessThanOrEqual(ofPage.size);
      }
    },
  );

  test.prop([clicks])('outlive every click that may still be counted', (list) => {
    for (const { window, expiresAt } of marking()(list).segments) {
      const times = list.filter((click) => windowsOf([click])[0] === window).map(clickedAtMs);
      expect(Math.max(...times) - Math.min(...times)).toBeLessThan(4_096);
      expect(expiresAt * 1000).toBeGreaterThan(Math.max(...times) + countableForMs + 23 * 3_600_000);
    }
  });

  test.prop([ids, ids])('of two clicks are the same for the same ID only', (one, other) => {
    const count = marking();
    expect(count([{ page: 'a', id: one }]).added.get('a')).toBe(1);
    expect(count([{ page: 'a', id: one }]).segments).toEqual([]);
    expect(count([{ page: 'a', id: other }]).added.get('a')).toBe(one === other ? undefined : 1);
  });

  it('tell apart IDs that differ in any one digit, for another page too', () => {
    const id = '019ab3c4-5d6e-7f80-9123-456789abcdef';
    for (let at = 0; at < id.length; at += 1) {
      if (id[at] === '-' || at === 14) continue;
      const changed = id.slice(0, at) + (Number.parseInt(id[at]!, 16) ^ 2).toString(16) + id.slice(at + 1);
      const count = marking();
      const { segments } = count([{ page: 'a', id }]);
      expect(segments[0]!.marks).toHaveLength(11);
      expect(count([{ page: 'b', id: changed }]).added, changed).toEqual(new Map([['b', 1]]));
    }
  });

  it('are not added to a window that has more than a consumer reads, and are to the window beside it', () => {
    const [known, full, good] = [0, 1, 60_000].map((atMs) => ({
      page: 'a',
      id: clickId(randomFrom(1), 1.8e12 + atMs),
    }));
    const [fullWindow, goodWindow] = windowsOf([known!, full!, good!]) as [string, string];
    const [mark] = tallyOf([known!], new Map([[fullWindow, { marks: new Uint8Array(), segments: 0 }]])).segments;
    const others = new Uint8Array(new Uint32Array(3 * 200_000).map((_, index) => index).buffer);
    const marks = joined([mark!.marks, others.subarray(0, 11 * 200_000)]);
    const seen = new Map([
      [fullWindow, { marks, segments: 41 }],
      [goodWindow, { marks: new Uint8Array(), segments: 0 }],
    ]);
    const { segments, added, full: left } = tallyOf([known!, full!, good!, full!], seen);
    expect(segments.map(({ window }) => window)).toEqual([goodWindow]);
    expect(added).toEqual(new Map([['a', 1]]));
    // What is counted there already need not come again.
    expect(left).toEqual([full, full]);
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
const ranking = (version: number): Ranking => ({ suggestions: [`of ${version}`], version });

describe('the cache', () => {
  it('gives the fallback and asks, as long as it knows nothing', () => {
    const cache = new SuggestionCache(policy);
    expect(cache.plan('a', 0)).toEqual({ do: 'ask', waitMaxMs: 10 });
    expect(cache.answer('a', 10)).toEqual({ source: 'fallback', ranking: fallback });
  });

  it('is current, then stale with its age, then the fallback', () => {
    const cache = new SuggestionCache(policy);
    cache.asked('a', 5_000);
    cache.arrived('a', 5_000, ranking(1));
    const at = (nowMs: number) => ({ plan: cache.plan('a', nowMs).do, answer: cache.answer('a', nowMs) });
    expect(at(6_000)).toEqual({ plan: 'answer', answer: { source: 'current', ageMs: 1_000, ranking: ranking(1) } });
    expect(at(6_001)).toEqual({ plan: 'ask', answer: { source: 'stale', ageMs: 1_001, ranking: ranking(1) } });
    expect(at(65_000).answer).toMatchObject({ source: 'stale', ageMs: 60_000 });
    expect(at(65_001).answer).toEqual({ source: 'fallback', ranking: fallback });
    expect(cache.answer('b', 6_000).source).toBe('fallback');
  });

  it('waits for a refresh once: later requests give it a turn to land, and no more', () => {
    const cache = new SuggestionCache(policy);
    cache.asked('a', 0);
    expect(cache.plan('a', 20)).toEqual({ do: 'land', waitMaxMs: 2 });
    expect(cache.plan('a', 3_000)).toEqual({ do: 'land', waitMaxMs: 2 });
  });

  it('gives up a refresh by the clock, for its connection may have died in a freeze', () => {
    const cache = new SuggestionCache(policy);
    cache.asked('a', 0);
    expect(cache.plan('a', 3_001)).toEqual({ do: 'ask', waitMaxMs: 10 });
  });

  it('counts an age from when the service was asked, so that a freeze makes nothing younger', () => {
    const cache = new SuggestionCache(policy);
    cache.asked('a', 0);
    // It arrives at the thaw, 40 seconds later.
    cache.arrived('a', 0, ranking(1));
    expect(cache.answer('a', 40_000)).toEqual({ source: 'stale', ageMs: 40_000, ranking: ranking(1) });
  });

  it('keeps the newer of two that cross, and the later refresh under way', () => {
    const cache = new SuggestionCache(policy);
    cache.asked('a', 0);
    cache.asked('a', 4_000);
    cache.arrived('a', 0, ranking(1));
    expect(cache.answer('a', 4_010)).toMatchObject({ ageMs: 4_010, ranking: ranking(1) });
    expect(cache.plan('a', 4_010)).toEqual({ do: 'land', waitMaxMs: 2 });
    cache.arrived('a', 4_000, ranking(2));
    expect(cache.plan('a', 4_020)).toEqual({ do: 'answer' });
    cache.arrived('a', 1_000, ranking(0));
    expect(cache.answer('a', 4_020)).toMatchObject({ ageMs: 20, ranking: ranking(2) });
  });

  it('does not ask a service that fails with every request', () => {
    const cache = new SuggestionCache(policy);
    cache.asked('a', 1_000);
    cache.failed('a', 1_000);
    expect(cache.plan('a', 1_249)).toEqual({ do: 'answer' });
    expect(cache.plan('a', 1_250)).toEqual({ do: 'ask', waitMaxMs: 10 });
  });

  it('is bounded: the topic that was added first goes first', () => {
    const cache = new SuggestionCache(policy);
    for (let topic = 0; topic < 1_001; topic += 1) {
      cache.asked(`t${topic}`, 0);
      cache.arrived(`t${topic}`, 0, ranking(topic));
    }
    expect(cache.answer('t0', 1).source).toBe('fallback');
    expect(cache.answer('t1', 1).source).toBe('current');
    // What arrives for a topic that went is dropped.
    cache.arrived('t0', 1, ranking(9));
    expect(cache.answer('t0', 1).source).toBe('fallback');
  });

  /** Steps of a history: time passes, a request comes, what was asked for arrives or fails, late or never. */
  const history = fc.array(
    fc.record({
      passMs: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 70_000 })),
      does: fc.constantFrom('request', 'request', 'arrive', 'fail'),
      which: fc.nat(),
    }),
    { maxLength: 60 },
  );

  test.prop([history])('agrees with a slow, obvious oracle, whatever arrives when', (steps) => {
    const cache = new SuggestionCache(policy);
    /** Every refresh ever: when it was asked for, and whether it is still under way. */
    const asked: { atMs: number; version: number; state: 'under way' | 'arrived' | 'failed' }[] = [];
    let now = 1_000;
    for (const { passMs, does, which } of steps) {
      now += passMs;
      if (does !== 'request') {
        const refresh = asked.filter(({ state }) => state === 'under way').at(which % Math.max(1, asked.length));
        if (refresh === undefined) continue;
        refresh.state = does === 'arrive' ? 'arrived' : 'failed';
        if (does === 'arrive') cache.arrived('a', refresh.atMs, ranking(refresh.version));
        else cache.failed('a', refresh.atMs);
        continue;
      }
      const newest = asked.filter(({ state }) => state === 'arrived').toSorted((a, b) => b.atMs - a.atMs)[0];
      const last = asked.at(-1);
      const age = newest === undefined ? Infinity : now - newest.atMs;
      const plan = cache.plan('a', now);
      const expected =
        age <= 1_000
          ? 'answer'
          : last?.state === 'under way' && now - last.atMs <= 3_000
            ? 'land'
            : last !== undefined && now - last.atMs < 250
              ? 'answer'
              : 'ask';
      expect(plan.do).toBe(expected);
      if (plan.do === 'ask') {
        cache.asked('a', now);
        asked.push({ atMs: now, version: asked.length + 1, state: 'under way' });
      }
      const answer = cache.answer('a', now);
      if (age > 60_000) expect(answer).toEqual({ source: 'fallback', ranking: fallback });
      else {
        expect(answer).toEqual({
          source: age <= 1_000 ? 'current' : 'stale',
          ageMs: age,
          ranking: ranking(newest!.version),
        });
      }
    }
  });
});

describe('the policy of the cache', () => {
  it('is read from texts of milliseconds', () => {
    const texts = Object.fromEntries(Object.entries(policy).map(([name, ms]) => [name, String(ms)]));
    expect(policyOf(texts as Record<keyof CachePolicy, string>)).toEqual(policy);
    for (const wrong of ['', ' ', 'soon', '-1', 'Infinity']) {
      expect(() => policyOf({ ...texts, landMaxMs: wrong } as Record<keyof CachePolicy, string>)).toThrow(
        `landMaxMs is "${wrong}": set a number of milliseconds`,
      );
    }
  });
});
