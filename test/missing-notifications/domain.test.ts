import { fc, test } from '@fast-check/vitest';
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import {
  afterRefusedClaim,
  checkGaps,
  checkWindow,
  chooseMode,
  cutIntoUnits,
  findMissingLogs,
  findShortLogs,
  lastLineMs,
  logDays,
  type LogObject,
  type Manifest,
  type Mode,
  modes,
  nightlyWindow,
  objectsPerUnitMax,
  oneWorkerBytesMax,
  oneWorkerSignedMax,
  parseLogKey,
  problemOfId,
  type Report,
  reportLine,
  requestsOf,
  runCostUsd,
  type RunRequest,
  sendDelayMaxMs,
  signedShard,
  signedShards,
  type Sizes,
  type Unit,
} from '../../lambdas/missing-notifications/domain.ts';

const ms = (iso: string) => Date.parse(iso);
const minute = 60_000;
const day = 86_400_000;

function requestOf(from: string, to: string): RunRequest {
  return { runId: 'r', fromMs: ms(from), toMs: ms(to), allowPartial: false };
}

describe('a window', () => {
  const request = requestOf('2026-03-02T00:00:00Z', '2026-03-02T12:00:00Z');
  const longAfter = ms('2026-03-03T00:00:00Z');

  it('may end exactly as long ago as a notification may take', () => {
    expect(checkWindow(request, request.toMs + sendDelayMaxMs)).toEqual({ do: 'go on', with: request });
  });

  it('is refused a millisecond earlier, with the time from which it can be asked for', () => {
    const decision = checkWindow(request, request.toMs + sendDelayMaxMs - 1);
    expect(decision).toEqual({
      do: 'refuse',
      because:
        '"to" 2026-03-02T12:00:00.000Z is less than 15 minutes past: notifications may still be on their way; ' +
        'start again after 2026-03-02T12:15:00.000Z, or give an earlier "to"',
    });
  });

  it.each([request.toMs, request.toMs + 1])('is refused when it is empty: from %d', (fromMs) => {
    expect(checkWindow({ ...request, fromMs }, longAfter)).toMatchObject({
      do: 'refuse',
      because: expect.stringMatching(/is empty: give a "from" before "to"$/),
    });
  });

  it('may be 35 days long, and not a millisecond longer', () => {
    const longest = { ...request, fromMs: request.toMs - 35 * day };
    expect(checkWindow(longest, longAfter).do).toBe('go on');
    expect(checkWindow({ ...longest, fromMs: longest.fromMs - 1 }, longAfter)).toMatchObject({
      do: 'refuse',
      because: expect.stringContaining('longer than 35 days: run it in parts'),
    });
  });

  it.each(['2026-03-03T00:00:00Z', '2026-03-03T02:00:00Z', '2026-03-03T23:59:59.999Z'])(
    'of the night is the whole UTC day before, when it is due at %s',
    (at) => {
      expect(nightlyWindow(ms(at))).toEqual({
        runId: 'nightly-2026-03-02',
        fromMs: ms('2026-03-02T00:00:00Z'),
        toMs: ms('2026-03-03T00:00:00Z'),
      });
    },
  );

  it('of the night leaves no gap and no overlap to the next night', () => {
    const nights = Array.from({ length: 400 }, (_, n) => nightlyWindow(ms('2027-12-31T02:00:00Z') + n * day));
    for (const [n, night] of nights.entries()) expect(nights[n + 1]?.fromMs ?? night.toMs).toBe(night.toMs);
    expect(new Set(nights.map(({ runId }) => runId)).size).toBe(400);
  });
});

describe('the days on which its notifications can be logged', () => {
  it.each([
    ['within a day', '2026-03-02T00:00:00Z', '2026-03-02T12:00:00Z', ['2026/03/02']],
    ['when the delay just stays in the day', '2026-03-02T00:00:00Z', '2026-03-02T23:44:59.999Z', ['2026/03/02']],
    ['when the delay reaches midnight', '2026-03-02T00:00:00Z', '2026-03-02T23:45:00Z', ['2026/03/02', '2026/03/03']],
    ['of a whole day', '2026-03-02T00:00:00Z', '2026-03-03T00:00:00Z', ['2026/03/02', '2026/03/03']],
    ['over a leap day', '2028-02-28T23:00:00Z', '2028-03-01T01:00:00Z', ['2028/02/28', '2028/02/29', '2028/03/01']],
  ])('%s', (_, from, to, days) => {
    expect(logDays(ms(from), ms(to))).toEqual(days);
  });
});

