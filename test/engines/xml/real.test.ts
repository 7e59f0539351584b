import { describe, expect, it } from 'vitest';
import { Aggregate, type AggregateOptions, type AggregateResult } from '../../../engines/xml/aggregate.ts';
import type { Cut } from '../../../engines/xml/cut.ts';
import { sniff } from '../../../engines/xml/encoding.ts';
import { domAggregate, domRecords, type DomAggregate } from './dom.ts';
import { encode } from './documents.ts';
import { errorOf } from './errors.ts';
import { feed, realDocuments } from './real.ts';
import { read, split } from './split.ts';

function textOf(file: Uint8Array): string {
  const { encoding } = sniff(file);
  return Buffer.from(file).toString(encoding === 'ISO-8859-1' ? 'latin1' : 'utf8');
}

/** Each cut on its own, then all of them together. */
function aggregated(file: Uint8Array, tag: string, options: AggregateOptions, cuts: readonly Cut[]): AggregateResult {
  const whole = new Aggregate(options);
  for (const cut of cuts) {
    const part = new Aggregate(options);
    for (const record of read(file, tag, cut)) part.add(record);
    whole.merge(JSON.parse(JSON.stringify(part.result())) as AggregateResult);
  }
  return whole.result();
}

function asOfDom({ groups, ...total }: AggregateResult): DomAggregate {
  return Object.fromEntries(
    (groups ?? [{ by: null, ...total }]).map(({ by, records, sum = '0', summed = 0 }) => [
      by === null ? 'null' : `"${by}"`,
      { records, summed, units: Math.round(Number(sum) * 10_000) },
    ]),
  );
}

/** So many offsets, evenly over the file and at no boundary of anything. */
function offsets(file: Uint8Array, count: number): readonly number[] {
  const distinct = new Set(Array.from({ length: count }, (_, i) => Math.round(((i + 0.5) * file.length) / count)));
  return [...distinct].filter((at) => at > 0 && at < file.length);
}

describe('real documents of other people', () => {
  it.each(realDocuments())('are read as a DOM reads them: $name, <$tag>', ({ file, tag, records, ...options }) => {
    const found = read(file, tag);
    expect(found.map(({ element }) => element)).toEqual(domRecords(textOf(file), tag));
    expect(found).toHaveLength(records);
    const whole = aggregated(file, tag, options, split(file, tag, []));
    expect(asOfDom(whole)).toEqual(domAggregate(textOf(file), tag, options));
    if (options.sum !== undefined) expect(whole.summed).toBeGreaterThan(0);
  });

  it.each(realDocuments())('give the same wherever they are split: $name, <$tag>', ({ file, tag, ...options }) => {
    const records = read(file, tag);
    const all = JSON.stringify(records);
    const whole = aggregated(file, tag, options, split(file, tag, []));
    const places = Math.min(file.length - 1, Math.ceil(2_000_000 / file.length));
    const splits = [...offsets(file, places).map((at) => [at]), offsets(file, 16), offsets(file, file.length >> 7)];
    const readCuts = new Set<string>();
    for (const edges of splits) {
      const cuts = split(file, tag, edges);
      const key = JSON.stringify(cuts);
      if (readCuts.has(key)) continue;
      readCuts.add(key);
      if (JSON.stringify(cuts.flatMap((cut) => read(file, tag, cut))) !== all) expect({ edges }).toBe('other records');
      if (edges.length > 1) expect(aggregated(file, tag, options, cuts)).toEqual(whole);
    }
    expect(readCuts.size).toBeGreaterThanOrEqual(Math.min(records.length, 3));
  });

  it('in an encoding that is not supported are refused by its name, and read when they are converted', () => {
    const refused = errorOf(feed('iconv.xml'), 'item', []);
    expect(refused).toMatchObject({ line: 1, column: 31, byte: 30 });
    expect(refused?.message).toContain('encoding "windows-1251" is not supported: convert the file to UTF-8');
    const text = new TextDecoder('windows-1251').decode(feed('iconv.xml')).replace(' encoding="windows-1251"', '');
    const options = { by: 'category', sum: 'enclosure/@length' };
    for (const encoding of ['UTF-8', 'UTF-16LE', 'UTF-16BE'] as const) {
      const file = encode(text, encoding);
      expect(read(file, 'item').map(({ element }) => element)).toEqual(domRecords(text, 'item'));
      const cuts = split(file, 'item', offsets(file, 40));
      expect(cuts.length).toBeGreaterThan(5);
      expect(asOfDom(aggregated(file, 'item', options, cuts))).toEqual(domAggregate(text, 'item', options));
    }
  });

  it('that are no XML are refused', () => {
    expect(errorOf(feed('notafeed.html'), 'body', [])?.message).toContain('DOCTYPE is refused');
    expect(errorOf(feed('compressed.xml'), 'item', [])).toMatchObject({ line: 1, records: 0 });
  });
});
