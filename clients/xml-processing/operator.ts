import { DynamoDBClient, paginateScan } from '@aws-sdk/client-dynamodb';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { GetObjectCommand, PutObjectCommand, S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import {
  DescribeExecutionCommand,
  DescribeMapRunCommand,
  paginateListMapRuns,
  SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Report } from '../../lambdas/xml-processing/domain.ts';

/** What an operator needs to know of a deployed variant. */
export interface Console {
  /** Constructor argument of the SDK's clients. */
  readonly aws: Pick<S3ClientConfig, 'region' | 'credentials'> & { readonly endpoint?: string };
  /** CloudFormation outputs, by output key. */
  readonly outputs: Readonly<Record<string, string>>;
}

/** What a load is started with. */
export interface LoadInput {
  readonly key: string;
  readonly tag: string;
  readonly sum?: string;
  readonly by?: string;
  readonly rangeBytes?: number;
  readonly oneWorkerBytesMax?: number;
}

export interface LoadResult {
  /** What the load reports; absent when it failed. */
  readonly output?: Partial<Report>;
  readonly error?: string;
  readonly executions: readonly string[];
  /** How many children each of its maps had. */
  readonly mapChildren: readonly number[];
}

/** Records and sum of one group, both as decimal numbers in text. */
export interface Group {
  readonly records: string;
  readonly sum: string;
}

/** What a person at the console could do with the variant, by its outputs. */
export function operator({ aws, outputs }: Console) {
  const dynamo = new DynamoDBClient(aws);
  const s3 = new S3Client({ ...aws, forcePathStyle: aws.endpoint !== undefined });
  const sfn = new SFNClient(aws);
  const lambda = new LambdaClient(aws);
  const output = (name: string): string => {
    const value = outputs[name];
    if (value === undefined)
      throw new Error(`the stack has no output "${name}": outputs are ${Object.keys(outputs).join(', ')}`);
    return value;
  };
  let attempts = 0;

  async function load(input: LoadInput): Promise<LoadResult> {
    const arn = output('Start');
    return arn.includes(':function:') ? invoke(arn, input) : execute(arn, input);
  }

  async function invoke(functionArn: string, input: LoadInput): Promise<LoadResult> {
    const { FunctionError, Payload } = await lambda.send(
      new InvokeCommand({ FunctionName: functionArn, Payload: JSON.stringify(input) }),
    );
    const text = Payload?.transformToString() ?? '';
    return {
      ...(FunctionError === undefined ? { output: JSON.parse(text) as Partial<Report> } : { error: text }),
      executions: [],
      mapChildren: [],
    };
  }

  async function execute(stateMachineArn: string, input: LoadInput): Promise<LoadResult> {
    attempts += 1;
    const { executionArn } = await sfn.send(
      new StartExecutionCommand({ stateMachineArn, name: `load-${attempts}`, input: JSON.stringify(input) }),
    );
    for (;;) {
      const { status, output: text, cause, error } = await sfn.send(new DescribeExecutionCommand({ executionArn }));
      if (status === 'RUNNING') {
        // Step Functions tells the end of an execution to those who ask, or to EventBridge.
        await sleep(aws.endpoint === undefined ? 2_000 : 100);
        continue;
      }
      return {
        ...(status === 'SUCCEEDED'
          ? { output: JSON.parse(text!) as Partial<Report> }
          : { error: `${error}: ${cause}` }),
        executions: [executionArn!],
        mapChildren: await childrenOf(executionArn!),
      };
    }
  }

  async function childrenOf(executionArn: string): Promise<readonly number[]> {
    const children: number[] = [];
    for await (const { mapRuns = [] } of paginateListMapRuns({ client: sfn }, { executionArn })) {
      for (const { mapRunArn } of mapRuns) {
        const { itemCounts } = await sfn.send(new DescribeMapRunCommand({ mapRunArn }));
        children.push(itemCounts?.total ?? 0);
      }
    }
    return children;
  }

  return {
    output,
    load,

    async storeDocument(key: string, body: Uint8Array): Promise<void> {
      await s3.send(new PutObjectCommand({ Bucket: output('DocumentsBucket'), Key: key, Body: body }));
    },

    /** The stored records of all documents, as JSON, by the key of their document. */
    async records(): Promise<ReadonlyMap<string, readonly string[]>> {
      const records = new Map<string, string[]>();
      for await (const { Items = [] } of paginateScan({ client: dynamo }, { TableName: output('RecordsTable') })) {
        for (const { document, record } of Items) {
          const key = document!.S!;
          if (!records.has(key)) records.set(key, []);
          records.get(key)!.push(record!.S!);
        }
      }
      return records;
    },

    /** The stored aggregates of a document, by group: where a report is written it, else the table's. */
    async aggregates(key: string, { output: report }: LoadResult): Promise<ReadonlyMap<string, Group>> {
      const bucket = outputs['LoadsBucket'];
      if (bucket !== undefined) {
        const { Body } = await s3.send(
          new GetObjectCommand({ Bucket: bucket, Key: `loads/${report?.loadId}/report.json` }),
        );
        const { groups = [] } = JSON.parse(await Body!.transformToString()) as Report;
        return new Map(groups.map(({ by, records, sum = '0' }) => [by ?? 'none', { records: String(records), sum }]));
      }
      const groups = new Map<string, Group>();
      for await (const { Items = [] } of paginateScan({ client: dynamo }, { TableName: output('AggregatesTable') })) {
        for (const item of Items) {
          if (item['document']!.S === key) {
            groups.set(item['group']!.S!, { records: item['records']!.N!, sum: item['sum']!.N! });
          }
        }
      }
      return groups;
    },
  };
}
