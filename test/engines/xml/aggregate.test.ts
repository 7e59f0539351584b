import { test } from '@fast-check/vitest';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Aggregate, GroupsError, type AggregateOptions, type AggregateResult } from '../../../engines/xml/aggregate.ts';
import { DecimalSum, parseDecimal } from '../../../engines/xml/decimal.ts';
import { XmlError } from '../../../engines/xml/error.ts';
import { parsePath, valuesAt } from '../../../engines/xml/path.ts';
import { read } from './split.ts';

const records = (items: string) => read(Buffer.from(`<r>${items}</r>`), 'item');

function aggregate(items: string, options: AggregateOptions): AggregateResult {
  const result = new Aggregate(options);
  for (const record of records(items)) result.add(record);
  return result.result();
}

describe('a decimal sum', () => {
  it.each<[readonly string[], string]>([
    [[], '0'],
    [['0.1', '0.2'], '0.3'],
    [['1', '-0.10'], '0.90'],
    [['-0.5', '0.25'], '-0.25'],
    [[' +1. ', '.5\n'], '1.5'],
    [['9007199254740993', '0.0000000000000000000001'], '9007199254740993.0000000000000000000001'],
    [['5', '-5.00'], '0.00'],
    [Array.from({ length: 1000 }, () => '99999999999999'), '99999999999999000'],
  ])('of %j is %s', (numbers, expected) => {
    const sum = new DecimalSum();
    for (const number of numbers) sum.add(parseDecimal(number)!);
    expect(String(sum)).toBe(expected);
  });

  it.each(['', '.', '1e3', 'NaN', '1,5', '1 2', '0x1', '--1', '１', '1'.repeat(101), `0.${'1'.repeat(100)}`])(
    'takes %j for no number',
    (text) => {
      expect(parseDecimal(text)).toBeUndefined();
    },
  );

  const numbers = fc.array(fc.tuple(fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }), fc.nat({ max: 30 })));
  const written = ([units, scale]: readonly [bigint, number]): string => {
    const digits = String(units < 0n ? -units : units).padStart(scale + 1, '0');
    const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
    return units < 0n ? `-${text}` : text;
  };

  test.prop([numbers, fc.nat()])('is exact, in any order, in any parts', (values, where) => {
    const scale = Math.max(0, ...values.map(([, digits]) => digits));
    const units = values.reduce((sum, [value, digits]) => sum + value * 10n ** BigInt(scale - digits), 0n);
    const texts = values.map(written);
    const [first, second] = [new DecimalSum(), new DecimalSum()];
    const at = where % (texts.length + 1);
    for (const text of texts.slice(at).toReversed()) second.add(parseDecimal(text)!);
    for (const text of texts.slice(0, at)) first.add(parseDecimal(text)!);
    second.merge(String(first));
    expect(String(second)).toBe(written([units, scale]));
  });
});

describe('a path', () => {
  const [record] = records(
    '<item id="7" a:b="8">own<offer net="1">a<b>c</b></offer><x:offer net="2">d</x:offer><offer/></item>',
  );

  it.each<[string, readonly string[]]>([
    ['@id', ['7']],
    ['@a:b', ['8']],
    ['@none', []],
    ['offer', ['ac', 'd', '']],
    ['x:offer', ['d']],
    ['offer/@net', ['1', '2']],
    ['offer/b', ['c']],
    ['offer/b/c', []],
    ['.', ['ownacd']],
  ])('%s finds %j', (path, expected) => {
    expect(valuesAt(record!.element, parsePath(path))).toEqual(expected);
  });

  it.each(['', '/', 'a//b', '@', '@a/b', 'a/', 'a b', 'a[1]/@'])('is not %j', (path) => {
    expect(() => parsePath(path)).toThrow(`"${path}" is no path`);
  });
});

describe('an aggregate', () => {
  const items =
    '<item k="b"><p>1.10</p></item><item k="a"><p>2</p><p>0.05</p></item><item><p/></item><item k="b"/><item k=""><p> 3 </p></item>';

  it('counts, adds up and groups', () => {
    expect(aggregate(items, {})).toEqual({ records: 5 });
    expect(aggregate(items, { sum: 'p' })).toEqual({ records: 5, sum: '6.15', summed: 4 });
    expect(aggregate(items, { by: '@k', sum: 'p' })).toEqual({
      records: 5,
      sum: '6.15',
      summed: 4,
      groups: [
        { by: null, records: 1, sum: '0', summed: 0 },
        { by: '', records: 1, sum: '3', summed: 1 },
        { by: 'a', records: 1, sum: '2.05', summed: 2 },
        { by: 'b', records: 2, sum: '1.10', summed: 1 },
      ],
    });
  });

  it('keeps groups apart that are called like methods', () => {
    const { groups } = aggregate('<item k="__proto__"/><item k="constructor"/><item k="__proto__"/>', { by: '@k' });
    expect(groups).toEqual([
      { by: '__proto__', records: 2 },
      { by: 'constructor', records: 1 },
    ]);
  });

  it('refuses a value that is no number at its record’s place, with nothing of the record added', () => {
    const sums = new Aggregate({ sum: 'p' });
    const [good, bad] = records('<item><p>1</p></item>\n<item><p>2</p><p>two</p></item>');
    sums.add(good!);
    let error: unknown;
    try {
      sums.add(bad!);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(XmlError);
    expect(error).toMatchObject({
      line: 2,
      column: 1,
      byte: 25,
      message: expect.stringContaining('p is "two" and no'),
    });
    expect(sums.result()).toEqual({ records: 1, sum: '1', summed: 1 });
  });

  it('holds no more groups than it may', () => {
    const add = (text: string) => aggregate(text, { by: '@k', groupsMax: 2 });
    expect(add('<item k="1"/><item k="2"/><item k="1"/>').groups).toHaveLength(2);
    expect(() => add('<item k="1"/><item k="2"/><item/>')).toThrow(GroupsError);
    const merged = new Aggregate({ by: '@k', groupsMax: 2 });
    merged.merge(add('<item k="1"/><item k="2"/>'));
    expect(() => merged.merge(add('<item k="3"/>'))).toThrow(GroupsError);
  });

  test.prop([fc.array(fc.record({ k: fc.nat({ max: 3 }), cents: fc.integer() })), fc.array(fc.nat())])(
    'is the same from parts merged in any order, by way of JSON',
    (values, order) => {
      const items = values.map(
        ({ k, cents }) =>
          `<item${k === 0 ? '' : ` k="${k}"`}><p>${cents < 0 ? '-' : ''}${Math.abs(cents)}.5</p></item>`,
      );
      const options = { by: '@k', sum: 'p' };
      const parts = items.map((item) => JSON.parse(JSON.stringify(aggregate(item, options))) as AggregateResult);
      for (const [i, at] of order.entries()) {
        if (parts.length > 0) parts.push(...parts.splice((i + at) % parts.length, 1));
      }
      const merged = new Aggregate(options);
      for (const part of parts) merged.merge(part);
      const whole = aggregate(items.join(''), options);
      // Whole numbers of parts that have none: a sum of nothing is 0.
      expect(merged.result()).toEqual(whole);
    },
  );
});