describe('a log key', () => {
  it('names the server and the day', () => {
    expect(parseLogKey('logs/srv-007/2026/03/02/notify.log.gz')).toEqual({ server: 'srv-007', day: '2026/03/02' });
  });

  it.each([
    'logs/srv-007/2026/03/02/',
    'logs/srv-007/2026/03/02/deep/notify.log',
    'logs//2026/03/02/notify.log',
    'logs/srv-007/2026/3/2/notify.log',
    'logs/srv-007/notify.log',
    'runs/srv-007/2026/03/02/notify.log',
    '/logs/srv-007/2026/03/02/notify.log',
    '',
  ])('is nothing when it has another form: %j', (key) => {
    expect(parseLogKey(key)).toBeUndefined();
  });
});

function log(server: string, date: string, bytes: number, file = 'notify.log'): LogObject {
  return { key: `logs/${server}/${date}/${file}`, versionId: 'v', bytes };
}

describe('missing logs', () => {
  const days = ['2026/03/02', '2026/03/03'];

  it('are those of servers that lack a day, that have an empty one, and none other', () => {
    const objects = [
      ...days.map((date) => log('whole', date, 5)),
      log('half', days[0]!, 5),
      log('empty', days[0]!, 5),
      log('empty', days[1]!, 0),
      log('rotated', days[0]!, 0),
      log('rotated', days[0]!, 9, 'older.log'),
      log('rotated', days[1]!, 1),
      log('other', '2026/03/04', 5),
    ];
    expect(findMissingLogs(['empty', 'half', 'nobody', 'other', 'rotated', 'whole'], days, objects)).toEqual([
      { server: 'empty', because: 'its log of 2026/03/03 is empty' },
      { server: 'half', because: 'no log of 2026/03/03' },
      { server: 'nobody', because: 'no log of 2026/03/02' },
      { server: 'other', because: 'no log of 2026/03/02' },
    ]);
  });

  it('are not made up for by files that are no logs', () => {
    const stray = { key: `logs/a/${days[0]}/sub/notify.log`, versionId: 'v', bytes: 5 };
    expect(findMissingLogs(['a'], [days[0]!], [stray])).toHaveLength(1);
  });
});

describe('short logs', () => {
  const toMs = ms('2026-03-02T12:00:00Z');
  const needed = toMs + 15 * minute;

  it('are those that end before the last notification may have been logged', () => {
    const lines = new Map([
      ['early', needed - 1],
      ['exact', needed],
      ['late', needed + 1],
    ]);
    expect(findShortLogs(['early', 'exact', 'late', 'undated'], lines, toMs)).toEqual([
      { server: 'early', because: 'its log ends at 2026-03-02T12:14:59.999Z, before 2026-03-02T12:15:00.000Z' },
      { server: 'undated', because: 'its log holds no dated line, before 2026-03-02T12:15:00.000Z' },
    ]);
  });
});

describe('gaps', () => {
  const gaps = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ server: `srv-${index}`, because: 'no log of 2026/03/02' }));

  it('of none let the run go on', () => {
    expect(checkGaps([], 500, false)).toEqual({ do: 'go on', with: [] });
  });

  it('of one stop it, with the server, the reason and the remedy', () => {
    expect(checkGaps(gaps(1), 500, false)).toEqual({
      do: 'refuse',
      because:
        'logs of 1 of 500 servers are not complete: srv-0 (no log of 2026/03/02); ' +
        'ship them and start again, or give "allowPartial": true and have the result marked partial',
    });
  });

  it.each([
    [20, 20, undefined],
    [21, 20, ', and 1 more;'],
    [500, 20, ', and 480 more;'],
  ])('of %d name %d servers', (count, named, more) => {
    const decision = checkGaps(gaps(count), 500, false);
    const because = decision.do === 'refuse' ? decision.because : '';
    expect(because.match(/srv-\d+/g)).toHaveLength(named);
    if (more === undefined) expect(because).not.toContain('more');
    else expect(because).toContain(more);
  });

  it('that are allowed all stay known', () => {
    expect(checkGaps(gaps(500), 500, true)).toEqual({ do: 'go on', with: gaps(500) });
  });
});

