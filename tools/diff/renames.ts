import { byCodeUnits, type Dictionary, isDictionary, same } from './plain.ts';

export type Resources = Readonly<Record<string, Dictionary>>;

export interface Side {
  readonly resources: Resources;
  /** Construct path of a logical id. */
  readonly pathOf: (id: string) => string;
}

/**
 * Pairs resources that are gone with new ones that are the same but for their construct's name, and for the ids of other
 * renamed resources that they mention. Old id → new id.
 *
 * A construct is renamed as a whole or not at all: two roles that look alike are no rename as long as the functions
 * beside them differ. What looks alike is found by colour refinement (Weisfeiler and Leman 1968): resources are labelled
 * by their content, again and again with the labels of those that they mention. At the end every pair is compared.
 */
export function renamesBetween(removed: Side, added: Side): ReadonlyMap<string, string> {
  const labels = refinedLabels(removed.resources, added.resources);
  const taken = new Set<string>();
  let constructs: ReadonlyMap<string, string>[] = [];
  for (const pairs of candidates(removed, added, labels)) {
    const ids = [...pairs].flat();
    if (ids.some((id) => taken.has(id))) continue;
    for (const id of ids) taken.add(id);
    constructs.push(pairs);
  }
  for (;;) {
    const renames = new Map(constructs.flatMap((pairs) => [...pairs]));
    const holds = ([from, to]: [string, string]) =>
      same(renamed(removed.resources[from], renames, from), withoutSelf(added.resources[to], to));
    const exact = constructs.filter((pairs) => [...pairs].every(holds));
    if (exact.length === constructs.length) return renames;
    constructs = exact;
  }
}

/** Constructs that could be one another under a new name, the largest first. */
function candidates(removed: Side, added: Side, labels: SidesLabels): readonly ReadonlyMap<string, string>[] {
  const found = new Map<string, ReadonlyMap<string, string>>();
  const byLabel = Map.groupBy(labels.after.keys(), (id) => labels.after.get(id));
  for (const [from, label] of labels.before) {
    for (const to of byLabel.get(label) ?? []) {
      const [oldRoot, newRoot] = rootsOf(removed.pathOf(from), added.pathOf(to));
      const key = `${oldRoot}\n${newRoot}`;
      if (found.has(key)) continue;
      const [before, after] = [below(oldRoot, removed), below(newRoot, added)];
      const alike = [...before].every(
        ([place, id]) => labels.before.get(id) === labels.after.get(after.get(place) ?? ''),
      );
      found.set(
        key,
        new Map(
          alike && before.size === after.size ? [...before].map(([place, id]) => [id, after.get(place) ?? '']) : [],
        ),
      );
    }
  }
  return [...found]
    .filter(([, pairs]) => pairs.size > 0)
    .toSorted(([a, pairs], [b, others]) => others.size - pairs.size || byCodeUnits(a, b))
    .map(([, pairs]) => pairs);
}

/** The two paths without the end that they share; at least a name each. */
function rootsOf(before: string, after: string): readonly [string, string] {
  const [a, b] = [before.split('/'), after.split('/')];
  while (a.length > 1 && b.length > 1 && a.at(-1) === b.at(-1)) {
    a.pop();
    b.pop();
  }
  return [a.join('/'), b.join('/')];
}

/** Resources of a construct by their place in it. */
function below(root: string, { resources, pathOf }: Side): ReadonlyMap<string, string> {
  return new Map(
    Object.keys(resources).flatMap((id) => {
      const path = pathOf(id);
      return path === root || path.startsWith(`${root}/`) ? [[path.slice(root.length), id] as const] : [];
    }),
  );
}

/** The value with every reference to a renamed resource under its new id. */
export function renamed(value: unknown, renames: ReadonlyMap<string, string>, self?: string): unknown {
  return mapped(value, (id) => renames.get(id), self);
}

function withoutSelf(value: unknown, self: string): unknown {
  return mapped(value, () => undefined, self);
}

type Labels = ReadonlyMap<string, string>;

interface SidesLabels {
  readonly before: Labels;
  readonly after: Labels;
}

function refinedLabels(removed: Resources, added: Resources): SidesLabels {
  const typesOf = (resources: Resources) =>
    new Map(Object.entries(resources).map(([id, { Type }]) => [id, String(Type)]));
  let labels: SidesLabels = { before: typesOf(removed), after: typesOf(added) };
  // A chain of references is followed one step a round; longer chains than this are rare, and every pair is checked.
  for (let round = 0; round < 4; round++) {
    // Numbers stand for the long texts, and are shared by both sides.
    const numbers = new Map<string, string>();
    const relabel = (resources: Resources, known: Labels): Labels =>
      new Map(
        Object.entries(resources).map(([id, resource]) => {
          const text = canonical(mapped(resource, (other) => known.get(other), id));
          const number = numbers.get(text) ?? `label ${numbers.size}`;
          numbers.set(text, number);
          return [id, number];
        }),
      );
    labels = { before: relabel(removed, labels.before), after: relabel(added, labels.after) };
  }
  return labels;
}

/** Replaces logical ids where CloudFormation takes them as such, and a text that is nothing but the resource's own id. */
function mapped(value: unknown, nameOf: (id: string) => string | undefined, self: string | undefined): unknown {
  const id = (text: unknown) => (typeof text === 'string' ? (nameOf(text) ?? text) : text);
  const dotted = (text: string) => {
    const [head = '', ...rest] = text.split('.');
    return [id(head), ...rest].join('.');
  };
  const walk = (item: unknown): unknown => {
    if (typeof item === 'string') return item === self ? '(its own id)' : item;
    if (Array.isArray(item)) return item.map(walk);
    if (!isDictionary(item)) return item;
    return Object.fromEntries(
      Object.entries(item).map(([key, inside]) => {
        if (key === 'Ref') return [key, id(inside)];
        if (key === 'DependsOn') return [key, [inside].flat().map(id).toSorted()];
        if (key === 'Fn::GetAtt' && typeof inside === 'string') return [key, dotted(inside)];
        if (key === 'Fn::GetAtt' && Array.isArray(inside)) return [key, [id(inside[0]), ...inside.slice(1).map(walk)]];
        if (key === 'Fn::Sub')
          return [key, Array.isArray(inside) ? [sub(inside[0]), ...inside.slice(1).map(walk)] : sub(inside)];
        return [key, walk(inside)];
      }),
    );
  };
  const sub = (text: unknown) =>
    typeof text === 'string'
      ? text.replaceAll(/\$\{([^!}][^}]*)\}/g, (_, name: string) => `\${${dotted(name)}}`)
      : text;
  return walk(value);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) =>
    isDictionary(item) ? Object.fromEntries(Object.entries(item).toSorted(([a], [b]) => byCodeUnits(a, b))) : item,
  );
}
