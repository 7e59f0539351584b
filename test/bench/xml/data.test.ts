import { readFileSync } from 'node:fs';
import { DOMParser, type Element } from '@xmldom/xmldom';
import { describe, expect, it } from 'vitest';
import { answerOfLines } from '../../../bench/contest.ts';
import { answerLine, makeData } from '../../../bench/xml/data.ts';
import { scratch } from '../../tools/missing/scratch.ts';

const small = { records: 600, seed: 5 };

/** The values of those children. */
function fields(parent: Element, name: string): readonly string[] {
  return [...parent.childNodes].filter((child) => child.nodeName === name).map((child) => child.textContent ?? '');
}

describe('the XML bench’s data', () => {
  it('have the answer that their document object model gives', () => {
    const data = makeData(scratch(), small);
    const text = readFileSync(data.file, 'utf8');
    const document = new DOMParser().parseFromString(text, 'text/xml');
    const items = [...document.getElementsByTagName('item')];
    expect(items).toHaveLength(small.records);
    const totals: Record<string, { records: number; cents: number }> = {};
    for (const item of items) {
      const total = (totals[fields(item, 'category')[0]!] ??= { records: 0, cents: 0 });
      total.records++;
      for (const price of fields(item, 'price')) total.cents += Math.round(Number(price) * 100);
    }
    expect(answerOfLines(Object.entries(totals).map(([category, total]) => answerLine(category, total)))).toBe(
      data.answer,
    );
    expect(Buffer.byteLength(text)).toBe(data.bytes);
    expect(items.filter((item) => fields(item, 'price').length === 0).length, 'records without a price').toBeLessThan(
      small.records / 20,
    );
  });

  it('mislead whoever searches for tags', () => {
    const { file, records } = makeData(scratch(), small);
    const text = readFileSync(file, 'utf8');
    const count = (pattern: RegExp): number => text.match(pattern)?.length ?? 0;
    expect(count(/<item[ >]/g)).toBeGreaterThan(records);
    expect(count(/<!-- was: <item/g)).toBeGreaterThan(0);
    expect(count(/<!\[CDATA\[[^\]]*<item>/g)).toBeGreaterThan(0);
    expect(count(/<price /g)).toBeGreaterThan(1.9 * records);
    expect(count(/<category>(?:[^<]*&|<!\[CDATA|[^<]*[^\p{ASCII}])/gu)).toBeGreaterThan(0);
    expect(count(/<[a-z]/g) / records).toBeGreaterThan(20);
  });

  it('are made once, and the same again from the same seed', () => {
    const [a, b] = [scratch(), scratch()];
    const first = makeData(a, small);
    expect(makeData(a, small)).toEqual(first);
    const second = makeData(b, small);
    expect({ ...second, file: '' }).toEqual({ ...first, file: '' });
    expect(readFileSync(second.file).equals(readFileSync(first.file))).toBe(true);
    expect(makeData(b, { ...small, seed: 6 }).answer).not.toBe(first.answer);
  });
});
