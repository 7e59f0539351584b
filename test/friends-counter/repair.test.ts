import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import type { Verb } from '../../lambdas/friends-counter/domain.ts';
import { randomFrom } from '../../engines/simulation/random.ts';
import { repair, repairRound } from '../../lambdas/friends-counter/steps.ts';
import { Items } from './items.ts';

const timing = { clock: () => 1_800_000_000_000, patience: { random: () => 0, wait: async () => {} } };
const others = ['b', 'c', 'd'] as const;

/** The stores of a job that reads sides one by one: `a` knows the others, who know `a`; `meanwhile` is called before each. */
function storesOf(items: Items, meanwhile: () => void = () => {}) {
  const correctedAt = new Map<string, number>();
  return {
    counters: {
      fence: async (user: string, by?: number) => items.fence(user, by),
      correct: async ({ user, add, epoch }: { user: string; add: number; epoch: number }) => {
        const counter = items.counter(user);
        if (counter.epoch !== epoch || correctedAt.get(user) === epoch) return { corrected: false };
        correctedAt.set(user, epoch);
        items.counters.set(user, { ...counter, friends: counter.friends + add });
        return { corrected: true };
      },
    },
    ledger: {
      page: async (user: string, from: string | undefined) => {
        const known: readonly string[] = user === 'a' ? others : ['a'];
        const [other, next] = known.slice(known.indexOf(from ?? '') + 1);
        meanwhile();
        const side = items.side(user, other!);
        return { sides: side.revision > 0 ? [side] : [], ...(next === undefined ? {} : { next: other! }) };
      },
      sides: async (user: string, of: readonly string[]) => ({
        counter: items.counter(user),
        sides: of.map((other) => items.side(user, other)),
      }),
      apply: async (writes: Parameters<Items['apply']>[0]) => ({ applied: items.apply(writes) }),
    },
  };
}

const countedOf = (items: Items) => items.sidesOf('a').reduce((sum, side) => sum + side.counted, 0);

describe('the repair job', () => {
  const change = fc.record({
    kind: fc.constant('change' as const),
    verb: fc.constantFrom<Verb>('befriend', 'unfriend'),
    other: fc.constantFrom(...others),
  });
  const fence = fc.record({ kind: fc.constant('fence' as const) });
  const events = fc.array(fc.oneof({ arbitrary: change, weight: 2 }, fence), { maxLength: 12 });
  const streamedFrom = fc.constantFrom(0, 1, 3);

  /** At any moment the counter is saved, and later it is what it was then, or there is none. */
  test.prop([events, events, fc.array(change, { maxLength: 4 }), fc.array(change, { maxLength: 9 }), streamedFrom], {
    numRuns: 3_000,
  })(
    'makes a counter equal its sides that was restored from any moment before, under traffic',
    async (before, after, since, traffic, from) => {
      const items = new Items();
      const happen = (event: (typeof before)[number]): void => {
        if (event.kind === 'fence') items.fence('a');
        else items.change(event.verb, 'a', event.other, from);
      };
      for (const event of before) happen(event);
      const saved = items.counters.get('a');
      for (const event of after) happen(event);
      if (saved === undefined) items.counters.delete('a');
      else items.counters.set('a', saved);
      for (const event of since) happen(event);
      const coming = [...traffic];
      await repair(
        'a',
        storesOf(items, () => coming.splice(0, 1).forEach(happen)),
        timing,
      );
      expect(items.counter('a').friends).toBe(countedOf(items));
    },
  );

  it.each([
    ['behind its sides', 3],
    ['at the epoch that its sides have', 0],
  ])('does not take sides for changed since its fence when a restored counter is %s', async (_, fences) => {
    const items = new Items();
    items.change('befriend', 'a', 'b', 10);
    const saved = items.counter('a');
    for (let n = 0; n <= fences; n += 1) items.fence('a');
    items.change('befriend', 'a', 'c', 10);
    items.change('befriend', 'a', 'd', 10);
    items.counters.set('a', saved);
    expect(await repair('a', storesOf(items), timing)).toEqual({ user: 'a', corrected: 2, settled: 0 });
    expect(items.counter('a').friends).toBe(3);
  });
});

/** The store, as one to whom calls do not get, or from whom no reply comes back, as often as `isBad` says. */
function disturbed<Store extends object>(store: Store, isBad: (call: string) => boolean): Store {
  const calls = Object.entries(store).map(([name, call]: [string, (...args: unknown[]) => Promise<unknown>]) => [
    name,
    async (...args: unknown[]) => {
      if (isBad(name)) throw new Error(`${name} was throttled`);
      const result = await call(...args);
      if (isBad(name)) throw new Error(`the reply of ${name} was lost`);
      return result;
    },
  ]);
  return Object.fromEntries(calls) as Store;
}

