import { isStatement, statementText } from './iam.ts';
import { type Dictionary, isDictionary, type Plain, same } from './plain.ts';
import { gapsBetween } from './sequences.ts';

/** What a value's reader has to know about the stack that it stands in. */
export interface Scope {
  /** Construct path of a logical id of the stack; undefined for anything else, such as a pseudo parameter. */
  pathOf(logicalId: string): string | undefined;
  /** What another stack hands over under this name, such as `${Charge/Function} of stack main`. */
  handedOver(output: string): string | undefined;
  /** The entry of the template that the value belongs to. */
  readonly logicalId: string;
  /** What stands for the resource's asset, such as `asset(charge: 14 lines changed)`. */
  readonly asset: string;
  /** Whom the resource's policies speak of, such as `Extract`; undefined where the statements name a principal. */
  readonly subject?: string | undefined;
}

/** One difference below an entry of the template, or the content of one that is new or gone. */
export interface Detail {
  /** Such as `Environment.Variables.TABLE` or `KeySchema[0]`; empty for the whole entry. */
  readonly path: string;
  readonly before?: Plain;
  readonly after?: Plain;
  /** Said in place of values that mean nothing to a reader: `asset(charge: 14 lines changed)`. */
  readonly text?: string;
}

/** What stands for a text that is nothing but the logical id of the resource that holds it. */
export const ownId = '(its own id)';

type Read = (value: unknown, scope: Scope) => Plain;

/** Makes a template value readable. Values that read the same may differ: whoever compares, compares the raw ones. */
export function readable(value: unknown, scope: Scope): Plain {
  if (typeof value === 'string') return readableText(value, scope);
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return value;
  if (Array.isArray(value)) return value.map((item) => readable(item, scope));
  if (!isDictionary(value)) return String(value);
  if (isAsset(value)) return scope.asset;
  if (isIntrinsic(value)) return parsed(intrinsicText(value, scope));
  if (isStatement(value)) return statementText(value, statementReader(scope));
  const statements = statementsOf(value);
  if (statements !== undefined) return statements.map((item) => statementText(item, statementReader(scope)));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, readable(item, scope)]));
}

/**
 * The differences of two values, as deep as their structures agree, so that a reader sees only what changed. Nothing
 * that differs is left out: where two values read the same, they are shown as the template has them.
 */
export function differences(path: string, before: unknown, after: unknown, from: Scope, to: Scope): readonly Detail[] {
  const read: Read = readable;
  return compare(path, before, after, { from, to, read });
}

interface Sides {
  readonly from: Scope;
  readonly to: Scope;
  readonly read: Read;
}

function compare(path: string, before: unknown, after: unknown, sides: Sides): readonly Detail[] {
  if (before === undefined) return [{ path, after: sides.read(after, sides.to) }];
  if (after === undefined) return [{ path, before: sides.read(before, sides.from) }];
  if (same(before, after)) return [];
  if (isAsset(before) && isAsset(after)) return [{ path, text: sides.to.asset }];
  if (hasParts(before) && hasParts(after)) {
    return keysOf(before, after).flatMap((key) =>
      compare(path === '' ? key : `${path}.${key}`, before[key], after[key], sides),
    );
  }
  if (Array.isArray(before) && Array.isArray(after)) return compareArrays(path, before, after, sides);
  return compareWhole(path, before, after, sides);
}

function compareArrays(path: string, before: readonly unknown[], after: readonly unknown[], sides: Sides) {
  return gapsBetween(before, after, same).flatMap(({ from, fromEnd, to, toEnd }) => {
    const [removed, added] = [before.slice(from, fromEnd), after.slice(to, toEnd)];
    return Array.from({ length: Math.max(removed.length, added.length) }, (_, i) => {
      const index = i < added.length ? to + i : from + i;
      return compare(`${path}[${index}]`, removed[i], added[i], sides);
    }).flat();
  });
}

function compareWhole(path: string, before: unknown, after: unknown, { from, to, read }: Sides): readonly Detail[] {
  const [old, young] = [read(before, from), read(after, to)];
  // A text that holds a structure, such as a state machine's definition, is compared as that structure.
  if (isComposite(old) && isComposite(young) && read === readable) {
    const inside = compare(path, old, young, { from, to, read: (value) => value as Plain });
    if (inside.length > 0) return inside;
  }
  if (!same(old, young)) return [{ path, before: old, after: young }];
  const [oldJson, youngJson] = [withoutHashes(JSON.stringify(before)), withoutHashes(JSON.stringify(after))];
  return oldJson === youngJson
    ? [{ path, text: `${oldJson}, with another hash` }]
    : [{ path, before: oldJson, after: youngJson }];
}

/** Code or a file in CDK's own bucket: its key is a hash, which means nothing and is another one on another machine. */
function isAsset(value: unknown): value is Dictionary {
  if (!isDictionary(value) || Object.keys(value).length !== 2) return false;
  const [bucket, key] = 'S3Key' in value ? [value.S3Bucket, value.S3Key] : [value.Bucket, value.Key];
  return /-assets-/.test(JSON.stringify(bucket ?? '')) && typeof key === 'string' && /^[0-9a-f]{64}\b/.test(key);
}

