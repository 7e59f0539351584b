import type { Readable } from 'node:stream';
import {
  ConditionalCheckFailedException,
  DynamoDBClient,
  PutItemCommand,
  paginateQuery,
  paginateScan,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { CloudWatchClient, PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import {
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  type ListObjectVersionsCommandOutput,
  NotFound,
  paginateListObjectsV2,
  PutObjectCommand,
  S3ServiceException,
  S3Client,
} from '@aws-sdk/client-s3';
import { SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
import { bounded } from '../kit/clients.ts';
import { type Claim, isCompressedLog, type LogObject } from './domain.ts';
import { signedIndex } from './env.ts';

/** The application's table of documents. */
export function documents(table: string, dynamo = new DynamoDBClient(bounded)) {
  return {
    /** Pages of IDs signed in [fromMs, toMs), of one shard of the sparse index: reads keys, never the table. */
    async *signedIn(shard: string, fromMs: number, toMs: number): AsyncGenerator<{ ids: string[]; readUnits: number }> {
      const pages = paginateQuery(
        { client: dynamo },
        {
          TableName: table,
          IndexName: signedIndex,
          // BETWEEN includes both ends, and a signing time has whole milliseconds.
          KeyConditionExpression: 'signedShard = :shard AND signedAt BETWEEN :from AND :last',
          ExpressionAttributeValues: {
            ':shard': { S: shard },
            ':from': { S: new Date(fromMs).toISOString() },
            ':last': { S: new Date(toMs - 1).toISOString() },
          },
          ProjectionExpression: 'documentId',
          ReturnConsumedCapacity: 'TOTAL',
        },
      );
      for await (const page of pages) {
        yield {
          ids: (page.Items ?? []).map((item) => item['documentId']!.S!),
          readUnits: page.ConsumedCapacity?.CapacityUnits ?? 0,
        };
      }
    },

    /** Every signed document, found by reading every document. */
    async allSigned(): Promise<string[]> {
      const ids: string[] = [];
      const pages = paginateScan(
        { client: dynamo },
        {
          TableName: table,
          FilterExpression: '#status = :signed',
          ExpressionAttributeNames: { '#status': 'status' },
          ExpressionAttributeValues: { ':signed': { S: 'signed' } },
        },
      );
      for await (const page of pages) for (const item of page.Items ?? []) ids.push(item['documentId']!.S!);
      return ids;
    },
  };
}

/** The servers that are expected to log. */
export function expectedServers(table: string, dynamo = new DynamoDBClient(bounded)) {
  return {
    async names(): Promise<string[]> {
      const names: string[] = [];
      for await (const page of paginateScan(
        { client: dynamo },
        { TableName: table, ProjectionExpression: '#server', ExpressionAttributeNames: { '#server': 'server' } },
      )) {
        for (const item of page.Items ?? []) names.push(item['server']!.S!);
      }
      return names.toSorted();
    },
  };
}

const tailBytes = 64 * 1024;

/** The servers' log files. */
export function logs(bucket: string, s3 = new S3Client(bounded)) {
  const get = (object: LogObject, range?: string) =>
    s3.send(
      new GetObjectCommand({
        Bucket: bucket,
        Key: object.key,
        VersionId: object.versionId,
        ...(range === undefined ? {} : { Range: range }),
      }),
    );
  return {
    /** The names below `logs/`: who logs, whether expected or not. */
    async servers(): Promise<string[]> {
      const names: string[] = [];
      for await (const page of paginateListObjectsV2(
        { client: s3 },
        { Bucket: bucket, Prefix: 'logs/', Delimiter: '/' },
      )) {
        for (const { Prefix } of page.CommonPrefixes ?? []) names.push(Prefix!.slice('logs/'.length, -1));
      }
      return names;
    },

    /** The current version of each log file of a server's day. */
    async ofDay(server: string, day: string): Promise<LogObject[]> {
      const objects: LogObject[] = [];
      let marker: { KeyMarker?: string; VersionIdMarker?: string } | undefined = {};
      while (marker !== undefined) {
        const page: ListObjectVersionsCommandOutput = await s3.send(
          new ListObjectVersionsCommand({ Bucket: bucket, Prefix: `logs/${server}/${day}/`, ...marker }),
        );
        for (const { Key, VersionId, Size, IsLatest } of page.Versions ?? []) {
          if (IsLatest === true) objects.push({ key: Key!, versionId: VersionId!, bytes: Size ?? 0 });
        }
        marker =
          page.IsTruncated === true
            ? { KeyMarker: page.NextKeyMarker!, VersionIdMarker: page.NextVersionIdMarker! }
            : undefined;
      }
      return objects;
    },

    /** Every log file there is, whatever its age. */
    async all(): Promise<string[]> {
      const keys: string[] = [];
      for await (const page of paginateListObjectsV2({ client: s3 }, { Bucket: bucket, Prefix: 'logs/' })) {
        for (const { Key } of page.Contents ?? []) keys.push(Key!);
      }
      return keys;
    },

    /** The last 64 KiB of a plain file as it lies, or nothing when the file is compressed. */
    async plainTail(object: LogObject): Promise<Uint8Array | undefined> {
      if (object.bytes === 0) return new Uint8Array();
      const range = object.bytes > tailBytes ? `bytes=-${tailBytes}` : undefined;
      const head = object.bytes > tailBytes ? await bytesOf(await get(object, 'bytes=0-3')) : undefined;
      const tail = await bytesOf(await get(object, range));
      // A server may answer a range with the whole object (RFC 9110, section 14.2), and some emulators do.
      return isCompressedLog(head ?? tail) ? undefined : tail.subarray(-tailBytes);
    },

    /** The pinned file's bytes as they lie. */
    async open(object: LogObject): Promise<AsyncIterable<Uint8Array>> {
      return (await get(object)).Body as Readable;
    },

    /** At least the first bytes of the pinned file as they lie, so many or all: a server may answer a range with more. */
    async head(object: LogObject, bytes: number): Promise<AsyncIterable<Uint8Array>> {
      return (await get(object, `bytes=0-${bytes - 1}`)).Body as Readable;
    },

    /** The bytes of whatever the key holds now. */
    async openLatest(key: string): Promise<AsyncIterable<Uint8Array>> {
      return (await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }))).Body as Readable;
    },
  };
}

