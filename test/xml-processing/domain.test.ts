import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { Aggregate } from '../../engines/xml/aggregate.ts';
import {
  afterRefusedMove,
  checkDocument,
  isFull,
  limits,
  type LoadRequest,
  type Manifest,
  partOf,
  planRanges,
  problemText,
  type Progress,
  reportOf,
} from '../../lambdas/xml-processing/domain.ts';

const request: LoadRequest = { key: 'documents/a.xml', tag: 'offer', oneWorkerBytesMax: limits.oneWorkerBytesMax };
const megabyte = 2 ** 20;

describe('the plan', () => {
  test.prop([
    fc.integer({ min: 1, max: limits.documentBytesMax }),
    fc.option(fc.integer({ min: 1, max: limits.rangeBytesMax / limits.rangeBytesMin }), { nil: undefined }),
    fc.constantFrom(0, 1000, limits.oneWorkerBytesMax),
  ])('covers every byte once, in ranges of one size, no more of them than a map may have', (bytes, steps, most) => {
    const rangeBytes = steps === undefined ? undefined : steps * limits.rangeBytesMin;
    fc.pre(rangeBytes === undefined || bytes / rangeBytes <= limits.rangesMax);
    const { mode, ranges } = planRanges(bytes, {
      oneWorkerBytesMax: most,
      ...(rangeBytes === undefined ? {} : { rangeBytes }),
    });
    expect(mode).toBe(bytes <= most ? 'one worker' : 'maps');
    expect(ranges.length).toBeLessThanOrEqual(limits.rangesMax);
    expect(ranges[0]!.from).toBe(0);
    expect(ranges.at(-1)!.to).toBe(bytes);
    for (const [index, { from, to }] of ranges.entries()) {
      expect(to).toBeGreaterThan(from);
      if (index === 0) continue;
      expect(from).toBe(ranges[index - 1]!.to);
      expect(from % limits.rangeBytesMin).toBe(0);
    }
    const sizes = new Set(ranges.slice(0, -1).map(({ from, to }) => to - from));
    expect(sizes.size).toBeLessThanOrEqual(1);
  });

  it.each([
    [16 * megabyte, 'one worker', 1],
    [16 * megabyte + 1, 'maps', 3],
    [1_000_000_000, 'maps', 64],
    [64 * 2 ** 30, 'maps', 1024],
  ])('of %d bytes is by %s: %d ranges', (bytes, mode, ranges) => {
    const plan = planRanges(bytes, request);
    expect([plan.mode, plan.ranges.length]).toEqual([mode, ranges]);
  });
});

describe('a document', () => {
  const document = { key: request.key, versionId: 'v', bytes: 10 };

  it('is taken as it was pinned', () => {
    expect(checkDocument(request, document)).toBe(document);
    expect(checkDocument(request, { ...document, bytes: limits.documentBytesMax }).bytes).toBe(64 * 2 ** 30);
  });

  it.each([
    [{}, undefined, 'there is no document documents/a.xml: upload it, and start again'],
    [
      { versionId: 'w' },
      undefined,
      'document documents/a.xml has no version w: give one that it has, or none for the latest',
    ],
    [{}, { ...document, bytes: 0 }, 'document documents/a.xml is empty: upload it again'],
    [
      {},
      { ...document, bytes: 2 ** 40 },
      'document documents/a.xml has 1099511627776 bytes, over 68719476736: load it in parts',
    ],
    [
      { rangeBytes: 65_536 },
      { ...document, bytes: 65_536 * 10_000 + 1 },
      '"rangeBytes" 65536 makes over 10000 ranges of document documents/a.xml: give more, or leave it out',
    ],
  ])('that cannot be loaded is refused with the remedy (%#)', (more, pinned, message) => {
    expect(() => checkDocument({ ...request, ...more }, pinned)).toThrow(message);
  });
});

