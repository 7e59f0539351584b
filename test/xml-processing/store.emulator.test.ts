import {
  CreateTableCommand,
  DynamoDBClient,
  paginateScan,
  ScanCommand,
  waitUntilTableExists,
  type BatchWriteItemCommand,
} from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, PutBucketVersioningCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { FinalizeRequestMiddleware, MetadataBearer, MiddlewareStack } from '@smithy/types';
import { Readable } from 'node:stream';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { Aggregate } from '../../engines/xml/aggregate.ts';
import { bounded } from '../../lambdas/kit/clients.ts';
import type { Progress } from '../../lambdas/xml-processing/domain.ts';
import {
  aggregates,
  documents,
  loadFiles,
  progress,
  records,
  singleRecords,
} from '../../lambdas/xml-processing/store.ts';

const aws = inject('aws');
const dynamo = new DynamoDBClient({ ...bounded, ...aws });
const s3 = new S3Client({ ...bounded, ...aws, forcePathStyle: true });

/** A table named as this test's own. */
async function tableOf(name: string, hash: string, range?: string): Promise<string> {
  const TableName = `xml-store-test-${name}`;
  const keys = [hash, ...(range === undefined ? [] : [range])];
  await dynamo.send(
    new CreateTableCommand({
      TableName,
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: keys.map((AttributeName, index) => ({ AttributeName, KeyType: index === 0 ? 'HASH' : 'RANGE' })),
      AttributeDefinitions: keys.map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
    }),
  );
  await waitUntilTableExists({ client: dynamo, minDelay: 1, maxDelay: 1, maxWaitTime: 60 }, { TableName });
  return TableName;
}

