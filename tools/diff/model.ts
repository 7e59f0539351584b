import type { Answer } from '../../lib/kit/answers.ts';
import type { Question } from '../../lib/kit/question.ts';
import type { Use } from '../../lib/kit/uses.ts';
import { RunError } from '../cli/errors.ts';
import { type Change, stackChanges } from './changes.ts';
import { type CostDifference, costDifference } from './cost-difference.ts';
import { type HandedOver, nearestTo, pathsOf, type StackPair, type SynthesisedStack, trimmed } from './names.ts';
import { byCodeUnits, isDictionary } from './plain.ts';
import { readable } from './values.ts';
import { ranks } from './words.ts';

/** One variant, synthesised: everything that the diff reads. */
export interface SynthesisedVariant {
  /** File name of the variant, such as `naive`. */
  readonly name: string;
  /** By role; `main` is always there. */
  readonly stacks: Readonly<Record<string, SynthesisedStack>>;
}

export interface DiffInput {
  readonly question: Pick<Question, 'slug' | 'title' | 'load' | 'points'>;
  readonly from: SynthesisedVariant;
  readonly to: SynthesisedVariant;
}

/** A sentence of `answers()`, and the changes that it explains. */
export interface Reason {
  /** The construct that bears the answer; empty for the stack. */
  readonly path: string;
  readonly stack: string;
  readonly why: string;
  readonly changes: readonly Change[];
  /** The construct's changes are shown under this point. */
  readonly shownUnder?: number;
}

export interface PointChanges {
  readonly n: number;
  readonly text: string;
  readonly answer: string;
  readonly reasons: readonly Reason[];
}

export interface DiffModel {
  readonly slug: string;
  readonly title: string;
  readonly from: string;
  readonly to: string;
  readonly points: readonly PointChanges[];
  /** What answers no point. */
  readonly rest: readonly Change[];
  readonly cost: CostDifference;
}

const emptyStack: SynthesisedStack = { template: { Resources: {} }, paths: {}, answers: [], uses: [], handlers: [] };

/**
 * Everything that changes from one variant to the next, grouped by the points that it answers. The changes are those of
 * `@aws-cdk/cloudformation-diff`, all of them.
 *
 * @throws {RunError} when an answer names a point that the question does not have.
 */
export function diffModel({ question, from, to }: DiffInput): DiffModel {
  const pairs = stackPairs(from, to);
  for (const pair of pairs) checkPoints([...pair.from.answers, ...pair.to.answers], question.points.length);
  const explained = pairs.flatMap((pair) => stackChanges(pair).map((change) => explain(change, pair)));
  return {
    slug: question.slug,
    title: question.title,
    from: from.name,
    to: to.name,
    points: question.points.map(({ n, text, answer }) => ({
      n,
      text,
      answer,
      reasons: reasonsFor(n, pairs, explained),
    })),
    rest: inOrder(explained.filter(({ answers }) => answers.length === 0).map(({ change }) => change)),
    cost: costDifference(question.load, usesOf(from), usesOf(to)),
  };
}

/** Every change of a model, once. */
export function changesOf(model: DiffModel): readonly Change[] {
  return [...model.points.flatMap(({ reasons }) => reasons.flatMap(({ changes }) => changes)), ...model.rest];
}

function stackPairs(from: SynthesisedVariant, to: SynthesisedVariant): readonly StackPair[] {
  const handedOver = { from: outputsOf(from), to: outputsOf(to) };
  return [...new Set([...Object.keys(from.stacks), ...Object.keys(to.stacks)])]
    .toSorted(byRole)
    .map((role) => ({ role, from: from.stacks[role] ?? emptyStack, to: to.stacks[role] ?? emptyStack, handedOver }));
}

/** `${Charge/Function} of stack main` by the name under which another stack refers to it. */
function outputsOf({ stacks }: SynthesisedVariant): HandedOver {
  return new Map(
    Object.entries(stacks).flatMap(([role, stack]) =>
      Object.entries(stack.template.Outputs ?? {}).flatMap(([key, output]) => {
        if (!isDictionary(output)) return [];
        const value = readable(output.Value, {
          pathOf: pathsOf(stack),
          handedOver: () => undefined,
          logicalId: key,
          asset: key,
        });
        const exported = isDictionary(output.Export) ? output.Export.Name : undefined;
        const names = typeof exported === 'string' ? [key, exported] : [key];
        return names.map((name) => [name, `${String(value)} of stack ${role}`] as const);
      }),
    ),
  );
}

function byRole(a: string, b: string): number {
  return Number(b === 'main') - Number(a === 'main') || byCodeUnits(a, b);
}

function usesOf({ stacks }: SynthesisedVariant): readonly Use[] {
  return Object.values(stacks).flatMap(({ uses }) => uses);
}

function checkPoints(answers: readonly Answer[], count: number): void {
  for (const { path, points } of answers) {
    const unknown = points.find((n) => !Number.isInteger(n) || n < 1 || n > count);
    if (unknown !== undefined) {
      throw new RunError(`answers() on "${path}" names point ${unknown}: the question has points 1 to ${count}`);
    }
  }
}

interface Explained {
  readonly change: Change;
  /** Answers of the nearest construct that has any. */
  readonly answers: readonly Answer[];
}

/** A change inherits the answers of its nearest ancestor; what is gone asks the variant that had it first. */
function explain(change: Change, { from, to }: StackPair): Explained {
  if (change.action === 'renamed') return { change, answers: [] };
  const sides = change.action === 'removed' || change.action === 'released' ? [from, to] : [to, from];
  for (const { answers } of sides) {
    const nearest = nearestTo(change.fullPath, answers);
    if (nearest.length === 0) continue;
    const points = [...new Set(nearest.flatMap((answer) => answer.points))].toSorted((a, b) => a - b);
    return { change: { ...change, points }, answers: nearest };
  }
  return { change, answers: [] };
}

function reasonsFor(n: number, pairs: readonly StackPair[], explained: readonly Explained[]): readonly Reason[] {
  const reasons = pairs.flatMap(({ role, to }) => {
    const here = explained.filter(({ change }) => change.stack === role);
    const answers = [...to.answers, ...here.flatMap((item) => item.answers)].filter(({ points }) => points.includes(n));
    return [...Map.groupBy(answers, ({ path }) => path)].map(([path, group]): Reason => {
      const changes = here.filter((item) =>
        item.answers.some((answer) => answer.path === path && answer.points.includes(n)),
      );
      const shownUnder = changes.map(({ change }) => change.points[0]).find((first) => first !== n);
      return {
        path: trimmed(path),
        stack: role,
        why: [...new Set(group.map(({ why }) => why))].join(' '),
        changes: inOrder(changes.filter(({ change }) => change.points[0] === n).map(({ change }) => change)),
        ...(shownUnder === undefined ? {} : { shownUnder }),
      };
    });
  });
  const urgency = ({ changes: [first] }: Reason) => (first === undefined ? ranks.length : ranks.indexOf(first.rank));
  return reasons.toSorted((a, b) => urgency(a) - urgency(b) || byRole(a.stack, b.stack) || byCodeUnits(a.path, b.path));
}

function inOrder(changes: readonly Change[]): readonly Change[] {
  return changes.toSorted(
    (a, b) =>
      ranks.indexOf(a.rank) - ranks.indexOf(b.rank) ||
      byRole(a.stack, b.stack) ||
      byCodeUnits(a.path, b.path) ||
      byCodeUnits(a.what, b.what),
  );
}
