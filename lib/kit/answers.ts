import type { IConstruct } from 'constructs';

/** A resource, and the point of the question that it answers, in a sentence. */
export interface Answer {
  /** Construct path below the stack, such as `Documents/Table`; empty for the stack itself. */
  readonly path: string;
  readonly points: readonly number[];
  readonly why: string;
}

const metadataType = 'designs:answers';

/**
 * Says which points of the question this construct answers, and why: one sentence, which the diff prints above the
 * changes. It is construct metadata, so it never reaches the template.
 */
export function answers(construct: IConstruct, points: number | readonly number[], why: string): void {
  construct.node.addMetadata(metadataType, { points: typeof points === 'number' ? [points] : points, why });
}

/** All answers in a stack, in the order of the tree. */
export function answersIn(stack: IConstruct): readonly Answer[] {
  const prefix = stack.node.path === '' ? 0 : stack.node.path.length + 1;
  return stack.node
    .findAll()
    .flatMap(({ node }) =>
      node.metadata
        .filter(({ type }) => type === metadataType)
        .map(({ data }) => ({ path: node.path.slice(prefix), ...(data as Omit<Answer, 'path'>) })),
    );
}