async function bytesOf(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
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

const emptyAggregate = new Aggregate().result();
const start = { line: 1, column: 1, encoding: 'UTF-8', open: ['<catalogue>'], rootSeen: true } as const;

function loading(byte: number): Progress {
  return { state: 'loading', byte, start: { ...start, from: byte }, aggregate: emptyAggregate };
}

describe('the progress of a cut', () => {
  let table: string;
  beforeAll(async () => {
    table = await tableOf('progress', 'part');
  });

  it('is nothing before it is first moved, and then what it was moved to, whole', async () => {
    const store = progress(table, dynamo);
    expect(await store.get('a#0')).toBeUndefined();
    expect(await store.move('a#0', undefined, loading(100))).toEqual({ moved: true });
    expect(await store.get('a#0')).toEqual(loading(100));
    expect(await store.get('a#1')).toBeUndefined();
  });

  it('has one winner among 30 that move it from the same byte at the same time, whom the others learn', async () => {
    const store = progress(table, dynamo);
    for (const from of [undefined, 1]) {
      const moves = await Promise.all(
        Array.from({ length: 30 }, async (_, n) => {
          const next = loading(from === undefined ? 1 : 1000 + n);
          return { next, ...(await store.move('race#0', from, next)) };
        }),
      );
      const winners = moves.filter(({ moved }) => moved);
      expect(winners).toHaveLength(1);
      for (const outcome of moves) if (!outcome.moved) expect(outcome.at).toEqual(winners[0]!.next);
    }
  });

  it('is not taken back by a worker that stayed behind, nor created a second time', async () => {
    const store = progress(table, dynamo);
    await store.move('stale#0', undefined, loading(10));
    await store.move('stale#0', 10, loading(20));
    for (const from of [undefined, 10, 19]) {
      expect(await store.move('stale#0', from, loading(15))).toEqual({ moved: false, at: loading(20) });
    }
    expect(await store.get('stale#0')).toEqual(loading(20));
  });

  it('is never moved again once the cut is done, even from the byte where it ended', async () => {
    const store = progress(table, dynamo);
    const done: Progress = { state: 'loaded', byte: 20, aggregate: emptyAggregate };
    await store.move('done#0', undefined, loading(20));
    expect(await store.move('done#0', 20, done)).toEqual({ moved: true });
    expect(await store.move('done#0', 20, loading(30))).toEqual({ moved: false, at: done });
    expect(await store.get('done#0')).toEqual(done);
  });

  it('tells what was written when the reply was lost and the repeated call finds it', async () => {
    const client = new DynamoDBClient({ ...bounded, ...aws });
    const wasLost = losesReply(client);
    expect(await progress(table, client).move('lost#0', undefined, loading(7))).toEqual({
      moved: false,
      at: loading(7),
    });
    wasLost();
  });
});

describe('records', () => {
  let table: string;
  beforeAll(async () => {
    table = await tableOf('records', 'part', 'byte');
  });

  it('are the same items when they are stored again, also at the same time', async () => {
    const store = records(table, dynamo);
    const batch = Array.from({ length: 25 }, (_, n) => ({ byte: 10 ** (n % 14) + n, json: `{"n":${n}}` }));
    await Promise.all(Array.from({ length: 8 }, () => store.put('documents/a.xml', 'load#0', batch)));
    const { Items = [] } = await dynamo.send(new ScanCommand({ TableName: table }));
    const byByte = batch.toSorted((a, b) => a.byte - b.byte);
    expect(Items.toSorted((a, b) => (a['byte']!.S! < b['byte']!.S! ? -1 : 1)).map((item) => item['record']!.S)).toEqual(
      byByte.map(({ json }) => json),
    );
    expect(Items.every((item) => item['part']!.S === 'load#0' && item['document']!.S === 'documents/a.xml')).toBe(true);
  });

  /** A table that leaves some of the first batches. */
  function busyTable(leaves: (attempt: number) => number): {
    client: DynamoDBClient;
    stored: string[];
    attempts: () => number;
  } {
    const client = new DynamoDBClient(aws);
    const stored: string[] = [];
    let attempts = 0;
    client.send = (async (command: BatchWriteItemCommand) => {
      await Promise.resolve();
      attempts += 1;
      const [[name, items] = ['', []]] = Object.entries(command.input.RequestItems ?? {});
      const left = items.slice(0, leaves(attempts));
      for (const { PutRequest } of items.slice(left.length)) stored.push(PutRequest!.Item!['record']!.S!);
      return { UnprocessedItems: left.length === 0 ? {} : { [name]: left }, $metadata: {} };
    }) as typeof client.send;
    return { client, stored, attempts: () => attempts };
  }

  const impatient = { random: () => 1, wait: async () => {} };
  const three = [1, 2, 3].map((byte) => ({ byte, json: String(byte) }));

  it('that the table left unstored are given to it again, and no others', async () => {
    const { client, stored, attempts } = busyTable((attempt) => Math.max(0, 3 - attempt));
    await records('table', client, impatient).put('d', 'p', three);
    expect(stored.toSorted()).toEqual(['1', '2', '3']);
    expect(attempts()).toBe(3);
  });

  it('are an error when the table never takes them', async () => {
    const { client } = busyTable(() => 1);
    await expect(records('table', client, impatient).put('d', 'p#0', three)).rejects.toThrow(
      'DynamoDB left 1 records of p#0 unstored 8 times: start again',
    );
  });
});

describe('documents', () => {
  const bucket = 'xml-store-test-documents';
  const body = Buffer.from(Array.from({ length: 200_000 }, (_, n) => 97 + (n % 26)));
  const store = documents(bucket, s3);
  let versionId: string;
  beforeAll(async () => {
    await s3.send(new CreateBucketCommand({ Bucket: bucket }));
    await s3.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration: { Status: 'Enabled' } }));
    const put = (Body: Uint8Array) => s3.send(new PutObjectCommand({ Bucket: bucket, Key: 'documents/a.xml', Body }));
    versionId = (await put(body)).VersionId!;
    await put(Buffer.from('newer'));
  });

  it('are pinned as they are now, or in the version that is given', async () => {
    expect(await store.pin('documents/a.xml')).toMatchObject({ bytes: 5, key: 'documents/a.xml' });
    expect(await store.pin('documents/a.xml', versionId)).toEqual({
      key: 'documents/a.xml',
      versionId,
      bytes: 200_000,
    });
  });

  it('that are not there, or not in that version, are nothing', async () => {
    expect(await store.pin('documents/b.xml')).toBeUndefined();
    expect(await store.pin('documents/a.xml', 'no-such-version')).toBeUndefined();
  });

  it.each([
    [0, 200_000],
    [0, 1],
    [199_999, 200_000],
    [65_536, 131_072],
  ])('give bytes %d to %d of the version that was pinned', async (from, to) => {
    const pinned = (await store.pin('documents/a.xml', versionId))!;
    expect(await bytesOf(store.read(pinned, from, to))).toEqual(body.subarray(from, to));
  });

  it('give nothing for an empty range, without asking', async () => {
    expect(await bytesOf(store.read({ key: 'none', versionId: 'none', bytes: 9 }, 5, 5))).toEqual(Buffer.alloc(0));
  });

  /** S3 whose bodies break off after so many bytes, each in turn; as many calls as there are. */
  function breaking(...afterBytes: readonly number[]): { client: S3Client; ranges: string[] } {
    const client = new S3Client(aws);
    const ranges: string[] = [];
    client.send = async ({ input }: { input: { Range: string } }) => {
      await Promise.resolve();
      ranges.push(input.Range);
      const [, from, last] = /^bytes=(\d+)-(\d+)$/.exec(input.Range)!.map(Number) as [number, number, number];
      const whole = afterBytes[ranges.length - 1];
      async function* chunks() {
        await Promise.resolve();
        yield body.subarray(from, whole === undefined ? last + 1 : from + whole);
        if (whole !== undefined) throw Object.assign(new Error('aborted'), { code: 'ECONNRESET' });
      }
      return { ContentRange: `bytes ${from}-${last}/200000`, Body: Readable.from(chunks(), { objectMode: true }) };
    };
    return { client, ranges };
  }
  const pinned = { key: 'documents/a.xml', versionId: 'v', bytes: 200_000 };

  it('go on where the connection broke', async () => {
    const { client, ranges } = breaking(10, 20);
    expect(await bytesOf(documents(bucket, client).read(pinned, 100, 200))).toEqual(body.subarray(100, 200));
    expect(ranges).toEqual(['bytes=100-199', 'bytes=110-199', 'bytes=130-199']);
  });

  it('are an error when the connection breaks time after time and nothing arrives', async () => {
    const { client, ranges } = breaking(10, 0, 0, 0, 0, 0, 0);
    await expect(bytesOf(documents(bucket, client).read(pinned, 100, 200))).rejects.toThrow('aborted');
    expect(ranges).toHaveLength(4);
  });

  it('are an error when the server answers with other bytes than it was asked for', async () => {
    const client = new S3Client(aws);
    client.send = async () => {
      await Promise.resolve();
      return { ContentLength: 200_000, Body: Readable.from([body]) };
    };
    await expect(bytesOf(documents(bucket, client).read(pinned, 100, 200))).rejects.toThrow(
      'asked for bytes 100 to 199 of documents/a.xml, got all of it',
    );
  });
});

