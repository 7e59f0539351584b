import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { type LogFile, makeWorld, moreLogs, type World } from '../../../clients/missing-notifications/servers.ts';
import { parseLogKey, sendDelayMaxMs } from '../../../lambdas/missing-notifications/domain.ts';
import { bruteForce, linesOf, plainOf } from '../../missing-notifications/oracle.ts';

const seeds = [1, 2, 3];

function digest(world: World): string {
  const hash = createHash('sha256');
  for (const { key, body } of world.logs) hash.update(key).update('\0').update(body);
  return hash.update(JSON.stringify([world.documents, world.missed, [...world.onTheirWay]])).digest('hex');
}

describe('a world of servers', () => {
  const small = { documents: 1000, servers: 60 };

  it('has the same bytes for the same seed, and others for another', () => {
    const [first, again, other] = [1, 1, 2].map((seed) => digest(makeWorld({ seed, ...small })));
    expect(again).toBe(first);
    expect(other).not.toBe(first);
  });

  it.each(seeds)('knows what was missed, as the slow and obvious way finds it in its bytes (seed %d)', (seed) => {
    const world = makeWorld({ seed, documents: 3000, servers: 60 });
    const answer = bruteForce(world.documents, world.logs, world);
    expect(answer.missed).toEqual(world.missed);
    expect(answer.signed).toBe(3000);
    expect(answer.missed.length).toBeGreaterThan(0);
  });

  it('logs only below the servers, on the day of the window', () => {
    const world = makeWorld({ seed: 1, ...small });
    expect(world.servers).toHaveLength(60);
    const parsed = world.logs.map(({ key }) => parseLogKey(key));
    expect(new Set(parsed.map((log) => log?.day))).toEqual(new Set(['2026/03/02']));
    expect(new Set(parsed.map((log) => log?.server))).toEqual(new Set(world.servers));
    expect(new Set(world.logs.map(({ key }) => key)).size).toBe(world.logs.length);
  });

  it('has 500 servers when it is not told otherwise', () => {
    expect(makeWorld({ seed: 1, documents: 10, olderPerServer: 0 }).servers).toHaveLength(500);
  });
});

describe('the documents of a world', () => {
  const world = makeWorld({ seed: 5, documents: 2000, servers: 20 });
  const signedAt = world.documents.flatMap(({ signedAtMs }) => signedAtMs ?? []);

  it('are signed from the first to the last millisecond of the window, and just after', () => {
    for (const edge of [world.fromMs, world.toMs - 1, world.toMs, world.toMs + 1]) expect(signedAt).toContain(edge);
  });

  it('are all different, some drafts, which have no signing time', () => {
    expect(new Set(world.documents.map(({ documentId }) => documentId)).size).toBe(world.documents.length);
    for (const { status, signedAtMs } of world.documents) expect(status === 'signed').toBe(signedAtMs !== undefined);
    expect(world.documents.filter(({ status }) => status === 'draft').length).toBe(400);
  });

  it('that were signed after the window are on their way: no log knows them', () => {
    const late = world.documents.filter(({ signedAtMs }) => signedAtMs !== undefined && signedAtMs >= world.toMs);
    expect(new Set(late.map(({ documentId }) => documentId))).toEqual(world.onTheirWay);
    const text = world.logs.map(({ body }) => plainOf(body).toString('latin1')).join('');
    for (const documentId of world.onTheirWay) expect(text).not.toContain(documentId);
  });

  it('that only one server logged are missed without its logs, and no others are', () => {
    for (const server of ['srv-001', 'srv-002', 'srv-020']) {
      const rest = world.logs.filter(({ key }) => parseLogKey(key)?.server !== server);
      const { missed } = bruteForce(world.documents, rest, world);
      expect(world.loggedOnlyBy(server).length).toBeGreaterThan(0);
      expect([...world.missed, ...world.loggedOnlyBy(server)].toSorted()).toEqual(missed);
    }
    expect(world.loggedOnlyBy('srv-999')).toEqual([]);
  });
});

