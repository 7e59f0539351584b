import { describe, expect, it } from 'vitest';
import { openTagBytesMax, summaryCharsMax } from '../../../engines/xml/limits.ts';
import { resolve } from '../../../engines/xml/resolve.ts';
import { RangeScanner } from '../../../engines/xml/scan.ts';
import { read, scan, split } from './split.ts';

const tag = 'item';

describe('the summary of a range', () => {
  it('is a few hundred bytes of an ordinary file, however large the range', () => {
    const file = Buffer.from(`<r xmlns="urn:r">${'<item id="1"><price>1.50</price></item>\n'.repeat(20_000)}</r>`);
    expect(JSON.stringify(scan(file, tag, 300_000, 700_000)).length).toBeLessThan(1000);
  });

  it('says what a range is in each state that it may begin in', () => {
    const file = Buffer.from('<r><!-- <item/> --><item/><![CDATA[ <item/> ]]><?x <item/> ?><item/></r>');
    const from = file.indexOf('item/> -->') - 1;
    const { lanes, stretches } = scan(file, tag, from, file.length);
    expect(Object.keys(lanes).sort()).toEqual(['cdata', 'comment', 'content', 'instruction']);
    /** The first candidate that a lane comes to. */
    const first = (index: number | undefined): number | undefined => {
      const stretch = index === undefined ? undefined : stretches[index];
      return stretch?.candidates[0]?.at ?? (stretch?.next === undefined ? undefined : first(stretch.next));
    };
    expect(Object.fromEntries(Object.entries(lanes).map(([state, lane]) => [state, first(lane.first)]))).toEqual({
      content: from,
      comment: file.indexOf('--><item/>') + 3,
      cdata: file.lastIndexOf('<item/>'),
      instruction: file.lastIndexOf('<item/>'),
    });
    // They meet: what is behind the last of their ends is there once.
    const shared = stretches.filter(({ candidates }) =>
      candidates.some(({ at }) => at === file.lastIndexOf('<item/>')),
    );
    expect(shared).toHaveLength(1);
  });

  it('stays bounded where start tags are made to fill it, at the price of cuts only', () => {
    const long = `<x a="${'v'.repeat(1000)}">`;
    const level = `${long.repeat(20)}<item/>${'</x>'.repeat(20)}</a>`;
    const file = Buffer.from(`<r>${'<a>'.repeat(200)}<item/>${level.repeat(200)}</r>`);
    const records = read(file, tag);
    const at = 700;
    const summary = scan(file, tag, at, file.length);
    expect(summaryCharsMax).toBe(256 * 1024);
    expect(JSON.stringify(summary).length).toBeLessThan(2 * summaryCharsMax);
    expect(resolve([scan(file, tag, 0, at), summary], file.length)).toHaveLength(2);
    const cuts = split(file, tag, [at, at + 100_000, at + 3_000_000]);
    expect(cuts.flatMap((cut) => read(file, tag, cut))).toEqual(records);
  });

  it('lacks a lane whose open start tags would fill it: one reader takes the rest', () => {
    const file = Buffer.from(`<r><item/>${`<x a="${'v'.repeat(2000)}">`.repeat(200)}<item/>${'</x>'.repeat(200)}</r>`);
    const at = file.indexOf('</x>');
    expect(Object.keys(scan(file, tag, 0, at).lanes)).toEqual([]);
    expect(Object.keys(scan(file, tag, 0, 200_000).lanes)).toEqual(['content']);
    const cuts = split(file, tag, [at, at + 100]);
    expect(cuts).toHaveLength(1);
    expect(read(file, tag, cuts[0])).toHaveLength(2);
  });

  it('lacks a lane that is deeper than a reader goes, in either direction', () => {
    const lanes = (text: string, from: number): readonly string[] => {
      const file = Buffer.from(text);
      const options = { tag, encoding: 'UTF-8', from, to: file.length, limits: { depthMax: 3 } } as const;
      const scanner = new RangeScanner({ ...options, states: ['content'] });
      scanner.push(file.subarray(from));
      return Object.keys(scanner.finish().lanes);
    };
    expect(lanes('<a><a><a><b/>', 0)).toEqual(['content']);
    expect(lanes('<a><a><a><a>', 0)).toEqual([]);
    expect(lanes('<a><a><a></a></a></a>', 9)).toEqual(['content']);
    expect(lanes('<a><a><a><a></a></a></a></a>', 12)).toEqual([]);
  });

  it('gives up at a start tag that does not end, and keeps no more of it than the longest that it takes', () => {
    const scanned = (bytes: number): { lanes: readonly string[]; pushed: number } => {
      const scanner = new RangeScanner({ tag, encoding: 'UTF-8', from: 0, to: 10_000_000 });
      scanner.push(Buffer.from('<r><x a="'));
      let pushed = 0;
      while (pushed < bytes && scanner.push(Buffer.alloc(1024, 'v'))) pushed += 1024;
      scanner.push(Buffer.from('"/></r>'));
      return { lanes: Object.keys(scanner.finish().lanes), pushed };
    };
    expect(scanned(openTagBytesMax - 1024)).toEqual({ lanes: ['content'], pushed: openTagBytesMax - 1024 });
    const { lanes, pushed } = scanned(1_000_000);
    expect(lanes).toEqual([]);
    expect(pushed).toBeLessThanOrEqual(64 * 1024);
  });

  it('of a range scanned in one state only is refused in another', () => {
    const file = Buffer.from('<r><!-- <item/> --><item/></r>');
    const options = { tag, encoding: 'UTF-8', from: 8, to: file.length, states: ['content'] } as const;
    const scanner = new RangeScanner(options);
    scanner.push(file.subarray(8));
    const summary = scanner.finish();
    expect(Object.keys(summary.lanes)).toEqual(['content']);
    expect(() => resolve([scan(file, tag, 0, 8), summary], file.length)).toThrow('begins in state comment');
  });

  it('is refused out of order, and for a range without a byte', () => {
    const file = Buffer.from('<r><item/><item/></r>');
    const [first, second] = [scan(file, tag, 0, 5), scan(file, tag, 5, file.length)];
    expect(() => resolve([second, first], file.length)).toThrow('a range from 5 follows one to 0');
    expect(() => scan(file, tag, 5, 5)).toThrow('a range from 5 to 5 is empty');
  });
});
