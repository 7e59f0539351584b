import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Fault } from '../../../lib/kit/proof.ts';
import { buildBundles } from '../../../tools/bundle/bundle.ts';
import { faultVariables } from '../../../tools/bundle/proof/faults.ts';

/** A handler that tells how what it caught looks to code that asks as handlers do. */
const source = `
import * as dynamodb from '@aws-sdk/client-dynamodb';
import * as lambda from '@aws-sdk/client-lambda';
import * as s3 from '@aws-sdk/client-s3';
import * as sqs from '@aws-sdk/client-sqs';
import { DynamoDBDocumentClient, TransactWriteCommand } from '@aws-sdk/lib-dynamodb';

const bounded = { maxAttempts: 2, region: 'us-east-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } };
const table = new dynamodb.DynamoDBClient(bounded);
const documents = DynamoDBDocumentClient.from(table);
const bucket = new s3.S3Client({ ...bounded, forcePathStyle: true });
const queue = new sqs.SQSClient(bounded);
const functions = new lambda.LambdaClient(bounded);
const write = { Put: { TableName: 't', Item: { id: { S: 'a' } } } };
const calls = {
  transact: () => table.send(new dynamodb.TransactWriteItemsCommand({ TransactItems: [write, write, write] })),
  transactDocuments: () => documents.send(
    new TransactWriteCommand({ TransactItems: [{ Put: { TableName: 't', Item: { id: 'a' } } }] }),
  ),
  put: () => table.send(new dynamodb.PutItemCommand(write.Put)),
  getObject: () => bucket.send(new s3.GetObjectCommand({ Bucket: 'b', Key: 'k' })),
  headObject: () => bucket.send(new s3.HeadObjectCommand({ Bucket: 'b', Key: 'k' })),
  receive: () => queue.send(new sqs.ReceiveMessageCommand({ QueueUrl: process.env.AWS_ENDPOINT_URL + '/q' })),
  invoke: () => functions.send(new lambda.InvokeCommand({ FunctionName: 'f' })),
};
const classes = {
  DynamoDBServiceException: dynamodb.DynamoDBServiceException,
  TransactionCanceledException: dynamodb.TransactionCanceledException,
  TransactionConflictException: dynamodb.TransactionConflictException,
  ConditionalCheckFailedException: dynamodb.ConditionalCheckFailedException,
  InternalServerError: dynamodb.InternalServerError,
  S3ServiceException: s3.S3ServiceException,
  NoSuchKey: s3.NoSuchKey,
  NotFound: s3.NotFound,
  SQSServiceException: sqs.SQSServiceException,
  RequestThrottled: sqs.RequestThrottled,
  LambdaServiceException: lambda.LambdaServiceException,
  TooManyRequestsException: lambda.TooManyRequestsException,
};
export const handler = async (call) => {
  try {
    await calls[call]();
    return { name: 'none' };
  } catch (error) {
    return {
      name: error.name,
      instanceOf: Object.keys(classes).filter((name) => error instanceof classes[name]),
      reasons: error.CancellationReasons,
      fault: error.$fault,
      status: error.$metadata?.httpStatusCode,
      attempts: error.$metadata?.attempts,
      text: error.message,
    };
  }
};
`;

interface Caught {
  readonly name: string;
  readonly instanceOf?: readonly string[];
  readonly reasons?: readonly { readonly Code: string; readonly Message?: string }[];
  readonly fault?: string;
  readonly status?: number;
  readonly attempts?: number;
  readonly text?: string;
}

let root: string;
/** Minified bundles, as they are deployed. */
let plain: string;
let proof: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'refusal-'));
  await mkdir(join(root, 'lambdas/demo'), { recursive: true });
  await writeFile(join(root, 'lambdas/demo/call.ts'), source);
  await symlink(join(import.meta.dirname, '..', '..', '..', 'node_modules'), join(root, 'node_modules'));
  [plain, proof] = await Promise.all([buildBundles({ root }), buildBundles({ root, instrumented: true })]);
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function call(bundle: string, name: string, environment: Readonly<Record<string, string>>): Promise<Caught> {
  const script = `import(${JSON.stringify(join(bundle, 'demo/call/index.mjs'))}).then(async ({ handler }) =>
    console.log('caught ' + JSON.stringify(await handler(process.argv[1], { awsRequestId: 'request' }))))`;
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', script, name], {
    env: { PATH: process.env['PATH'], ...environment },
  });
  return JSON.parse(/^caught (.*)$/m.exec(stdout)![1]!) as Caught;
}

const nowhere = 'http://127.0.0.1:9';

async function injected(name: string, fault: Fault, seed = '1'): Promise<Caught> {
  return call(proof, name, {
    AWS_ENDPOINT_URL: nowhere,
    [faultVariables.faults]: JSON.stringify([fault]),
    [faultVariables.seed]: seed,
  });
}

