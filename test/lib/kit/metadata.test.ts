import { RootConstruct, Construct } from 'constructs';
import { describe, expect, it } from 'vitest';
import { answers, answersIn } from '../../../lib/kit/answers.ts';
import { type Bar, meets } from '../../../lib/kit/proof.ts';
import { isBuilt, planned, type Question } from '../../../lib/kit/question.ts';
import { uses, usesIn } from '../../../lib/kit/uses.ts';
import { variables } from '../../../lib/kit/variables.ts';

function tree() {
  const root = new RootConstruct();
  const stack = new Construct(root, 'shelf');
  const books = new Construct(stack, 'Books');
  const table = new Construct(books, 'Table');
  return { root, stack, books, table };
}

describe('answers', () => {
  it('are found in the order of the tree, by the path below the stack', () => {
    const { stack, books, table } = tree();
    answers(table, 2, 'It is a table.');
    answers(books, [1, 3], 'They are books.');
    answers(stack, 4, 'It is all.');
    expect(answersIn(stack)).toEqual([
      { path: '', points: [4], why: 'It is all.' },
      { path: 'Books', points: [1, 3], why: 'They are books.' },
      { path: 'Books/Table', points: [2], why: 'It is a table.' },
    ]);
  });

  it('may be several for a construct, and are none without one', () => {
    const { stack, books } = tree();
    expect(answersIn(stack)).toEqual([]);
    answers(books, 1, 'First.');
    answers(books, 2, 'Second.');
    expect(answersIn(stack).map(({ why }) => why)).toEqual(['First.', 'Second.']);
  });

  it('of a root have paths too', () => {
    const { root, books } = tree();
    answers(books, 1, 'First.');
    expect(answersIn(root).map(({ path }) => path)).toEqual(['shelf/Books']);
  });
});

describe('uses', () => {
  it('are found with their path and their reason', () => {
    const { stack, table } = tree();
    uses(table, { 'dynamodb.readUnits': 5 }, 'one for each book');
    uses(stack, { 'lambda.requests': 0 });
    expect(usesIn(stack)).toEqual([
      { path: '', usage: { 'lambda.requests': 0 }, why: '' },
      { path: 'Books/Table', usage: { 'dynamodb.readUnits': 5 }, why: 'one for each book' },
    ]);
  });

  it.each([Number.NaN, Infinity, -1])('are refused when a quantity is %d, as of a load that is missing', (quantity) => {
    const { table } = tree();
    expect(() => uses(table, { 'dynamodb.readUnits': quantity })).toThrow(
      `shelf/Books/Table uses ${quantity} of dynamodb.readUnits: give a finite number that is not negative`,
    );
  });
});

describe('variables', () => {
  it('have the names that env.ts says', () => {
    expect(variables({ booksTable: 'BOOKS_TABLE', queue: 'QUEUE' } as const, { booksTable: 'b', queue: 'q' })).toEqual({
      BOOKS_TABLE: 'b',
      QUEUE: 'q',
    });
  });
});

describe('a bar', () => {
  it.each<[Bar, number, number]>([
    [{ exactly: 3 }, 3, 4],
    [{ above: 3 }, 3.1, 3],
    [{ below: 3 }, 2.9, 3],
    [{ atLeast: 3 }, 3, 2.9],
    [{ atMost: 3 }, 3, 3.1],
    [{ any: true }, -1, Infinity],
  ])('%j is met by %d and not by %d', (bar, good, bad) => {
    expect(meets(bar, good)).toBe(true);
    expect(meets(bar, bad)).toBe(false);
  });

  it.each<Bar>([{ exactly: 0 }, { above: 0 }, { below: 1 }, { atLeast: 0 }, { atMost: 1 }, { any: true }])(
    '%j is not met by what is no number',
    (bar) => {
      expect(meets(bar, Number.NaN)).toBe(false);
    },
  );
});

describe('a question', () => {
  const question: Question = {
    number: 1,
    slug: 'shelf',
    title: 'Shelf',
    ask: 'Where are the books?',
    load: {},
    variants: [],
    points: planned('first', 'second'),
  };

  it('that is planned has numbered points and nothing else', () => {
    expect(question.points).toEqual([
      { n: 1, text: 'first', answer: '', properties: [] },
      { n: 2, text: 'second', answer: '', properties: [] },
    ]);
    expect(isBuilt(question)).toBe(false);
  });

  it('is built when it has variants', () => {
    expect(isBuilt({ ...question, variants: ['naive', 'improved'] })).toBe(true);
  });
});
