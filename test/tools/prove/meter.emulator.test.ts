import { setTimeout as sleep } from 'node:timers/promises';
import { CloudWatchLogsClient, CreateLogStreamCommand, PutLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { DescribeExecutionCommand, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { readProofLines } from '../../../tools/prove/lines.ts';
import { actionsUsed, readUsage } from '../../../tools/prove/meter.ts';
import { deployProbe, type Probe } from './probe.ts';

const aws = inject('aws');

let probe: Probe;

beforeAll(async () => {
  probe = await deployProbe(aws);
});
afterAll(() => probe.remove());

it('meters exactly what a scripted handler did', async () => {
  const sinceMs = Date.now();
  const { done } = await probe.invoke(
    { put: 'a' },
    { putBoth: ['b', 'c'] },
    { get: 'a' },
    { upload: 'object', bytes: 12_345 },
    { download: 'object' },
    { send: 3 },
    { receive: 1 },
  );
  expect(done?.errors).toEqual([]);
  const usage = await readUsage(aws, { functions: [probe.functionName], sinceMs });
  expect(usage).toMatchObject({
    invocations: 1,
    failedInvocations: 0,
    calls: {
      'dynamodb.GetItem': 1,
      'dynamodb.PutItem': 1,
      'dynamodb.TransactWriteItems': 1,
      's3.GetObject': 1,
      's3.PutObject': 1,
      'sqs.DeleteMessage': 1,
      'sqs.ReceiveMessage': 1,
      'sqs.SendMessageBatch': 1,
    },
    // Items of 1.5 kB: 2 units for a write, twice that for each of a transaction, half a unit for an eventual read.
    writeUnits: 2 + 2 * 4,
    readUnits: 0.5,
    messages: { sent: 3, received: 1, deleted: 1 },
    bytesIn: 12_345,
    bytesOut: 12_345,
    stateTransitions: 0,
  });
  expect(usage.handlerMs).toBeGreaterThan(1);
  const lines = await readProofLines(aws, [probe.functionName], sinceMs);
  const actions = actionsUsed(lines.filter((line) => line.designs === 'usage'));
  const used = [...(actions.get(probe.functionName) ?? [])].toSorted().map((text) => text.split(' '));
  // Each names what it was on.
  expect(used.filter(([, resource]) => resource === undefined)).toEqual([]);
  expect([...new Set(used.map(([action]) => action))]).toEqual([
    'dynamodb:GetItem',
    'dynamodb:PutItem',
    's3:GetObject',
    's3:PutObject',
    'sqs:DeleteMessage',
    'sqs:ReceiveMessage',
    'sqs:SendMessage',
  ]);
  const peakKb = usage.peakMemoryKb[probe.functionName];
  if (process.platform === 'linux') expect(peakKb).toBeGreaterThan(40_000);
});

it('shows the consumed capacity to a handler that asked, and hides it from one that did not', async () => {
  expect((await probe.invoke({ put: 'd' })).done?.reply).toEqual(['$metadata']);
  expect((await probe.invoke({ query: 'd' })).done?.reply).toContain('ConsumedCapacity');
});

it('counts an invocation that throws, and its calls', async () => {
  const sinceMs = Date.now();
  const { failure } = await probe.invoke({ put: 'e' }, { throw: 'Told' });
  expect(failure?.errorMessage).toBe('told to throw Told');
  const usage = await readUsage(aws, { functions: [probe.functionName], sinceMs });
  expect(usage).toMatchObject({ invocations: 1, failedInvocations: 1, calls: { 'dynamodb.PutItem': 1 } });
});

it('meters many invocations at once', async () => {
  const sinceMs = Date.now();
  const invocations = 120;
  const left = Array.from({ length: invocations }, (_, n) => n).values();
  await Promise.all(
    Array.from({ length: 12 }, async () => {
      for (const n of left) await probe.invoke({ put: `many ${n}` });
    }),
  );
  const usage = await readUsage(aws, { functions: [probe.functionName], sinceMs });
  expect(usage).toMatchObject({
    invocations,
    calls: { 'dynamodb.PutItem': invocations },
    writeUnits: 2 * invocations,
  });
});

it('counts the states that an execution and the children of its map entered', async () => {
  const sfn = new SFNClient(aws);
  const scripts = [{ steps: [{ put: 'f' }] }, { steps: [{ put: 'g' }] }];
  const { executionArn } = await sfn.send(
    new StartExecutionCommand({
      stateMachineArn: probe.stateMachineArn,
      input: JSON.stringify({ scripts }),
    }),
  );
  for (;;) {
    const { status } = await sfn.send(new DescribeExecutionCommand({ executionArn }));
    if (status !== 'RUNNING') break;
    await sleep(100);
  }
  const usage = await readUsage(aws, { functions: [], executions: [executionArn ?? ''], sinceMs: 0 });
  expect(usage.stateTransitions).toBe(1 + scripts.length);
});

it('reads more lines than one page of the logs holds', async () => {
  const logs = new CloudWatchLogsClient(aws);
  const stream = { logGroupName: probe.logGroupName, logStreamName: 'many' };
  await logs.send(new CreateLogStreamCommand(stream));
  const sinceMs = Date.now() + 1;
  const lines = 25_000;
  const perPut = 5_000;
  for (let first = 0; first < lines; first += perPut) {
    const logEvents = Array.from({ length: perPut }, (_, index) => ({
      // Some hundred share each millisecond, so that a page ends amid them.
      timestamp: sinceMs + Math.floor((first + index) / 300),
      message: JSON.stringify({ designs: 'usage', function: probe.functionName, request: String(first + index) }),
    }));
    await logs.send(new PutLogEventsCommand({ ...stream, logEvents }));
  }
  const read = await readProofLines(aws, [probe.functionName], sinceMs);
  expect(new Set(read.map(({ request }) => request)).size).toBe(lines);
  expect(read).toHaveLength(lines);
});
