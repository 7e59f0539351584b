import { type Difference, fullDiff, type ResourceDifference, ResourceImpact } from '@aws-cdk/cloudformation-diff';
import { displayPath, scopeOf, scopesOf, type StackPair } from './names.ts';
import { byCodeUnits, type Dictionary, isDictionary, same } from './plain.ts';
import { renamed, renamesBetween, type Resources } from './renames.ts';
import { type Detail, differences, readable, type Scope } from './values.ts';
import { holdsData, plainType, type Rank, rankOf } from './words.ts';

export type Action = 'new' | 'removed' | 'released' | 'replaced' | 'may be replaced' | 'changed' | 'renamed';

/** One thing of a template that changed: a resource, an output or another entry. */
export interface Change {
  readonly action: Action;
  readonly rank: Rank;
  /** Role of the stack that it is in. */
  readonly stack: string;
  /** Construct path, or the entry's name where no construct stands behind it. */
  readonly path: string;
  /** As CDK has it, with `/Resource` at its end. */
  readonly fullPath: string;
  /** Construct path before, when it is another one. */
  readonly pathBefore?: string;
  /** In plain words, such as `queue (SQS)`. */
  readonly what: string;
  /** CloudFormation type; absent for what is not a resource. */
  readonly type?: string;
  readonly stateful: boolean;
  /** Properties that force the replacement. */
  readonly because: readonly string[];
  readonly details: readonly Detail[];
  /** For a rename: where else only the reference changed, such as `Extract/Function: Environment`. */
  readonly mentions: readonly string[];
  /** Points of the question that it answers, ascending. */
  readonly points: readonly number[];
  /** Places in the templates that this change tells of, such as `main/Resources/Queue4A7E3555/Properties/Timeout`. */
  readonly covers: readonly string[];
}

/** All that `@aws-cdk/cloudformation-diff` finds between the two stacks of a role, made readable. */
export function stackChanges(pair: StackPair): readonly Change[] {
  const diff = fullDiff(pair.from.template, pair.to.template);
  return [
    ...resourceChanges(pair, diff.resources.changes),
    ...entryChanges(pair, 'Outputs', 'output of the stack', diff.outputs.changes),
    ...entryChanges(pair, 'Parameters', 'parameter of the stack', diff.parameters.changes),
    ...entryChanges(pair, 'Conditions', 'condition', diff.conditions.changes),
    ...entryChanges(pair, 'Mappings', 'mapping', diff.mappings.changes),
    ...entryChanges(pair, 'Metadata', 'metadata of the template', diff.metadata.changes),
    ...entryChanges(pair, '', 'section of the template', {
      ...diff.unknown.changes,
      ...(diff.awsTemplateFormatVersion === undefined
        ? {}
        : { AWSTemplateFormatVersion: diff.awsTemplateFormatVersion }),
      ...(diff.description === undefined ? {} : { Description: diff.description }),
      ...(diff.transform === undefined ? {} : { Transform: diff.transform }),
    }),
  ];
}

function resourceChanges(pair: StackPair, found: Readonly<Record<string, ResourceDifference>>): readonly Change[] {
  const gone = only(
    found,
    ({ isRemoval }) => isRemoval,
    ({ oldValue }) => oldValue,
  );
  const added = only(
    found,
    ({ isAddition }) => isAddition,
    ({ newValue }) => newValue,
  );
  const renames = renamesBetween(
    { resources: gone, pathOf: (id) => pair.from.paths[id] ?? id },
    { resources: added, pathOf: (id) => pair.to.paths[id] ?? id },
  );
  const successors = successorsAt(pair, gone, added, renames);
  const paired = new Set([...renames.values(), ...successors.values()]);
  const mentions = new Map<string, Mention[]>();
  const changes: Change[] = [];
  for (const [id, difference] of Object.entries(found)) {
    if (renames.has(id) || paired.has(id)) continue;
    const successor = successors.get(id);
    if (successor !== undefined) changes.push(succeeded(pair, id, successor, gone[id] ?? {}, added[successor] ?? {}));
    else if (difference.isAddition) changes.push(appeared(pair, id, difference.newValue));
    else if (difference.isRemoval) changes.push(disappeared(pair, id, difference));
    else changes.push(...updated(pair, id, difference, renames, mentions));
  }
  return [
    ...changes,
    ...[...renames].map(([id, to]) => renaming(pair, id, to, gone[id] ?? {}, mentions.get(id) ?? [])),
  ];
}

