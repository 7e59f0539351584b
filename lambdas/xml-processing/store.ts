import type { Readable } from 'node:stream';
import {
  type AttributeValue,
  BatchWriteItemCommand,
  type BatchWriteItemCommandOutput,
  ConditionalCheckFailedException,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  UpdateItemCommand,
  type WriteRequest,
} from '@aws-sdk/client-dynamodb';
import {
  GetObjectCommand,
  HeadObjectCommand,
  NotFound,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { retry, type RetryPolicy } from '../../engines/retry/retry.ts';
import { bounded } from '../kit/clients.ts';
import { patience } from '../kit/patience.ts';
import type { PinnedDocument, Progress, StoredRecord } from './domain.ts';

/** Times that a broken connection is replaced before the reader has received another byte. */
const reconnectionsMax = 3;

/** The XML documents. */
export function documents(bucket: string, s3 = new S3Client(bounded)) {
  return {
    /** The version that the key holds now, or the one that is given; nothing when there is none. */
    async pin(key: string, versionId?: string): Promise<PinnedDocument | undefined> {
      try {
        const head = await s3.send(
          new HeadObjectCommand({
            Bucket: bucket,
            Key: key,
            ...(versionId === undefined ? {} : { VersionId: versionId }),
          }),
        );
        return { key, versionId: head.VersionId!, bytes: head.ContentLength! };
      } catch (error) {
        // A version ID that S3 did not make is a bad request.
        if (
          error instanceof NotFound ||
          (error instanceof S3ServiceException && error.$metadata.httpStatusCode === 400)
        )
          return undefined;
        throw error;
      }
    },

    /** Bytes [from, to) of the pinned version, as a stream. A connection that breaks is replaced where it broke. */
    async *read({ key, versionId }: PinnedDocument, from: number, to: number): AsyncGenerator<Uint8Array> {
      let at = from;
      for (let reconnections = 0; at < to;) {
        try {
          const reply = await s3.send(
            new GetObjectCommand({ Bucket: bucket, Key: key, VersionId: versionId, Range: `bytes=${at}-${to - 1}` }),
          );
          // A server may answer a range with the whole object (RFC 9110, section 14.2).
          if (reply.ContentRange?.startsWith(`bytes ${at}-${to - 1}/`) !== true)
            throw new Error(`asked for bytes ${at} to ${to - 1} of ${key}, got ${reply.ContentRange ?? 'all of it'}`);
          for await (const chunk of reply.Body as Readable as AsyncIterable<Uint8Array>) {
            at += chunk.length;
            if (chunk.length > 0) reconnections = 0;
            yield chunk;
          }
          if (at < to) throw new Error(`${key} ended at byte ${at}, before ${to}`);
        } catch (error) {
          reconnections += 1;
          if (reconnections > reconnectionsMax || error instanceof S3ServiceException) throw error;
        }
      }
    },

    /** The whole of what the key holds now, as text. */
    async text(key: string): Promise<string> {
      const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
      return Body!.transformToString();
    },
  };
}

/** What a load reads and writes between its steps, below `loads/<loadId>/`. Names depend on load, range and cut only. */
export function loadFiles(bucket: string, s3 = new S3Client(bounded)) {
  return (loadId: string) => filesOf(s3, bucket, loadId);
}

export type LoadFiles = ReturnType<typeof filesOf>;

function filesOf(s3: S3Client, bucket: string, loadId: string) {
  const keyOf = (name: string) => `loads/${loadId}/${name}`;
  const getJson = async <T>(name: string): Promise<T> => {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: keyOf(name) }));
    return JSON.parse(await Body!.transformToString()) as T;
  };
  const put = (name: string, value: unknown, condition: { IfNoneMatch?: '*' } = {}) =>
    s3.send(
      new PutObjectCommand({
        Bucket: bucket,
        Key: keyOf(name),
        Body: JSON.stringify(value),
        ContentType: 'application/json',
        ...condition,
      }),
    );
  return {
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

    async putJson(name: string, value: unknown): Promise<void> {
      await put(name, value);
    },

    /** Creates the file, or returns what another attempt created before. */
    async createJsonOnce<T>(name: string, value: T): Promise<T> {
      try {
        await put(name, value, { IfNoneMatch: '*' });
        return value;
      } catch (error) {
        const status = error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
        // 409: another attempt creates it at this moment.
        if (status === 412 || status === 409) return getJson<T>(name);
        throw error;
      }
    },
  };
}