/** Where rounds are noted down, over members who come one a page or all in one. */
function roundOf(members: readonly string[], perPage = members.length) {
  const noted = { from: undefined as string | undefined, left: new Set<string>() };
  return {
    noted,
    users: {
      page: async (from: string | undefined) => {
        const rest = members.slice(members.indexOf(from ?? '') + 1);
        const users = rest.slice(0, perPage);
        return { users, ...(rest.length > perPage ? { next: users.at(-1)! } : {}) };
      },
    },
    repairs: {
      progress: async () => ({ from: noted.from, left: [...noted.left] }),
      goOn: async (from: string | undefined) => void (noted.from = from),
      leave: async (user: string) => void noted.left.add(user),
      makeGood: async (user: string) => void noted.left.delete(user),
    },
  };
}

describe('a round of the repair job in bad times', () => {
  const members = ['a', ...others];
  const hours = () => 3_600_000;

  function damaged(): Items {
    const items = new Items();
    for (const other of others) items.change('befriend', 'a', other, other === 'd' ? 0 : 10);
    for (const user of members) {
      const counter = items.counter(user);
      items.counters.set(user, { ...counter, friends: counter.friends - 3 });
    }
    return items;
  }
  const wrongOf = (items: Items) =>
    members.filter(
      (user) => items.counter(user).friends !== items.sidesOf(user).filter(({ state }) => state === 'friends').length,
    );

  it.each([1, 2, 3, 4, 5])('repairs all while every second call fails or loses its reply, seed %i', async (seed) => {
    const items = damaged();
    const random = randomFrom(seed);
    const isBad = () => random.share(0.25);
    const { ledger, counters } = storesOf(items);
    const { users, repairs } = roundOf(members);
    const stores = {
      ledger: disturbed(ledger, isBad),
      counters: disturbed(counters, isBad),
      users: disturbed(users, isBad),
      repairs: disturbed(repairs, isBad),
    };
    expect(await repairRound(stores, timing, hours)).toMatchObject({ failed: [], left: [], roundIsOver: true });
    expect(wrongOf(items)).toEqual([]);
  });

  it('leaves whom it cannot repair, says so, and begins with them when it comes again', async () => {
    const items = damaged();
    const { noted, users, repairs } = roundOf(members, 1);
    const { ledger, counters } = storesOf(items);
    const visited: string[] = [];
    let isOut = true;
    const fence = async (user: string, epochs?: number) => {
      if (visited.at(-1) !== user) visited.push(user);
      if (isOut && user === 'b') throw new Error('no answer');
      return counters.fence(user, epochs);
    };
    const run = async () => repairRound({ ledger, counters: { ...counters, fence }, users, repairs }, timing, hours);

    const first = await run();
    expect(first).toMatchObject({ repaired: 3, failed: ['b: no answer'], left: ['b'], roundIsOver: true });
    expect(wrongOf(items)).toEqual(['b']);
    const again = await run();
    expect(again).toMatchObject({ left: ['b'], roundIsOver: true });
    expect([...noted.left]).toEqual(['b']);

    isOut = false;
    visited.length = 0;
    const last = await run();
    expect(visited).toEqual(['b', ...members]);
    expect(last).toMatchObject({ failed: [], left: [], roundIsOver: true });
    expect([...noted.left]).toEqual([]);
    expect(wrongOf(items)).toEqual([]);
  });

  it('still owes them a repair when its time was up before their turn', async () => {
    const { noted, users, repairs } = roundOf(members);
    noted.left.add('d');
    const run = await repairRound({ ...storesOf(damaged()), users, repairs }, timing, () => 0);
    expect(run).toEqual({ repaired: 0, corrected: [], failed: [], left: ['d'], roundIsOver: false });
    expect([...noted.left]).toEqual(['d']);
  });

  it('stops where everybody fails: that is no misfortune of one member', async () => {
    const crowd = Array.from({ length: 130 }, (_, n) => `crowd-${n}`);
    const { noted, users, repairs } = roundOf(crowd, 25);
    const stores = storesOf(new Items());
    const fence = async () => Promise.reject(new Error('no answer'));
    const run = repairRound({ ...stores, counters: { ...stores.counters, fence }, users, repairs }, timing, hours);
    await expect(run).rejects.toThrow('100 counters are left already, and that of crowd-100 fails too (no answer)');
    expect([noted.from, noted.left.size]).toEqual(['crowd-99', 100]);
  });
});
