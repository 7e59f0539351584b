import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import {
  countedAtFence,
  decide,
  isFresh,
  isSettled,
  limits,
  settlingOf,
  type Side,
  type State,
  type Verb,
  writesOf,
} from '../../lambdas/friends-counter/domain.ts';
import { Items } from './items.ts';

const verbs: readonly Verb[] = ['befriend', 'unfriend', 'block', 'unblock'];
const members = ['a', 'b', 'c'] as const;

/** The obvious way: a set of friendships and a set of blocks. */
class Sets {
  readonly friends = new Set<string>();
  readonly blocks = new Set<string>();

  change(verb: Verb, user: string, other: string): 'refused' | 'done' {
    const pair = [user, other].toSorted().join('+');
    if (verb === 'befriend') {
      if (this.blocks.has(`${user}>${other}`) || this.blocks.has(`${other}>${user}`)) return 'refused';
      this.friends.add(pair);
    } else if (verb === 'unfriend') this.friends.delete(pair);
    else if (verb === 'block') {
      this.friends.delete(pair);
      this.blocks.add(`${user}>${other}`);
    } else this.blocks.delete(`${user}>${other}`);
    return 'done';
  }

  count(user: string): number {
    return [...this.friends].filter((pair) => pair.split('+').includes(user)).length;
  }
}

const pairs = fc
  .tuple(fc.constantFrom(...members), fc.constantFrom(...members))
  .filter(([user, other]) => user !== other);
const change = fc.record({ kind: fc.constant('change' as const), verb: fc.constantFrom(...verbs), pair: pairs });
const settle = fc.record({ kind: fc.constant('settle' as const), user: fc.constantFrom(...members) });
const fence = fc.record({ kind: fc.constant('fence' as const), user: fc.constantFrom(...members) });
/** From 0 everything is left to the stream, from 3 nothing: between them users are switched over again and again. */
const streamedFrom = fc.constantFrom(0, 1, 2, 3);

describe('friendships', () => {
  test.prop([fc.array(fc.oneof({ arbitrary: change, weight: 5 }, settle, fence), { maxLength: 60 }), streamedFrom], {
    numRuns: 2_000,
  })('are those of sets, and a counter equals its sides, whoever counts them', (events, from) => {
    const [sets, items] = [new Sets(), new Items()];
    for (const event of events) {
      if (event.kind === 'settle') items.settle(event.user);
      else if (event.kind === 'fence') items.fence(event.user);
      else {
        const { verb, pair } = event;
        expect(items.change(verb, ...pair, from)).toBe(sets.change(verb, ...pair));
      }
      for (const user of members) {
        const counted = items.sidesOf(user).reduce((sum, side) => sum + side.counted, 0);
        expect(items.counter(user).friends).toBe(counted);
      }
    }
    for (const user of members) {
      items.settle(user);
      expect(items.counter(user).friends).toBe(sets.count(user));
      expect(items.sidesOf(user).every(isSettled)).toBe(true);
    }
  });

  const own = fc.record({
    verb: fc.constantFrom(...verbs),
    pair: pairs,
    theirsFirst: fc.boolean(),
  });
  const others = fc.array(fc.oneof({ arbitrary: change, weight: 5 }, settle, fence), { maxLength: 3 });

  test.prop([fc.array(fc.tuple(own, others, others), { maxLength: 12 }), streamedFrom], { numRuns: 3_000 })(
    'have two sides or none, although the two are read apart while others change them',
    (requests, from) => {
      const items = new Items();
      const happen = (events: (typeof requests)[number][1]) => () => {
        for (const event of events) {
          if (event.kind === 'settle') items.settle(event.user);
          else if (event.kind === 'fence') items.fence(event.user);
          else items.change(event.verb, ...event.pair, from);
        }
      };
      for (const [{ verb, pair, theirsFirst }, reads, write] of requests) {
        items.change(verb, ...pair, from, { theirsFirst, reads: happen(reads), write: happen(write) });
        expect(items.halves()).toEqual([]);
        for (const user of members) {
          const counted = items.sidesOf(user).reduce((sum, side) => sum + side.counted, 0);
          expect(items.counter(user).friends).toBe(counted);
        }
      }
    },
  );

  test.prop([fc.constantFrom(...verbs), pairs, streamedFrom])(
    'are the same transaction from either side, in canonical order',
    (verb, [user, other], from) => {
      const items = new Items();
      if (verb !== 'befriend') items.change('befriend', user, other, from);
      const [mine, theirs] = [items.party(user, other), items.party(other, user)];
      const decision = decide(verb, mine.side.state, theirs.side.state);
      if (decision.do !== 'move') return;
      const writes = writesOf([mine, decision.mine], [theirs, decision.theirs], from);
      expect(writesOf([theirs, decision.theirs], [mine, decision.mine], from)).toEqual(writes);
      const order = writes.sides.map(({ user: of }) => of);
      expect(order).toEqual(order.toSorted());
    },
  );

  it('are not made over what somebody else wrote meanwhile', () => {
    const items = new Items();
    const stale = [items.party('a', 'b'), items.party('b', 'a')] as const;
    items.change('befriend', 'b', 'a', 10);
    expect(items.apply(writesOf([stale[0], 'friends'], [stale[1], 'friends'], 10))).toBe(false);
    expect([items.counter('a').friends, items.counter('b').friends]).toEqual([1, 1]);
  });

  it('are read again when the side that stays has changed meanwhile', () => {
    const items = new Items();
    const stale = [items.party('a', 'b'), items.party('b', 'a')] as const;
    const block = writesOf([stale[0], 'blocked'], [stale[1], 'none'], 10);
    expect(block).toMatchObject({ sides: [{ user: 'a' }], unchanged: [{ user: 'b', revision: 0 }], counters: [] });
    items.change('block', 'b', 'a', 10);
    expect(items.apply(block)).toBe(false);
  });

  it.each([
    ['befriend', 'blocked', 'none'],
    ['befriend', 'none', 'blocked'],
  ] satisfies readonly [Verb, State, State][])(
    'are refused while one has blocked the other: %s %s %s',
    (verb, mine, theirs) => {
      expect(decide(verb, mine, theirs)).toEqual({ do: 'refuse', because: 'blocked' });
    },
  );

  it('end with a block, and the other’s block is not lifted by one’s own', () => {
    expect(decide('block', 'friends', 'friends')).toEqual({ do: 'move', mine: 'blocked', theirs: 'none' });
    expect(decide('unblock', 'none', 'blocked')).toEqual({ do: 'nothing' });
    expect(decide('unfriend', 'none', 'blocked')).toEqual({ do: 'nothing' });
  });
});

