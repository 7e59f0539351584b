import { RunError } from '../cli/errors.ts';
import type { Template, TemplateResource } from '../../lib/kit/proof.ts';

/** Actions that a function's role is granted and that no call of a run needed. */
export interface UnusedGrants {
  readonly function: string;
  readonly actions: readonly UnusedAction[];
}

export interface UnusedAction {
  readonly action: string;
  /** Why it is granted all the same; absent where nobody gave a reason. */
  readonly reason?: string;
}

/** What Lambda needs of the role that a function has, whatever its handler calls. */
const runtimeActions = [
  'logs:CreateLogStream',
  'logs:PutLogEvents',
  'xray:PutTelemetryRecords',
  'xray:PutTraceSegments',
];

const ofStream = [
  'dynamodb:DescribeStream',
  'dynamodb:GetRecords',
  'dynamodb:GetShardIterator',
  'dynamodb:ListStreams',
];

/**
 * What Lambda's pollers need of the role, by the type of the source: AWS Lambda Developer Guide, "Using Lambda with
 * Amazon SQS" and "… with Amazon DynamoDB", execution role permissions.
 */
const pollerActions: Readonly<Record<string, readonly string[]>> = {
  'AWS::DynamoDB::GlobalTable': ofStream,
  'AWS::DynamoDB::Table': ofStream,
  'AWS::SQS::Queue': ['sqs:DeleteMessage', 'sqs:GetQueueAttributes', 'sqs:ReceiveMessage'],
};

const byConstruct = 'CDK’s SqsEventSource grants it with what the poller needs';

/** Reasons that hold for every question: who grants it is no stack of ours. */
const commonReasons: Readonly<Record<string, string>> = {
  'sqs:ChangeMessageVisibility': byConstruct,
  'sqs:GetQueueUrl': byConstruct,
};

/**
 * The functions' grants in these templates, less what their calls used (by logical name, as `nameOf` gives it for a
 * logical ID), Lambda itself and its pollers. `reasons` are by `Function action`, such as `Plan s3:GetObject`.
 *
 * @throws {RunError} when a reason is given for what is not granted.
 */
export function unusedGrants(
  templates: readonly Template[],
  used: ReadonlyMap<string, ReadonlySet<string>>,
  nameOf: (logicalId: string) => string,
  reasons: Readonly<Record<string, string>> = {},
): readonly UnusedGrants[] {
  const functions = templates.flatMap(({ Resources }) =>
    Object.entries(Resources)
      .filter(([, { Type }]) => Type === 'AWS::Lambda::Function')
      .map(([id, resource]) => ({
        name: nameOf(id),
        actions: granted(Resources, resource),
        polled: polled(Resources, id),
      })),
  );
  const all = new Set(functions.flatMap(({ name, actions }) => actions.map((action) => `${name} ${action}`)));
  const stale = Object.keys(reasons).find((grant) => !all.has(grant));
  if (stale !== undefined) throw new RunError(`proof.ts has a reason for "${stale}", which is not granted: delete it`);
  return functions
    .map(({ name, actions, polled }) => {
      const needed = new Set([...runtimeActions, ...polled, ...(used.get(name) ?? [])]);
      const unused = actions
        .filter((action) => !needed.has(action))
        .map((action) => {
          const reason = reasons[`${name} ${action}`] ?? commonReasons[action];
          return { action, ...(reason !== undefined && { reason }) };
        });
      return { function: name, actions: unused };
    })
    .filter(({ actions }) => actions.length > 0)
    .toSorted((a, b) => (a.function < b.function ? -1 : 1));
}

type Resources = Template['Resources'];

interface Statement {
  readonly Effect: string;
  readonly Action?: string | readonly string[];
}

function granted(resources: Resources, { Properties: { Role } = {} }: TemplateResource): readonly string[] {
  const roleId = referred(Role);
  const inline = (resources[roleId ?? '']?.Properties?.['Policies'] ?? []) as readonly object[];
  const attached = Object.values(resources)
    .filter(({ Type, Properties: { Roles = [] } = {} }) => {
      if (Type !== 'AWS::IAM::Policy' && Type !== 'AWS::IAM::ManagedPolicy') return false;
      return (Roles as readonly unknown[]).some((role) => referred(role) === roleId);
    })
    .map(({ Properties }) => Properties!);
  const statements = [...inline, ...attached].flatMap(
    (policy) => (policy as { PolicyDocument: { Statement: readonly Statement[] } }).PolicyDocument.Statement,
  );
  const actions = statements.filter(({ Effect }) => Effect === 'Allow').flatMap(({ Action = [] }) => Action);
  return [...new Set(actions)].toSorted();
}

/** What the pollers of a function's event sources need. */
function polled(resources: Resources, functionId: string): readonly string[] {
  return Object.values(resources).flatMap(({ Type, Properties = {} }) => {
    if (Type !== 'AWS::Lambda::EventSourceMapping' || referred(Properties['FunctionName']) !== functionId) return [];
    const source = resources[referred(Properties['EventSourceArn']) ?? ''];
    return pollerActions[source?.Type ?? ''] ?? [];
  });
}

/** The logical ID that `Ref` or `Fn::GetAtt` names. */
function referred(value: unknown): string | undefined {
  const { Ref, 'Fn::GetAtt': attribute } = (value ?? {}) as { Ref?: string; 'Fn::GetAtt'?: readonly string[] };
  return Ref ?? attribute?.[0];
}
