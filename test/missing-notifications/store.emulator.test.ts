import { gzipSync, zstdCompressSync } from 'node:zlib';
import {
  type AttributeValue,
  CreateTableCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  ScanCommand,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import type { SendMessageBatchCommand } from '@aws-sdk/client-sqs';
import { SQSClient, type BatchResultErrorEntry } from '@aws-sdk/client-sqs';
import type { FinalizeRequestMiddleware, MetadataBearer, MiddlewareStack } from '@smithy/types';
import { afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { randomFrom } from '../../engines/simulation/random.ts';
import { bounded } from '../../lambdas/kit/clients.ts';
import { type LogObject, signedShard } from '../../lambdas/missing-notifications/domain.ts';
import { signedIndex } from '../../lambdas/missing-notifications/env.ts';
import {
  claims,
  deliveries,
  documents,
  expectedServers,
  logs,
  missedQueue,
  runFiles,
} from '../../lambdas/missing-notifications/store.ts';

const aws = inject('aws');
const dynamo = new DynamoDBClient({ ...bounded, ...aws });
const s3 = new S3Client({ ...bounded, ...aws, forcePathStyle: true });

/** A table whose items have one key, named as this test's own. */
async function tableOf(
  name: string,
  key: string,
  index?: { readonly hash: string; readonly range: string },
): Promise<string> {
  const TableName = `store-test-${name}`;
  const attributes = [key, ...(index === undefined ? [] : [index.hash, index.range])];
  await dynamo.send(
    new CreateTableCommand({
      TableName,
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: [{ AttributeName: key, KeyType: 'HASH' }],
      AttributeDefinitions: attributes.map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
      ...(index === undefined
        ? {}
        : {
            GlobalSecondaryIndexes: [
              {
                IndexName: signedIndex,
                KeySchema: [
                  { AttributeName: index.hash, KeyType: 'HASH' },
                  { AttributeName: index.range, KeyType: 'RANGE' },
                ],
                Projection: { ProjectionType: 'KEYS_ONLY' },
              },
            ],
          }),
    }),
  );
  await waitUntilTableExists({ client: dynamo, minDelay: 1, maxDelay: 1, maxWaitTime: 60 }, { TableName });
  return TableName;
}

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

/** Has the reply of the client's first call lost after it committed, so that the SDK repeats the call. */
function losesReply({ middlewareStack }: DynamoDBClient | S3Client): () => void {
  let calls = 0;
  const lose: FinalizeRequestMiddleware<object, MetadataBearer> = (next) => async (args) => {
    calls += 1;
    const first = calls === 1;
    const result = await next(args);
    if (first) throw Object.assign(new Error('socket hang up'), { name: 'TimeoutError' });
    return result;
  };
  // Below the SDK's retries.
  (middlewareStack as MiddlewareStack<object, MetadataBearer>).add(lose, { step: 'finalizeRequest', priority: 'low' });
  return () => expect(calls).toBeGreaterThan(1);
}

function id(n: number): string {
  return `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
}

describe('claims', () => {
  const nowMs = 1_000_000;
  const leaseMs = 30_000;
  let table: string;
  beforeAll(async () => {
    table = await tableOf('claims', 'documentId');
  });

  it('have one winner among 50 that take the same document at the same time, whom the others learn', async () => {
    const store = claims(table, dynamo);
    const owners = Array.from({ length: 50 }, (_, n) => `owner-${n}`);
    const taken = await Promise.all(
      owners.map(async (owner) => ({ owner, ...(await store.take(id(1), owner, nowMs, leaseMs)) })),
    );
    const winners = taken.filter(({ claimed }) => claimed);
    expect(winners).toHaveLength(1);
    for (const outcome of taken) {
      if (outcome.claimed) continue;
      expect(outcome.by).toEqual({ state: 'claimed', owner: winners[0]!.owner, leaseUntilMs: nowMs + leaseMs });
    }
  });

  it('are free a millisecond after the lease ends, and not before', async () => {
    const store = claims(table, dynamo);
    const endMs = nowMs + leaseMs;
    expect(await store.take(id(2), 'first', nowMs, leaseMs)).toEqual({ claimed: true });
    for (const atMs of [endMs - 1, endMs]) {
      expect(await store.take(id(2), 'second', atMs, leaseMs)).toMatchObject({
        claimed: false,
        by: { owner: 'first' },
      });
    }
    expect(await store.take(id(2), 'second', endMs + 1, leaseMs)).toEqual({ claimed: true });
    expect(await store.take(id(2), 'first', endMs + 2, leaseMs)).toMatchObject({
      claimed: false,
      by: { owner: 'second' },
    });
  });

  it('have one winner when many find the same lease ended', async () => {
    const store = claims(table, dynamo);
    await store.take(id(3), 'dead', nowMs, leaseMs);
    const owners = Array.from({ length: 20 }, (_, n) => `owner-${n}`);
    const taken = await Promise.all(owners.map((owner) => store.take(id(3), owner, nowMs + 2 * leaseMs, leaseMs)));
    expect(taken.filter(({ claimed }) => claimed)).toHaveLength(1);
  });

  it('are one’s own when the reply was lost and the repeated call finds them', async () => {
    const client = new DynamoDBClient({ ...bounded, ...aws });
    const wasLost = losesReply(client);
    expect(await claims(table, client).take(id(4), 'me', nowMs, leaseMs)).toEqual({ claimed: true });
    wasLost();
    expect(await claims(table, dynamo).take(id(4), 'other', nowMs, leaseMs)).toMatchObject({ by: { owner: 'me' } });
  });

  it('are recorded by their owner alone, and then never free again', async () => {
    const store = claims(table, dynamo);
    await store.take(id(5), 'stale', nowMs, leaseMs);
    await store.take(id(5), 'fresh', nowMs + 2 * leaseMs, leaseMs);
    expect(await store.record(id(5), 'stale', nowMs + 3 * leaseMs)).toBe(false);
    const found = await dynamo.send(new GetItemCommand({ TableName: table, Key: { documentId: { S: id(5) } } }));
    expect(found.Item).toMatchObject({ state: { S: 'claimed' }, owner: { S: 'fresh' } });
    expect(await store.record(id(5), 'fresh', nowMs + 3 * leaseMs)).toBe(true);
    expect(await store.take(id(5), 'late', nowMs + 99 * leaseMs, leaseMs)).toMatchObject({
      claimed: false,
      by: { state: 'notified', owner: 'fresh' },
    });
  });

  it('are not recorded for a document that nobody took', async () => {
    expect(await claims(table, dynamo).record(id(6), 'me', nowMs)).toBe(false);
    expect(
      (await dynamo.send(new GetItemCommand({ TableName: table, Key: { documentId: { S: id(6) } } }))).Item,
    ).toBeUndefined();
  });

  it('are recorded once more when the reply was lost', async () => {
    await claims(table, dynamo).take(id(7), 'me', nowMs, leaseMs);
    const client = new DynamoDBClient({ ...bounded, ...aws });
    const wasLost = losesReply(client);
    expect(await claims(table, client).record(id(7), 'me', nowMs)).toBe(true);
    wasLost();
  });
});

describe('deliveries', () => {
  it('are stored once for an ID, also when 20 arrive at the same time', async () => {
    const table = await tableOf('deliveries', 'deliveryId');
    const store = deliveries(table, dynamo);
    const added = await Promise.all(Array.from({ length: 20 }, (_, n) => store.add('key', id(1), n)));
    expect(added.filter(Boolean)).toHaveLength(1);
    expect(await store.add('key', id(1), 99)).toBe(false);
    expect(await store.add('other', id(1), 99)).toBe(true);
    const { Items } = await dynamo.send(new ScanCommand({ TableName: table }));
    expect(Items?.map(({ deliveryId, documentId }) => [deliveryId?.S, documentId?.S]).toSorted()).toEqual([
      ['key', id(1)],
      ['other', id(1)],
    ]);
  });
});

describe('documents', () => {
  const fromMs = Date.parse('2026-03-02T00:00:00Z');
  const toMs = Date.parse('2026-03-02T12:00:00Z');
  const shard = '0';
  const inShard = (wanted: string) =>
    Array.from({ length: 200 }, (_, n) => id(n)).filter((documentId) => signedShard(documentId) === wanted);
  let table: string;

  async function put(documentId: string, signedAtMs?: number): Promise<void> {
    const Item: Record<string, AttributeValue> = { documentId: { S: documentId }, status: { S: 'draft' } };
    if (signedAtMs !== undefined) {
      Item['status'] = { S: 'signed' };
      Item['signedAt'] = { S: new Date(signedAtMs).toISOString() };
      Item['signedShard'] = { S: signedShard(documentId) };
    }
    await dynamo.send(new PutItemCommand({ TableName: table, Item }));
  }

  beforeAll(async () => {
    table = await tableOf('documents', 'documentId', { hash: 'signedShard', range: 'signedAt' });
  });

  it('of a shard are those signed in the window: with its first instant, without its last, no drafts', async () => {
    const times = [fromMs - 1, fromMs, fromMs + 1, toMs - 1, toMs, toMs + 1];
    const ids = inShard(shard);
    await Promise.all(times.map((atMs, n) => put(ids[n]!, atMs)));
    await put(inShard('1')[0]!, fromMs + 5);
    await put(inShard(shard).at(-1)!);
    const pages = await collect(documents(table, dynamo).signedIn(shard, fromMs, toMs));
    expect(pages.flatMap((page) => page.ids)).toEqual([ids[1], ids[2], ids[3]]);
    expect(pages.every(({ readUnits }) => readUnits > 0)).toBe(true);
  });

  it('of a shard come in as many pages as there are', async () => {
    // The index holds keys alone, so that long keys fill a page of 1 MB soonest.
    const large = await tableOf('documents-large', 'documentId', { hash: 'signedShard', range: 'signedAt' });
    const random = randomFrom(1);
    const numbers = Array.from({ length: 1300 }, (_, n) => n);
    for (let at = 0; at < numbers.length; at += 50) {
      await Promise.all(
        numbers.slice(at, at + 50).map((n) =>
          dynamo.send(
            new PutItemCommand({
              TableName: large,
              Item: {
                documentId: { S: String(n).padStart(1000, 'x') },
                signedAt: { S: new Date(fromMs + random.below(toMs - fromMs)).toISOString() },
                signedShard: { S: shard },
              },
            }),
          ),
        ),
      );
    }
    const pages = await collect(documents(large, dynamo).signedIn(shard, fromMs, toMs));
    expect(pages.length).toBeGreaterThan(1);
    const found = pages.flatMap((page) => page.ids).map((documentId) => Number(/\d+$/.exec(documentId)));
    expect(found.toSorted((a, b) => a - b)).toEqual(numbers);
  });

  it('of all shards are all signed ones, found by the naive way too', async () => {
    const found = await documents(table, dynamo).allSigned();
    const byShard = await Promise.all(
      [shard, '1'].map((one) => collect(documents(table, dynamo).signedIn(one, 0, toMs + 1000))),
    );
    expect(found.toSorted()).toEqual(
      byShard
        .flat()
        .flatMap((page) => page.ids)
        .toSorted(),
    );
  });
});

describe('the expected servers', () => {
  it('are named in order', async () => {
    const table = await tableOf('servers', 'server');
    for (const server of ['b', 'a', 'c']) {
      await dynamo.send(new PutItemCommand({ TableName: table, Item: { server: { S: server } } }));
    }
    expect(await expectedServers(table, dynamo).names()).toEqual(['a', 'b', 'c']);
  });
});

describe('logs', () => {
  const bucket = 'store-test-logs';
  const day = '2026/03/02';
  const store = logs(bucket, s3);
  const put = (key: string, body: string | Buffer) =>
    s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body }));
  const read = async (object: LogObject) => Buffer.concat(await collect(await store.open(object))).toString();

  beforeAll(async () => {
    await s3.send(new CreateBucketCommand({ Bucket: bucket }));
    await s3.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration: { Status: 'Enabled' } }));
  });

  it('of a day are pinned: what is overwritten or deleted afterwards is read as it was', async () => {
    await put(`logs/a/${day}/notify.log`, 'zeroth');
    await put(`logs/a/${day}/notify.log`, 'first');
    await put(`logs/a/${day}/gone.log`, 'going');
    await put(`logs/a/2026/03/03/notify.log`, 'other day');
    await put(`logs/ab/${day}/notify.log`, 'other server');
    const pinned = await store.ofDay('a', day);
    expect(pinned.map(({ key, bytes }) => [key, bytes])).toEqual([
      [`logs/a/${day}/gone.log`, 5],
      [`logs/a/${day}/notify.log`, 5],
    ]);
    await put(`logs/a/${day}/notify.log`, 'second');
    await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: `logs/a/${day}/gone.log` }));
    expect(await Promise.all(pinned.map(read))).toEqual(['going', 'first']);
    const now = await store.ofDay('a', day);
    expect(await Promise.all(now.map(read))).toEqual(['second']);
  });

  it('of a day are all there when they fill several pages of versions', async () => {
    const bodies = Array.from({ length: 1100 }, (_, n) => n);
    for (let at = 0; at < bodies.length; at += 50) {
      await Promise.all(
        bodies.slice(at, at + 50).map((n) => put(`logs/many/${day}/${String(n % 550).padStart(4, '0')}.log`, `${n}`)),
      );
    }
    const objects = await store.ofDay('many', day);
    expect(objects).toHaveLength(550);
    expect(new Set(objects.map(({ key }) => key)).size).toBe(550);
    // The later of the two versions of each.
    for (const object of [objects[0]!, objects[549]!]) expect(Number(await read(object))).toBeGreaterThanOrEqual(550);
  });

  it('name the servers that have any', async () => {
    await put(`logs/stray.log`, 'no server’s');
    expect(await store.servers()).toEqual(expect.arrayContaining(['a', 'ab', 'many']));
    expect(await store.servers()).not.toContain('stray.log');
  });

  it('give their current bytes to who does not pin them', async () => {
    expect(Buffer.concat(await collect(await store.openLatest(`logs/a/${day}/notify.log`))).toString()).toBe('second');
    expect(await store.all()).toEqual(
      expect.arrayContaining([`logs/a/${day}/notify.log`, `logs/ab/${day}/notify.log`]),
    );
  });

  describe('have an end', () => {
    const text = Buffer.from(Array.from({ length: 20_000 }, (_, n) => `line ${n}\n`).join(''));
    const noise = Buffer.from(Array.from({ length: 100_000 }, (_, n) => (n * n * 31) % 251));
    const tailOf = async (name: string, body: Buffer) => {
      await put(`logs/tail/${day}/${name}`, body);
      const object = (await store.ofDay('tail', day)).find(({ key }) => key.endsWith(`/${name}`));
      return store.plainTail(object!);
    };

    it('of 64 KiB when they are plain and large', async () => {
      expect(Buffer.from((await tailOf('large.log', text))!)).toEqual(text.subarray(-64 * 1024));
    });

    it.each([1, 3, 4, 64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1])('of the last 64 KiB at %d bytes', async (bytes) => {
      const body = text.subarray(0, bytes);
      expect(Buffer.from((await tailOf(`of-${bytes}.log`, body))!)).toEqual(body.subarray(-64 * 1024));
    });

    it('of nothing when they are empty', async () => {
      expect(await tailOf('empty.log', Buffer.alloc(0))).toEqual(new Uint8Array());
    });

    it.each([
      ['small gzip', gzipSync('x')],
      ['large gzip', gzipSync(noise)],
      ['small zstd', zstdCompressSync('x')],
      ['large zstd', zstdCompressSync(noise)],
    ])('that is not known when they are compressed, whatever their name: %s', async (name, body) => {
      expect(await tailOf(`${name.replace(' ', '-')}.log`, body)).toBeUndefined();
    });

    it('and a beginning, of the version that was pinned', async () => {
      await put(`logs/head/${day}/notify.log`, text);
      const [pinned] = await store.ofDay('head', day);
      await put(`logs/head/${day}/notify.log`, 'x');
      const head = async (bytes: number) => Buffer.concat(await collect(await store.head(pinned!, bytes)));
      expect((await head(100)).subarray(0, 100)).toEqual(text.subarray(0, 100));
      expect(await head(text.length + 1)).toEqual(text);
    });

    it('of the version that was pinned', async () => {
      await put(`logs/pin/${day}/notify.log`, text);
      const [pinned] = await store.ofDay('pin', day);
      await put(`logs/pin/${day}/notify.log`, gzipSync('x'));
      expect(Buffer.from((await store.plainTail(pinned!))!)).toEqual(text.subarray(-64 * 1024));
    });
  });
});

describe('the files of a run', () => {
  const bucket = 'store-test-runs';
  const files = runFiles(bucket, s3);
  beforeAll(async () => {
    await s3.send(new CreateBucketCommand({ Bucket: bucket }));
  });

  it('are created once: 20 that create the same one all get the same value', async () => {
    const values = await Promise.all(
      Array.from({ length: 20 }, (_, writer) => files('race').createJsonOnce('manifest.json', { writer })),
    );
    expect(new Set(values.map(({ writer }) => writer)).size).toBe(1);
    expect(await files('race').getJson('manifest.json')).toEqual(values[0]);
    expect(await files('race').createJsonOnce('manifest.json', { writer: 99 })).toEqual(values[0]);
  });

  it('that were created are one’s own when the reply was lost', async () => {
    const client = new S3Client({ ...bounded, ...aws, forcePathStyle: true });
    const wasLost = losesReply(client);
    expect(await runFiles(bucket, client)('lost').createJsonOnce('manifest.json', { writer: 1 })).toEqual({
      writer: 1,
    });
    wasLost();
  });

  it('that are there stay as they are when another attempt creates them', async () => {
    expect(await files('once').create('x.run', 'first', { 'duration-ms': '1' })).toBe(true);
    expect(await files('once').create('x.run', 'second', { 'duration-ms': '2' })).toBe(false);
    const { tail, metadata } = await files('once').suffix('x.run', 9);
    expect([Buffer.from(tail).toString(), metadata['duration-ms']]).toEqual(['first', '1']);
  });

  it('exist or do not, each run’s apart from the others’', async () => {
    expect(await files('a').exists('x.run')).toBe(false);
    await files('a').put('x.run', 'bytes');
    expect(await files('a').exists('x.run')).toBe(true);
    expect(await files('b').exists('x.run')).toBe(false);
    expect(files('a').keyOf('x.run')).toBe('runs/a/x.run');
  });

  it('give the ranges that they are asked for', async () => {
    const body = Buffer.from(Array.from({ length: 1000 }, (_, n) => n % 256));
    await files('a').put('ranges.run', body);
    for (const [start, end] of [
      [0, 1],
      [16, 32],
      [999, 1000],
      [0, 1000],
    ] as const) {
      expect(Buffer.from(await files('a').range('ranges.run', start, end))).toEqual(body.subarray(start, end));
    }
  });

  it('give nothing for an empty range, without asking', async () => {
    expect(await files('a').range('not-there.run', 5, 5)).toEqual(new Uint8Array());
  });

  it('give their end with their length and what was said of them', async () => {
    const body = Buffer.from('0123456789');
    await files('a').put('end.run', body, { 'duration-ms': '12' });
    expect(await files('a').suffix('end.run', 4)).toMatchObject({ length: 10, metadata: { 'duration-ms': '12' } });
    expect(Buffer.from((await files('a').suffix('end.run', 4)).tail).toString()).toBe('6789');
    const whole = await files('a').suffix('end.run', 4000);
    expect([Buffer.from(whole.tail).toString(), whole.length]).toEqual(['0123456789', 10]);
  });

  it('that are not there are errors, not emptiness', async () => {
    await expect(files('a').getJson('nothing.json')).rejects.toMatchObject({ name: 'NoSuchKey' });
    await expect(files('a').suffix('nothing.run', 4)).rejects.toMatchObject({ name: 'NoSuchKey' });
  });
});

describe('the queue of missed documents', () => {
  const clients: SQSClient[] = [];
  afterEach(() => clients.splice(0).forEach((client) => client.destroy()));

  /** A queue that refuses some entries of the first batches; what it took, in order. */
  function fakeQueue(refuse: (attempt: number, position: number) => boolean): {
    sqs: SQSClient;
    taken: string[];
    attempts: () => number;
  } {
    const taken: string[] = [];
    let attempts = 0;
    const sqs = new SQSClient(aws);
    clients.push(sqs);
    sqs.send = (async (command: SendMessageBatchCommand) => {
      await Promise.resolve();
      attempts += 1;
      const Failed: BatchResultErrorEntry[] = [];
      for (const [position, { Id, MessageBody }] of command.input.Entries!.entries()) {
        if (refuse(attempts, position)) Failed.push({ Id, Code: 'InternalError', Message: 'busy', SenderFault: false });
        else taken.push(MessageBody!);
      }
      return { Failed, Successful: [], $metadata: {} };
    }) as typeof sqs.send;
    return { sqs, taken, attempts: () => attempts };
  }

  const ids = Array.from({ length: 10 }, (_, n) => id(n));
  const bodies = ids.map((documentId) => JSON.stringify({ runId: 'incident', documentId }));

  it('gets what it refused again, and nothing that it took', async () => {
    const { sqs, taken, attempts } = fakeQueue((attempt, position) => attempt < 4 && position % 2 === 0);
    await missedQueue('url', sqs).send('incident', ids);
    expect(taken.toSorted()).toEqual(bodies);
    expect(attempts()).toBe(4);
  });

  it('fails when it refuses the same messages five times', async () => {
    const { sqs, taken } = fakeQueue((_, position) => position === 0);
    await expect(missedQueue('url', sqs).send('incident', ids)).rejects.toThrow(
      /SQS refused \d+ messages five times: InternalError busy/,
    );
    expect(taken.length).toBeLessThan(10);
  });

  it('asks for nothing when there is nothing to send', async () => {
    const { sqs, attempts } = fakeQueue(() => false);
    await missedQueue('url', sqs).send('incident', []);
    expect(attempts()).toBe(0);
  });
});