describe('a transaction that settles', () => {
  const unsettled = (n: number): Side => ({
    user: 'star',
    other: `fan-${n}`,
    state: 'friends',
    counted: 0,
    epoch: 0,
    before: 0,
    revision: 1,
  });

  it('holds as many sides as DynamoDB takes beside the counter', () => {
    const writes = settlingOf(
      { user: 'star', friends: 0, epoch: 4 },
      Array.from({ length: 150 }, (_, n) => unsettled(n)),
    )!;
    expect(writes.sides).toHaveLength(limits.sidesOfTransactionMax);
    expect(writes.counters).toEqual([{ user: 'star', add: 99, epoch: 4 }]);
    expect(writes.sides.length + writes.counters.length).toBe(100);
  });

  it('is none when all is counted', () => {
    expect(settlingOf({ user: 'star', friends: 1, epoch: 0 }, [{ ...unsettled(1), counted: 1 }])).toBeUndefined();
  });
});

describe('a recount', () => {
  /** Between any two sides that it reads, anything may happen: it still adds up the moment of its fence. */
  test.prop(
    [
      fc.array(change, { maxLength: 30 }),
      fc.array(fc.array(fc.oneof({ arbitrary: change, weight: 3 }, settle), { maxLength: 5 }), {
        minLength: 3,
        maxLength: 3,
      }),
      streamedFrom,
      fc.integer({ min: -5, max: 5 }),
    ],
    { numRuns: 3_000 },
  )('is of one moment, although sides change while they are read', (history, meanwhile, from, damage) => {
    const items = new Items();
    for (const { verb, pair } of history) items.change(verb, ...pair, from);
    const before = items.counter('a');
    items.counters.set('a', { ...before, friends: before.friends + damage });
    const fenced = items.fence('a');
    let counted = 0;
    for (const [index, other] of (['b', 'c', undefined] as const).entries()) {
      for (const event of meanwhile[index]!) {
        if (event.kind === 'settle') items.settle(event.user);
        else items.change(event.verb, ...event.pair, from);
      }
      if (other !== undefined) counted += countedAtFence(items.side('a', other), fenced.epoch);
    }
    expect(counted + damage).toBe(fenced.friends);
    // Added, not set: what was counted since stays.
    const now = items.counter('a');
    items.counters.set('a', { ...now, friends: now.friends + (counted - fenced.friends) });
    expect(items.counter('a').friends).toBe(items.sidesOf('a').reduce((sum, side) => sum + side.counted, 0));
  });

  it('is wrong without what was counted before the fence: the test above can fail', () => {
    const items = new Items();
    const { epoch, friends } = items.fence('a');
    items.change('befriend', 'a', 'b', 10);
    const sides = items.sidesOf('a');
    expect(sides.reduce((sum, side) => sum + countedAtFence(side, epoch), 0)).toBe(friends);
    expect(sides.reduce((sum, side) => sum + side.counted, 0)).not.toBe(friends);
  });

  it('refuses writers that read the counter before it began', () => {
    const items = new Items();
    const stale = [items.party('a', 'b'), items.party('b', 'a')] as const;
    items.fence('a');
    expect(items.apply(writesOf([stale[0], 'friends'], [stale[1], 'friends'], 10))).toBe(false);
  });
});

test.prop([fc.nat(5_000), fc.nat(5_000), fc.nat(2_000)])(
  'a kept answer is fresh for its time only',
  (at, now, kept) => {
    expect(isFresh({ value: 1, atMs: at }, now, kept)).toBe(now - at < kept);
    expect(isFresh(undefined, now, kept)).toBe(false);
  },
);