interface Wire {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What the client makes of the service's own bytes. */
async function answered(name: string, { status, headers, body }: Wire): Promise<Caught> {
  const server: Server = createServer((request, response) => {
    request.resume().on('end', () => response.writeHead(status, headers).end(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return call(plain, name, { AWS_ENDPOINT_URL: endpoint });
}

const fail = (error: string, more: Partial<Fault> = {}): Fault => ({ call: '*', kind: 'fail', error, ...more });
const json = { 'content-type': 'application/x-amz-json-1.0', 'x-amzn-requestid': 'R' };
const dynamoError = (name: string, fields: object): string =>
  JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${name}`, ...fields });
const s3Error = (code: string): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>told by S3</Message><RequestId>R</RequestId><HostId>h</HostId></Error>`;

describe('an injected refusal, in a deployed bundle', () => {
  it.each<[string, string, Fault, Wire]>([
    [
      'a canceled transaction with its reasons',
      'transact',
      fail('TransactionCanceledException', { reasons: ['None', 'ConditionalCheckFailed'] }),
      {
        status: 400,
        headers: json,
        body: dynamoError('TransactionCanceledException', {
          Message:
            'Transaction cancelled, please refer cancellation reasons for specific reasons [None, ConditionalCheckFailed, None]',
          CancellationReasons: [
            { Code: 'None' },
            { Code: 'ConditionalCheckFailed', Message: 'The conditional request failed' },
            { Code: 'None' },
          ],
        }),
      },
    ],
    [
      'a canceled transaction of a document client',
      'transactDocuments',
      fail('TransactionCanceledException'),
      {
        status: 400,
        headers: json,
        body: dynamoError('TransactionCanceledException', {
          Message:
            'Transaction cancelled, please refer cancellation reasons for specific reasons [TransactionConflict]',
          CancellationReasons: [{ Code: 'TransactionConflict', Message: 'Transaction is ongoing for the item' }],
        }),
      },
    ],
    [
      'a single write that conflicts',
      'put',
      fail('TransactionConflictException'),
      {
        status: 400,
        headers: json,
        body: dynamoError('TransactionConflictException', { message: 'Transaction is ongoing for the item' }),
      },
    ],
    [
      'a throttled write, which the SDK repeats',
      'put',
      fail('ThrottlingException'),
      { status: 400, headers: json, body: dynamoError('ThrottlingException', { message: 'told by DynamoDB' }) },
    ],
    [
      'an error that the client has no class for',
      'put',
      fail('SomeNewException'),
      { status: 400, headers: json, body: dynamoError('SomeNewException', { message: 'told by DynamoDB' }) },
    ],
    [
      'an internal error, which the SDK repeats',
      'put',
      fail('InternalServerError'),
      { status: 500, headers: json, body: dynamoError('InternalServerError', { message: 'told by DynamoDB' }) },
    ],
    [
      'a missing object',
      'getObject',
      fail('NoSuchKey'),
      { status: 404, headers: { 'content-type': 'application/xml' }, body: s3Error('NoSuchKey') },
    ],
    [
      'a missing object whose head is asked for: a reply without a body',
      'headObject',
      fail('NotFound'),
      { status: 404, headers: { 'content-type': 'application/xml' }, body: '' },
    ],
    [
      'a busy bucket, which the SDK asks again',
      'getObject',
      fail('SlowDown'),
      { status: 503, headers: { 'content-type': 'application/xml' }, body: s3Error('SlowDown') },
    ],
    [
      'a throttled queue',
      'receive',
      fail('RequestThrottled'),
      {
        status: 400,
        headers: { ...json, 'x-amzn-query-error': 'RequestThrottled;Sender' },
        body: JSON.stringify({ __type: 'com.amazonaws.sqs#RequestThrottled', message: 'told by SQS' }),
      },
    ],
    [
      'a throttled function',
      'invoke',
      fail('TooManyRequestsException'),
      {
        status: 429,
        headers: { 'content-type': 'application/json', 'x-amzn-errortype': 'TooManyRequestsException' },
        body: JSON.stringify({ Type: 'User', message: 'Rate Exceeded.' }),
      },
    ],
  ])('is caught as %s', async (_, name, fault, wire) => {
    const [ours, theirs] = await Promise.all([injected(name, fault), answered(name, wire)]);
    const sameText = fault.error!.startsWith('Transaction');
    expect({ ...ours, ...(sameText ? {} : { text: theirs.text }) }).toEqual(theirs);
    expect(theirs.name).toBe(fault.error);
  });

  it('is an instance of the classes that handlers ask for', async () => {
    expect(await injected('transact', fail('TransactionCanceledException'))).toMatchObject({
      instanceOf: ['DynamoDBServiceException', 'TransactionCanceledException'],
      attempts: 1,
    });
    expect(await injected('getObject', fail('SlowDown'))).toMatchObject({
      instanceOf: ['S3ServiceException'],
      attempts: 2,
    });
  });

  it('has one reason for each item of the transaction, the conflict at one that the seed picks', async () => {
    const conflict = fail('TransactionCanceledException');
    const places = new Set<number>();
    for (let seed = 1; seed <= 8; seed += 1) {
      const codes = (await injected('transact', conflict, String(seed))).reasons!.map(({ Code }) => Code);
      expect(codes.toSorted()).toEqual(['None', 'None', 'TransactionConflict']);
      places.add(codes.indexOf('TransactionConflict'));
    }
    expect(places.size).toBeGreaterThan(1);
  });
});
