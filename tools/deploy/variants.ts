import type { Question } from '../../lib/kit/question.ts';
import { UsageError } from '../cli/errors.ts';

/** @throws {UsageError} for a variant that the question does not have. */
export function checkVariant({ variants }: Question, variant: string): void {
  if (!variants.includes(variant)) {
    throw new UsageError(`unknown variant "${variant}": use ${variants.join(' or ')}`);
  }
}
