import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import type { Verb } from '../../lambdas/friends-counter/domain.ts';
import { repair } from '../../lambdas/friends-counter/steps.ts';
import { Items } from './items.ts';

const timing = { clock: () => 1_800_000_000_000, patience: { random: () => 0, wait: async () => {} } };
const others = ['b', 'c', 'd'] as const;

/** The stores of a job that repairs `a`, whose sides it reads one by one; `meanwhile` is called before each. */
function storesOf(items: Items, meanwhile: () => void = () => {}) {
  return {
    counters: {
      fence: async (user: string, by?: number) => items.fence(user, by),
      correct: async ({ user, add, epoch }: { user: string; add: number; epoch: number }) => {
        const counter = items.counter(user);
        if (counter.epoch !== epoch) return { corrected: false };
        items.counters.set(user, { ...counter, friends: counter.friends + add });
        return { corrected: true };
      },
    },
    ledger: {
      async *allSides(user: string) {
        for (const other of others) {
          meanwhile();
          const side = items.side(user, other);
          if (side.revision > 0) yield [side];
        }
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
