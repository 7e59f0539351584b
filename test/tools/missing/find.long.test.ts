import { chmodSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../tools/cli/errors.ts';
import { findMissing, type MissingOptions, type MissingResult } from '../../../tools/missing/find.ts';
import { scratch, sent } from './scratch.ts';
import { makeIncident } from './servers.ts';

const text = (result: MissingResult, order: 'any' | 'bytes' = 'bytes'): string =>
  Array.from(result.lines(order), (block) => Buffer.from(block).toString('latin1')).join('');

/** Finds what is missing below a directory of files: `signed` and everything in `logs`, unless told otherwise. */
async function find(files: Readonly<Record<string, string | Uint8Array>>, options: Partial<MissingOptions> = {}) {
  const directory = scratch(files);
  const result = await findMissing({ signed: join(directory, 'signed'), logs: [join(directory, 'logs')], ...options });
  return { ...result.report, ids: text(result), missedByCase: result.missedByCase, directory };
}

const log = { 'logs/a.log': sent('A1') };

describe('missing notifications', () => {
  it.each([
    { seed: 1, ids: 'uuid', threads: 1 },
    { seed: 2, ids: 'uuid', threads: 3 },
    { seed: 3, ids: 'mixed', threads: 1 },
    { seed: 4, ids: 'mixed', threads: 3 },
  ] as const)(
    'are exactly those that no server ever sent: seed $seed, $ids IDs, $threads threads',
    async ({ seed, ids, threads }) => {
      const directory = scratch();
      const incident = makeIncident(directory, { seed, ids, servers: 60, documents: 20_000 });
      const result = await findMissing({
        signed: join(directory, 'signed.txt'),
        logs: [join(directory, 'logs')],
        expect: '60',
        threads,
      });
      const missed = incident.missed.toSorted();
      expect(text(result)).toBe(missed.map((id) => `${id}\n`).join(''));
      expect(text(result, 'any').slice(0, -1).split('\n').sort()).toEqual(missed);
      expect(result.report).toMatchObject({
        signed: 20_000,
        logs: 60,
        missed: incident.missed.length,
        complete: true,
        missingLogs: [],
      });
      expect(result.report.matched).toBeGreaterThan(19_000);
      expect(result.report.duplicates).toBeGreaterThan(300);
    },
  );

  it('have the same counts on any number of threads', async () => {
    const directory = scratch();
    makeIncident(directory, { seed: 5, ids: 'uuid', servers: 20, documents: 2000 });
    const options = { signed: join(directory, 'signed.txt'), logs: [join(directory, 'logs')] };
    const [one, four] = [await findMissing({ ...options, threads: 1 }), await findMissing({ ...options, threads: 4 })];
    expect(four.report).toEqual(one.report);
    expect(four.bytes).toBe(one.bytes);
  });

  it('are the same, in the same order, in memory and on disk, on any number of threads', async () => {
    const directory = scratch();
    makeIncident(directory, { seed: 6, ids: 'mixed', servers: 10, documents: 100_000 });
    const options = { signed: join(directory, 'signed.txt'), logs: [join(directory, 'logs')] };
    const results = await Promise.all(
      [{ threads: 1 }, { threads: 2 }, { threads: 3, memoryBytes: 0 }, { threads: 1, memoryBytes: 0 }].map((how) =>
        findMissing({ ...options, ...how }),
      ),
    );
    for (const result of results) {
      expect(result.report).toEqual(results[0]!.report);
      expect(text(result, 'any')).toBe(text(results[0]!, 'any'));
      expect(text(result)).toBe(text(results[0]!));
      result.close();
    }
  });

  it('count a document once however often it is signed or sent', async () => {
    expect(
      await find({ signed: 'A1\nB2\nA1\n', 'logs/a': sent('A1') + sent('A1') + sent('F0') + sent('F0') }),
    ).toMatchObject({
      signed: 2,
      lines: 4,
      matched: 4,
      duplicates: 1,
      missed: 1,
      ids: 'B2\n',
    });
  });

  it('are compared byte by byte, and say what differs only by case', async () => {
    const files = { signed: 'Ab\ncd\nEF\n', 'logs/a': sent('aB') + sent('CD') + sent('EF') };
    expect(await find(files)).toMatchObject({ ids: 'Ab\ncd\n', missedByCase: 2 });
    expect(await find(files, { threads: 2 })).toMatchObject({ ids: 'Ab\ncd\n', missedByCase: 2 });
    expect(await find({ ...files, signed: 'Ab\nAB\ngh' }, { ignoreCase: true })).toMatchObject({
      signed: 2,
      ids: 'gh\n',
      missedByCase: 0,
    });
  });

  it('are found with a pattern of one’s own, first group, first match', async () => {
    const files = { signed: 'a b\nc\n', 'logs/x': 'OK <a b> <c>\nno <c>\n' };
    expect(await find(files, { pattern: '^OK <([^>]*)>' })).toMatchObject({ ids: 'c\n', matched: 1 });
  });

  it('are none when a last line lacks its end', async () => {
    expect(await find({ signed: 'A1\nB2', 'logs/a': sent('A1') + sent('B2').slice(0, -7) })).toMatchObject({
      missed: 0,
      ids: '',
    });
  });
});

describe('the logs', () => {
  it('are told by their content, not by their names', async () => {
    const files = {
      signed: 'A1\nB2\nC3\nD4\n',
      'logs/plain.gz': sent('A1'),
      'logs/gzip.log': Buffer.concat([gzipSync(sent('B2')), gzipSync(''), gzipSync(sent('B2'))]),
      'logs/zstd.txt': Buffer.concat([zstdCompressSync(sent('C3')), zstdCompressSync(sent('D4'))]),
      'logs/empty': '',
    };
    expect(await find(files)).toMatchObject({ missed: 0, matched: 5, logs: 4, lines: 5, duplicates: 1 });
  });

  it('are files, directories and globs, each file once', async () => {
    const directory = scratch({
      signed: 'A1\nB2\nC3\n',
      'l/a/x.log': sent('A1'),
      'l/b/y.log': sent('B2'),
      'm/[z].log': sent('C3'),
    });
    mkdirSync(join(directory, 'far'));
    writeFileSync(join(directory, 'far/w.log'), sent('C3'));
    symlinkSync('../../far', join(directory, 'l/a/linked'));
    symlinkSync('../../l', join(directory, 'l/a/loop'));
    const at = (...names: string[]): string[] => names.map((name) => join(directory, name));
    const logs = async (...names: string[]): Promise<unknown> =>
      (await findMissing({ signed: join(directory, 'signed'), logs: at(...names) })).report;
    expect(await logs('l')).toMatchObject({ logs: 3, missed: 0 });
    expect(await logs('l/**/*.log', 'l', 'l/a/x.log')).toMatchObject({ logs: 3, missed: 0 });
    expect(await logs('l/b/*', 'm/[z].log')).toMatchObject({ logs: 2, missed: 1 });
    expect(await logs('l/?')).toMatchObject({ logs: 3 });
  });

  it.each([
    ['gzip', gzipSync(sent('A1')).subarray(0, -3), 'b.log ends inside its gzip data: it is truncated'],
    ['zstd', zstdCompressSync(sent('A1')).subarray(0, -3), 'b.log ends inside its zstd data: it is truncated'],
    ['gzip', Buffer.concat([gzipSync(sent('A1')), Buffer.from('junk')]), 'b.log is no valid gzip data'],
    ['zstd', Buffer.concat([zstdCompressSync(sent('A1')), Buffer.from('junk')]), 'b.log is no valid zstd data'],
  ])('stop the run when a %s file is not whole, and are named when that is allowed', async (_, bytes, message) => {
    const files = { ...log, signed: 'A1\nB2\n', 'logs/b.log': bytes };
    for (const threads of [1, 2]) {
      await expect(find(files, { threads })).rejects.toThrow(UsageError);
      await expect(find(files, { threads })).rejects.toThrow(message);
      const partial = await find(files, { threads, allowPartial: true });
      expect(partial).toMatchObject({
        complete: false,
        missed: 1,
        missingLogs: [join(partial.directory, 'logs/b.log')],
      });
    }
  });

  it('do not give the ID that a truncation cut', async () => {
    const whole = gzipSync(sent('A1') + '2026-11-23T01:02:03Z s INFO notification.sent doc=B23', { level: 0 });
    const files = { signed: 'A1\nB2\nB23\n', 'logs/b.gz': whole.subarray(0, -9) };
    expect(await find(files, { allowPartial: true })).toMatchObject({ ids: 'B2\nB23\n', complete: false });
  });

  it('stop the run when one cannot be read at all', async () => {
    const directory = scratch({ signed: 'A1\n', ...log, 'logs/b.log': sent('A1') });
    const options = { signed: join(directory, 'signed'), logs: [join(directory, 'logs')] };
    symlinkSync('nowhere', join(directory, 'logs/c.log'));
    await expect(findMissing(options)).rejects.toThrow(/cannot read .*c\.log/);
    if (process.getuid?.() === 0) return;
    chmodSync(join(directory, 'logs/b.log'), 0);
    await expect(findMissing(options)).rejects.toThrow(/cannot read .*b\.log/);
  });

  it('that match nothing are an error with the argument', async () => {
    for (const logs of ['nowhere', 'nowhere/*.log']) {
      await expect(find({ signed: 'A1\n' }, { logs: [logs] })).rejects.toThrow(`no file matches --logs ${logs}`);
    }
    const directory = scratch({ signed: 'A1\n' });
    mkdirSync(join(directory, 'logs'));
    await expect(findMissing({ signed: join(directory, 'signed'), logs: [join(directory, 'logs')] })).rejects.toThrow(
      'no file in --logs',
    );
  });

  it('without a single match are an error with the pattern', async () => {
    await expect(find({ signed: 'A1\n', ...log }, { pattern: 'x=(.)' })).rejects.toThrow(
      'the pattern /x=(.)/ matches none of 1 lines in 1 logs',
    );
    await expect(find({ signed: 'A1\n', 'logs/a': 'notification.queued doc=A1' })).rejects.toThrow(
      'the default pattern matches none',
    );
    await expect(find({ signed: 'A1\n', ...log }, { pattern: '(' })).rejects.toThrow(UsageError);
  });
});

describe('the expected servers', () => {
  const files = {
    signed: 'A1\nB2\n',
    names: 'srv-1\nsrv-2\r\n\n',
    'logs/srv-1/2026/11/23/app.log': sent('A1'),
    'logs/srv-1/2026/11/24/app.log': '',
    'logs/srv-2/2026/11/23/app.log.gz': gzipSync(sent('B2')),
  };
  const expecting = (
    changes: Record<string, string | Uint8Array>,
    value: string,
    options: Partial<MissingOptions> = {},
  ) => {
    const directory = scratch({ ...files, ...changes });
    const expected = /^\d+$/.test(value) ? value : join(directory, value);
    return findMissing({
      signed: join(directory, 'signed'),
      logs: [join(directory, 'logs')],
      expect: expected,
      ...options,
    });
  };

  it('are satisfied by a log that is not empty', async () => {
    expect((await expecting({}, 'names')).report).toMatchObject({ complete: true, missingLogs: [] });
    expect((await expecting({}, '2')).report).toMatchObject({ complete: true, missingLogs: [] });
  });

  it('stop the run when one has no log, or when the log is empty once decompressed', async () => {
    const empty = { 'logs/srv-2/2026/11/23/app.log.gz': gzipSync('') };
    await expect(expecting({ names: 'srv-1\nsrv-2\nsrv-3\nsrv-4\n' }, 'names')).rejects.toThrow(
      'of 4 expected servers these have no log or an empty one: srv-3, srv-4 (3 files found)',
    );
    await expect(expecting(empty, 'names')).rejects.toThrow('an empty one: srv-2 (');
    await expect(expecting(empty, '2')).rejects.toThrow(
      'of 2 expected servers these have no log or an empty one: srv-2 (',
    );
    await expect(expecting({}, '3')).rejects.toThrow('1 unnamed server');
    await expect(
      expecting({ names: Array.from({ length: 30 }, (_, n) => `web-${n}`).join('\n') }, 'names'),
    ).rejects.toThrow(/web-0, .*web-19 and 10 more/);
  });

  it('can be missing when that is allowed, and the result says so', async () => {
    const allowPartial = true;
    const names = 'srv-1\nsrv-2\nsrv-3\n';
    expect((await expecting({ names }, 'names', { allowPartial })).report).toMatchObject({
      complete: false,
      missingLogs: ['srv-3'],
    });
    expect((await expecting({}, '4', { allowPartial })).report).toMatchObject({
      complete: false,
      missingLogs: ['2 unnamed servers'],
    });
  });

  it('are refused when they are neither names nor a number', async () => {
    await expect(expecting({}, 'nowhere')).rejects.toThrow('is neither a number nor a file');
    await expect(expecting({}, '0')).rejects.toThrow('use 1 to 1000000 servers');
    await expect(expecting({ names: '\n \n' }, 'names')).rejects.toThrow('names no server');
  });
});

it('reads a log of several chunks as one', async () => {
  const lines = Array.from({ length: 60_000 }, (_, n) => sent(`doc-${n}`)).join('');
  const directory = scratch({
    signed: Array.from({ length: 60_010 }, (_, n) => `doc-${n}\n`).join(''),
    'a.log': lines,
    'b.log': 'x',
  });
  truncateSync(join(directory, 'b.log'), 9_000_000);
  const progress: number[] = [];
  const result = await findMissing({
    signed: join(directory, 'signed'),
    logs: [join(directory, 'a.log'), join(directory, 'b.log')],
    onProgress: ({ logsDone }) => progress.push(logsDone),
  });
  expect(result.report).toMatchObject({ missed: 10, lines: 60_001 });
  expect(progress.at(-1)).toBe(2);
});
