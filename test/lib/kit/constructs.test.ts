import { App, Duration, Stack } from 'aws-cdk-lib';
import { StreamViewType } from 'aws-cdk-lib/aws-dynamodb';
import { DefinitionBody, Pass } from 'aws-cdk-lib/aws-stepfunctions';
import { beforeAll, describe, expect, it } from 'vitest';
import { PrivateBucket } from '../../../lib/kit/bucket.ts';
import { Handler, handlerMetadata, type HandlerProps } from '../../../lib/kit/handler.ts';
import { HttpApi } from '../../../lib/kit/http-api.ts';
import { WorkQueue } from '../../../lib/kit/queue.ts';
import { schedulesEnabled } from '../../../lib/kit/stage.ts';
import { OnDemandTable } from '../../../lib/kit/table.ts';
import { Workflow } from '../../../lib/kit/workflow.ts';
import { idsOf, ofType, type Resources, statementsOf, templateOf } from './synthesise.ts';

const put: HandlerProps = {
  entry: 'shelf/put',
  does: 'Puts a book.',
  memoryMb: 256,
  timeout: Duration.seconds(5),
};
/** What denies a request that is not encrypted, in the policy of a bucket or a queue. */
const overTls = expect.objectContaining({
  Effect: 'Deny',
  Action: expect.stringMatching(/^(s3|sqs):\*$/),
  Principal: { AWS: '*' },
  Condition: { Bool: { 'aws:SecureTransport': 'false' } },
});

describe('a handler', () => {
  let resources: Resources;
  beforeAll(async () => {
    resources = await templateOf((stack) => {
      const table = new OnDemandTable(stack, 'Books', { key: 'id' });
      const handler = new Handler(stack, 'Put', { ...put, environment: { BOOKS_TABLE: 'books' } });
      handler.allow(['dynamodb:PutItem'], table.tableArn);
      handler.allowMetrics('Shelf');
    });
  });

  it('runs its bundle on Node 24 with the memory and the timeout that it was given', () => {
    expect(ofType(resources, 'AWS::Lambda::Function')).toMatchObject([
      {
        Properties: {
          Runtime: 'nodejs24.x',
          Handler: 'index.handler',
          MemorySize: 256,
          Timeout: 5,
          Description: 'Puts a book.',
          TracingConfig: { Mode: 'Active' },
          Environment: {
            Variables: { NODE_OPTIONS: '--enable-source-maps', POWERTOOLS_SERVICE_NAME: 'shelf', BOOKS_TABLE: 'books' },
          },
        },
      },
    ]);
  });

  it('logs into a group of its own, for a month', () => {
    const [group] = idsOf(resources, 'AWS::Logs::LogGroup');
    expect(resources[group!]!.Properties).toEqual({ RetentionInDays: 30 });
    expect(ofType(resources, 'AWS::Lambda::Function')[0]!.Properties!['LoggingConfig']).toEqual({
      LogGroup: { Ref: group },
    });
  });

  it('has a role of its own, without managed policies', () => {
    const [role, ...others] = ofType(resources, 'AWS::IAM::Role');
    expect(others).toEqual([]);
    expect(role!.Properties).not.toHaveProperty('ManagedPolicyArns');
  });

  it('may log into its group, trace, put metrics of its namespace, and what it was allowed; nothing else', () => {
    const [group] = idsOf(resources, 'AWS::Logs::LogGroup');
    const [table] = idsOf(resources, 'AWS::DynamoDB::Table');
    const byAction = (a: { Action: unknown }, b: { Action: unknown }) => (String(a.Action) < String(b.Action) ? -1 : 1);
    expect(statementsOf(resources).toSorted(byAction)).toEqual([
      {
        Effect: 'Allow',
        Action: 'cloudwatch:PutMetricData',
        Resource: '*',
        Condition: { StringEquals: { 'cloudwatch:namespace': 'Shelf' } },
      },
      { Effect: 'Allow', Action: 'dynamodb:PutItem', Resource: { 'Fn::GetAtt': [table, 'Arn'] } },
      {
        Effect: 'Allow',
        Action: ['logs:CreateLogStream', 'logs:PutLogEvents'],
        Resource: { 'Fn::GetAtt': [group, 'Arn'] },
      },
      { Effect: 'Allow', Action: ['xray:PutTelemetryRecords', 'xray:PutTraceSegments'], Resource: '*' },
    ]);
  });

  it('holds each statement on everything in a policy of its own, apart from what it was allowed', () => {
    const policies = ofType(resources, 'AWS::IAM::Policy').map(
      ({ Properties }) => Properties!['PolicyDocument'] as { Statement: readonly { readonly Resource: unknown }[] },
    );
    const broad = policies.filter(({ Statement }) => Statement.some(({ Resource }) => Resource === '*'));
    expect(broad.map(({ Statement }) => Statement.length)).toEqual(broad.map(() => 1));
    expect(broad).not.toEqual([]);
  });

  it('waits for its right to trace, so that its first trace is not lost', () => {
    const [tracing] = idsOf(resources, 'AWS::IAM::Policy').filter((id) => id.includes('Tracing'));
    expect(ofType(resources, 'AWS::Lambda::Function')[0]!['DependsOn']).toContain(tracing);
  });

  it('has room in /tmp only when it asks for it', async () => {
    const size = { Properties: { EphemeralStorage: { Size: 1024 } } };
    expect(ofType(resources, 'AWS::Lambda::Function')).not.toMatchObject([size]);
    const large = await templateOf((stack) => new Handler(stack, 'Put', { ...put, temporaryMb: 1024 }));
    expect(ofType(large, 'AWS::Lambda::Function')).toMatchObject([size]);
  });

  it('says which source file it runs, so that the diff can compare handlers', async () => {
    const found: unknown[] = [];
    await templateOf((stack) => {
      const { node } = new Handler(stack, 'Put', put);
      found.push(...node.metadata.filter(({ type }) => type === handlerMetadata).map(({ data }) => data as unknown));
    });
    expect(found).toEqual([{ entry: 'lambdas/shelf/put.ts', name: 'put' }]);
  });

  it('says what to do when nobody built the bundles', () => {
    expect(() => new Handler(new Stack(new App(), 'shelf'), 'Put', put)).toThrow(
      'no bundle for shelf/put: give the App the context "bundles", the directory that the build made',
    );
  });
});

