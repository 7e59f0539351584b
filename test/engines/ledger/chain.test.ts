import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { findHead, genesis, parseSlot, slotKey, slotOf, slotText } from '../../../engines/ledger/chain.ts';
import { booksOf } from './books.ts';

describe('the head of a chain', () => {
  test.prop([fc.nat(5000), fc.nat(5000)])(
    'is found from any slot before it, with few questions',
    async (head, known) => {
      fc.pre(known <= head);
      let asked = 0;
      const exists = async (slot: number) => {
        asked += 1;
        return Promise.resolve(slot <= head);
      };
      expect(await findHead(known, exists)).toBe(head);
      expect(asked).toBeLessThanOrEqual(2 * Math.ceil(Math.log2(head - known + 2)) + 2);
    },
  );
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
