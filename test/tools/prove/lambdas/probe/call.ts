import {
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { DeleteMessageCommand, ReceiveMessageCommand, SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
import { bounded } from '../../../../../lambdas/kit/clients.ts';
import { readEnv } from '../../../../../lambdas/kit/env.ts';
import { run } from '../../../../../lambdas/kit/run.ts';

/** What a scripted invocation does, in order. */
export type Step =
  | { readonly put: string; readonly unless?: 'exists' }
  | { readonly get: string }
  | { readonly query: string }
  | { readonly putBoth: readonly [string, string] }
  | { readonly upload: string; readonly bytes: number }
  | { readonly download: string }
  | { readonly send: number }
  | { readonly receive: number }
  | { readonly throw: string };

export interface Script {
  readonly steps: readonly Step[];
}

interface Done {
  /** Attempts that the SDK made for each step, 0 for steps that call nothing. */
  readonly attempts: readonly number[];
  /** Names of the errors that steps met; empty when there was none. */
  readonly errors: readonly string[];
  /** Fields of the last reply. */
  readonly reply: readonly string[];
}

const env = readEnv({ table: 'TABLE', bucket: 'BUCKET', queue: 'QUEUE' });
const dynamo = new DynamoDBClient(bounded);
const s3 = new S3Client(bounded);
const sqs = new SQSClient(bounded);

export const handler = run(
  async (event: Script | { readonly Records: readonly { readonly body: string }[] }): Promise<Done> => {
    const attempts: number[] = [];
    const errors: string[] = [];
    let reply: readonly string[] = [];
    const steps =
      'steps' in event ? event.steps : event.Records.flatMap(({ body }) => (JSON.parse(body) as Script).steps);
    for (const step of steps) {
      try {
        const output = await take(step);
        attempts.push(output.$metadata.attempts ?? 0);
        reply = Object.keys(output);
      } catch (error) {
        if ('throw' in step) throw error;
        const { name, $metadata } = error as Error & { $metadata?: { attempts?: number } };
        attempts.push($metadata?.attempts ?? 0);
        errors.push(name);
      }
    }
    return { attempts, errors, reply };
  },
);

interface Output {
  readonly $metadata: { readonly attempts?: number | undefined };
}

function item(id: string) {
  return { TableName: env.table, Item: { id: { S: id }, text: { S: 'x'.repeat(1500) } } };
}

async function take(step: Step): Promise<Output> {
  if ('put' in step) {
    const condition = step.unless === undefined ? {} : { ConditionExpression: 'attribute_not_exists(id)' };
    return dynamo.send(new PutItemCommand({ ...item(step.put), ...condition }));
  }
  if ('get' in step) return dynamo.send(new GetItemCommand({ TableName: env.table, Key: { id: { S: step.get } } }));
  if ('query' in step) {
    return dynamo.send(
      new QueryCommand({
        TableName: env.table,
        KeyConditionExpression: 'id = :id',
        ExpressionAttributeValues: { ':id': { S: step.query } },
        ReturnConsumedCapacity: 'TOTAL',
      }),
    );
  }
  if ('putBoth' in step) {
    return dynamo.send(new TransactWriteItemsCommand({ TransactItems: step.putBoth.map((id) => ({ Put: item(id) })) }));
  }
  if ('upload' in step) {
    return s3.send(new PutObjectCommand({ Bucket: env.bucket, Key: step.upload, Body: Buffer.alloc(step.bytes) }));
  }
  if ('download' in step) {
    const { Body, $metadata } = await s3.send(new GetObjectCommand({ Bucket: env.bucket, Key: step.download }));
    await Body?.transformToByteArray();
    return { $metadata };
  }
  if ('send' in step) {
    const Entries = Array.from({ length: step.send }, (_, index) => ({
      Id: String(index),
      MessageBody: '{"steps":[]}',
    }));
    return sqs.send(new SendMessageBatchCommand({ QueueUrl: env.queue, Entries }));
  }
  if ('receive' in step) {
    const reply = await sqs.send(new ReceiveMessageCommand({ QueueUrl: env.queue, MaxNumberOfMessages: step.receive }));
    for (const { ReceiptHandle } of reply.Messages ?? []) {
      await sqs.send(new DeleteMessageCommand({ QueueUrl: env.queue, ReceiptHandle }));
    }
    return reply;
  }
  throw Object.assign(new Error(`told to throw ${step.throw}`), { name: step.throw });
}
