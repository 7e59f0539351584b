import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { Partitions, writeUnitsOf, writeUnitsPerSecondMax } from '../../../engines/consistency/partition.ts';

describe('write units', () => {
  it.each([
    [0, false, 1],
    [1, false, 1],
    [1024, false, 1],
    [1025, false, 2],
    [100, true, 2],
    [1025, true, 4],
  ])('of %i bytes (in a transaction: %s) are %i', (bytes, inTransaction, units) => {
    expect(writeUnitsOf(bytes, inTransaction)).toBe(units);
  });
});

describe('a partition key', () => {
  const writes = fc.array(
    fc.record({
      key: fc.constantFrom('a', 'b'),
      atMs: fc.integer({ min: 0, max: 3_000 }),
      units: fc.integer({ min: 1, max: 400 }),
    }),
    { maxLength: 60 },
  );

  test.prop([writes])('takes at most a thousand units a second, and refuses only what would be more', (list) => {
    const partitions = new Partitions();
    const used = new Map<string, number>();
    for (const { key, atMs, units } of list.toSorted((a, b) => a.atMs - b.atMs)) {
      const id = `${key} ${Math.floor(atMs / 1000)}`;
      const fits = (used.get(id) ?? 0) + units <= writeUnitsPerSecondMax;
      expect(partitions.admit(key, atMs, units)).toBe(fits);
      if (fits) used.set(id, (used.get(id) ?? 0) + units);
    }
  });
});
