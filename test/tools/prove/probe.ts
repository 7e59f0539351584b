import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CloudFormationClient,
  CreateStackCommand,
  DeleteStackCommand,
  waitUntilStackCreateComplete,
  waitUntilStackDeleteComplete,
} from '@aws-sdk/client-cloudformation';
import { DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import type { AwsConfig } from '../../../lib/kit/proof.ts';
import { buildBundles } from '../../../tools/bundle/bundle.ts';
import type { handler, Script, Step } from './lambdas/probe/call.ts';
import { zip } from './zip.ts';

type Done = Awaited<ReturnType<typeof handler>>;

/** A deployed proof bundle that makes the AWS calls it is told to. */
export interface Probe {
  readonly functionName: string;
  readonly stateMachineArn: string;
  readonly logGroupName: string;
  invoke(...steps: Step[]): Promise<Invoked>;
  /** True when the item is in the table. */
  has(id: string): Promise<boolean>;
  remove(): Promise<void>;
}

export interface Invoked {
  /** What the handler returned; undefined when it did not. */
  readonly done?: Done;
  /** What the caller is told when the invocation failed. */
  readonly failure?: { readonly errorMessage: string; readonly errorType: string };
}

/** Deploys the probe with a role of its own, its table, queue, bucket and state machine. */
export async function deployProbe(aws: AwsConfig): Promise<Probe> {
  const name = `probe-${randomUUID().slice(0, 8)}`;
  const [cloudFormation, lambda, dynamo, s3] = [
    new CloudFormationClient(aws),
    new LambdaClient(aws),
    new DynamoDBClient(aws),
    new S3Client(aws),
  ];
  const outdir = await mkdtemp(join(tmpdir(), 'probe-'));
  const bundles = await buildBundles({ root: import.meta.dirname, instrumented: true, outdir });
  const code = zip({ 'index.mjs': await readFile(join(bundles, 'probe', 'call', 'index.mjs')) });
  await rm(outdir, { recursive: true });

  await s3.send(new CreateBucketCommand({ Bucket: name }));
  await s3.send(new PutObjectCommand({ Bucket: name, Key: 'code.zip', Body: code }));
  await cloudFormation.send(
    new CreateStackCommand({
      StackName: name,
      TemplateBody: JSON.stringify(template(name)),
      Capabilities: ['CAPABILITY_NAMED_IAM'],
    }),
  );
  const { reason } = await waitUntilStackCreateComplete(
    { client: cloudFormation, minDelay: 0.2, maxDelay: 2, maxWaitTime: 120 },
    { StackName: name },
  );
  const [stack] = (reason as { Stacks: { Outputs: { OutputKey: string; OutputValue: string }[] }[] }).Stacks;
  const outputs = Object.fromEntries(
    (stack?.Outputs ?? []).map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]),
  );

  return {
    functionName: name,
    stateMachineArn: outputs['Machine'] ?? '',
    logGroupName: `/probe/${name}`,
    async invoke(...steps) {
      const script: Script = { steps };
      const reply = await lambda.send(new InvokeCommand({ FunctionName: name, Payload: JSON.stringify(script) }));
      const payload: unknown = JSON.parse(Buffer.from(reply.Payload ?? []).toString() || 'null');
      if (reply.FunctionError === undefined) return { done: payload as Done };
      return { failure: payload as NonNullable<Invoked['failure']> };
    },
    async has(id) {
      const { Item } = await dynamo.send(
        new GetItemCommand({ TableName: name, Key: { id: { S: id } }, ConsistentRead: true }),
      );
      return Item !== undefined;
    },
    async remove() {
      await cloudFormation.send(new DeleteStackCommand({ StackName: name }));
      await waitUntilStackDeleteComplete(
        { client: cloudFormation, minDelay: 0.2, maxDelay: 2, maxWaitTime: 120 },
        { StackName: name },
      );
      const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: name }));
      for (const { Key } of Contents) await s3.send(new DeleteObjectCommand({ Bucket: name, Key }));
      await s3.send(new DeleteBucketCommand({ Bucket: name }));
    },
  };
}

