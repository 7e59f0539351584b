import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { findHead, genesis, parseSlot, slotKey, slotOf, slotText } from '../../../engines/ledger/chain.ts';
import { booksOf } from './books.ts';

describe('the head of a chain', () => {
  test.prop([fc.nat(2000), fc.nat(2000)])(
    'is found from any slot of it on, many at once where many are',
    async (head, known) => {
      fc.pre(known <= head);
      let rounds = 0;
      const passed: number[] = [];
      const exists = async (slot: number) => {
        if (slot === known + 1 || slot % 32 === 0) rounds += 1;
        return Promise.resolve(slot <= head);
      };
      expect(await findHead(known, exists, async (slot) => void passed.push(slot))).toBe(head);
      expect(rounds).toBeLessThanOrEqual((head - known) / 32 + 4);
      // Told on the way, so that a try that dies was not for nothing.
      expect(passed.length).toBe(Math.max(0, Math.floor((head - known - 31) / 32)));
      expect(passed.every((slot) => slot > known && slot <= head)).toBe(true);
    },
  );

  it('takes one question where the slot is the last', async () => {
    const asked: number[] = [];
    const exists = async (slot: number) => {
      asked.push(slot);
      return Promise.resolve(false);
    };
    expect(await findHead(40, exists, async () => {})).toBe(40);
    expect(asked).toEqual([41]);
  });

  it('is where it was, whatever somebody plants ahead, but for the next slots themselves', async () => {
    const planted = new Set([43, 47, 55, 71, 103, 4136, 999_999_999_999]);
    const exists = async (slot: number) => Promise.resolve(slot <= 40 || planted.has(slot));
    for (const known of [0, 1, 39, 40]) expect(await findHead(known, exists, async () => {})).toBe(40);
    const next = async (slot: number) => Promise.resolve(slot <= 43 || planted.has(slot));
    expect(await findHead(40, next, async () => {})).toBe(43);
  });
});

describe('a slot', () => {
  test.prop([fc.integer({ min: 1, max: 999_999_999_999 })])('has a key that sorts as its number', (slot) => {
    expect(slotOf(slotKey(slot))).toBe(slot);
    if (slot < 999_999_999_999) expect(slotKey(slot) < slotKey(slot + 1)).toBe(true);
  });

  it('has a number that audits read, or no key', () => {
    expect(() => slotKey(1_000_000_000_000)).toThrow('slot 1000000000000 is over 999999999999');
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
