import { expect, it } from 'vitest';
import type { Template } from '../../../lib/kit/proof.ts';
import { missingPollerGrants, unusedGrants } from '../../../tools/prove/grants.ts';

const allow = (...Action: string[]) => ({ Effect: 'Allow', Action, Resource: 'arn' });
const policy = (...Statement: object[]) => ({
  Type: 'AWS::IAM::Policy',
  Properties: { Roles: [{ Ref: 'LoadRole' }], PolicyDocument: { Statement } },
});
const lambda = (role: string) => ({
  Type: 'AWS::Lambda::Function',
  Properties: { Role: { 'Fn::GetAtt': [role, 'Arn'] } },
});

function template(resources: Template['Resources']): readonly [Template] {
  return [{ Resources: { Load: lambda('LoadRole'), LoadRole: { Type: 'AWS::IAM::Role' }, ...resources } }];
}

const same = (id: string) => id;
const calls = (...actions: string[]) => new Map([['Load', new Set(actions)]]);

it('lists what the function’s policies allow and none of its calls needed', () => {
  const templates = template({
    Policy: policy(allow('s3:GetObject', 's3:PutObject'), { Effect: 'Allow', Action: 'dynamodb:PutItem' }),
    Other: {
      ...policy(allow('sqs:SendMessage')),
      Properties: { ...policy(allow('sqs:SendMessage')).Properties, Roles: [{ Ref: 'OtherRole' }] },
    },
    Denied: policy({ Effect: 'Deny', Action: 's3:DeleteObject' }),
  });
  expect(unusedGrants(templates, calls('s3:GetObject'), same)).toEqual([
    { function: 'Load', actions: [{ action: 'dynamodb:PutItem' }, { action: 's3:PutObject' }] },
  ]);
  expect(unusedGrants(templates, calls('s3:GetObject', 's3:PutObject', 'dynamodb:PutItem'), same)).toEqual([]);
});

it('tells the resources of one action apart', () => {
  const on = (Resource: unknown) => ({ ...allow('dynamodb:PutItem'), Resource });
  const tables = { Orders: { Type: 'AWS::DynamoDB::Table' }, Users: { Type: 'AWS::DynamoDB::Table' } };
  const arnOf = (id: string) => ({ 'Fn::GetAtt': [id, 'Arn'] });
  const both = template({
    ...tables,
    One: policy(on(arnOf('Orders'))),
    Two: policy(on([{ 'Fn::Join': ['', [arnOf('Users'), '/index/*']] }, { Ref: 'AWS::NoValue' }])),
  });
  const unusedOf = (...used: string[]) => unusedGrants(both, calls(...used), same)[0]?.actions;
  expect(unusedOf('dynamodb:PutItem Orders')).toEqual([{ action: 'dynamodb:PutItem', resource: 'Users' }]);
  expect(unusedOf('dynamodb:PutItem Orders', 'dynamodb:PutItem Users')).toBeUndefined();
  expect(unusedOf('dynamodb:GetItem Orders')).toHaveLength(2);
  // Of a call that names no resource nobody knows which grant it needed, nor which resource a grant on all is for.
  expect(unusedOf('dynamodb:PutItem')).toBeUndefined();
  const any = template({ ...tables, All: policy(on('*')) });
  expect(unusedGrants(any, calls('dynamodb:PutItem elsewhere'), same)).toEqual([]);
  const reasons = {
    'Load dynamodb:PutItem Users': 'for what is registered',
    'Load dynamodb:PutItem Orders': 'another',
  };
  expect(unusedGrants(both, calls(), same, reasons)[0]?.actions.map(({ reason }) => reason)).toEqual([
    'another',
    'for what is registered',
  ]);
  expect(() => unusedGrants(both, calls(), same, { 'Load dynamodb:PutItem Carts': 'none' })).toThrow('not granted');
});

it('counts a grant on all as used by no call that another grant names the resource of', () => {
  const tables = { Orders: { Type: 'AWS::DynamoDB::Table' }, Users: { Type: 'AWS::DynamoDB::Table' } };
  const templates = template({
    ...tables,
    All: policy({ ...allow('dynamodb:PutItem'), Resource: '*' }),
    One: policy({ ...allow('dynamodb:PutItem'), Resource: { 'Fn::GetAtt': ['Orders', 'Arn'] } }),
  });
  const unusedOf = (...used: string[]) => unusedGrants(templates, calls(...used), same)[0]?.actions;
  expect(unusedOf('dynamodb:PutItem Orders')).toEqual([{ action: 'dynamodb:PutItem' }]);
  expect(unusedOf('dynamodb:PutItem Orders', 'dynamodb:GetItem Users')).toHaveLength(1);
  expect(unusedOf('dynamodb:PutItem Users')).toEqual([{ action: 'dynamodb:PutItem', resource: 'Orders' }]);
  expect(unusedOf('dynamodb:PutItem Orders', 'dynamodb:PutItem Users')).toBeUndefined();
  expect(unusedOf('dynamodb:PutItem')).toBeUndefined();
});

