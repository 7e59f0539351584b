import { type Dictionary, isDictionary, type Plain } from './plain.ts';

const statementKeys = new Set([
  'Sid',
  'Effect',
  'Principal',
  'NotPrincipal',
  'Action',
  'NotAction',
  'Resource',
  'NotResource',
  'Condition',
]);

/** How a statement's parts are read, and whom it speaks of when it names no principal. */
export interface StatementReader {
  read(value: unknown): Plain;
  readonly subject?: string | undefined;
}

/** True for a statement of an IAM policy. One with a key that we do not know is left as it is, not half told. */
export function isStatement(value: unknown): value is Dictionary {
  return (
    isDictionary(value) &&
    (value.Effect === 'Allow' || value.Effect === 'Deny') &&
    ('Action' in value || 'NotAction' in value) &&
    Object.keys(value).every((key) => statementKeys.has(key))
  );
}

/** `allow Extract: dynamodb:Query on Documents/index/*`. */
export function statementText(statement: Dictionary, reader: StatementReader): string {
  const { Effect, Action, NotAction, Resource, NotResource, Condition, Sid } = statement;
  const parts = [
    `${String(Effect).toLowerCase()} ${who(statement, reader)}:`,
    Action === undefined ? '' : list(Action, reader),
    NotAction === undefined ? '' : `anything but ${list(NotAction, reader)}`,
    Resource === undefined ? '' : `on ${list(Resource, reader)}`,
    NotResource === undefined ? '' : `on anything but ${list(NotResource, reader)}`,
    Condition === undefined ? '' : `when ${conditionText(Condition, reader)}`,
    Sid === undefined || Sid === '' ? '' : `(${text(Sid, reader)})`,
  ];
  return parts.filter((part) => part !== '').join(' ');
}

function who({ Principal, NotPrincipal }: Dictionary, reader: StatementReader): string {
  const but = NotPrincipal === undefined ? '' : `anyone but ${principalText(NotPrincipal, reader)}`;
  if (Principal === undefined) return but || (reader.subject ?? 'its bearer');
  return [principalText(Principal, reader), but].filter((part) => part !== '').join(', ');
}

function principalText(principal: unknown, reader: StatementReader): string {
  if (!isDictionary(principal)) return principal === '*' ? 'anyone' : text(principal, reader);
  return Object.entries(principal)
    .map(([type, names]) => {
      if (type === 'AWS' && names === '*') return 'anyone';
      return type === 'Service' || type === 'AWS' ? list(names, reader) : `${type} ${list(names, reader)}`;
    })
    .join(', ');
}

function conditionText(condition: unknown, reader: StatementReader): string {
  if (!isDictionary(condition)) return text(condition, reader);
  return Object.entries(condition)
    .flatMap(([operator, tests]) =>
      isDictionary(tests)
        ? Object.entries(tests).map(
            ([key, wanted]) => `${key} ${operator === 'Bool' ? 'is' : operator} ${list(wanted, reader)}`,
          )
        : [`${operator} ${text(tests, reader)}`],
    )
    .join(' and ');
}

function list(value: unknown, reader: StatementReader): string {
  return [value]
    .flat()
    .map((item) => text(item, reader))
    .join(', ');
}

/** In a policy an ARN is how a resource is named, so the resource's own name says it. */
function text(value: unknown, reader: StatementReader): string {
  const plain = reader.read(value);
  const shown = typeof plain === 'string' ? plain : JSON.stringify(plain);
  return shown.replaceAll(/\$\{([^}!:]+)\.Arn\}/g, '$1');
}
