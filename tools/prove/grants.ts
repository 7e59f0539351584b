import { RunError } from '../cli/errors.ts';
import type { Template, TemplateResource } from '../../lib/kit/proof.ts';

/** Actions that a function's role is granted and that no call of a run needed. */
export interface UnusedGrants {
  readonly function: string;
  readonly actions: readonly UnusedAction[];
}

export interface UnusedAction {
  readonly action: string;
  /** The construct that it is granted on, such as `Orders`; absent where the grant names none of the template. */
  readonly resource?: string;
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
 * The functions' grants in these templates, less what their calls used (`s3:GetObject Logs`, by function, with the names
 * that `nameOf` gives for logical IDs), Lambda itself and its pollers. `reasons` are by `Function action`, such as
 * `Plan s3:GetObject`, or by `Function action Resource` where an action is granted on several.
 *
 * @throws {RunError} when a reason is given for what is not granted, or one for an action's unused grants on several
 * resources: it would excuse those to come as well.
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
        actions: granted(Resources, resource, nameOf),
        polled: polled(Resources, id, nameOf),
      })),
  );
  const all = new Set(
    functions.flatMap(({ name, actions }) =>
      actions.flatMap(({ action, resource }) => [`${name} ${action}`, `${name} ${textOf({ action, resource })}`]),
    ),
  );
  const stale = Object.keys(reasons).find((grant) => !all.has(grant));
  if (stale !== undefined) throw new RunError(`proof.ts has a reason for "${stale}", which is not granted: delete it`);
  return functions
    .map(({ name, actions, polled }) => {
      const needed = new Set([...runtimeActions, ...polled, ...(used.get(name) ?? [])]);
      const unused = actions
        // A call that names no resource, as some do, may have needed any of them.
        .filter((grant) => !needed.has(grant.action) && !needed.has(textOf(grant)) && !isOfAny(grant, actions, needed));
      refuseSweeping(name, unused, reasons);
      const reasoned = unused.map(({ action, resource }) => {
        const reason =
          reasons[`${name} ${textOf({ action, resource })}`] ?? reasons[`${name} ${action}`] ?? commonReasons[action];
        return {
          action,
          ...(resource !== undefined && { resource }),
          ...(reason !== undefined && { reason }),
        };
      });
      return { function: name, actions: reasoned };
    })
    .filter(({ actions }) => actions.length > 0)
    .toSorted((a, b) => (a.function < b.function ? -1 : 1));
}

/**
 * What pollers of event sources need and the functions' roles lack, such as `Archiver: dynamodb:ListStreams Entries`:
 * Lambda refuses such a mapping, and an emulator does not.
 */
export function missingPollerGrants(
  templates: readonly Template[],
  nameOf: (logicalId: string) => string,
): readonly string[] {
  return templates.flatMap(({ Resources }) =>
    Object.entries(Resources).flatMap(([id, resource]) => {
      if (resource.Type !== 'AWS::Lambda::Function') return [];
      const has = new Set(granted(Resources, resource, nameOf).map(textOf));
      return polled(Resources, id, nameOf)
        .filter((needed) => !has.has(needed))
        .map((needed) => `${nameOf(id)}: ${needed}`);
    }),
  );
}

type Resources = Template['Resources'];

interface Statement {
  readonly Effect: string;
  readonly Action?: string | readonly string[];
  readonly Resource?: unknown;
}

interface Grant {
  readonly action: string;
  readonly resource: string | undefined;
}

function textOf({ action, resource }: Grant): string {
  return resource === undefined ? action : `${action} ${resource}`;
}

/** Whether a grant on no resource of the template is what calls needed, on resources that no other grant names. */
function isOfAny({ action, resource }: Grant, grants: readonly Grant[], needed: ReadonlySet<string>): boolean {
  if (resource !== undefined) return false;
  const named = new Set(grants.map(textOf));
  return [...needed].some((used) => used.startsWith(`${action} `) && !named.has(used));
}

/** A reason without a resource is for an action's only unused grant, or for the one that names no resource. */
function refuseSweeping(name: string, unused: readonly Grant[], reasons: Readonly<Record<string, string>>): void {
  for (const grant of unused) {
    const grants = unused.filter(({ action }) => action === grant.action);
    const [any, own] = [`${name} ${grant.action}`, `${name} ${textOf(grant)}`];
    if (grants.length === 1 || !(any in reasons) || own in reasons) continue;
    const resources = grants.map(({ resource = 'all' }) => resource).join(', ');
    throw new RunError(
      `proof.ts has one reason for "${any}" on ${resources}: give one of each resource, such as "${own}"`,
    );
  }
}

/** Each action with each construct that it is granted on, once. */
function granted(
  resources: Resources,
  { Properties: { Role } = {} }: TemplateResource,
  nameOf: (logicalId: string) => string,
): readonly Grant[] {
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
  const grants = statements
    .filter(({ Effect }) => Effect === 'Allow')
    .flatMap(({ Action = [], Resource }) => {
      const ids = [...mentioned(Resource)].filter((id) => id in resources);
      const names = ids.length === 0 ? [undefined] : ids.map(nameOf);
      return [Action].flat().flatMap((action) => names.map((resource): Grant => ({ action, resource })));
    });
  const byText = new Map(grants.map((grant) => [textOf(grant), grant]));
  return [...byText].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, grant]) => grant);
}

/** The logical IDs that are named anywhere in a value. */
function* mentioned(value: unknown): Generator<string> {
  if (typeof value !== 'object' || value === null) return;
  const id = referred(value);
  if (id !== undefined) yield id;
  else for (const part of Object.values(value)) yield* mentioned(part);
}

/** What the pollers of a function's event sources need. */
function polled(resources: Resources, functionId: string, nameOf: (logicalId: string) => string): readonly string[] {
  return Object.values(resources).flatMap(({ Type, Properties = {} }) => {
    if (Type !== 'AWS::Lambda::EventSourceMapping' || referred(Properties['FunctionName']) !== functionId) return [];
    const sourceId = referred(Properties['EventSourceArn']) ?? '';
    const actions = pollerActions[resources[sourceId]?.Type ?? ''] ?? [];
    return actions.map((action) => `${action} ${nameOf(sourceId)}`);
  });
}

/** The logical ID that `Ref` or `Fn::GetAtt` names. */
function referred(value: unknown): string | undefined {
  const { Ref, 'Fn::GetAtt': attribute } = (value ?? {}) as { Ref?: string; 'Fn::GetAtt'?: readonly string[] };
  return Ref ?? attribute?.[0];
}
