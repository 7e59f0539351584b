import { describe, expect, it } from 'vitest';
import type { Question } from '../../../lib/kit/question.ts';
import { UsageError } from '../../../tools/cli/errors.ts';
import { findBuilt, findQuestion } from '../../../tools/cli/find-question.ts';
import { nearest } from '../../../tools/cli/nearest.ts';

const question = (slug: string, variants: readonly string[]): Question => ({
  number: 1,
  slug,
  title: slug,
  ask: '',
  load: {},
  variants,
  points: [],
});
const questions = [question('idempotent-apis', ['naive', 'improved']), question('read-heavy', [])];

describe('findQuestion', () => {
  it('finds a question by its slug', () => {
    expect(findQuestion('read-heavy', questions).slug).toBe('read-heavy');
  });

  it('suggests the nearest slug for a misspelt one', () => {
    expect(() => findQuestion('idempotent-api', questions)).toThrow(
      new UsageError('unknown question "idempotent-api": did you mean idempotent-apis?'),
    );
    expect(() => findQuestion('red-hevy', questions)).toThrow(/did you mean read-heavy\?/);
  });

  it('suggests nothing for another word', () => {
    expect(() => findQuestion('zzzzzzzzzzzz', questions)).toThrow(
      new UsageError('unknown question "zzzzzzzzzzzz": `designs list` names all of them'),
    );
  });
});

describe('findBuilt', () => {
  it('finds a question with variants', () => {
    expect(findBuilt('idempotent-apis', questions).slug).toBe('idempotent-apis');
  });

  it('refuses one without, and says which are built', () => {
    expect(() => findBuilt('read-heavy', questions)).toThrow(
      new UsageError('"read-heavy" is not built yet: use idempotent-apis'),
    );
    expect(() => findBuilt('read-heavy', [question('read-heavy', [])])).toThrow(/no question is/);
  });
});

describe('nearest', () => {
  it('completes a beginning that only one candidate has', () => {
    expect(nearest('miss', ['missing', 'list', 'show'])).toBe('missing');
  });

  it('knows nothing near in an empty list', () => {
    expect(nearest('x', [])).toBeUndefined();
  });
});
