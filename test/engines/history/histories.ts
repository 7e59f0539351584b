import { fc } from '@fast-check/vitest';
import type { Access, Transaction } from '../../../engines/history/check.ts';

const keys = ['x', 'y', 'z'];
const access = fc.record({ key: fc.constantFrom(...keys), version: fc.integer({ min: -1, max: 4 }) });
const outcomes: fc.Arbitrary<Transaction['outcome']> = fc.constantFrom('committed', 'committed', 'unknown', 'refused');

const shape = fc.record({
  // Where its effect comes in the order, and how far around that its client saw it begin and end.
  at: fc.integer({ min: 0, max: 20 }),
  before: fc.nat({ max: 8 }),
  after: fc.nat({ max: 8 }),
  readKeys: fc.subarray(keys),
  writeKeys: fc.subarray(keys),
  outcome: outcomes,
  // Whether the database took it, when its client does not know.
  isIn: fc.boolean(),
});

const change = fc.record({
  which: fc.nat({ max: 5 }),
  how: fc.oneof(
    fc.record({ outcome: outcomes }),
    fc.record({ reads: fc.array(access, { maxLength: 2 }) }),
    fc.record({ writes: fc.array(access, { maxLength: 2 }) }),
    fc.integer({ min: -20, max: 20 }).map((later) => ({ later })),
    fc.constantFrom(-1, 1).map((newer) => ({ newer })),
  ),
});

/** Up to six transactions that ran one after another and were seen to overlap, of which some are then changed. */
const nearlyRight: fc.Arbitrary<readonly Transaction[]> = fc
  .tuple(fc.array(shape, { minLength: 3, maxLength: 6, size: 'max' }), fc.array(change, { maxLength: 3, size: 'max' }))
  .map(([shapes, changes]) => {
    const history = inOrder(shapes);
    for (const { which, how } of changes) {
      const one = history[which % history.length]!;
      const changed =
        'later' in how
          ? { invokedAt: one.invokedAt + how.later, returnedAt: one.returnedAt! + how.later }
          : 'newer' in how
            ? { reads: one.reads.map(({ key, version }) => ({ key, version: version + how.newer })) }
            : how;
      history[which % history.length] = { ...one, ...changed };
    }
    return history;
  });

function inOrder(shapes: readonly (typeof shape extends fc.Arbitrary<infer T> ? T : never)[]): Transaction[] {
  const versions = new Map(keys.map((key) => [key, 0]));
  return shapes
    .toSorted((a, b) => a.at - b.at)
    .map(({ at, before, after, readKeys, writeKeys, outcome, isIn }, index) => {
      const reads = readKeys.map((key): Access => ({ key, version: versions.get(key)! }));
      const writes = writeKeys.map((key): Access => ({ key, version: versions.get(key)! + 1 }));
      if (outcome === 'committed' || (outcome === 'unknown' && isIn)) {
        for (const { key, version } of writes) versions.set(key, version);
      }
      return { id: `t${index}`, invokedAt: at - before, returnedAt: at + after, outcome, reads, writes };
    });
}

const wide = fc.constant([0, 30] as const);
const narrow = fc.tuple(fc.nat({ max: 30 }), fc.nat({ max: 30 }));

/**
 * Up to six transactions whose versions are in order, and whose edges need not be: each key is written by a few, in any
 * order, and read at any version. Most overlap, since real time makes long cycles short.
 */
export const tangles: fc.Arbitrary<readonly Transaction[]> = fc
  .record({
    times: fc.array(fc.oneof({ weight: 4, arbitrary: wide }, { weight: 1, arbitrary: narrow }), {
      minLength: 4,
      maxLength: 6,
      size: 'max',
    }),
    touched: fc.array(
      fc.record({
        writers: fc.shuffledSubarray([0, 1, 2, 3, 4, 5], { maxLength: 2 }),
        readers: fc.array(fc.tuple(fc.nat({ max: 5 }), fc.nat({ max: 2 })), { maxLength: 1 }),
      }),
      { minLength: 4, maxLength: 10, size: 'max' },
    ),
  })
  .map(({ times, touched }) => {
    const history = times.map(([a, b], index) => ({
      id: `t${index}`,
      invokedAt: Math.min(a, b),
      returnedAt: Math.max(a, b),
      outcome: 'committed' as const,
      reads: [] as Access[],
      writes: [] as Access[],
    }));
    for (const [index, { writers, readers }] of touched.entries()) {
      const key = `key ${index}`;
      const present = writers.filter((writer) => writer < history.length);
      for (const [at, writer] of present.entries()) history[writer]!.writes.push({ key, version: at + 1 });
      for (const [reader, version] of readers) {
        history[reader % history.length]!.reads.push({ key, version: Math.min(version, present.length) });
      }
    }
    return history;
  });

export const histories: fc.Arbitrary<readonly Transaction[]> = fc.oneof(nearlyRight, tangles);