describe('the logs of a world', () => {
  let world: World;
  let plain: ReadonlyMap<string, Buffer>;
  const oneHas = (condition: (body: Buffer) => boolean) => [...plain.values()].some(condition);
  beforeAll(() => {
    world = makeWorld({ seed: 9, documents: 3000, servers: 60 });
    plain = new Map(world.logs.map(({ key, body }) => [key, plainOf(body)]));
  });

  const oddities: Readonly<Record<string, (body: Buffer, file: LogFile) => boolean>> = {
    'lines that end in CRLF': (body) => body.includes('\r\n'),
    'lines that end in LF alone': (body) => /[^\r]\n/.test(body.toString('latin1')),
    NULs: (body) => body.includes(0),
    'bytes that are no UTF-8': (body) => !isUtf8(body),
    'a line of more than 1 MiB': (body) => linesOf(body).some((line) => line.length > 2 ** 20),
    'a last line torn inside its ID': (body) => /\sdoc=[0-9a-f-]{1,35}$/.test(body.toString('latin1')),
    'gzip of one member': (_, { body, key }) => key.endsWith('.gz') && memberStarts(body).length === 1,
    'gzip of several members, cut inside a line': (_, { body }) => {
      const [, second] = memberStarts(body);
      return second !== undefined && endsInsideLine(body.subarray(0, second));
    },
    zstd: (_, { body, key }) => key.endsWith('.zst') && body.readUInt32LE(0) === 0xfd2fb528,
    'older lines that were rotated and left plain': (_, { key }) => key.endsWith('/notify-am.log'),
    'lines without a success': (body) => body.includes('INFO heartbeat'),
  };

  it.each(Object.entries(oddities))('have %s', (_, has) => {
    expect(world.logs.some((file) => has(plain.get(file.key)!, file))).toBe(true);
  });

  it('name documents twice, on one server and on two', () => {
    const { duplicates } = bruteForce(world.documents, world.logs, world);
    expect(duplicates).toBeGreaterThan(30);
  });

  it('name every missed document on a line that is no success of its own', () => {
    for (const documentId of world.missed) {
      expect(oneHas((body) => body.includes(`WARN notification.retry channel=email doc=${documentId}`))).toBe(true);
    }
    expect(world.missed.some((documentId) => oneHas((body) => body.includes(` olddoc=${documentId} doc=`)))).toBe(true);
  });

  it('name notifications of documents that were signed before the window', () => {
    const known = new Set(world.documents.map(({ documentId }) => documentId));
    const { matched } = bruteForce(world.documents, world.logs, world);
    const ours = world.logs.flatMap(({ body }) =>
      linesOf(body).flatMap((line) => {
        const id = /notification\.sent .* doc=([0-9a-f-]{36}) /.exec(line)?.[1];
        return id !== undefined && known.has(id) ? [id] : [];
      }),
    );
    expect(matched - ours.length).toBeGreaterThanOrEqual(60 * 20);
  });

  it('end after the last notification of the window may have been logged, on every server', () => {
    for (const server of world.servers) {
      const newest = linesOf(plain.get(`logs/${server}/2026/03/02/notify.log`)!);
      const dates = newest.flatMap((line) => /^(\S+Z) /.exec(line)?.[1] ?? []).map((date) => Date.parse(date));
      expect(Math.max(...dates)).toBeGreaterThanOrEqual(world.toMs + sendDelayMaxMs);
    }
  });

  it('log some notifications of the window after it closed', () => {
    const inWindow = new Set(
      world.documents
        .filter(({ signedAtMs }) => signedAtMs !== undefined && signedAtMs < world.toMs)
        .map(({ documentId }) => documentId),
    );
    const late = world.logs.flatMap(({ body }) =>
      linesOf(body).filter((line) => {
        const [, date, id] = /^(\S+Z) .*notification\.sent .* doc=([0-9a-f-]{36}) /.exec(line) ?? [];
        return id !== undefined && inWindow.has(id) && Date.parse(date!) >= world.toMs;
      }),
    );
    expect(late.length).toBeGreaterThan(0);
  });
});

describe('more logs', () => {
  const world = makeWorld({ seed: 3, documents: 2000, servers: 30 });
  const bytes = (logs: readonly LogFile[]) => logs.reduce((sum, { body }) => sum + body.length, 0);

  it.each([2, 10])('make %d times the bytes, and the same answer', (times) => {
    const all = [...world.logs, ...moreLogs(world, 3, times)];
    const ratio = bytes(all) / bytes(world.logs);
    expect(ratio).toBeGreaterThanOrEqual(times);
    expect(ratio).toBeLessThan(times * 1.02);
    expect(bruteForce(world.documents, all, world).missed).toEqual(world.missed);
  });

  it('are the same bytes for the same seed', () => {
    const [first, again] = [[...moreLogs(world, 3, 2)], [...moreLogs(world, 3, 2)]];
    expect(again).toEqual(first);
  });

  it('stand beside the other logs, and never after the newest of their server', () => {
    const keys = new Set(world.logs.map(({ key }) => key));
    for (const { key } of moreLogs(world, 3, 2)) {
      expect(keys.has(key)).toBe(false);
      const server = parseLogKey(key)!.server;
      expect(key < `logs/${server}/2026/03/02/notify.log`).toBe(true);
    }
  });
});

const magic = Buffer.from([0x1f, 0x8b, 0x08]);

/** Where gzip members begin: what follows is gzip as well. */
function memberStarts(body: Buffer): readonly number[] {
  const starts: number[] = [];
  for (let at = body.indexOf(magic); at !== -1; at = body.indexOf(magic, at + 1)) {
    if (isGzip(body.subarray(at))) starts.push(at);
  }
  return starts;
}

function isGzip(body: Buffer): boolean {
  try {
    return gunzipSync(body).length > 0;
  } catch {
    return false;
  }
}

function endsInsideLine(member: Buffer): boolean {
  return !gunzipSync(member).toString('latin1').endsWith('\n');
}
