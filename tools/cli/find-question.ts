import { catalogue } from '../../lib/catalogue.ts';
import { isBuilt, type Question } from '../../lib/kit/question.ts';
import { UsageError } from './errors.ts';
import { nearest } from './nearest.ts';

/** @throws {UsageError} for a slug that is not in the catalogue, with the nearest one that is. */
export function findQuestion(slug: string, questions: readonly Question[] = catalogue): Question {
  const question = questions.find((candidate) => candidate.slug === slug);
  if (question !== undefined) return question;
  const slugs = questions.map((candidate) => candidate.slug);
  const near = nearest(slug, slugs);
  throw new UsageError(
    `unknown question "${slug}": ${near === undefined ? '`designs list` names all of them' : `did you mean ${near}?`}`,
  );
}

/** As `findQuestion`, and refuses a question that has no variants yet. */
export function findBuilt(slug: string, questions: readonly Question[] = catalogue): Question {
  const question = findQuestion(slug, questions);
  if (isBuilt(question)) return question;
  const built = questions.filter(isBuilt).map((candidate) => candidate.slug);
  throw new UsageError(
    `"${slug}" is not built yet: ${built.length === 0 ? 'no question is' : `use ${built.join(' or ')}`}`,
  );
}