describe('the last line of the end of a log', () => {
  const tail = (text: string) => lastLineMs(Buffer.from(text, 'latin1'));
  const last = ms('2026-03-02T12:15:29Z');

  it.each([
    ['with line feeds', '2026-03-02T12:15:28Z a\n2026-03-02T12:15:29Z b\n'],
    ['with carriage returns', '2026-03-02T12:15:28Z a\r\n2026-03-02T12:15:29Z b\r\n'],
    ['without its end', '2026-03-02T12:15:28Z a\n2026-03-02T12:15:29Z b'],
    ['after a first line that lost its beginning', '26-03-02T23:00:00Z a\n2026-03-02T12:15:29Z b\n'],
    ['before lines without a date', '2026-03-02T12:15:29Z b\n\tat stack (trace.js:1)\n\n'],
    ['before lines that are out of order', '2026-03-02T12:15:29Z b\n2026-03-02T12:15:28Z a\n'],
    ['among bytes that are no text', '\xff\xfe\xc3\x28\n\0\0\n2026-03-02T12:15:29Z b\n\xff'],
    ['with a tab', '2026-03-02T12:15:29Z\tb\n'],
    ['when another has a date that does not exist', '2026-03-02T12:15:29Z b\n2026-19-39T29:15:29Z c\n'],
  ])('is found %s', (_, text) => {
    expect(tail(text)).toBe(last);
  });

  it('counts fractions of a second', () => {
    expect(tail('2026-03-02T12:15:29.123Z a\n2026-03-02T12:15:29.122456Z a\n')).toBe(last + 123);
  });

  it.each([
    '',
    '\n\n',
    'no date\n',
    'at 2026-03-02T12:15:29Z\n',
    '2026-03-02T12:15:29Zb\n',
    '2026-03-02 12:15:29Z b\n',
  ])('is none in %j', (text) => {
    expect(tail(text)).toBeUndefined();
  });

  it('reads the view that it is given and nothing around it', () => {
    const text = Buffer.from('2026-03-02T12:15:29Z b\n2026-03-02T13:00:00Z c\n');
    expect(lastLineMs(new Uint8Array(text.buffer, text.byteOffset, 23))).toBe(last);
  });
});

