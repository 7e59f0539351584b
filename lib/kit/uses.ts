import type { IConstruct } from 'constructs';
import type { MonthlyUsage } from '../../engines/estimate/cost.ts';
import type { PriceUnit } from '../../engines/estimate/prices.ts';

/** What a resource uses in a month at the question's load, in the units of the price book. */
export interface Use {
  /** Construct path below the stack, such as `Documents/Table`; empty for the stack itself. */
  readonly path: string;
  readonly usage: MonthlyUsage;
  /** How the numbers follow from the load, in a sentence; empty when the expression says it all. */
  readonly why: string;
}

const metadataType = 'designs:uses';

/**
 * Says what this construct uses in a month at the question's load, by price key: an expression over `question.load`,
 * which the diff prices. It is construct metadata, so it never reaches the template.
 *
 * @throws {RangeError} for a number that is negative or not finite, which a missing load would otherwise hide.
 */
export function uses(construct: IConstruct, usage: Partial<Record<PriceUnit, number>>, why = ''): void {
  for (const [unit, quantity] of Object.entries(usage)) {
    if (!Number.isFinite(quantity) || quantity < 0) {
      throw new RangeError(
        `${construct.node.path} uses ${quantity} of ${unit}: give a finite number that is not negative`,
      );
    }
  }
  construct.node.addMetadata(metadataType, { usage, why });
}

/** All that a stack's constructs use, in the order of the tree. */
export function usesIn(stack: IConstruct): readonly Use[] {
  const prefix = stack.node.path === '' ? 0 : stack.node.path.length + 1;
  return stack.node
    .findAll()
    .flatMap(({ node }) =>
      node.metadata
        .filter(({ type }) => type === metadataType)
        .map(({ data }) => ({ path: node.path.slice(prefix), ...(data as Omit<Use, 'path'>) })),
    );
}
