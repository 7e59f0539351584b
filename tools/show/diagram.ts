import type { Template, TemplateResource } from '../../lib/kit/proof.ts';

/** What a design deploys and how it is wired: read off a template. */
export interface Diagram {
  readonly nodes: readonly DiagramNode[];
  readonly edges: readonly DiagramEdge[];
}

export interface DiagramNode {
  /** Logical id in the template. */
  readonly id: string;
  /** Construct path, such as `Extract`. */
  readonly name: string;
  /** Such as `Lambda Function`. */
  readonly type: string;
}

export interface DiagramEdge {
  readonly from: string;
  readonly to: string;
  /** What goes along: actions that a role may do, or what the wire is for; sorted. */
  readonly labels: readonly string[];
}

/** Wires and permissions: they are drawn as arrows, or not at all. */
const hidden =
  /^AWS::(IAM|Logs|CDK)::|::(\w*Policy|Permission|EventSourceMapping)$|^AWS::ApiGatewayV2::(Integration|Route|Stage)$/;

/** Last part of a path that only repeats the type: `Extract/Function` reads as `Extract`. */
const repeatsType = /\/(Resource|Function|Queue|Table|Bucket|StateMachine|Alarm|Rule|Schedule|Topic|Key|Api)$/;

/**
 * Resources as nodes; grants, event sources and references as arrows. `paths` gives the construct path of a logical id;
 * an id without one keeps its name.
 */
export function diagram(template: Template, paths: Readonly<Record<string, string>>): Diagram {
  const resources = Object.entries(template.Resources);
  const shown = resources.filter(([, { Type }]) => !hidden.test(Type));
  const ids = new Set(shown.map(([id]) => id));
  const wires = new Map<string, { from: string; to: string; labels: Set<string> }>();
  const connect = (from: string, to: string, label?: string) => {
    if (from === to || !ids.has(from) || !ids.has(to)) return;
    const wire = wires.get(`${from} ${to}`) ?? { from, to, labels: new Set<string>() };
    wires.set(`${from} ${to}`, wire);
    if (label !== undefined) wire.labels.add(label);
  };

  const granted = grantsByRole(resources);
  for (const [id, { Type, Properties = {} }] of resources) {
    if (Type === 'AWS::Lambda::EventSourceMapping') {
      for (const source of references(Properties['EventSourceArn'])) {
        for (const target of references(Properties['FunctionName'])) connect(source, target, 'events');
      }
    }
    if (Type === 'AWS::ApiGatewayV2::Route') {
      for (const [from, to] of routed(template, Properties)) connect(from, to, String(Properties['RouteKey']));
    }
    if (!ids.has(id)) continue;
    for (const role of references(Properties)) {
      for (const { to, action } of granted.get(role) ?? []) connect(id, to, action);
    }
    for (const [property, value] of Object.entries(Properties)) {
      // A function's variables name what it may use, which its grants say better.
      if (property === 'Environment') continue;
      for (const to of references(value)) {
        if (Type === 'AWS::CloudWatch::Alarm') connect(to, id, 'watched by');
        else connect(id, to, property === 'RedrivePolicy' ? 'dead letters' : undefined);
      }
    }
  }
  return {
    nodes: shown.map(([id, { Type }]) => ({ id, name: nameOf(paths[id] ?? id), type: shortType(Type) })),
    edges: [...wires.values()].map(({ from, to, labels }) => ({ from, to, labels: [...labels].sort() })),
  };
}

/** As a Mermaid flowchart, which GitHub draws. */
export function mermaid({ nodes, edges }: Diagram): string {
  const lines = nodes.map(({ id, name, type }) => `  ${id}["${name}<br/><small>${type}</small>"]`);
  const arrows = edges.map(
    ({ from, to, labels }) => `  ${from} -->${labels.length > 0 ? `|"${abridged(labels)}"|` : ''} ${to}`,
  );
  return ['flowchart LR', ...lines, ...arrows].join('\n');
}