function only(
  found: Readonly<Record<string, ResourceDifference>>,
  wanted: (difference: ResourceDifference) => boolean,
  content: (difference: ResourceDifference) => unknown,
): Resources {
  return Object.fromEntries(
    Object.entries(found).flatMap(([id, difference]) => {
      const value = content(difference);
      return wanted(difference) && isDictionary(value) ? [[id, value]] : [];
    }),
  );
}

/** Resources with a logical id that carries a hash of their content, such as an API's deployment: same construct, new id. */
function successorsAt(
  { from, to }: StackPair,
  gone: Resources,
  added: Resources,
  renames: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const renamedTo = new Set(renames.values());
  const idAt = new Map(Object.keys(added).flatMap((id) => (renamedTo.has(id) ? [] : [[to.paths[id], id] as const])));
  return new Map(
    Object.keys(gone).flatMap((id) => {
      const path = from.paths[id];
      const successor = path === undefined || renames.has(id) ? undefined : idAt.get(path);
      return successor === undefined ? [] : [[id, successor] as const];
    }),
  );
}

function appeared(pair: StackPair, id: string, resource: unknown): Change {
  const scope = scopeOf(pair, 'to', id);
  return {
    ...head(pair, 'new', id, resource),
    details: contentOf(resource, 'after', scope),
    covers: [`${pair.role}/Resources/${id}`],
  };
}

function disappeared(pair: StackPair, id: string, { oldValue, changeImpact }: ResourceDifference): Change {
  return {
    ...head(pair, changeImpact === ResourceImpact.WILL_ORPHAN ? 'released' : 'removed', id, oldValue, 'from'),
    details: contentOf(oldValue, 'before', scopeOf(pair, 'from', id)),
    covers: [`${pair.role}/Resources/${id}`],
  };
}

function succeeded(pair: StackPair, id: string, successor: string, before: Dictionary, after: Dictionary): Change {
  const [from, to] = scopesOf(pair, id, successor);
  return {
    ...head(pair, 'replaced', successor, after),
    because: ['its id carries a hash of its content'],
    details: resourceDifferences(before, after, from, to),
    covers: [`${pair.role}/Resources/${id}`, `${pair.role}/Resources/${successor}`],
  };
}

interface Mention {
  readonly text: string;
  readonly cover: string;
}

function renaming(pair: StackPair, id: string, to: string, resource: Dictionary, mentions: readonly Mention[]): Change {
  return {
    ...head(pair, 'renamed', to, resource),
    rank: 'tuning',
    pathBefore: displayPath(pair.from, id),
    details: [],
    mentions: mentions.map(({ text }) => text).toSorted(byCodeUnits),
    covers: [`${pair.role}/Resources/${id}`, `${pair.role}/Resources/${to}`, ...mentions.map(({ cover }) => cover)],
  };
}

function updated(
  pair: StackPair,
  id: string,
  difference: ResourceDifference,
  renames: ReadonlyMap<string, string>,
  mentions: Map<string, Mention[]>,
): readonly Change[] {
  const place = `${pair.role}/Resources/${id}`;
  const [from, to] = scopesOf(pair, id, id);
  if (difference.oldResourceType !== difference.newResourceType) {
    return [
      {
        ...head(pair, 'replaced', id, difference.newValue),
        because: ['Type'],
        details: differences('', difference.oldValue, difference.newValue, from, to),
        covers: [place],
      },
    ];
  }
  const details: Detail[] = [];
  const covers: string[] = [];
  difference.forEachDifference((kind, name, { oldValue, newValue }: Difference<unknown>) => {
    const cover = kind === 'Property' ? `${place}/Properties/${name}` : `${place}/${name}`;
    const culprit = [...renames.keys()].find((old) => mentionsId(oldValue, old));
    if (culprit !== undefined && same(renamed(oldValue, renames), newValue)) {
      const text = `${displayPath(pair.to, id)}: ${name}`;
      mentions.set(culprit, [...(mentions.get(culprit) ?? []), { text, cover }]);
      return;
    }
    const [before, after] = [named(name, oldValue), named(name, newValue)];
    details.push(...neverNone(differences(name, before, after, from, to), name, before, after));
    covers.push(cover);
  });
  if (covers.length === 0) return [];
  const because = Object.entries(difference.propertyUpdates)
    .filter(([, { changeImpact }]) => changeImpact === difference.changeImpact)
    .map(([name]) => name)
    .toSorted(byCodeUnits);
  const action = actionOf(difference.changeImpact);
  const lost = action !== 'changed';
  return [{ ...head(pair, action, id, difference.newValue), because: lost ? because : [], details, covers }];
}