describe('a batch', () => {
  it.each([
    [499, 0, false],
    [500, 0, true],
    [1, 262_143, false],
    [1, 262_144, true],
  ])('of %d records and %d characters is full: %s', (records, chars, full) => {
    expect(isFull({ records, chars })).toBe(full);
  });
});

const none = new Aggregate().result();
const at = (byte: number, state: Progress['state'] = 'loading'): Progress => ({ state, byte, aggregate: none });

describe('a worker whose move was refused', () => {
  it('goes on when what it found is what it wanted to write: its own lost reply, or a twin’s', () => {
    expect(afterRefusedMove(at(7), at(7))).toEqual({ do: 'go on' });
    expect(afterRefusedMove(at(7, 'loaded'), at(7, 'loaded'))).toEqual({ do: 'go on' });
  });

  it.each([
    [at(7), at(9)],
    [at(7), at(5)],
    [at(7), at(7, 'loaded')],
    [at(7, 'malformed'), at(7)],
  ])('yields to another worker otherwise (%#)', (mine, found) => {
    expect(afterRefusedMove(mine, found)).toEqual({ do: 'yield', because: 'another worker is ahead' });
  });
});

describe('the report', () => {
  const manifest: Manifest = {
    loadId: 'f00d',
    document: { key: request.key, versionId: 'v', bytes: 100 },
    tag: 'offer',
    sum: 'price',
    by: 'category',
    mode: 'maps',
    encoding: 'UTF-8',
    markBytes: 0,
    ranges: [],
  };
  const loaded = (
    groups: readonly (readonly [string | null, number, string])[],
    more: Partial<Progress> = {},
  ): Progress => ({
    state: 'loaded',
    byte: 10,
    aggregate: {
      records: groups.reduce((sum, [, records]) => sum + records, 0),
      sum: '0',
      summed: 0,
      groups: groups.map(([by, records, sum]) => ({ by, records, sum, summed: records })),
    },
    ...more,
  });

  it('adds up the cuts exactly, with a group for records that have none', () => {
    const report = reportOf(manifest, [
      loaded([
        ['b', 2, '0.1'],
        [null, 1, '5'],
      ]),
      loaded([]),
      loaded([
        ['b', 1, '0.2'],
        ['a', 4, '-0.30'],
      ]),
    ]);
    expect(report).toMatchObject({
      loadId: 'f00d',
      key: request.key,
      versionId: 'v',
      bytes: 100,
      tag: 'offer',
      cuts: 3,
      records: 8,
      complete: true,
      groups: [
        { by: null, records: 1, sum: '5' },
        { by: 'a', records: 4, sum: '-0.30' },
        { by: 'b', records: 3, sum: '0.3' },
      ],
    });
    expect(report).not.toHaveProperty('problem');
  });

  it('names the first error in the document, whichever cut met one first', () => {
    const problem = (byte: number) => ({ message: 'no end tag', line: byte, column: 1, byte });
    const report = reportOf(manifest, [
      loaded([['a', 1, '1']]),
      loaded([['a', 1, '1']], { state: 'malformed', problem: problem(70) }),
      loaded([], { state: 'malformed', problem: problem(60) }),
    ]);
    expect(report).toMatchObject({ complete: false, records: 2, problem: problem(60) });
    expect(problemText(report, report.problem!)).toBe(
      'document documents/a.xml, line 60, column 1, byte 60: no end tag; 2 records that stand in readable parts are ' +
        'stored and counted in loads/f00d/report.json: mend the document, upload it, and start again',
    );
  });

  it.each([[[loaded([]), undefined]], [[loaded([]), at(5)]]])('is none as long as a cut is not done (%#)', (cuts) => {
    expect(() => reportOf(manifest, cuts)).toThrow('cut 1 of load f00d is not done: start the load again');
  });
});

describe('parts', () => {
  it('of different cuts and loads are different', () => {
    const parts = ['a', 'b'].flatMap((loadId) => [0, 1, 10].map((cut) => partOf({ loadId, cut })));
    expect(new Set(parts).size).toBe(6);
  });
});