describe('a work queue', () => {
  let resources: Resources;
  beforeAll(async () => {
    resources = await templateOf(
      (stack) => new WorkQueue(stack, 'Work', { visibilityTimeout: Duration.seconds(60), receivesMax: 5 }),
    );
  });
  const queues = () => idsOf(resources, 'AWS::SQS::Queue');
  const deadLetters = () => queues().find((id) => id.includes('DeadLetters'))!;
  const work = () => queues().find((id) => !id.includes('DeadLetters'))!;

  it('hands what failed so many times to its dead-letter queue', () => {
    expect(resources[work()]!.Properties).toMatchObject({
      VisibilityTimeout: 60,
      RedrivePolicy: { deadLetterTargetArn: { 'Fn::GetAtt': [deadLetters(), 'Arn'] }, maxReceiveCount: 5 },
    });
  });

  it('keeps a dead letter longer than a message lives, so that a late one can be looked at', () => {
    const seconds = (id: string) => resources[id]!.Properties!['MessageRetentionPeriod'] as number;
    expect(seconds(deadLetters())).toBe(14 * 86_400);
    expect(seconds(deadLetters())).toBeGreaterThan(seconds(work()));
  });

  it('is encrypted and answers over TLS only, and so is its dead-letter queue', () => {
    for (const id of queues()) {
      expect(resources[id]!.Properties).toMatchObject({ SqsManagedSseEnabled: true });
      const policies = ofType(resources, 'AWS::SQS::QueuePolicy').filter(({ Properties }) =>
        JSON.stringify(Properties!['Queues']).includes(`"${id}"`),
      );
      expect(policies).toHaveLength(1);
    }
    expect(statementsOf(resources, 'AWS::SQS::QueuePolicy')).toEqual([overTls, overTls]);
  });

  it('raises an alarm for the first dead letter, and none as long as there is no news', () => {
    expect(ofType(resources, 'AWS::CloudWatch::Alarm')).toMatchObject([
      {
        Properties: {
          MetricName: 'ApproximateNumberOfMessagesVisible',
          Dimensions: [{ Name: 'QueueName', Value: { 'Fn::GetAtt': [deadLetters(), 'QueueName'] } }],
          ComparisonOperator: 'GreaterThanThreshold',
          Threshold: 0,
          EvaluationPeriods: 1,
          TreatMissingData: 'notBreaching',
        },
      },
    ]);
  });
});

