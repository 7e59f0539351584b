import { expect, it } from 'vitest';
import { actionsOf } from '../../../tools/bundle/proof/actions.ts';
import { addCall, emptyTally } from '../../../tools/bundle/proof/tally.ts';

it.each([
  ['dynamodb', 'GetItem', {}, ['dynamodb:GetItem']],
  [
    'dynamodb',
    'TransactWriteItems',
    { TransactItems: [{ Put: {} }, { ConditionCheck: {} }, { Update: {} }, { Delete: {} }] },
    ['dynamodb:PutItem', 'dynamodb:ConditionCheckItem', 'dynamodb:UpdateItem', 'dynamodb:DeleteItem'],
  ],
  ['dynamodb', 'TransactGetItems', { TransactItems: [{ Get: {} }] }, ['dynamodb:GetItem']],
  ['s3', 'GetObject', { Key: 'k' }, ['s3:GetObject']],
  ['s3', 'GetObject', { Key: 'k', VersionId: 'v' }, ['s3:GetObjectVersion']],
  ['s3', 'HeadObject', {}, ['s3:GetObject']],
  ['s3', 'ListObjectsV2', {}, ['s3:ListBucket']],
  ['s3', 'ListObjectVersions', {}, ['s3:ListBucketVersions']],
  ['s3', 'PutObject', {}, ['s3:PutObject']],
  ['s3', 'PutObject', { ObjectLockMode: 'GOVERNANCE' }, ['s3:PutObject', 's3:PutObjectRetention']],
  ['s3', 'UploadPart', {}, ['s3:PutObject']],
  ['sqs', 'SendMessageBatch', {}, ['sqs:SendMessage']],
  ['lambda', 'Invoke', {}, ['lambda:InvokeFunction']],
  ['sfn', 'StartExecution', {}, ['states:StartExecution']],
  ['cloudwatch', 'PutMetricData', {}, ['cloudwatch:PutMetricData']],
  ['cloudwatchlogs', 'PutLogEvents', {}, ['logs:PutLogEvents']],
])('%s.%s %j needs %j', (service, operation, request, actions) => {
  expect(actionsOf(service, operation, request).map(({ action }) => action)).toEqual(actions);
});

it.each([
  ['dynamodb', 'Query', { TableName: 't', IndexName: 'i' }, ['t']],
  ['dynamodb', 'BatchGetItem', { RequestItems: { a: {}, b: {} } }, ['a', 'b']],
  [
    'dynamodb',
    'TransactWriteItems',
    { TransactItems: [{ Put: { TableName: 'a' } }, { Update: { TableName: 'b' } }] },
    ['a', 'b'],
  ],
  ['s3', 'GetObject', { Bucket: 'b', Key: 'k' }, ['b']],
  ['sqs', 'SendMessage', { QueueUrl: 'https://q' }, ['https://q']],
  ['lambda', 'Invoke', { FunctionName: 'f' }, ['f']],
  ['lambda', 'Invoke', { FunctionName: 'arn:aws:lambda:eu-west-1:1:function:f' }, ['f']],
  ['sfn', 'StartExecution', { stateMachineArn: 'arn' }, ['arn']],
  ['cloudwatch', 'PutMetricData', {}, ['']],
])('%s.%s %j is on %j', (service, operation, request, resources) => {
  expect(actionsOf(service, operation, request).map(({ resource }) => resource)).toEqual(resources);
});

it('tallies every attempt, and each action once', () => {
  const tally = emptyTally();
  addCall(tally, 's3', 'UploadPart', {});
  addCall(tally, 's3', 'UploadPart', {});
  addCall(tally, 's3', 'PutObject', { Bucket: 'b' });
  expect(tally).toMatchObject({
    calls: { 's3.UploadPart': 2, 's3.PutObject': 1 },
    actions: ['s3:PutObject', 's3:PutObject b'],
  });
});
