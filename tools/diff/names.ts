import type { Answer } from '../../lib/kit/answers.ts';
import type { Template } from '../../lib/kit/proof.ts';
import type { Use } from '../../lib/kit/uses.ts';
import { isDictionary } from './plain.ts';
import { changedLines, linesOf } from './sequences.ts';
import type { Scope } from './values.ts';

export interface SynthesisedStack {
  readonly template: Template;
  /** Construct path below the stack, by logical id. */
  readonly paths: Readonly<Record<string, string>>;
  readonly answers: readonly Answer[];
  readonly uses: readonly Use[];
  readonly handlers: readonly HandlerSource[];
}

/** The source file that a function's asset is built from. */
export interface HandlerSource {
  /** Construct path below the stack. */
  readonly path: string;
  /** Such as `charge.improved`. */
  readonly name: string;
  /** Such as `lambdas/idempotent-apis/charge.improved.ts`. */
  readonly entry: string;
  readonly source: string;
}

/** The stacks of one role in both variants. */
export interface StackPair {
  readonly role: string;
  readonly from: SynthesisedStack;
  readonly to: SynthesisedStack;
  /** What other stacks of each variant hand over, by name of the output or the export. */
  readonly handedOver: { readonly from: HandedOver; readonly to: HandedOver };
}

export type HandedOver = ReadonlyMap<string, string>;

/** Of those that bear something, the ones at the nearest ancestor of a path, or at the path itself. */
export function nearestTo<T extends { readonly path: string }>(path: string, bearers: readonly T[]): readonly T[] {
  const ancestors = bearers.filter((bearer) => bearer.path === '' || `${path}/`.startsWith(`${bearer.path}/`));
  const depth = Math.max(...ancestors.map((bearer) => bearer.path.length));
  return ancestors.filter((bearer) => bearer.path.length === depth);
}

/** How values of a resource, and of what it becomes, are to be read. */
export function scopesOf(pair: StackPair, before: string, after: string): readonly [Scope, Scope] {
  const asset = assetText(handlerOf(pair.from, before), handlerOf(pair.to, after), displayPath(pair.to, after));
  return [
    { ...scopeOf(pair, 'from', before), asset },
    { ...scopeOf(pair, 'to', after), asset },
  ];
}

export function scopeOf(pair: StackPair, side: 'from' | 'to', logicalId: string): Scope {
  const stack = pair[side];
  const path = displayPath(stack, logicalId);
  const handler = handlerOf(stack, logicalId);
  return {
    pathOf: pathsOf(stack),
    handedOver: (name) => pair.handedOver[side].get(name),
    logicalId,
    asset: assetText(undefined, handler, path),
    subject: subjectOf(stack, logicalId),
  };
}

function handlerOf(stack: SynthesisedStack, logicalId: string): HandlerSource | undefined {
  return nearestTo(stack.paths[logicalId] ?? '', stack.handlers)[0];
}

function assetText(before: HandlerSource | undefined, after: HandlerSource | undefined, fallback: string): string {
  const known = after ?? before;
  if (known === undefined) return `asset(${fallback})`;
  const name = shortName(known);
  if (before === undefined || after === undefined) {
    return `asset(${name}: ${plural(linesOf(known.source).length, 'line')}): ${known.entry}`;
  }
  const names = shortName(before) === name ? name : `${shortName(before)}, now ${name}`;
  const lines = changedLines(before.source, after.source);
  const files = before.entry === after.entry ? after.entry : `${before.entry}, now ${after.entry}`;
  return lines === 0
    ? `asset(${names}: what it imports changed): ${files}`
    : `asset(${names}: ${plural(lines, 'line')} changed): ${files}`;
}

function shortName({ name }: HandlerSource): string {
  return name.replace(/\..*$/, '');
}

function plural(count: number, unit: string): string {
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}

/** Whom a policy without principals speaks of: the constructs whose roles it is attached to. */
function subjectOf(stack: SynthesisedStack, logicalId: string): string | undefined {
  const resource: unknown = stack.template.Resources[logicalId];
  if (!isDictionary(resource) || !String(resource.Type).startsWith('AWS::IAM::')) return undefined;
  if (resource.Type === 'AWS::IAM::Role') return ownerOf(displayPath(stack, logicalId));
  const properties = isDictionary(resource.Properties) ? resource.Properties : {};
  const bearers = [properties.Roles, properties.Users, properties.Groups, properties.RoleName].flat();
  const ids = bearers.flatMap((bearer) => (isDictionary(bearer) && typeof bearer.Ref === 'string' ? [bearer.Ref] : []));
  return ids.length === 0 ? undefined : ids.map((id) => ownerOf(displayPath(stack, id))).join(', ');
}

/** `Extract/Role` is the role of `Extract`. */
function ownerOf(path: string): string {
  return path.replace(/\/[^/]*Role$/, '');
}

export function pathsOf(stack: SynthesisedStack): Scope['pathOf'] {
  return (id) => (Object.hasOwn(stack.paths, id) ? displayPath(stack, id) : undefined);
}

/** The construct path as a reader knows it, for a logical id. */
export function displayPath({ paths }: SynthesisedStack, logicalId: string): string {
  const path = paths[logicalId];
  if (path === undefined || path === '') return logicalId;
  const short = trimmed(path);
  const unique = Object.values(paths).filter((other) => trimmed(other) === short).length === 1;
  return withoutIds(unique ? short : path, paths);
}

/** CDK calls some constructs by the id of another one: `SqsEventSource:StackMissedQueue3EC61293`. */
function withoutIds(path: string, paths: SynthesisedStack['paths']): string {
  return path.replace(/:(\w+)$/, (text, name: string) => {
    const id = Object.keys(paths).find((candidate) => /[0-9A-F]{8}$/.test(candidate) && name.endsWith(candidate));
    return id === undefined ? text : `:${trimmed(paths[id] ?? id)}`;
  });
}

/** Without the name that CDK gives to the one resource inside a construct. */
export function trimmed(path: string): string {
  return path.replace(/\/(Resource|Default)$/, '');
}
