import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { findHead, genesis, holeMax, parseSlot, slotKey, slotOf, slotText } from '../../../engines/ledger/chain.ts';
import { booksOf } from './books.ts';

describe('the head of a chain', () => {
  /** As a bucket lists them, and how often it was asked. */
  const listing = (slots: readonly number[], perPage: number) => {
    const asked = { times: 0 };
    const pageAfter = async (after: number) => {
      asked.times += 1;
      const rest = slots.filter((slot) => slot > after);
      return Promise.resolve({ slots: rest.slice(0, perPage), isLast: rest.length <= perPage });
    };
    return { asked, pageAfter };
  };
  const upTo = (head: number) => Array.from({ length: head }, (_, index) => index + 1);

  test.prop([fc.nat(5000), fc.nat(5000), fc.integer({ min: 1, max: 100 })])(
    'is found from any slot before it, with few pages',
    async (head, known, perPage) => {
      fc.pre(known <= head);
      const { asked, pageAfter } = listing(upTo(head), perPage);
      expect(await findHead(known, pageAfter)).toBe(head);
      expect(asked.times).toBeLessThanOrEqual(2 * Math.ceil(Math.log2(head - known + 2)) + 2);
      if (head - known <= perPage) expect(asked.times).toBe(1);
    },
  );

  test.prop([
    fc.integer({ min: 1, max: 9000 }),
    fc.array(fc.record({ from: fc.nat(9000), length: fc.integer({ min: 1, max: holeMax - 1 }) }), { maxLength: 3 }),
    fc.integer({ min: 1, max: 100 }),
  ])('is found behind holes, wherever they are, by who knows nothing', async (head, holes, perPage) => {
    // Two holes side by side are one, perhaps too long a one.
    const apart = holes
      .toSorted((a, b) => a.from - b.from)
      .filter(({ from }, index, all) => index === 0 || from > all[index - 1]!.from + holeMax);
    const slots = upTo(head).filter(
      (slot) => slot === head || !apart.some(({ from, length }) => slot > from && slot <= from + length),
    );
    expect(await findHead(0, listing(slots, perPage).pageAfter)).toBe(head);
  });

  it('is where it was, whatever somebody plants far ahead', async () => {
    for (const head of [0, 1, 40, 5000]) {
      for (const ahead of [holeMax + 1, 4096, 999_999_999_999]) {
        const { asked, pageAfter } = listing([...upTo(head), head + ahead], 100);
        expect(await findHead(head, pageAfter)).toBe(head);
        expect(asked.times).toBeLessThanOrEqual(2);
      }
    }
  });

  it('moves on while it is looked for', async () => {
    for (let seed = 0; seed < 50; seed += 1) {
      let head = seed * 7;
      const pageAfter = async (after: number) => {
        head += 3;
        return listing(upTo(head), 2).pageAfter(after);
      };
      const found = await findHead(0, pageAfter);
      expect(found).toBeGreaterThan(seed * 7);
      expect(found).toBeLessThanOrEqual(head);
    }
  });
});

describe('a slot', () => {
  test.prop([fc.integer({ min: 1, max: 999_999_999_999 })])('has a key that sorts as its number', (slot) => {
    expect(slotOf(slotKey(slot))).toBe(slot);
    expect(slotKey(slot) < slotKey(slot + 1) || slot === 999_999_999_999).toBe(true);
  });

  it('is read as it was written, and its text depends on nothing but what it says', () => {
    const [stored] = booksOf([[0, 0, 5]], [2]).slots;
    const slot = parseSlot(stored!.text)!;
    expect(slot.previous).toBe(genesis);
    expect(slotText(slot)).toBe(stored!.text);
    const turned = slot.changes.map((change) => ({
      ...change,
      entry: Object.fromEntries(
        Object.entries({ ...change.entry, more: 1 }).toReversed(),
      ) as unknown as typeof change.entry,
    }));
    expect(slotText({ ...slot, changes: turned })).toBe(stored!.text);
  });

  test.prop([fc.oneof(fc.string(), fc.json(), fc.constant('{"slot":1,"previous":"","writtenAtMs":0,"changes":[{}]}'))])(
    'is no slot when it is anything else',
    (text) => {
      expect(parseSlot(text)).toBeUndefined();
    },
  );
});
