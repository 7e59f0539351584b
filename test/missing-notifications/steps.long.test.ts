import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import {
  type LogFile,
  makeWorld,
  type SeededDocument,
  type World,
} from '../../clients/missing-notifications/servers.ts';
import { randomFrom } from '../../engines/simulation/random.ts';
import { type Mode, modes, type RunRequest, RunRefused } from '../../lambdas/missing-notifications/domain.ts';
import { type Cloud, cloudOf, deleteLog, mortal, putLog, type Wire, WorkerKilled } from './fakes.ts';
import { type Answer, bruteForce } from './oracle.ts';
import { bytesOf, fileOf, itemsOf, missedIn, runWorkflow, shuffled } from './workflow.ts';

const seeds = [1, 2, 3, 4];

function requestOf({ fromMs, toMs }: Pick<World, 'fromMs' | 'toMs'>, more: Partial<RunRequest> = {}): RunRequest {
  return { runId: 'incident', fromMs, toMs, allowPartial: false, mode: 'shuffle', ...more };
}

/** The report's counts, which the oracle knows too. */
function countsOf(report: Omit<Answer, 'missed'> & { readonly missed: number }) {
  const { signed, logs, lines, matched, unreadableLines, duplicates, missed } = report;
  return { signed, logs, lines, matched, unreadableLines, duplicates, missed };
}

describe('a run over the servers’ logs, with all their oddities', () => {
  const worlds = new Map(
    seeds.map((seed) => [seed, makeWorld({ seed, documents: 2000, servers: 40, textShare: 0.2 })]),
  );

  it.each(seeds.flatMap((seed) => modes.map((mode) => ({ seed, mode }))))(
    'finds and counts what the slow and obvious way finds and counts: $mode, seed $seed',
    async ({ seed, mode }) => {
      const world = worlds.get(seed)!;
      const cloud = cloudOf(world);
      const report = await runWorkflow(cloud, requestOf(world, { mode }), { random: randomFrom(seed) });
      const answer = bruteForce(world.documents, world.logs, world);
      expect(missedIn(cloud, 'incident')).toEqual(answer.missed);
      expect(cloud.queued.toSorted()).toEqual(answer.missed);
      expect(countsOf(report)).toEqual({ ...answer, missed: answer.missed.length });
      expect(report).toMatchObject({ mode, complete: true, missingLogs: [], unexpectedServers: [] });
      expect(fileOf(cloud, 'incident', 'report.json')!.toString()).toBe(JSON.stringify(report, undefined, 2));
    },
  );

  it('has one worker beside those that read A, or one for each unit and partition', async () => {
    const world = worlds.get(1)!;
    const workers = (mode: Mode) =>
      runWorkflow(cloudOf(world), requestOf(world, { mode })).then((report) => report.workers);
    expect(await Promise.all(modes.map(workers))).toEqual([8 + 1, 8 + 1 + 4, 8 + 1 + 4]);
  });

  it.each(modes)(
    'leaves the same bytes whatever the order of its units and partitions and the sizes of chunks: %s',
    async (mode) => {
      // 210 servers make more logs than one unit takes.
      const world = makeWorld({ seed: 7, documents: 1500, servers: 210, olderPerServer: 3, textShare: 0.1 });
      const clouds = await Promise.all(
        seeds.map(async (seed) => {
          const listed = { ...world, logs: shuffled(world.logs, randomFrom(seed)) };
          const cloud = cloudOf(listed);
          await runWorkflow(cloud, requestOf(world, { mode }), { random: randomFrom(seed) });
          return cloud;
        }),
      );
      const [first, ...others] = clouds.map((cloud) => bytesOf(cloud, 'incident'));
      expect(itemsOf(clouds[0]!, 'incident', 'logs').length).toBeGreaterThan(1);
      expect(Object.keys(first!).filter((name) => name.startsWith('missed/')).length).toBeGreaterThan(1);
      for (const other of others) expect(other).toEqual(first);
    },
  );

  it('leaves the same lists of what is missed in every mode, and from one worker the same files as from a shuffle', async () => {
    const world = worlds.get(1)!;
    const files = await Promise.all(
      modes.map(async (mode) => {
        const cloud = cloudOf(world);
        await runWorkflow(cloud, requestOf(world, { mode }), { random: randomFrom(5), finer: true });
        return bytesOf(cloud, 'incident');
      }),
    );
    const without = (all: Readonly<Record<string, string>>, names: RegExp) =>
      Object.fromEntries(Object.entries(all).filter(([name]) => !names.test(name)));
    const [alone, broadcast, shuffle] = files as [(typeof files)[0], (typeof files)[0], (typeof files)[0]];
    const ofMode = /manifest|choice/;
    expect(without(alone, ofMode)).toEqual(without(shuffle, ofMode));
    const ofLogs = /manifest|choice|extract\/logs|logs.index|verified|queued/;
    expect(without(broadcast, ofLogs)).toEqual(without(shuffle, ofLogs));
    expect(without(broadcast, /extract/)).not.toEqual(without(shuffle, /extract/));
  });
});

