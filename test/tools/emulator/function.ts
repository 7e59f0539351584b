import { CloudFormationClient, CreateStackCommand, waitUntilStackCreateComplete } from '@aws-sdk/client-cloudformation';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import type { AwsConfig } from '../../../lib/kit/proof.ts';

export interface FunctionPlan {
  readonly name: string;
  /** A CommonJS module that exports `handler`. */
  readonly code: string;
  /** What its role may do, on every resource; nothing when absent. */
  readonly actions?: readonly string[];
}

/** A function in a stack of its own, without anything of the CDK. */
export async function createFunction(aws: AwsConfig, { name, code, actions = [] }: FunctionPlan): Promise<void> {
  const trust = {
    Statement: [{ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' }],
  };
  const grant = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: actions, Resource: '*' }] };
  const template = {
    Resources: {
      Role: {
        Type: 'AWS::IAM::Role',
        Properties: {
          AssumeRolePolicyDocument: trust,
          Policies: actions.length === 0 ? [] : [{ PolicyName: 'granted', PolicyDocument: grant }],
        },
      },
      Function: {
        Type: 'AWS::Lambda::Function',
        Properties: {
          FunctionName: name,
          Runtime: 'nodejs24.x',
          Handler: 'index.handler',
          Role: { 'Fn::GetAtt': ['Role', 'Arn'] },
          Code: { ZipFile: code },
        },
      },
    },
  };
  const client = new CloudFormationClient(aws);
  const stack = { StackName: name, TemplateBody: JSON.stringify(template) };
  await client.send(new CreateStackCommand({ ...stack, Capabilities: ['CAPABILITY_IAM'] }));
  await waitUntilStackCreateComplete({ client, maxWaitTime: 30, minDelay: 1 }, { StackName: name });
}

/** What the function returns to an empty event. */
export async function invoke<Reply>(aws: AwsConfig, name: string): Promise<Reply> {
  const { Payload } = await new LambdaClient(aws).send(new InvokeCommand({ FunctionName: name }));
  return JSON.parse(Buffer.from(Payload!).toString()) as Reply;
}
