import {
  BatchWriteItemCommand,
  type BatchWriteItemCommandOutput,
  DynamoDBClient,
  paginateScan,
  type WriteRequest,
} from '@aws-sdk/client-dynamodb';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import {
  DescribeExecutionCommand,
  DescribeMapRunCommand,
  paginateListMapRuns,
  SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import pMap from 'p-map';
import { setTimeout as sleep } from 'node:timers/promises';
import { signedShard, type Report } from '../../lambdas/missing-notifications/domain.ts';
import type { LogFile, SeededDocument, World } from './servers.ts';

/** What an operator needs to know of a deployed variant. */
export interface Console {
  /** Constructor argument of the SDK's clients. */
  readonly aws: Pick<S3ClientConfig, 'region' | 'credentials'> & { readonly endpoint?: string };
  /** CloudFormation outputs, by output key. */
  readonly outputs: Readonly<Record<string, string>>;
}

/** Children of a run's maps. */
export interface MapProgress {
  readonly done: number;
  readonly total: number;
}

export interface RunResult {
  /** What the run reports; absent when it failed. */
  readonly output?: Partial<Report & { readonly line: string }>;
  readonly error?: string;
  readonly executions: readonly string[];
  /** How many children each of its maps had. */
  readonly mapChildren: readonly number[];
}

const storesAtOnce = 16;
const batchWriteMax = 25;

/** What a person at the console could do with the variant, by its outputs. */
export function operator({ aws, outputs }: Console) {
  const dynamo = new DynamoDBClient(aws);
  const s3 = new S3Client({ ...aws, forcePathStyle: aws.endpoint !== undefined });
  const sqs = new SQSClient(aws);
  const sfn = new SFNClient(aws);
  const lambda = new LambdaClient(aws);
  const output = (name: string): string => {
    const value = outputs[name];
    if (value === undefined)
      throw new Error(`the stack has no output "${name}": outputs are ${Object.keys(outputs).join(', ')}`);
    return value;
  };
  let attempts = 0;

  async function storeItems(table: string, items: readonly WriteRequest[]): Promise<void> {
    const batches = Array.from({ length: Math.ceil(items.length / batchWriteMax) }, (_, index) =>
      items.slice(index * batchWriteMax, (index + 1) * batchWriteMax),
    );
    await pMap(
      batches,
      async (batch) => {
        let left: WriteRequest[] | undefined = batch;
        for (let waitMs = 50; left !== undefined && left.length > 0; waitMs *= 2) {
          const reply: BatchWriteItemCommandOutput = await dynamo.send(
            new BatchWriteItemCommand({ RequestItems: { [table]: left } }),
          );
          left = reply.UnprocessedItems?.[table];
          // The service says how much it left, not when to come again: back off (AWS, "Error retries", BatchWriteItem).
          if (left !== undefined && left.length > 0) await sleep(waitMs);
        }
      },
      { concurrency: storesAtOnce },
    );
  }

  async function start(runId: string, input: object, watch: (run: MapProgress) => void = () => {}): Promise<RunResult> {
    const arn = output('Start');
    if (arn.includes(':function:')) {
      const { FunctionError, Payload } = await lambda.send(
        new InvokeCommand({ FunctionName: arn, Payload: JSON.stringify({ runId, ...input }) }),
      );
      const text = Payload?.transformToString() ?? '';
      return FunctionError === undefined
        ? { output: JSON.parse(text) as RunResult['output'], executions: [], mapChildren: [] }
        : { error: text, executions: [], mapChildren: [] };
    }
    attempts += 1;
    const { executionArn } = await sfn.send(
      new StartExecutionCommand({
        stateMachineArn: arn,
        name: `${runId}-${attempts}`,
        input: JSON.stringify({ runId, ...input }),
      }),
    );
    for (;;) {
      const { status, output: text, cause, error } = await sfn.send(new DescribeExecutionCommand({ executionArn }));
      if (status === 'RUNNING') {
        // Step Functions tells the end of an execution to those who ask, or to EventBridge.
        await sleep(aws.endpoint === undefined ? 2_000 : 200);
        const [done, total] = (await mapsOf(executionArn!)).reduce(
          ([sum, of], map) => [sum + map.succeeded, of + map.total],
          [0, 0],
        );
        watch({ done, total });
        continue;
      }
      const executions = [executionArn!];
      const mapChildren = (await mapsOf(executionArn!)).map(({ total }) => total);
      return status === 'SUCCEEDED'
        ? { output: JSON.parse(text!) as RunResult['output'], executions, mapChildren }
        : { error: `${error}: ${cause}`, executions, mapChildren };
    }
  }

  async function mapsOf(
    executionArn: string,
  ): Promise<readonly { readonly total: number; readonly succeeded: number }[]> {
    const maps = [];
    for await (const { mapRuns = [] } of paginateListMapRuns({ client: sfn }, { executionArn })) {
      for (const { mapRunArn } of mapRuns) {
        const { itemCounts } = await sfn.send(new DescribeMapRunCommand({ mapRunArn }));
        maps.push({ total: itemCounts?.total ?? 0, succeeded: itemCounts?.succeeded ?? 0 });
      }
    }
    return maps;
  }

  return {
    async storeDocuments({ documents }: World): Promise<void> {
      await storeItems(
        output('DocumentsTable'),
        documents.map((document) => ({ PutRequest: { Item: itemOf(document) } })),
      );
    },

    async storeServers({ servers }: World): Promise<void> {
      await storeItems(
        output('ServersTable'),
        servers.map((server) => ({ PutRequest: { Item: { server: { S: server } } } })),
      );
    },

    async storeLogs(logs: Iterable<LogFile>): Promise<void> {
      await pMap(
        logs,
        ({ key, body }) => s3.send(new PutObjectCommand({ Bucket: output('LogsBucket'), Key: key, Body: body })),
        {
          concurrency: storesAtOnce,
        },
      );
    },

    async deleteLogs(logs: Iterable<LogFile>): Promise<void> {
      await pMap(logs, ({ key }) => s3.send(new DeleteObjectCommand({ Bucket: output('LogsBucket'), Key: key })), {
        concurrency: storesAtOnce,
      });
    },

    output,
    run: start,

    /** Waits until nothing is queued any more. */
    async settle(): Promise<void> {
      const queue = outputs['MissedQueue'];
      if (queue === undefined) return;
      const deadlineMs = Date.now() + 10 * 60_000;
      for (let empty = 0; empty < 2;) {
        const { Attributes } = await sqs.send(
          new GetQueueAttributesCommand({
            QueueUrl: queue,
            AttributeNames: [
              'ApproximateNumberOfMessages',
              'ApproximateNumberOfMessagesNotVisible',
              'ApproximateNumberOfMessagesDelayed',
            ],
          }),
        );
        const waiting = Object.values(Attributes ?? {}).reduce((sum, value) => sum + Number(value), 0);
        empty = waiting === 0 ? empty + 1 : 0;
        if (Date.now() > deadlineMs) throw new Error(`${waiting} messages are still queued after ten minutes`);
        await sleep(aws.endpoint === undefined ? 5_000 : 200);
      }
    },

    /** What the notification service sent so far: documents, and how often. */
    async sends(): Promise<ReadonlyMap<string, number>> {
      const sends = new Map<string, number>();
      for await (const { Items = [] } of paginateScan({ client: dynamo }, { TableName: output('DeliveriesTable') })) {
        for (const item of Items) {
          const id = item['documentId']!.S!;
          sends.set(id, (sends.get(id) ?? 0) + 1);
        }
      }
      return sends;
    },

    /** The run's result in lines: its stored list of missed documents where it keeps one, else what was sent since. */
    async result(runId: string, sentSince: ReadonlyMap<string, number>): Promise<readonly string[]> {
      const bucket = outputs['RunsBucket'];
      if (bucket === undefined) {
        const sends = await this.sends();
        return [...sends]
          .flatMap(([id, times]) => Array.from({ length: times - (sentSince.get(id) ?? 0) }, () => id))
          .toSorted();
      }
      const get = async (key: string) =>
        (
          await s3.send(new GetObjectCommand({ Bucket: bucket, Key: `runs/${runId}/${key}` }))
        ).Body!.transformToString();
      const { partitions } = JSON.parse(await get('choice.json')) as { partitions: number };
      const texts = await pMap(
        Array.from({ length: partitions }, (_, index) => `missed/${index}.txt`),
        get,
        { concurrency: storesAtOnce },
      );
      return texts.flatMap((text, partition) =>
        text
          .split('\n')
          .filter((id) => id !== '')
          .map((id) => `${partition} ${id}`),
      );
    },
  };
}

/** A document as the application stores it. */
export function itemOf({ documentId, status, signedAtMs }: SeededDocument): Record<string, { S: string }> {
  return {
    documentId: { S: documentId },
    status: { S: status },
    title: { S: 'Agreement between the parties named therein' },
    ...(signedAtMs === undefined
      ? {}
      : { signedAt: { S: new Date(signedAtMs).toISOString() }, signedShard: { S: signedShard(documentId) } }),
  };
}