describe('a private bucket', () => {
  const bucketOf = async (props: ConstructorParameters<typeof PrivateBucket>[2] = {}) =>
    ofType(await templateOf((stack) => new PrivateBucket(stack, 'Books', props)), 'AWS::S3::Bucket')[0]!.Properties!;

  it('is encrypted, closed to the public, and deletes uploads that nobody finished', async () => {
    expect(await bucketOf()).toEqual({
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
      },
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
      OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
      LifecycleConfiguration: {
        Rules: [
          {
            Id: 'abort-stale-uploads',
            Status: 'Enabled',
            AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
          },
        ],
      },
    });
  });

  it('answers over TLS 1.2 or later only', async () => {
    const resources = await templateOf((stack) => new PrivateBucket(stack, 'Books'));
    const statements = statementsOf(resources, 'AWS::S3::BucketPolicy');
    expect(statements).toContainEqual(overTls);
    expect(statements).toContainEqual(
      expect.objectContaining({ Effect: 'Deny', Condition: { NumericLessThan: { 's3:TlsVersion': 1.2 } } }),
    );
  });

  it('keeps versions, expires objects and sends events when it is told to', async () => {
    expect(await bucketOf({ versioned: true, expireAfterDays: 30, events: true })).toMatchObject({
      VersioningConfiguration: { Status: 'Enabled' },
      LifecycleConfiguration: { Rules: [{}, { ExpirationInDays: 30, Status: 'Enabled' }] },
      NotificationConfiguration: { EventBridgeConfiguration: { EventBridgeEnabled: true } },
    });
  });

  it('locks what it holds for a day that a deployer may pass by, and in production for as long as it was told', async () => {
    const lockOf = async (stage: 'sandbox' | 'production') => {
      const resources = await templateOf((stack) => new PrivateBucket(stack, 'Books', { lockedDays: 700 }), { stage });
      return ofType(resources, 'AWS::S3::Bucket')[0]!.Properties!;
    };
    const locked = (mode: string, days: number) => ({
      VersioningConfiguration: { Status: 'Enabled' },
      ObjectLockEnabled: true,
      ObjectLockConfiguration: {
        ObjectLockEnabled: 'Enabled',
        Rule: { DefaultRetention: { Mode: mode, Days: days } },
      },
    });
    expect(await lockOf('sandbox')).toMatchObject(locked('GOVERNANCE', 1));
    expect(await lockOf('production')).toMatchObject(locked('COMPLIANCE', 700));
  });

  it('sends events without a custom resource', async () => {
    const resources = await templateOf((stack) => new PrivateBucket(stack, 'Books', { events: true }));
    expect(new Set(Object.values(resources).map(({ Type }) => Type))).toEqual(
      new Set(['AWS::S3::Bucket', 'AWS::S3::BucketPolicy']),
    );
  });

  it('grants object actions below a prefix, and listing on the bucket alone', async () => {
    const resources = await templateOf((stack) => {
      const bucket = new PrivateBucket(stack, 'Books');
      const handler = new Handler(stack, 'Put', put);
      bucket.allowObjects(handler, ['s3:GetObject'], 'novels/');
      bucket.allowList(handler, ['s3:ListBucket']);
    });
    const [bucket] = idsOf(resources, 'AWS::S3::Bucket');
    const granted = statementsOf(resources).filter(({ Action }) => String(Action).startsWith('s3:'));
    expect(granted).toEqual([
      {
        Effect: 'Allow',
        Action: 's3:GetObject',
        Resource: { 'Fn::Join': ['', [{ 'Fn::GetAtt': [bucket, 'Arn'] }, '/novels/*']] },
      },
      { Effect: 'Allow', Action: 's3:ListBucket', Resource: { 'Fn::GetAtt': [bucket, 'Arn'] } },
    ]);
  });
});