describe('work units', () => {
  const mib = 2 ** 20;
  const objects = fc.uniqueArray(
    fc.record({
      key: fc.nat(99_999).map((n) => `logs/srv-${n}/2026/03/02/notify.log`),
      versionId: fc.constant('v'),
      bytes: fc.oneof(fc.nat(4000), fc.integer({ min: mib, max: 40 * mib })),
    }),
    { selector: ({ key }) => key, maxLength: 700, size: 'max' },
  );
  const logUnits = (units: readonly Unit[]) => units.filter((unit) => unit.kind === 'logs');
  const sum = (sizes: readonly { readonly bytes: number }[]) => sizes.reduce((total, { bytes }) => total + bytes, 0);

  test.prop([objects], { numRuns: 150 })('hold every log once, and every shard once', (all) => {
    const { units, logBytes, logObjects } = cutIntoUnits(all);
    const packed = logUnits(units).flatMap((unit) => unit.objects);
    const byKey = (list: readonly LogObject[]) => list.toSorted((a, b) => (a.key < b.key ? -1 : 1));
    expect(byKey(packed)).toEqual(byKey(all));
    expect({ logBytes, logObjects }).toEqual({ logBytes: sum(all), logObjects: all.length });
    expect(units.flatMap((unit) => (unit.kind === 'signed' ? unit.shards : []))).toEqual(signedShards);
    expect(new Set(units.map(({ name }) => name)).size).toBe(units.length);
  });

  test.prop([objects], { numRuns: 150 })('hold at most 200 logs and say how many bytes they are', (all) => {
    for (const unit of logUnits(cutIntoUnits(all).units)) {
      expect(unit.objects.length).toBeLessThanOrEqual(objectsPerUnitMax);
      expect(unit.objects.length).toBeGreaterThan(0);
      expect(unit.bytes).toBe(sum(unit.objects));
    }
  });

  test.prop([objects], { numRuns: 150 })('are even: none exceeds its share by more than one log', (all) => {
    const packed = logUnits(cutIntoUnits(all).units);
    const share = sum(all) / packed.length;
    const largest = Math.max(0, ...all.map(({ bytes }) => bytes));
    for (const { bytes } of packed) expect(bytes).toBeLessThanOrEqual(share + largest);
  });

  it('are within a third of the best possible, where the best possible is known', () => {
    // Graham's worst case for two units: sizes 3, 3, 2, 2, 2 split 6 and 6 at best, 7 and 5 by largest first.
    const all = [3, 3, 2, 2, 2].map((size, index) => log(`srv-${index}`, '2026/03/02', size * mib));
    const packed = logUnits(cutIntoUnits(all).units);
    expect(packed).toHaveLength(2);
    expect(Math.max(...packed.map(({ bytes }) => bytes))).toBeLessThanOrEqual((4 / 3) * 6 * mib);
  });

  test.prop([objects.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })))], {
    numRuns: 100,
  })('are the same whatever order the logs are listed in', ([all, listed]) => {
    expect(cutIntoUnits(listed)).toEqual(cutIntoUnits(all));
  });

  it('of no logs at all are still the signed documents', () => {
    expect(cutIntoUnits([])).toMatchObject({ logBytes: 0, units: signedShards.map(() => ({ kind: 'signed' })) });
  });

  it('are a minute’s reading at most, of logs that allow it, and grow in number with the logs', () => {
    const counts = [1, 100, 10_000, 1_000_000].map((size) => {
      const all = Array.from({ length: 1000 }, (_, index) => log(`srv-${index}`, '2026/03/02', size * 1000));
      const packed = logUnits(cutIntoUnits(all).units);
      const share = Math.max(...packed.map(({ bytes }) => bytes));
      expect(share).toBeLessThanOrEqual(4 * 2 ** 30 + size * 1000);
      return packed.length;
    });
    expect(counts).toEqual([5, 12, 64, 233]);
  });
});

describe('the mode of a run', () => {
  const million = 1_000_000;
  const sizesOf = (of: Partial<Sizes>): Sizes => ({
    signed: million,
    signedBytes: (of.signed ?? million) * 16,
    logBytes: 10 ** 12,
    loggedEstimate: million,
    logUnits: 64,
    ...of,
  });
  const modeOf = (of: Partial<Sizes>) => chooseMode(sizesOf(of)).mode;

  it.each([
    ['a night’s logs of 100 MB for each of 200 servers', { logBytes: 20e9 }, 'one worker'],
    ['as much as one worker reads in five minutes', { logBytes: oneWorkerBytesMax }, 'one worker'],
    ['a byte more', { logBytes: oneWorkerBytesMax + 1 }, 'shuffle'],
    ['as many documents as one worker joins', { logBytes: 1, signed: oneWorkerSignedMax }, 'one worker'],
    ['one more', { logBytes: 1, signed: oneWorkerSignedMax + 1, logUnits: 2 }, 'broadcast'],
    ['many readers of logs with as many IDs as A has', { logUnits: 64 }, 'shuffle'],
    ['few readers of such logs', { logUnits: 3 }, 'broadcast'],
    ['many readers of logs with a hundred times A’s IDs', { loggedEstimate: 100 * million }, 'broadcast'],
    ['nothing signed at all', { signed: 0, signedBytes: 0 }, 'broadcast'],
  ] as const)('for %s', (_, of, mode) => {
    expect(modeOf(of)).toBe(mode);
  });

  test.prop([
    fc.integer({ min: 1, max: 1e9 }),
    fc.nat(1e11),
    fc.integer({ min: 1, max: 10_000 }),
    fc.integer({ min: 1, max: 257 }),
  ])(
    'is broadcast exactly if M < 2 (1 + |B| / |A|), whatever the IDs’ length, where one worker is too few',
    (signed, loggedEstimate, logUnits, idBytes) => {
      const sizes = sizesOf({ signed, signedBytes: signed * idBytes, loggedEstimate, logUnits });
      const bound = 2 * (1 + loggedEstimate / signed);
      // Equal but for rounding.
      if (Math.abs(logUnits - bound) < 1e-6 * bound) return;
      expect(chooseMode(sizes).mode).toBe(logUnits < bound ? 'broadcast' : 'shuffle');
    },
  );

  it.each(modes)('is what the request asks for: %s', (mode) => {
    const choice = chooseMode(sizesOf({ logBytes: 1 }), mode);
    expect(choice).toMatchObject({ mode, because: 'the request asks for it' });
  });

  it('says the figures that decided', () => {
    expect(chooseMode(sizesOf({ logBytes: 20e9 })).because).toBe('one worker reads 20 GB of logs in about 267 s');
    expect(chooseMode(sizesOf({})).because).toBe('1.02 GB for A to 64 readers of logs, 0.064 GB for a shuffle');
  });

  it('comes with partitions that a worker holds, a power of two of them', () => {
    const partitionsOf = (signed: number, loggedEstimate: number) =>
      chooseMode(sizesOf({ signed, loggedEstimate })).partitions;
    expect(partitionsOf(0, 1)).toBe(4);
    expect(partitionsOf(million, million)).toBe(4);
    expect(partitionsOf(30 * million, 31 * million)).toBe(16);
    expect(partitionsOf(100 * million, 1000 * million)).toBe(256);
    expect(partitionsOf(240 * million, 1e11)).toBe(256);
  });
});

