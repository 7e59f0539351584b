import { stripVTControlCharacters, styleText } from 'node:util';
import { isBuilt, type Question } from '../../lib/kit/question.ts';

/** One question of `designs list --json`: a contract, whose shape tests and the book rely on. */
export interface ListedQuestion {
  readonly number: number;
  readonly slug: string;
  readonly title: string;
  readonly variants: readonly string[];
  readonly points: readonly { n: number; text: string; answer: string; properties: readonly string[] }[];
}

export function listedQuestions(questions: readonly Question[]): readonly ListedQuestion[] {
  return questions.map(({ number, slug, title, variants, points }) => ({
    number,
    slug,
    title,
    variants,
    points: points.map(({ n, text, answer, properties }) => ({ n, text, answer, properties })),
  }));
}

/** A line for each question, in columns; `color` dims what is not built. */
export function listText(questions: readonly Question[], color: boolean): string {
  const rows = questions.map((question) => [
    String(question.number),
    question.slug,
    question.title,
    isBuilt(question) ? question.variants.join(', ') : 'not built yet',
    `${question.points.length}`,
  ]);
  const table = [['#', 'slug', 'title', 'variants', 'points'], ...rows];
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  const isNumber = (column: number) => column === 0 || column === 4;
  const lines = table.map((row, index) => {
    const line = row
      .map((cell, column) => (isNumber(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join('  ');
    const question = questions[index - 1];
    if (question === undefined) return styleText('bold', line, { validateStream: false });
    return isBuilt(question) ? line : styleText('dim', line, { validateStream: false });
  });
  const points = questions.reduce((sum, question) => sum + question.points.length, 0);
  const summary = `${questions.length} questions, ${questions.filter(isBuilt).length} built, ${points} points`;
  const text = [...lines, '', summary].join('\n');
  return color ? text : stripVTControlCharacters(text);
}