describe('an on-demand table', () => {
  const tableOf = async (props: ConstructorParameters<typeof OnDemandTable>[2]) =>
    ofType(await templateOf((stack) => new OnDemandTable(stack, 'Books', props)), 'AWS::DynamoDB::Table')[0]!
      .Properties!;

  it('is paid by request, encrypted, and can be restored to any second', async () => {
    expect(await tableOf({ key: 'id' })).toEqual({
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      BillingMode: 'PAY_PER_REQUEST',
      SSESpecification: { SSEEnabled: true },
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      DeletionProtectionEnabled: false,
    });
  });

  it('has a stream when it is told what that tells', async () => {
    expect(await tableOf({ key: 'id', stream: StreamViewType.NEW_IMAGE })).toMatchObject({
      StreamSpecification: { StreamViewType: 'NEW_IMAGE' },
    });
  });

  it('has a sort key and an expiry when it is told to', async () => {
    expect(await tableOf({ key: 'id', sort: 'at', expires: 'untilS' })).toMatchObject({
      KeySchema: [{}, { AttributeName: 'at', KeyType: 'RANGE' }],
      TimeToLiveSpecification: { AttributeName: 'untilS', Enabled: true },
    });
  });
});

describe('a workflow', () => {
  it('is a Standard state machine that ends in time, is traced and logs every event', async () => {
    const resources = await templateOf((stack) => {
      new Workflow(stack, 'Run', {
        definition: DefinitionBody.fromChainable(new Pass(stack, 'Nothing')),
        timeout: Duration.hours(6),
      });
    });
    const [machine] = ofType(resources, 'AWS::StepFunctions::StateMachine');
    expect(machine!.Properties).toMatchObject({
      StateMachineType: 'STANDARD',
      TracingConfiguration: { Enabled: true },
      LoggingConfiguration: { Level: 'ALL', IncludeExecutionData: true },
    });
    expect(JSON.stringify(machine!.Properties!['DefinitionString'])).toContain('TimeoutSeconds\\":21600');
  });
});

describe('the stage', () => {
  const make = (stack: Stack) => {
    new OnDemandTable(stack, 'Table', { key: 'id' });
    new PrivateBucket(stack, 'Bucket');
    new Handler(stack, 'Put', put);
  };
  const holdData = ['AWS::DynamoDB::Table', 'AWS::S3::Bucket', 'AWS::Logs::LogGroup'];

  it.each([
    ['sandbox', 'Delete', false],
    ['production', 'Retain', true],
  ] as const)('%s decides that data is to %s with its stack', async (stage, policy, isProtected) => {
    const resources = await templateOf(make, { stage });
    for (const type of holdData) {
      expect(ofType(resources, type), type).toMatchObject([{ DeletionPolicy: policy, UpdateReplacePolicy: policy }]);
    }
    expect(ofType(resources, 'AWS::DynamoDB::Table')[0]!.Properties).toMatchObject({
      DeletionProtectionEnabled: isProtected,
    });
  });

  it.each([
    [undefined, true],
    ['on', true],
    ['off', false],
  ])('has schedules %s', (context, enabled) => {
    const app = new App(context === undefined ? {} : { context: { schedules: context } });
    expect(schedulesEnabled(app)).toBe(enabled);
  });
});

describe('an HTTP API', () => {
  it('lets nobody in who does not sign, bounds the rate, and logs every request', async () => {
    const resources = await templateOf((stack) => {
      const api = new HttpApi(stack, 'Api', { does: 'Lends books.', requestsPerSecondMax: 50 });
      api.route('POST /books', new Handler(stack, 'Put', put));
      api.route('GET /books/{id}', new Handler(stack, 'Get', put));
    });
    const routes = ofType(resources, 'AWS::ApiGatewayV2::Route');
    expect(routes.map(({ Properties }) => [Properties!['RouteKey'], Properties!['AuthorizationType']])).toEqual([
      ['POST /books', 'AWS_IAM'],
      ['GET /books/{id}', 'AWS_IAM'],
    ]);
    const [stage] = ofType(resources, 'AWS::ApiGatewayV2::Stage');
    expect(stage!.Properties).toMatchObject({
      StageName: '$default',
      DefaultRouteSettings: { ThrottlingRateLimit: 50, ThrottlingBurstLimit: 50 },
      AccessLogSettings: { Format: expect.stringContaining('$context.routeKey') },
    });
  });
});
