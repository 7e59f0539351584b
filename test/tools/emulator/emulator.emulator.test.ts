import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import {
  CloudFormationClient,
  CreateStackCommand,
  DeleteStackCommand,
  waitUntilStackCreateComplete,
} from '@aws-sdk/client-cloudformation';
import { CloudWatchClient, DescribeAlarmsCommand } from '@aws-sdk/client-cloudwatch';
import { CloudWatchLogsClient, FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import {
  CreateTableCommand,
  DynamoDBClient,
  GetItemCommand,
  ListTablesCommand,
  PutItemCommand,
  QueryCommand,
  ScanCommand,
} from '@aws-sdk/client-dynamodb';
import {
  CreateBucketCommand,
  GetObjectCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { CreateEventSourceMappingCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { CreateQueueCommand, GetQueueAttributesCommand, SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { AwsConfig } from '../../../lib/kit/proof.ts';
import { startEmulator } from '../../../tools/emulator/emulator.ts';
import { createFunction, invoke } from './function.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

function isAlive(processOrGroup: number): boolean {
  try {
    process.kill(processOrGroup, 0);
    return true;
  } catch {
    return false;
  }
}

async function untilGone(pid: number): Promise<void> {
  const deadline = Date.now() + 10_000;
  while ((isAlive(pid) || isAlive(-pid)) && Date.now() < deadline) await delay(20);
}

async function createTable(aws: AwsConfig, name: string): Promise<void> {
  await new DynamoDBClient(aws).send(
    new CreateTableCommand({
      TableName: name,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
    }),
  );
}

describe('startEmulator', () => {
  it('enforces IAM: keys that nobody granted anything are refused', async () => {
    const { aws, stop } = await startEmulator();
    try {
      await expect(createTable(aws, 'granted')).resolves.toBeUndefined();
      const stranger = {
        ...aws,
        credentials: { accessKeyId: 'AKIASTRANGER', secretAccessKey: 'none' },
        maxAttempts: 1,
      };
      await expect(createTable(stranger, 'refused')).rejects.toThrow(/security token|not authorized|denied/i);
    } finally {
      await stop();
    }
  });

  it('runs handlers on the Node that runs us, and ends them with itself', async () => {
    const { aws, pid, stop } = await startEmulator();
    await createFunction(aws, {
      name: 'version',
      code: 'exports.handler = async () => ({ node: process.version, pid: process.pid });',
    });
    const worker = await invoke<{ node: string; pid: number }>(aws, 'version');
    expect(worker.node).toBe(process.version);
    expect(isAlive(worker.pid)).toBe(true);
    await stop();
    await untilGone(worker.pid);
    expect([isAlive(worker.pid), isAlive(pid!), isAlive(-pid!)]).toEqual([false, false, false]);
  });

  it('ends the processes of a function with its stack', async () => {
    const { aws, stop } = await startEmulator();
    try {
      const code = 'exports.handler = async () => process.pid;';
      for (const name of ['going', 'staying']) await createFunction(aws, { name, code });
      const [going, staying] = [await invoke<number>(aws, 'going'), await invoke<number>(aws, 'staying')];
      await new CloudFormationClient(aws).send(new DeleteStackCommand({ StackName: 'going' }));
      await untilGone(going);
      expect([isAlive(going), isAlive(staying)]).toEqual([false, true]);
      expect(await invoke(aws, 'staying')).toBe(staying);
    } finally {
      await stop();
    }
  });

  it('shares nothing between two that run at once', async () => {
    const [one, two] = await Promise.all([startEmulator(), startEmulator()]);
    try {
      expect(one.endpoint).not.toBe(two.endpoint);
      await createTable(one.aws, 'mine');
      expect((await new DynamoDBClient(one.aws).send(new ListTablesCommand({}))).TableNames).toEqual(['mine']);
      expect((await new DynamoDBClient(two.aws).send(new ListTablesCommand({}))).TableNames).toEqual([]);
    } finally {
      await Promise.all([one.stop(), two.stop()]);
    }
  });

  it('calls a failure by the name of what was thrown, and the death of the process as Lambda does', async () => {
    const { aws, stop } = await startEmulator();
    const failing = async (name: string, statement: string) => {
      const code = `exports.handler = async () => { class Refused extends Error { name = 'Refused' }; ${statement} };`;
      await createFunction(aws, { name, code });
      return invoke<{ errorType: string; errorMessage: string }>(aws, name);
    };
    try {
      expect(await failing('throws', "throw new Refused('not today')")).toMatchObject({
        errorType: 'Refused',
        errorMessage: 'not today',
      });
      expect(await failing('dies', "process.kill(process.pid, 'SIGKILL'); await new Promise(() => {})")).toEqual({
        errorType: 'Runtime.ExitError',
        errorMessage: expect.stringMatching(/^RequestId: [\w-]+ Error: Runtime exited/),
      });
    } finally {
      await stop();
    }
  });

  it('has all that an invocation printed in the log when it replied, its process died or its time was up', async () => {
    const { aws, stop } = await startEmulator();
    const logs = new CloudWatchLogsClient(aws);
    const lines = 120;
    // A pipe that is full says so, and nothing is printed.
    const print = `for (let line = 0; line < ${lines};) try {
        fs.writeSync(2, 'line ' + 'x'.repeat(400) + '\\n');
        line += 1;
      } catch (error) { if (error.code !== 'EAGAIN') throw error; }`;
    const printed = async (name: string): Promise<number> => {
      const logGroupName = `/aws/lambda/${name}`;
      const { events = [] } = await logs.send(new FilterLogEventsCommand({ logGroupName, limit: 10_000 }));
      return events.filter(({ message }) => message!.startsWith('line ')).length;
    };
    try {
      for (const [name, callers, end] of [
        ['returns', 72, ''],
        ['throws', 72, "throw new Error('refused');"],
        ['dies', 72, "process.kill(process.pid, 'SIGKILL');"],
        ['hangs', 8, 'await new Promise((resolve) => setTimeout(resolve, 60_000));'],
      ] as const) {
        const code = `const fs = require('node:fs'); exports.handler = async () => { ${print} ${end} };`;
        await createFunction(aws, { name, code });
        await Promise.all(Array.from({ length: callers }, async () => invoke(aws, name)));
        expect(await printed(name), name).toBe(lines * callers);
      }
      await createFunction(aws, { name: 'silent', code: 'exports.handler = async () => 1;' });
      expect(await invoke(aws, 'silent')).toBe(1);
    } finally {
      await stop();
    }
  });

  it('gives the range of an old version that was asked for, as S3 does', async () => {
    const { aws, stop } = await startEmulator();
    try {
      const s3 = new S3Client({ ...aws, forcePathStyle: true });
      const object = { Bucket: 'versions', Key: 'letters' };
      await s3.send(new CreateBucketCommand({ Bucket: object.Bucket }));
      await s3.send(
        new PutBucketVersioningCommand({ Bucket: object.Bucket, VersioningConfiguration: { Status: 'Enabled' } }),
      );
      const { VersionId } = await s3.send(new PutObjectCommand({ ...object, Body: 'abcdefgh' }));
      await s3.send(new PutObjectCommand({ ...object, Body: 'newer' }));
      const get = (Range: string) => s3.send(new GetObjectCommand({ ...object, VersionId, Range }));
      const reply = await get('bytes=2-4');
      expect([reply.ContentRange, await reply.Body!.transformToString()]).toEqual(['bytes 2-4/8', 'cde']);
      expect(await (await get('bytes=6-99')).Body!.transformToString()).toBe('gh');
      await expect(get('bytes=8-9')).rejects.toMatchObject({ name: 'InvalidRange' });
    } finally {
      await stop();
    }
  });

  it('charges a query for the bytes of the items that it read, as DynamoDB does', async () => {
    const { aws, stop } = await startEmulator();
    try {
      await createTable(aws, 'letters');
      const dynamo = new DynamoDBClient(aws);
      const put = (id: string, chars: number) =>
        dynamo.send(
          new PutItemCommand({ TableName: 'letters', Item: { id: { S: id }, text: { S: 'x'.repeat(chars) } } }),
        );
      const units = async (id: string, ConsistentRead: boolean) => {
        const { ConsumedCapacity } = await dynamo.send(
          new QueryCommand({
            TableName: 'letters',
            Select: 'COUNT',
            KeyConditionExpression: 'id = :id',
            ExpressionAttributeValues: { ':id': { S: id } },
            ConsistentRead,
            ReturnConsumedCapacity: 'TOTAL',
          }),
        );
        return ConsumedCapacity?.CapacityUnits;
      };
      // Names and keys weigh too: 2 + 4 + 4 bytes around the text.
      await Promise.all([put('full', 4086), put('over', 4087), put('long', 40_000)]);
      expect([await units('none', true), await units('full', true), await units('over', true)]).toEqual([1, 1, 2]);
      expect([await units('long', true), await units('long', false)]).toEqual([10, 5]);
      await dynamo.send(new GetItemCommand({ TableName: 'letters', Key: { id: { S: 'long' } } }));
      const scan = { TableName: 'letters', ReturnConsumedCapacity: 'TOTAL' } as const;
      expect((await dynamo.send(new ScanCommand(scan))).ConsumedCapacity?.CapacityUnits).toBe(6);
    } finally {
      await stop();
    }
  });

  it('takes a template whose alarm is over an expression, as CloudFormation does', async () => {
    const { aws, stop } = await startEmulator();
    try {
      const cloudformation = new CloudFormationClient(aws);
      const Metric = { Namespace: 'Bank', MetricName: 'Audits' };
      const Properties = {
        Metrics: [
          { Id: 'filled', Expression: 'FILL(audits, 0)' },
          { Id: 'audits', ReturnData: false, MetricStat: { Metric, Period: 3600, Stat: 'SampleCount' } },
        ],
        ComparisonOperator: 'LessThanThreshold',
        Threshold: 1,
        EvaluationPeriods: 26,
      };
      const TemplateBody = JSON.stringify({ Resources: { Alarm: { Type: 'AWS::CloudWatch::Alarm', Properties } } });
      await cloudformation.send(new CreateStackCommand({ StackName: 'alarms', TemplateBody }));
      await waitUntilStackCreateComplete(
        { client: cloudformation, minDelay: 1, maxDelay: 1, maxWaitTime: 30 },
        { StackName: 'alarms' },
      );
      const { MetricAlarms } = await new CloudWatchClient(aws).send(new DescribeAlarmsCommand({}));
      expect(MetricAlarms).toMatchObject([
        { ...Metric, Period: 3600, Statistic: 'SampleCount', EvaluationPeriods: 26 },
      ]);
    } finally {
      await stop();
    }
  });

  it('hands a function as many messages as the batch size of its event source says, beyond ten', async () => {
    const { aws, stop } = await startEmulator();
    const directory = await mkdtemp(join(tmpdir(), 'designs-batches-'));
    try {
      const sqs = new SQSClient(aws);
      const sizes = join(directory, 'sizes');
      await createFunction(aws, {
        name: 'batches',
        code: `exports.handler = async ({ Records }) => require('node:fs').appendFileSync(${JSON.stringify(sizes)}, Records.length + ' ');`,
      });
      const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'batches' }));
      for (let from = 0; from < 30; from += 10) {
        const Entries = Array.from({ length: 10 }, (_, index) => ({ Id: `${from + index}`, MessageBody: 'x' }));
        await sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
      }
      const attributes = async () =>
        (await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }))).Attributes!;
      await new LambdaClient(aws).send(
        new CreateEventSourceMappingCommand({
          FunctionName: 'batches',
          EventSourceArn: (await attributes())['QueueArn']!,
          BatchSize: 20,
          MaximumBatchingWindowInSeconds: 1,
        }),
      );
      const isEmpty = async () => {
        const all = await attributes();
        return all['ApproximateNumberOfMessages'] === '0' && all['ApproximateNumberOfMessagesNotVisible'] === '0';
      };
      while (!(await isEmpty())) await delay(50);
      expect((await readFile(sizes, 'utf8')).trim().split(' ').toSorted()).toEqual(['10', '20']);
    } finally {
      await stop();
      await rm(directory, { recursive: true });
    }
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGKILL'] as const)('ends when its owner ends by %s', async (signal) => {
    const owner = spawn(process.execPath, [join(import.meta.dirname, 'holder.ts')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(createInterface({ input: owner.stdout }), 'line')) as [string];
    const { endpoint, pid } = JSON.parse(line) as { endpoint: string; pid: number };
    expect((await fetch(`${endpoint}/_ministack/health`)).status).toBe(200);
    owner.kill(signal);
    await once(owner, 'exit');
    await untilGone(pid);
    expect(isAlive(pid)).toBe(false);
    await expect(fetch(endpoint)).rejects.toThrow('fetch failed');
  });

  it('uses what AWS_ENDPOINT_URL names, starts nothing and stops nothing', async () => {
    const theirs = createServer((_, response) => response.end('theirs')).listen(0, '127.0.0.1');
    await once(theirs, 'listening');
    const endpoint = `http://127.0.0.1:${(theirs.address() as { port: number }).port}`;
    vi.stubEnv('AWS_ENDPOINT_URL', endpoint);
    vi.stubEnv('AWS_REGION', 'eu-west-1');
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'key');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
    vi.stubEnv('AWS_SESSION_TOKEN', '');
    const emulator = await startEmulator();
    expect(emulator.pid).toBeUndefined();
    expect(emulator.aws).toEqual({
      region: 'eu-west-1',
      endpoint,
      credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
    });
    await emulator.stop();
    expect(await (await fetch(endpoint)).text()).toBe('theirs');
    theirs.close();
  });
});