it('refuses one reason for the grants of an action on several resources', () => {
  const on = (id: string) => ({ ...allow('s3:GetObject'), Resource: { 'Fn::GetAtt': [id, 'Arn'] } });
  const buckets = { Logs: { Type: 'AWS::S3::Bucket' }, Runs: { Type: 'AWS::S3::Bucket' } };
  const all = { ...allow('s3:GetObject'), Resource: '*' };
  const reasonsOf = (statements: readonly object[], reasons: Record<string, string>, ...used: string[]) =>
    unusedGrants(
      template({ ...buckets, Policy: policy(...statements) }),
      calls(...used),
      same,
      reasons,
    )[0]?.actions.map(({ reason }) => reason);
  const both = [on('Logs'), on('Runs')];
  const [any, ofLogs, ofRuns] = ['Load s3:GetObject', 'Load s3:GetObject Logs', 'Load s3:GetObject Runs'] as const;
  const refused =
    'proof.ts has one reason for "Load s3:GetObject" on Logs, Runs: give one of each resource, such as "Load s3:GetObject Logs"';
  expect(() => reasonsOf(both, { [any]: 'why' })).toThrow(refused);
  expect(() => reasonsOf(both, { [any]: 'why', [ofRuns]: 'for runs' })).toThrow(refused);
  expect(() => reasonsOf([...both, all], { [any]: 'why' }, 's3:GetObject Runs')).toThrow(
    'on all, Logs: give one of each resource, such as "Load s3:GetObject Logs"',
  );
  expect(reasonsOf(both, { [ofLogs]: 'for logs', [ofRuns]: 'for runs' })).toEqual(['for logs', 'for runs']);
  expect(reasonsOf(both, { [any]: 'why' }, 's3:GetObject Runs')).toEqual(['why']);
  // A grant on all has no other name.
  expect(reasonsOf([all, on('Runs')], { [any]: 'why', [ofRuns]: 'for runs' })).toEqual(['why', 'for runs']);
});

it('reads the policies that stand in the role itself', () => {
  const PolicyDocument = { Statement: [allow('s3:GetObject')] };
  const templates = template({
    LoadRole: { Type: 'AWS::IAM::Role', Properties: { Policies: [{ PolicyName: 'inline', PolicyDocument }] } },
  });
  expect(unusedGrants(templates, calls(), same)).toEqual([{ function: 'Load', actions: [{ action: 's3:GetObject' }] }]);
});

it('lists every grant of a function that never ran', () => {
  expect(unusedGrants(template({ Policy: policy(allow('s3:GetObject')) }), new Map(), same)).toHaveLength(1);
});

it('leaves out what Lambda itself needs: its logs, traces, and the polling of a source that is mapped', () => {
  const own = policy(allow('logs:CreateLogStream', 'logs:PutLogEvents', 'xray:PutTraceSegments'));
  const polling = policy(allow('sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'));
  const queue = { Type: 'AWS::SQS::Queue' };
  const mapping = {
    Type: 'AWS::Lambda::EventSourceMapping',
    Properties: { FunctionName: { Ref: 'Load' }, EventSourceArn: { 'Fn::GetAtt': ['Queue', 'Arn'] } },
  };
  expect(unusedGrants(template({ own, polling, Queue: queue, mapping }), calls(), same)).toEqual([]);
  const [unmapped] = unusedGrants(template({ own, polling, Queue: queue }), calls(), same);
  expect(unmapped?.actions).toHaveLength(3);
});

it('gives the proof’s reasons, by the short name of the function, and those that hold for every question', () => {
  const templates = template({ Policy: policy(allow('s3:ListBucket', 'sqs:GetQueueUrl')) });
  const reasons = { 'load s3:ListBucket': 'a missing object is told from a refusal' };
  expect(unusedGrants(templates, calls(), (id) => id.toLowerCase(), reasons)).toEqual([
    {
      function: 'load',
      actions: [
        { action: 's3:ListBucket', reason: reasons['load s3:ListBucket'] },
        { action: 'sqs:GetQueueUrl', reason: expect.stringContaining('SqsEventSource') },
      ],
    },
  ]);
});

it('refuses a reason for what is not granted', () => {
  expect(() => unusedGrants(template({}), calls(), same, { 'Load s3:GetObject': 'none' })).toThrow(
    'proof.ts has a reason for "Load s3:GetObject", which is not granted: delete it',
  );
});

it('lists what the pollers of an event source need and the role lacks', () => {
  const on = (id: string, ...actions: string[]) => ({
    ...allow(...actions.map((action) => `dynamodb:${action}`)),
    Resource: { 'Fn::GetAtt': [id, 'StreamArn'] },
  });
  const mapped = (...statements: object[]) =>
    template({
      Orders: { Type: 'AWS::DynamoDB::GlobalTable' },
      Users: { Type: 'AWS::DynamoDB::GlobalTable' },
      Policy: policy(...statements),
      Mapping: {
        Type: 'AWS::Lambda::EventSourceMapping',
        Properties: { FunctionName: { Ref: 'Load' }, EventSourceArn: { 'Fn::GetAtt': ['Orders', 'StreamArn'] } },
      },
    });
  const three = on('Orders', 'DescribeStream', 'GetRecords', 'GetShardIterator');
  const lacks = ['Load: dynamodb:ListStreams Orders'];
  expect(missingPollerGrants(mapped(three, on('Users', 'ListStreams')), same)).toEqual(lacks);
  expect(missingPollerGrants(mapped(three, on('Orders', 'ListStreams')), same)).toEqual([]);
});