const fromMs = Date.parse('2026-03-02T00:00:00Z');
const toMs = Date.parse('2026-03-02T12:00:00Z');
const window = { fromMs, toMs };
const settledMs = toMs + 15 * 60_000;

function id(n: number): string {
  return `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
}

function signed(n: number, signedAtMs: number): SeededDocument {
  return { documentId: id(n), status: 'signed', signedAtMs };
}

function sent(n: number, atMs: number): string {
  return `${new Date(atMs).toISOString()} a INFO notification.sent channel=email doc=${id(n)} ms=5`;
}

function heartbeat(atMs: number): string {
  return `${new Date(atMs).toISOString()} a INFO heartbeat`;
}

function logOf(server: string, lines: readonly string[], file = 'notify.log'): LogFile {
  return { key: `logs/${server}/2026/03/02/${file}`, body: Buffer.from(lines.map((line) => `${line}\n`).join('')) };
}

/** Documents and the lines of server `a`; `b` and `c` log that they live. */
function miniature(documents: readonly SeededDocument[], lines: readonly string[]): Cloud {
  return cloudOf({
    servers: ['a', 'b', 'c'],
    documents,
    logs: [
      logOf('a', [...lines, heartbeat(settledMs)]),
      logOf('b', [heartbeat(settledMs)]),
      logOf('c', [heartbeat(settledMs)]),
    ],
  });
}

describe('the window of a run', () => {
  const run = async (documents: readonly SeededDocument[], lines: readonly string[]) => {
    const cloud = miniature(documents, lines);
    const report = await runWorkflow(cloud, requestOf(window));
    return { signed: report.signed, missed: missedIn(cloud, 'incident') };
  };

  it('holds the instant at which it opens, and not the one at which it closes', async () => {
    const documents = [fromMs - 1, fromMs, toMs - 1, toMs, toMs + 1].map((atMs, n) => signed(n, atMs));
    expect(await run(documents, [])).toEqual({ signed: 2, missed: [id(1), id(2)] });
  });

  it('takes a notification that was logged after it closed', async () => {
    expect(await run([signed(1, toMs - 60_000)], [sent(1, settledMs - 1)])).toEqual({ signed: 1, missed: [] });
  });

  it('takes a notification that was logged on the next day', async () => {
    const midnight = { fromMs, toMs: Date.parse('2026-03-03T00:00:00Z') };
    const end = midnight.toMs + 15 * 60_000;
    const logs = [
      logOf('a', [heartbeat(midnight.toMs - 1)]),
      {
        key: 'logs/a/2026/03/03/notify.log',
        body: Buffer.from(`${sent(1, midnight.toMs + 60_000)}\n${heartbeat(end)}\n`),
      },
    ];
    const cloud = cloudOf({ servers: ['a'], documents: [signed(1, midnight.toMs - 1)], logs });
    expect(await runWorkflow(cloud, requestOf(midnight))).toMatchObject({ signed: 1, missed: 0 });
  });

  it('is refused while notifications may be on their way, before anything is read', async () => {
    const cloud = miniature([signed(1, fromMs)], []);
    const { wire, passed } = mortal();
    await expect(runWorkflow(cloud, requestOf(window), { wire, nowMs: settledMs - 1 })).rejects.toThrow(RunRefused);
    expect(passed).toEqual(['files.exists manifest.json #1']);
  });

  it('has no missed documents when none was signed', async () => {
    expect(await run([], [sent(1, fromMs)])).toEqual({ signed: 0, missed: [] });
  });
});

describe('a run that is repeated', () => {
  it('reads what the first attempt pinned, although logs were overwritten, deleted and added since', async () => {
    const cloud = miniature(
      [signed(1, fromMs), signed(2, fromMs), signed(3, fromMs)],
      [sent(1, fromMs), sent(2, fromMs)],
    );
    const request = requestOf(window);
    const dies = mortal({ at: 'files.exists extract/logs-00000.run #1', when: 'before' });
    await expect(runWorkflow(cloud, request, { wire: dies.wire })).rejects.toThrow(WorkerKilled);
    putLog(cloud, 'logs/a/2026/03/02/notify.log', Buffer.from(`${sent(3, fromMs)}\n`));
    putLog(cloud, 'logs/b/2026/03/02/more.log', Buffer.from(`${sent(3, fromMs)}\n`));
    deleteLog(cloud, 'logs/c/2026/03/02/notify.log');
    expect(await runWorkflow(cloud, request)).toMatchObject({ complete: true, logs: 3 });
    expect(missedIn(cloud, 'incident')).toEqual([id(3)]);
  });

  it.each<Partial<RunRequest>>([
    { fromMs: fromMs + 1 },
    { toMs: toMs - 1 },
    { allowPartial: true },
    { mode: 'broadcast' },
  ])('refuses other input than the first attempt had: %j', async (other) => {
    const cloud = miniature([signed(1, fromMs)], []);
    await runWorkflow(cloud, requestOf(window));
    const before = bytesOf(cloud, 'incident');
    const again = runWorkflow(cloud, requestOf(window, other));
    await expect(again).rejects.toThrow(RunRefused);
    await expect(again).rejects.toThrow(/run incident was planned with other input .* or a new "runId"$/);
    expect(bytesOf(cloud, 'incident')).toEqual(before);
  });

  it('queues nothing a second time when the first attempt came to its end', async () => {
    const cloud = miniature([signed(1, fromMs)], []);
    await runWorkflow(cloud, requestOf(window));
    await runWorkflow(cloud, requestOf(window));
    expect(cloud.queued).toEqual([id(1)]);
  });

  it('reads no unit and no partition twice', async () => {
    const cloud = miniature([signed(1, fromMs)], []);
    await runWorkflow(cloud, requestOf(window));
    const { wire, passed } = mortal();
    await runWorkflow(cloud, requestOf(window), { wire });
    expect(
      passed.filter((call) => /logs\.(?!index)|documents\.|servers\.|queue\.|put (extract|missed|queued)/.test(call)),
    ).toEqual([]);
  });
});

describe('a run whose worker is killed', () => {
  // More missed than a batch of the queue in each partition, and every way in which a log is compressed.
  const world = makeWorld({ seed: 11, documents: 60, servers: 3, olderPerServer: 1 });
  const never = Array.from({ length: 50 }, (_, n) => signed(n * 7919, fromMs + n * 60_000));
  const make = () => cloudOf({ ...world, documents: [...world.documents, ...never] });

  it.each(modes)(
    'leaves the same bytes and queues every missed document once it was repeated: any call, %s',
    async (mode) => {
      const request = requestOf(world, { mode });
      const [whole, scout] = [make(), mortal()];
      const report = await runWorkflow(whole, request, { wire: scout.wire });
      const bytes = bytesOf(whole, 'incident');
      const missed = missedIn(whole, 'incident');
      expect(missed.length).toBeGreaterThanOrEqual(never.length);

      // Until the mode is chosen, runs of all modes are alike.
      const chosenAt = mode === 'shuffle' ? 0 : scout.passed.indexOf('files.exists choice.json #1');
      const points = scout.passed
        .slice(chosenAt)
        .flatMap((at) => (['before', 'after'] as const).map((when) => ({ at, when })));
      expect(points.length).toBeGreaterThan(60);
      // Workers remember nothing: what the repeated run does depends on what the first one left, which is often the same.
      const repeated = new Map<string, Promise<boolean>>();
      const repeat = async (cloud: Cloud): Promise<boolean> => {
        const again = await runWorkflow(cloud, request);
        const queued = new Set(cloud.queued);
        return (
          JSON.stringify(bytesOf(cloud, 'incident')) === JSON.stringify(bytes) &&
          JSON.stringify(countsOf(again)) === JSON.stringify(countsOf(report)) &&
          queued.size === missed.length &&
          missed.every((missedId) => queued.has(missedId))
        );
      };
      const survived: string[] = [];
      for (const point of points) {
        const cloud = make();
        const worker = mortal(point);
        await expect(runWorkflow(cloud, request, { wire: worker.wire })).rejects.toThrow(WorkerKilled);
        const left = JSON.stringify([bytesOf(cloud, 'incident'), cloud.queued]);
        const outcome = repeated.get(left) ?? repeat(cloud);
        repeated.set(left, outcome);
        if (await outcome) survived.push(`${point.when} ${point.at}`);
      }
      expect(survived).toEqual(points.map(({ at, when }) => `${when} ${at}`));
    },
    180_000,
  );

  it('has the missed documents in the bucket before any of them is in the queue', async () => {
    const cloud = make();
    const checked: string[] = [];
    const wire: Wire = async (call, commit) => {
      await Promise.resolve();
      const before = cloud.queued.length;
      const result = commit();
      for (const queuedId of cloud.queued.slice(before)) {
        expect(missedIn(cloud, 'incident'), `queued by ${call}`).toContain(queuedId);
        checked.push(queuedId);
      }
      return result;
    };
    await runWorkflow(cloud, requestOf(world), { wire });
    expect(checked.toSorted()).toEqual(missedIn(cloud, 'incident'));
  });
});

describe('a run whose logs are not complete', () => {
  const documents = [signed(1, fromMs), signed(2, fromMs)];
  const key = 'logs/b/2026/03/02/notify.log';
  const cut = (lines: readonly string[]) => Buffer.from(lines.map((line) => `${line}\n`).join(''));
  const early = cut([heartbeat(settledMs - 1)]);

  const gaps: Readonly<Record<string, { readonly damage: (cloud: Cloud) => void; readonly because: RegExp }>> = {
    missing: { damage: (cloud) => deleteLog(cloud, key), because: /b \(no log of 2026\/03\/02\)/ },
    empty: {
      damage: (cloud) => putLog(cloud, key, Buffer.alloc(0)),
      because: /b \(its log of 2026\/03\/02 is empty\)/,
    },
    short: {
      damage: (cloud) => putLog(cloud, key, early),
      because: /b \(its log ends at 2026-03-02T12:14:59.999Z, before 2026-03-02T12:15:00.000Z\)/,
    },
    undated: { damage: (cloud) => putLog(cloud, key, cut(['no date'])), because: /b \(its log holds no dated line/ },
  };

  it.each(Object.entries(gaps))('is refused for a %s one before anything is pinned', async (_, { damage, because }) => {
    const cloud = miniature(documents, []);
    damage(cloud);
    const refused = runWorkflow(cloud, requestOf(window));
    await expect(refused).rejects.toThrow(RunRefused);
    await expect(refused).rejects.toThrow(because);
    expect([...cloud.files.keys()]).toEqual([]);
    expect(cloud.queued).toEqual([]);
  });

  it('goes on under the same run ID when the log has arrived', async () => {
    const cloud = miniature(documents, [sent(1, fromMs)]);
    const body = cloud.logs.get(key)!.versions[0]!;
    deleteLog(cloud, key);
    await expect(runWorkflow(cloud, requestOf(window))).rejects.toThrow(RunRefused);
    putLog(cloud, key, body);
    expect(await runWorkflow(cloud, requestOf(window))).toMatchObject({ complete: true, missed: 1 });
  });

  it.each([
    ['gzip', 'notify.log.gz', gzipSync(early)],
    ['zstd', 'notify.log.zst', zstdCompressSync(early)],
  ])('is refused for a short one under %s before anything is queued', async (_, file, body) => {
    const cloud = miniature(documents, []);
    deleteLog(cloud, key);
    putLog(cloud, `logs/b/2026/03/02/${file}`, body);
    const refused = runWorkflow(cloud, requestOf(window));
    await expect(refused).rejects.toThrow(RunRefused);
    await expect(refused).rejects.toThrow(
      /b \(its log ends at .*; this run has pinned them as they were: give a new "runId"$/,
    );
    expect(cloud.queued).toEqual([]);
    expect(missedIn(cloud, 'incident')).toEqual([]);
  });

  it('is whole when the newest of a server’s files is not the last in the alphabet', async () => {
    const cloud = miniature(documents, []);
    // logrotate's own names: the older file gets the number.
    putLog(cloud, 'logs/b/2026/03/02/notify.log.1', early);
    expect(await runWorkflow(cloud, requestOf(window))).toMatchObject({ complete: true, missed: 2 });
  });

  it('is refused for a short newest file although an older one is compressed, before anything is pinned', async () => {
    const cloud = miniature(documents, []);
    putLog(cloud, key, early);
    putLog(cloud, 'logs/b/2026/03/02/notify-am.log.gz', gzipSync(cut([heartbeat(fromMs)])));
    await expect(runWorkflow(cloud, requestOf(window))).rejects.toThrow(/b \(its log ends at/);
    expect([...cloud.files.keys()]).toEqual([]);
  });

  it('is whole when the newest file is compressed and reaches far enough', async () => {
    const cloud = miniature(documents, []);
    putLog(cloud, key, early);
    putLog(cloud, `${key}.gz`, gzipSync(cut([heartbeat(settledMs)])));
    expect(await runWorkflow(cloud, requestOf(window))).toMatchObject({ complete: true, missed: 2 });
  });

  it.each([
    ['missing', (cloud: Cloud) => deleteLog(cloud, key), 'no log of 2026/03/02'],
    ['short', (cloud: Cloud) => putLog(cloud, key, early), 'its log ends at 2026-03-02T12:14:59.999Z'],
    [
      'short under gzip',
      (cloud: Cloud) => putLog(cloud, key, gzipSync(early)),
      'its log ends at 2026-03-02T12:14:59.999Z',
    ],
  ])('goes on without a %s one when that is allowed, and says so to the end', async (_, damage, because) => {
    for (const mode of modes) {
      const cloud = miniature(documents, [sent(1, fromMs)]);
      damage(cloud);
      const report = await runWorkflow(cloud, requestOf(window, { allowPartial: true, mode }));
      expect(report).toMatchObject({ complete: false, missed: 1 });
      expect(report.missingLogs).toEqual([{ server: 'b', because: expect.stringContaining(because) }]);
    }
  });

  it.each([
    ['gzip', gzipSync(Buffer.from(`${sent(1, fromMs)}\n`.repeat(50)))],
    ['zstd', zstdCompressSync(Buffer.from(`${sent(1, fromMs)}\n`.repeat(50)))],
  ])('is refused for a truncated %s file, which the refusal names', async (_, body) => {
    for (const allowPartial of [false, true]) {
      const cloud = miniature(documents, []);
      putLog(cloud, 'logs/a/2026/03/02/early.log', body.subarray(0, -9));
      const refused = runWorkflow(cloud, requestOf(window, { allowPartial }));
      await expect(refused).rejects.toThrow(RunRefused);
      await expect(refused).rejects.toThrow('log logs/a/2026/03/02/early.log ends inside its');
      expect(cloud.queued).toEqual([]);
    }
  });

  it('misses everything when there is no log at all and that is allowed', async () => {
    for (const mode of modes) {
      const cloud = cloudOf({ servers: ['a'], documents, logs: [] });
      const report = await runWorkflow(cloud, requestOf(window, { allowPartial: true, mode }));
      expect(report).toMatchObject({ complete: false, logs: 0, lines: 0, signed: 2, missed: 2 });
      expect(missedIn(cloud, 'incident')).toEqual([id(1), id(2)]);
    }
  });

  it('is refused when no server is expected to log', async () => {
    const cloud = miniature(documents, []);
    cloud.servers.length = 0;
    await expect(runWorkflow(cloud, requestOf(window))).rejects.toThrow('no server is expected to log');
  });

  it.each(['constructor', '__proto__', 'toString'])('is whole when a server is called %s', async (server) => {
    const cloud = miniature(documents, []);
    cloud.servers.push(server);
    putLog(cloud, `logs/${server}/2026/03/02/notify.log`, cut([heartbeat(settledMs)]));
    expect(await runWorkflow(cloud, requestOf(window))).toMatchObject({ complete: true });
  });
});

describe('a run', () => {
  it('counts the logs of servers that nobody expects, and names them', async () => {
    const cloud = miniature([signed(1, fromMs), signed(2, fromMs)], [sent(1, fromMs)]);
    putLog(cloud, 'logs/new/2026/03/02/notify.log', Buffer.from(`${sent(2, fromMs)}\n`));
    expect(await runWorkflow(cloud, requestOf(window))).toMatchObject({
      complete: true,
      missed: 0,
      logs: 4,
      unexpectedServers: ['new'],
    });
  });

  it.each(['', 'invoice 7', 'a\nb', '"7"', 'x'.repeat(257), `${'ä'.repeat(128)}x`, '\ud800'])(
    'is refused for a signed document whose ID no log line could give: %j',
    async (documentId) => {
      const cloud = miniature([signed(1, fromMs), { documentId, status: 'signed', signedAtMs: fromMs }], []);
      const refused = runWorkflow(cloud, requestOf(window));
      await expect(refused).rejects.toThrow(RunRefused);
      await expect(refused).rejects.toThrow(`document ${JSON.stringify(documentId)} is signed`);
      expect(cloud.queued).toEqual([]);
    },
  );

  it('finds a document by any other ID as by a UUID, and tells apart what differs by case', async () => {
    const ids = ['7', 'invoice-7', 'INVOICE-7', id(7).toUpperCase(), `{${id(7)}}`, 'ä'.repeat(128), '№7'];
    const line = (documentId: string) => `${new Date(fromMs).toISOString()} a INFO notification.sent doc=${documentId}`;
    for (const mode of modes) {
      for (const missed of ids) {
        const cloud = miniature(
          ids.map((documentId) => ({ documentId, status: 'signed', signedAtMs: fromMs })),
          ids.filter((documentId) => documentId !== missed).map(line),
        );
        expect(await runWorkflow(cloud, requestOf(window, { mode }))).toMatchObject({ signed: ids.length, missed: 1 });
        expect([missedIn(cloud, 'incident'), cloud.queued]).toEqual([[missed], [missed]]);
      }
    }
  });

  it('counts a document once that the index gives twice, and one that was logged thrice', async () => {
    for (const mode of modes) {
      const cloud = miniature(
        [signed(1, fromMs), signed(1, fromMs), signed(2, fromMs)],
        [sent(2, fromMs), sent(2, fromMs + 1), sent(2, fromMs + 2), sent(3, fromMs), sent(3, fromMs)],
      );
      expect(await runWorkflow(cloud, requestOf(window, { mode }))).toMatchObject({
        signed: 2,
        matched: 5,
        duplicates: 2,
        missed: 1,
      });
    }
  });
});