/** For a terminal: each node, and under it what its arrows point to. */
export function diagramText({ nodes, edges }: Diagram): string {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const width = Math.max(0, ...nodes.map(({ name }) => name.length));
  return nodes
    .flatMap(({ id, name, type }) => [
      `${name.padEnd(width)}  ${type}`,
      ...edges
        .filter(({ from }) => from === id)
        .map(({ to, labels }) => `  → ${byId.get(to)?.name}${labels.length > 0 ? `: ${abridged(labels)}` : ''}`),
    ])
    .join('\n');
}

/** From an HTTP API, by way of the route's integration, to what answers. */
function routed({ Resources }: Template, { ApiId, Target }: Readonly<Record<string, unknown>>) {
  const targets = references(Target).flatMap((integration) =>
    references(Resources[integration]?.Properties?.['IntegrationUri']),
  );
  return references(ApiId).flatMap((api) => targets.map((target) => [api, target] as const));
}

function grantsByRole(resources: readonly (readonly [string, TemplateResource])[]) {
  const grants = new Map<string, { to: string; action: string }[]>();
  for (const [id, { Type, Properties = {} }] of resources) {
    const roles = Type === 'AWS::IAM::Role' ? [id] : references(Properties['Roles']);
    const documents =
      Type === 'AWS::IAM::Role'
        ? listOf(Properties['Policies']).map((policy) => (policy as Record<string, unknown>)['PolicyDocument'])
        : Type === 'AWS::IAM::Policy'
          ? [Properties['PolicyDocument']]
          : [];
    for (const { Effect, Action, Resource } of documents.flatMap(statementsOf)) {
      if (Effect !== 'Allow') continue;
      const actions = listOf(Action).filter((action) => typeof action === 'string');
      for (const to of references(Resource)) {
        for (const role of roles) {
          const list = grants.get(role) ?? [];
          grants.set(role, list);
          list.push(...actions.map((action) => ({ to, action: action.slice(action.indexOf(':') + 1) })));
        }
      }
    }
  }
  return grants;
}

function statementsOf(document: unknown): readonly Readonly<Record<string, unknown>>[] {
  const { Statement } = document as { Statement?: unknown };
  return listOf(Statement) as readonly Readonly<Record<string, unknown>>[];
}

function listOf(value: unknown): readonly unknown[] {
  return value === undefined ? [] : Array.isArray(value) ? value : [value];
}

/** Logical ids that a value names by Ref, Fn::GetAtt or Fn::Sub, each once. */
function references(value: unknown): readonly string[] {
  const found = new Set<string>();
  const visit = (part: unknown) => {
    if (typeof part !== 'object' || part === null) return;
    for (const [key, inner] of Object.entries(part)) {
      if (key === 'Ref' && typeof inner === 'string') found.add(inner);
      else if (key === 'Fn::GetAtt') found.add(String(listOf(inner)[0]).split('.')[0]!);
      else if (key === 'Fn::Sub') {
        const [text] = listOf(inner);
        for (const [, id] of String(text).matchAll(/\$\{([^.}!]+)/g)) found.add(id!);
        visit(listOf(inner)[1]);
      } else visit(inner);
    }
  };
  visit(value);
  return [...found];
}

function nameOf(path: string): string {
  const name = path.replace(/\/Resource$/, '');
  return name.replace(repeatsType, '');
}

function shortType(type: string): string {
  const [, service, kind] = type.split('::');
  return `${service} ${kind}`;
}

const labelsMax = 3;

/** The first labels, and how many more there are. */
export function firstLabels(labels: readonly string[]): { readonly first: readonly string[]; readonly more: number } {
  return { first: labels.slice(0, labelsMax), more: Math.max(0, labels.length - labelsMax) };
}

function abridged(labels: readonly string[]): string {
  const { first, more } = firstLabels(labels);
  return more > 0 ? `${first.join(', ')} and ${more} more` : first.join(', ');
}
