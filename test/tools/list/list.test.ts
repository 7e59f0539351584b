import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { catalogue } from '../../../lib/catalogue.ts';
import { planned, type Question } from '../../../lib/kit/question.ts';
import { listedQuestions, listText } from '../../../tools/list/list.ts';

const built: Question = {
  number: 1,
  slug: 'first',
  title: 'The first',
  ask: 'What first?',
  load: { lines: { value: 1, unit: 'lines' } },
  variants: ['naive', 'improved'],
  points: [{ n: 1, text: 'one', answer: 'so', properties: ['p'] }],
};
const later: Question = {
  ...built,
  number: 12,
  slug: 'a-later-one',
  title: 'Later',
  variants: [],
  points: planned('a', 'b'),
};

describe('designs list', () => {
  it('shows number, slug, title, variants and points in columns', () => {
    expect(listText([built, later], false)).toBe(
      [
        ' #  slug         title      variants         points',
        ' 1  first        The first  naive, improved       1',
        '12  a-later-one  Later      not built yet         2',
        '',
        '2 questions, 1 built, 3 points',
      ].join('\n'),
    );
  });

  it('colours on a terminal only', () => {
    expect(listText([later], true)).toContain('\u001B[2m');
    expect(listText([later], false)).not.toContain('\u001B');
  });

  it('prints exactly the JSON that it promises', () => {
    expect(listedQuestions([built, later])).toEqual([
      {
        number: 1,
        slug: 'first',
        title: 'The first',
        variants: ['naive', 'improved'],
        points: [{ n: 1, text: 'one', answer: 'so', properties: ['p'] }],
      },
      {
        number: 12,
        slug: 'a-later-one',
        title: 'Later',
        variants: [],
        points: [
          { n: 1, text: 'a', answer: '', properties: [] },
          { n: 2, text: 'b', answer: '', properties: [] },
        ],
      },
    ]);
    const { stdout } = spawnSync(
      process.execPath,
      [join(import.meta.dirname, '../../../bin/designs.ts'), 'list', '--json'],
      {
        encoding: 'utf8',
      },
    );
    expect(JSON.parse(stdout)).toEqual(listedQuestions(catalogue));
  });
});