function actionOf(impact: ResourceImpact): Action {
  if (impact === ResourceImpact.WILL_REPLACE) return 'replaced';
  return impact === ResourceImpact.MAY_REPLACE ? 'may be replaced' : 'changed';
}

function entryChanges(
  pair: StackPair,
  section: string,
  what: string,
  found: Readonly<Record<string, Difference<unknown>>>,
): readonly Change[] {
  return Object.entries(found).map(([id, { oldValue, newValue }]): Change => {
    const action = oldValue === undefined ? 'new' : newValue === undefined ? 'removed' : 'changed';
    const [from, to] = scopesOf(pair, id, id);
    const compared =
      oldValue === undefined
        ? contentOf(newValue, 'after', to)
        : newValue === undefined
          ? contentOf(oldValue, 'before', from)
          : neverNone(differences('', oldValue, newValue, from, to), '', oldValue, newValue);
    return {
      ...head(pair, action, id, undefined, action === 'removed' ? 'from' : 'to'),
      what,
      details: compared,
      covers: [[pair.role, section, id].filter((part) => part !== '').join('/')],
    };
  });
}

function head(pair: StackPair, action: Action, id: string, resource: unknown, side: 'from' | 'to' = 'to') {
  const type = isDictionary(resource) ? String(resource.Type) : Array.isArray(resource) ? 'Fn::ForEach' : undefined;
  const stack = pair[side];
  return {
    action,
    rank: type === undefined ? 'tuning' : rankOf(type, !['new', 'changed', 'renamed'].includes(action)),
    stack: pair.role,
    path: displayPath(stack, id),
    fullPath: stack.paths[id] ?? id,
    what: type === undefined ? '' : plainType(type),
    ...(type === undefined ? {} : { type }),
    stateful: type !== undefined && holdsData(type),
    because: [] as readonly string[],
    mentions: [] as readonly string[],
    points: [] as readonly number[],
  } satisfies Partial<Change>;
}

/** The content of a resource or entry that is new or gone: its properties first, under their own names. */
function contentOf(value: unknown, side: 'before' | 'after', scope: Scope): readonly Detail[] {
  if (!isDictionary(value)) return [{ path: '', [side]: readable(value, scope) }];
  const { Type, Properties, ...others } = value;
  const isResource = typeof Type === 'string' && (Properties === undefined || isDictionary(Properties));
  const entries = isResource ? [...Object.entries(Properties ?? {}), ...Object.entries(others)] : Object.entries(value);
  return entries.map(([path, item]) => ({ path, [side]: readable(named(path, item), scope) }));
}

/** The one place where a template has bare logical ids: made references, so that they are read as such. */
function named(attribute: string, value: unknown): unknown {
  return attribute === 'DependsOn' && value !== undefined ? [value].flat().map((id) => ({ Ref: id })) : value;
}

function resourceDifferences(before: Dictionary, after: Dictionary, from: Scope, to: Scope): readonly Detail[] {
  const { Properties: oldProperties = {}, ...oldOthers } = before;
  const { Properties: newProperties = {}, ...newOthers } = after;
  return [
    ...differences('', oldProperties, newProperties, from, to),
    ...differences('', oldOthers, newOthers, from, to),
  ];
}

/** `fullDiff` reports it, so it is shown, whatever our own comparison thinks of it. */
function neverNone(details: readonly Detail[], path: string, before: unknown, after: unknown): readonly Detail[] {
  return details.length > 0 ? details : [{ path, before: JSON.stringify(before), after: JSON.stringify(after) }];
}

function mentionsId(value: unknown, id: string): boolean {
  return !same(renamed(value, new Map([[id, `${id} renamed`]])), value);
}