/** What a run reads and writes between its steps, below `runs/<runId>/`. Names depend on the run and the unit only. */
export function runFiles(bucket: string, s3 = new S3Client(bounded)) {
  return (runId: string) => filesOf(s3, bucket, runId);
}

export type RunFiles = ReturnType<typeof filesOf>;

function filesOf(s3: S3Client, bucket: string, runId: string) {
  const keyOf = (name: string) => `runs/${runId}/${name}`;
  const getJson = async <T>(name: string): Promise<T> => {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: keyOf(name) }));
    return JSON.parse(await Body!.transformToString()) as T;
  };
  /** False when the file is there already: whoever has read it may rely on it. Metadata as in put(). */
  const create = async (
    name: string,
    body: Uint8Array | string,
    metadata: Readonly<Record<string, string>> = {},
  ): Promise<boolean> => {
    try {
      await s3.send(
        new PutObjectCommand({
          Bucket: bucket,
          Key: keyOf(name),
          Body: body,
          Metadata: { ...metadata },
          IfNoneMatch: '*',
        }),
      );
      return true;
    } catch (error) {
      const isThere =
        error instanceof S3ServiceException &&
        (error.name === 'PreconditionFailed' || error.$metadata.httpStatusCode === 412);
      if (isThere) return false;
      throw error;
    }
  };
  return {
    bucket,
    keyOf,
    getJson,

    async exists(name: string): Promise<boolean> {
      try {
        await s3.send(new HeadObjectCommand({ Bucket: bucket, Key: keyOf(name) }));
        return true;
      } catch (error) {
        if (error instanceof NotFound) return false;
        throw error;
      }
    },

    /** Creates the file, or returns what another attempt created before. */
    async createJsonOnce<T>(name: string, value: T): Promise<T> {
      return (await create(name, JSON.stringify(value))) ? value : getJson<T>(name);
    },

    create,

    /** Metadata is for what may differ between attempts, such as timing: the bytes must not. */
    async put(name: string, body: Uint8Array | string, metadata: Readonly<Record<string, string>> = {}): Promise<void> {
      await s3.send(new PutObjectCommand({ Bucket: bucket, Key: keyOf(name), Body: body, Metadata: { ...metadata } }));
    },

    async range(name: string, start: number, end: number): Promise<Uint8Array> {
      if (end <= start) return new Uint8Array();
      return bytesOf(
        await s3.send(new GetObjectCommand({ Bucket: bucket, Key: keyOf(name), Range: `bytes=${start}-${end - 1}` })),
      );
    },

    /** The file's last bytes (at most `bytes`), its whole length and its metadata. */
    async suffix(
      name: string,
      bytes: number,
    ): Promise<{ tail: Uint8Array; length: number; metadata: Record<string, string> }> {
      const reply = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: keyOf(name), Range: `bytes=-${bytes}` }));
      const tail = await bytesOf(reply);
      const length = Number(reply.ContentRange?.split('/')[1] ?? tail.length);
      return { tail, length, metadata: reply.Metadata ?? {} };
    },
  };
}

const batchMax = 10;

/** The queue of documents to notify again. */
export function missedQueue(url: string, sqs = new SQSClient(bounded)) {
  return {
    /** Sends one batch of at most ten. */
    async send(runId: string, documentIds: readonly string[]): Promise<void> {
      let entries = documentIds.map((documentId, index) => ({
        Id: String(index),
        MessageBody: JSON.stringify({ runId, documentId }),
      }));
      for (let attempt = 1; entries.length > 0; attempt += 1) {
        const { Failed = [] } = await sqs.send(new SendMessageBatchCommand({ QueueUrl: url, Entries: entries }));
        const failed = new Set(Failed.map(({ Id }) => Id));
        entries = entries.filter(({ Id }) => failed.has(Id));
        if (entries.length > 0 && attempt === 5) {
          throw new Error(
            `SQS refused ${entries.length} messages five times: ${Failed[0]!.Code} ${Failed[0]!.Message}`,
          );
        }
      }
    },
    batchMax,
  };
}