describe('the files of a load', () => {
  const bucket = 'xml-store-test-loads';
  const files = loadFiles(bucket, s3);
  beforeAll(async () => {
    await s3.send(new CreateBucketCommand({ Bucket: bucket }));
  });

  it('are created once: 20 that create the same one all get the same value', async () => {
    const values = await Promise.all(
      Array.from({ length: 20 }, (_, writer) => files('race').createJsonOnce('cuts.json', { writer })),
    );
    expect(new Set(values.map(({ writer }) => writer)).size).toBe(1);
    expect(await files('race').createJsonOnce('cuts.json', { writer: 99 })).toEqual(values[0]);
  });

  it('exist or do not, each load’s apart from the others’', async () => {
    expect(await files('a').exists('ranges.json')).toBe(false);
    await files('a').putJson('ranges.json', [1]);
    await files('a').putJson('ranges.json', [2]);
    expect(await files('a').exists('ranges.json')).toBe(true);
    expect(await files('a').getJson('ranges.json')).toEqual([2]);
    expect(await files('b').exists('ranges.json')).toBe(false);
    await expect(files('b').getJson('ranges.json')).rejects.toMatchObject({ name: 'NoSuchKey' });
  });
});

describe('the stores of the naive design', () => {
  it('keep a record under each ID, and add without asking whether that was done before', async () => {
    const stored = singleRecords(await tableOf('single', 'recordId'), dynamo);
    for (const recordId of ['1', '2', '2']) await stored.put(recordId, 'd', '{}');
    const table = await tableOf('totals', 'document', 'group');
    for (const amount of ['0.1', '0.2', '-7']) await aggregates(table, dynamo).add('d', 'g', amount);
    const items = [];
    for await (const { Items = [] } of paginateScan({ client: dynamo }, { TableName: table })) items.push(...Items);
    expect(items).toEqual([{ document: { S: 'd' }, group: { S: 'g' }, records: { N: '3' }, sum: { N: '-6.7' } }]);
    expect((await dynamo.send(new ScanCommand({ TableName: 'xml-store-test-single' }))).Count).toBe(2);
  });
});