describe('the shard of a signed document', () => {
  test.prop([fc.uuid()])('is one of the eight', (id) => {
    expect(signedShards).toContain(signedShard(id));
  });

  it('is by CRC-32, which every language has: others can write it', () => {
    // "123456789" is the check value of the CRC catalogues: cbf43926.
    expect(signedShard('123456789')).toBe(String(0xcbf43926 % 8));
    expect(signedShard('№7-ä')).toBe(String(crc32('№7-ä') % 8));
  });

  test.prop([fc.stringMatching(/^[!-~ä№]{1,80}$/).filter((id) => problemOfId(id) === undefined)])(
    'is that of zlib, for any ID',
    (id) => {
      expect(signedShard(id)).toBe(String(crc32(id) % 8));
    },
  );

  it('is even, for IDs that are counted up too', () => {
    const shards = Array.from({ length: 8000 }, (_, n) => signedShard(`invoice-${n}`));
    for (const ids of Map.groupBy(shards, (shard) => shard).values()) expect(ids.length).toBeGreaterThan(800);
  });

  it.each([
    ['', 'has 0 bytes: give 1 to 256'],
    ['x'.repeat(257), 'has 257 bytes: give 1 to 256'],
    ['ä'.repeat(129), 'has 258 bytes: give 1 to 256'],
    ['a b', 'has a space, tab'],
    ['a\n', 'has a space, tab'],
    ['\ud800', 'is no Unicode text'],
  ])('is refused to an ID that no log line could give: %j', (id, why) => {
    expect(() => signedShard(id)).toThrow(`document ID ${JSON.stringify(id)} ${why}`);
  });
});

describe('a refused claim', () => {
  it('of a notified document leaves nothing to do', () => {
    const found = { state: 'notified', owner: 'a', leaseUntilMs: 0 } as const;
    expect(afterRefusedClaim(found)).toEqual({ do: 'nothing', because: 'notified already' });
  });

  it('of a document that another worker is at has the message come again', () => {
    const found = { state: 'claimed', owner: 'a', leaseUntilMs: 0 } as const;
    expect(afterRefusedClaim(found)).toEqual({ do: 'wait', because: 'another worker holds the claim' });
  });
});