/** Which documents were notified again, and who is at it. */
export function claims(table: string, dynamo = new DynamoDBClient(bounded)) {
  return {
    /** Takes the document for `owner` until the lease ends; a lost race returns what the winner wrote. */
    async take(
      documentId: string,
      owner: string,
      nowMs: number,
      leaseMs: number,
    ): Promise<{ claimed: true } | { claimed: false; by: Claim }> {
      try {
        await dynamo.send(
          new UpdateItemCommand({
            TableName: table,
            Key: { documentId: { S: documentId } },
            UpdateExpression: 'SET #state = :claimed, #owner = :owner, leaseUntilMs = :until',
            ConditionExpression: 'attribute_not_exists(documentId) OR (#state = :claimed AND leaseUntilMs < :now)',
            ExpressionAttributeNames: { '#state': 'state', '#owner': 'owner' },
            ExpressionAttributeValues: {
              ':claimed': { S: 'claimed' },
              ':owner': { S: owner },
              ':until': { N: String(nowMs + leaseMs) },
              ':now': { N: String(nowMs) },
            },
            ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
          }),
        );
        return { claimed: true };
      } catch (error) {
        if (!(error instanceof ConditionalCheckFailedException)) throw error;
        const item = error.Item!;
        const by: Claim = {
          state: item['state']!.S as Claim['state'],
          owner: item['owner']!.S!,
          leaseUntilMs: Number(item['leaseUntilMs']!.N),
        };
        // The SDK repeats a call whose reply was lost: the claim it then runs into is its own.
        return by.state === 'claimed' && by.owner === owner ? { claimed: true } : { claimed: false, by };
      }
    },

    /** Records the notification; false when the lease was lost to another owner, who will record it. */
    async record(documentId: string, owner: string, notifiedAtMs: number): Promise<boolean> {
      try {
        await dynamo.send(
          new UpdateItemCommand({
            TableName: table,
            Key: { documentId: { S: documentId } },
            UpdateExpression: 'SET #state = :notified, notifiedAtMs = :at',
            ConditionExpression: '#owner = :owner',
            ExpressionAttributeNames: { '#state': 'state', '#owner': 'owner' },
            ExpressionAttributeValues: {
              ':notified': { S: 'notified' },
              ':owner': { S: owner },
              ':at': { N: String(notifiedAtMs) },
            },
          }),
        );
        return true;
      } catch (error) {
        if (error instanceof ConditionalCheckFailedException) return false;
        throw error;
      }
    },
  };
}

/** The service that notifies people: outside of this design, reached by its name. */
export function notificationService(functionName: string, lambda = new LambdaClient(bounded)) {
  return {
    /** Notifies the document's parties. With a key, the service does so once for the key, however often it is asked. */
    async notify(documentId: string, idempotencyKey?: string): Promise<void> {
      const payload = { documentId, ...(idempotencyKey === undefined ? {} : { idempotencyKey }) };
      const reply = await lambda.send(
        new InvokeCommand({ FunctionName: functionName, Payload: JSON.stringify(payload) }),
      );
      if (reply.FunctionError !== undefined) {
        throw new Error(`the notification service failed for ${documentId}: ${reply.Payload?.transformToString()}`);
      }
    },
  };
}

/** The notification service's own record of what it sent. */
export function deliveries(table: string, dynamo = new DynamoDBClient(bounded)) {
  return {
    /** Stores a delivery under its ID; false when there is one already. */
    async add(deliveryId: string, documentId: string, atMs: number): Promise<boolean> {
      try {
        await dynamo.send(
          new PutItemCommand({
            TableName: table,
            Item: { deliveryId: { S: deliveryId }, documentId: { S: documentId }, atMs: { N: String(atMs) } },
            ConditionExpression: 'attribute_not_exists(deliveryId)',
          }),
        );
        return true;
      } catch (error) {
        if (error instanceof ConditionalCheckFailedException) return false;
        throw error;
      }
    },
  };
}

/** One metric of CloudWatch. */
export function metric(
  { namespace, name }: { readonly namespace: string; readonly name: string },
  cloudwatch = new CloudWatchClient(bounded),
) {
  return {
    async put(value: number): Promise<void> {
      await cloudwatch.send(
        new PutMetricDataCommand({
          Namespace: namespace,
          MetricData: [{ MetricName: name, Value: value, Unit: 'Count' }],
        }),
      );
    },
  };
}

async function bytesOf(reply: { Body?: { transformToByteArray(): Promise<Uint8Array> } }): Promise<Uint8Array> {
  return reply.Body === undefined ? new Uint8Array() : reply.Body.transformToByteArray();
}