/** DynamoDB's own maximum. */
const batchWriteMax = 25;
const unprocessed: RetryPolicy = { attemptsMax: 8, baseMs: 25, maxMs: 6_400 };

/** The records of all documents: by their cut, then by their byte. */
export function records(table: string, dynamo = new DynamoDBClient(bounded), waiting = patience) {
  return {
    batchMax: batchWriteMax,

    /** Stores at most 25 records of one cut. Stored again they are the same items. */
    async put(document: string, part: string, batch: readonly StoredRecord[]): Promise<void> {
      let left: WriteRequest[] = batch.map(({ byte, json }) => ({
        PutRequest: {
          Item: { part: { S: part }, byte: { S: byteKey(byte) }, document: { S: document }, record: { S: json } },
        },
      }));
      // The service says how much it left, not when to come again: back off (AWS, "Error retries", BatchWriteItem).
      const stored = await retry(unprocessed, waiting, async () => {
        const reply: BatchWriteItemCommandOutput = await dynamo.send(
          new BatchWriteItemCommand({ RequestItems: { [table]: left } }),
        );
        left = reply.UnprocessedItems?.[table] ?? [];
        return left.length === 0 ? true : undefined;
      });
      if (stored === undefined)
        throw new Error(
          `DynamoDB left ${left.length} records of ${part} unstored ${unprocessed.attemptsMax} times: start again`,
        );
    },
  };
}

/** Sorts as its number does; the largest object of S3 has 14 digits. */
function byteKey(byte: number): string {
  return String(byte).padStart(15, '0');
}

/** How far each cut is loaded, and its aggregates up to there. */
export function progress(table: string, dynamo = new DynamoDBClient(bounded)) {
  return {
    async get(part: string): Promise<Progress | undefined> {
      const { Item } = await dynamo.send(
        new GetItemCommand({ TableName: table, Key: { part: { S: part } }, ConsistentRead: true }),
      );
      return Item === undefined ? undefined : progressOf(Item);
    },

    /**
     * Moves the cut's progress from byte `from` (nothing when it has none) to `next`, all of it in one write; a lost
     * race returns what the winner wrote.
     */
    async move(
      part: string,
      from: number | undefined,
      next: Progress,
    ): Promise<{ moved: true } | { moved: false; at: Progress }> {
      try {
        await dynamo.send(
          new UpdateItemCommand({
            TableName: table,
            Key: { part: { S: part } },
            UpdateExpression: 'SET #byte = :byte, #state = :state, checkpoint = :checkpoint',
            ConditionExpression:
              from === undefined ? 'attribute_not_exists(part)' : '#byte = :from AND #state = :loading',
            ExpressionAttributeNames: { '#byte': 'byte', '#state': 'state' },
            ExpressionAttributeValues: {
              ':byte': { N: String(next.byte) },
              ':state': { S: next.state },
              ':checkpoint': { S: JSON.stringify(next) },
              ...(from === undefined ? {} : { ':from': { N: String(from) }, ':loading': { S: 'loading' } }),
            },
            ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
          }),
        );
        return { moved: true };
      } catch (error) {
        if (!(error instanceof ConditionalCheckFailedException)) throw error;
        if (error.Item === undefined)
          throw new Error(`the progress of ${part} was deleted while it was loaded: start again`, { cause: error });
        return { moved: false, at: progressOf(error.Item) };
      }
    },
  };
}

function progressOf(item: Record<string, AttributeValue>): Progress {
  return JSON.parse(item['checkpoint']!.S!) as Progress;
}

/** Records under IDs of their own, one by one. */
export function singleRecords(table: string, dynamo = new DynamoDBClient(bounded)) {
  return {
    async put(recordId: string, document: string, json: string): Promise<void> {
      await dynamo.send(
        new PutItemCommand({
          TableName: table,
          Item: { recordId: { S: recordId }, document: { S: document }, record: { S: json } },
        }),
      );
    },
  };
}

/** Running totals by document and group. */
export function aggregates(table: string, dynamo = new DynamoDBClient(bounded)) {
  return {
    /** Adds one record to its group. `amount` is a decimal number in text. */
    async add(document: string, group: string, amount: string): Promise<void> {
      await dynamo.send(
        new UpdateItemCommand({
          TableName: table,
          Key: { document: { S: document }, group: { S: group } },
          UpdateExpression: 'ADD records :one, #sum :amount',
          ExpressionAttributeNames: { '#sum': 'sum' },
          ExpressionAttributeValues: { ':one': { N: '1' }, ':amount': { N: amount } },
        }),
      );
    },
  };
}