describe('the cost of a run', () => {
  const manifest: Manifest = {
    request: requestOf('2026-03-02T00:00:00Z', '2026-03-02T12:00:00Z'),
    plannedAtMs: 0,
    servers: ['a', 'b'],
    unexpectedServers: [],
    gaps: [],
    ...cutIntoUnits([log('a', '2026/03/02', 10), log('b', '2026/03/02', 10)]),
  };
  const choiceOf = (mode: Mode) =>
    chooseMode({ signed: 1, signedBytes: 16, logBytes: 20, loggedEstimate: 1, logUnits: 1 }, mode);
  const shuffled = choiceOf('shuffle');
  const used = fc.record({
    gbSeconds: fc.double({ min: 0, max: 1e6, noNaN: true }),
    readUnits: fc.double({ min: 0, max: 1e6, noNaN: true }),
    missed: fc.nat(1e7),
  });

  it('is above nothing, even when nothing was found', () => {
    expect(runCostUsd(manifest, shuffled, { gbSeconds: 0, readUnits: 0, missed: 0 })).toBeGreaterThan(0);
  });

  test.prop([used, used])('never falls when more is used', (some, more) => {
    const sum = {
      gbSeconds: some.gbSeconds + more.gbSeconds,
      readUnits: some.readUnits + more.readUnits,
      missed: some.missed + more.missed,
    };
    expect(runCostUsd(manifest, shuffled, sum)).toBeGreaterThanOrEqual(runCostUsd(manifest, shuffled, some));
  });

  test.prop([fc.nat(500), fc.nat(500)])('never falls when there are more logs or servers', (few, more) => {
    const cost = (count: number) => {
      const servers = Array.from({ length: count + 1 }, (_, index) => `srv-${index}`);
      const cut = cutIntoUnits(servers.map((server) => log(server, '2026/03/02', 1000)));
      return runCostUsd({ ...manifest, ...cut, servers }, shuffled, { gbSeconds: 1, readUnits: 1, missed: 1 });
    };
    expect(cost(few + more)).toBeGreaterThanOrEqual(cost(few));
  });
});

describe('the requests of a run', () => {
  it('are counted by mode: nobody starts workers, or reads A, for nothing', () => {
    const manifest: Manifest = {
      request: requestOf('2026-03-02T00:00:00Z', '2026-03-02T12:00:00Z'),
      plannedAtMs: 0,
      servers: ['a', 'b'],
      unexpectedServers: [],
      gaps: [],
      ...cutIntoUnits([log('a', '2026/03/02', 10), log('b', '2026/03/02', 10)]),
    };
    const of = (mode: Mode) =>
      requestsOf(
        manifest,
        chooseMode({ signed: 1, signedBytes: 16, logBytes: 20, loggedEstimate: 1, logUnits: 1 }, mode),
      );
    expect(of('one worker')['lambda.requests']).toBe(8 + 4);
    expect(of('shuffle')['lambda.requests']).toBe(8 + 1 + 4 + 4);
    expect(of('broadcast')['s3.getRequests']! - of('shuffle')['s3.getRequests']!).toBe(1 * 8 * 4);
  });
});

describe('the line of a report', () => {
  const report: Report = {
    runId: 'nightly-2026-03-02',
    from: '2026-03-02T00:00:00.000Z',
    to: '2026-03-03T00:00:00.000Z',
    signed: 1_000_000,
    logs: 1000,
    lines: 1_063_511,
    matched: 1_041_012,
    unreadableLines: 167,
    duplicates: 29_940,
    missed: 1998,
    complete: true,
    missingLogs: [],
    unexpectedServers: [],
    mode: 'shuffle',
    because: '1.02 GB for A to 64 readers of logs, 0.064 GB for a shuffle',
    workers: 79,
    durationMs: 41_234,
    costUsd: 0.04321,
  };

  it('says what a person wants to know', () => {
    expect(reportLine(report)).toBe(
      'nightly-2026-03-02: 1,998 of 1,000,000 signed documents were never notified ' +
        '(1,000 logs, 1,063,511 lines, 1,041,012 matched, 29,940 duplicates, 167 unreadable) by shuffle in 41.2 s for 0.0432 USD.',
    );
  });

  it('says PARTIAL when logs were missing', () => {
    const missingLogs = [{ server: 'srv-1', because: 'no log of 2026/03/02' }];
    expect(reportLine({ ...report, complete: false, missingLogs })).toMatch(
      / PARTIAL: logs of 1 servers are missing or short\.$/,
    );
  });
});