const getAtt = (...path: string[]): unknown => ({ 'Fn::GetAtt': path });
const ref = (id: string): unknown => ({ Ref: id });

function role(service: string, statements: readonly unknown[]): unknown {
  return {
    Type: 'AWS::IAM::Role',
    Properties: {
      AssumeRolePolicyDocument: {
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Principal: { Service: service }, Action: 'sts:AssumeRole' }],
      },
      Policies: [{ PolicyName: 'probe', PolicyDocument: { Version: '2012-10-17', Statement: statements } }],
    },
  };
}

function allow(actions: readonly string[], resource: unknown): unknown {
  return { Effect: 'Allow', Action: actions, Resource: resource };
}

function template(name: string): unknown {
  return {
    Resources: {
      Table: {
        Type: 'AWS::DynamoDB::Table',
        Properties: {
          TableName: name,
          BillingMode: 'PAY_PER_REQUEST',
          AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
          KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
        },
      },
      Logs: { Type: 'AWS::Logs::LogGroup', Properties: { LogGroupName: `/probe/${name}`, RetentionInDays: 1 } },
      Queue: { Type: 'AWS::SQS::Queue', Properties: { QueueName: name } },
      Role: role('lambda.amazonaws.com', [
        allow(['logs:CreateLogStream', 'logs:PutLogEvents'], getAtt('Logs', 'Arn')),
        allow(['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:Query'], getAtt('Table', 'Arn')),
        // The emulator wants the batch by its own name, which AWS does not know.
        allow(
          ['sqs:SendMessage', 'sqs:SendMessageBatch', 'sqs:ReceiveMessage', 'sqs:DeleteMessage'],
          getAtt('Queue', 'Arn'),
        ),
        allow(['s3:GetObject', 's3:PutObject'], `arn:aws:s3:::${name}/*`),
      ]),
      Function: {
        Type: 'AWS::Lambda::Function',
        Properties: {
          FunctionName: name,
          Runtime: 'nodejs24.x',
          Handler: 'index.handler',
          Code: { S3Bucket: name, S3Key: 'code.zip' },
          Role: getAtt('Role', 'Arn'),
          LoggingConfig: { LogGroup: ref('Logs') },
          MemorySize: 512,
          Timeout: 30,
          Environment: {
            Variables: { TABLE: name, BUCKET: name, QUEUE: ref('Queue'), POWERTOOLS_LOG_LEVEL: 'SILENT' },
          },
        },
      },
      MachineRole: role('states.amazonaws.com', [
        allow(['lambda:InvokeFunction'], getAtt('Function', 'Arn')),
        allow(['states:StartExecution'], '*'),
      ]),
      Machine: {
        Type: 'AWS::StepFunctions::StateMachine',
        Properties: {
          RoleArn: getAtt('MachineRole', 'Arn'),
          DefinitionString: { 'Fn::Sub': JSON.stringify(machine()) },
        },
      },
    },
    Outputs: { Machine: { Value: ref('Machine') } },
  };
}

/** Runs a script in each child of a Distributed Map; a failed task is tried once more. */
function machine(): unknown {
  return {
    StartAt: 'Each',
    States: {
      Each: {
        Type: 'Map',
        ItemsPath: '$.scripts',
        MaxConcurrency: 4,
        ItemProcessor: {
          ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
          StartAt: 'Call',
          States: {
            Call: {
              Type: 'Task',
              Resource: 'arn:aws:states:::lambda:invoke',
              Parameters: { FunctionName: '${Function.Arn}', 'Payload.$': '$' },
              Retry: [{ ErrorEquals: ['States.ALL'], IntervalSeconds: 1, MaxAttempts: 1 }],
              Catch: [{ ErrorEquals: ['States.ALL'], ResultPath: '$.caught', Next: 'Caught' }],
              End: true,
            },
            Caught: { Type: 'Pass', End: true },
          },
        },
        End: true,
      },
    },
  };
}