function isIntrinsic(value: unknown): value is Dictionary {
  if (!isDictionary(value)) return false;
  const [key, ...others] = Object.keys(value);
  return key !== undefined && others.length === 0 && (key === 'Ref' || key.startsWith('Fn::'));
}

/** The statements of a policy document, unless it says more than the usual version and they do not tell it all. */
function statementsOf(value: Dictionary): readonly Dictionary[] | undefined {
  const statements = [value.Statement].flat();
  const usual = value.Version === '2012-10-17' && Object.keys(value).length === 2;
  return usual && statements.every(isStatement) ? statements : undefined;
}

function hasParts(value: unknown): value is Dictionary {
  return isDictionary(value) && !isIntrinsic(value) && !isAsset(value) && !isStatement(value);
}

function isComposite(value: Plain): boolean {
  return typeof value === 'object' && value !== null;
}

function keysOf(a: Dictionary, b: Dictionary): readonly string[] {
  return [...Object.keys(a), ...Object.keys(b).filter((key) => !Object.hasOwn(a, key))];
}

function withoutHashes(text: string): string {
  return text.replaceAll(/\b[0-9a-f]{64}\b/g, 'hash');
}

function statementReader(scope: Scope) {
  return { read: (value: unknown) => readable(value, scope), subject: scope.subject };
}

function readableText(text: string, scope: Scope): Plain {
  if (text === scope.logicalId) return ownId;
  // CloudFormation's own escape, so that a text cannot be taken for a reference.
  return parsed(withoutHashes(text).replaceAll('${', '${!'));
}

/** A text that holds a JSON object or array is read as what it holds. */
function parsed(text: string): Plain {
  if (!/^\s*[[{]/.test(text)) return text;
  try {
    return JSON.parse(text) as Plain;
  } catch {
    return text;
  }
}

/** `${Documents.Arn}` and the like, as CloudFormation's own Sub writes references; rarer functions by their name. */
function intrinsicText(value: Dictionary, scope: Scope): string {
  const [[name, argument] = ['', undefined]] = Object.entries(value);
  const parts = Array.isArray(argument) ? argument : [];
  const [first, second] = parts as readonly unknown[];
  if (name === 'Ref') return reference([String(argument)], scope);
  if (name === 'Fn::GetAtt') {
    const path = typeof argument === 'string' ? argument.split('.') : parts.map((part) => inner(part, scope));
    return reference(path, scope);
  }
  if (name === 'Fn::Join' && typeof first === 'string' && Array.isArray(second)) {
    return second.map((part) => inner(part, scope)).join(first);
  }
  if (name === 'Fn::Sub' && typeof argument === 'string') return substituted(argument, {}, scope);
  if (name === 'Fn::Sub' && typeof first === 'string' && isDictionary(second)) return substituted(first, second, scope);
  const handedOver = handedOverText(name, argument, scope);
  if (handedOver !== undefined) return handedOver;
  if (name === 'Fn::If' && parts.length === 3) {
    const [condition, yes, no] = parts.map((part) => inner(part, scope));
    return `\${if ${condition} then ${yes} else ${no}}`;
  }
  return `\${${name.replace('Fn::', '')} ${[argument]
    .flat()
    .map((part) => inner(part, scope))
    .join(', ')}}`;
}

/** A reference to another stack names what it refers to, not the output in between. */
function handedOverText(name: string, argument: unknown, scope: Scope): string | undefined {
  if (name === 'Fn::ImportValue' && typeof argument === 'string') return scope.handedOver(argument);
  if (name !== 'Fn::GetStackOutput' || !isDictionary(argument)) return undefined;
  return typeof argument.OutputName === 'string' ? scope.handedOver(argument.OutputName) : undefined;
}

/** Text of a value inside an intrinsic function. */
function inner(value: unknown, scope: Scope): string {
  if (typeof value === 'string') return withoutHashes(value);
  if (isIntrinsic(value)) return intrinsicText(value, scope);
  const plain = readable(value, scope);
  return typeof plain === 'string' ? plain : JSON.stringify(plain);
}

function substituted(template: string, variables: Dictionary, scope: Scope): string {
  return withoutHashes(template).replaceAll(/\$\{([^!}][^}]*)\}/g, (_, name: string) =>
    Object.hasOwn(variables, name) ? inner(variables[name], scope) : reference(name.split('.'), scope),
  );
}

function reference([logicalId = '', ...attribute]: readonly string[], scope: Scope): string {
  // `fullDiff` marks a reference to a resource that is replaced.
  const [, id = '', replaced = ''] = /^(.*?)( ?\(replaced\))?$/s.exec(logicalId) ?? [];
  const name = [scope.pathOf(id) ?? id, ...attribute].join('.');
  return replaced === '' ? `\${${name}}` : `\${${name}}, which is replaced`;
}
