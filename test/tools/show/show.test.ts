import { describe, expect, it } from 'vitest';
import { catalogue } from '../../../lib/catalogue.ts';
import { planned, type Question } from '../../../lib/kit/question.ts';
import { filesInReadingOrder, showText, type Shown } from '../../../tools/show/show.ts';

const question: Question = {
  number: 11,
  slug: 'idempotent-apis',
  title: 'Idempotent APIs',
  ask: 'How?',
  load: { requests: { value: 1_000_000, unit: 'requests/day' } },
  variants: ['naive', 'improved'],
  points: [{ n: 1, text: 'A key', answer: 'The key is claimed first.', properties: ['charges per key'] }],
};
const shown: Shown = {
  question,
  diagram: { nodes: [{ id: 'A', name: 'A', type: 'SQS Queue' }], edges: [] },
  files: [{ path: 'lib/questions/idempotent-apis/naive.ts', source: 'export const naive = `a`;\n' }],
};

describe('designs show', () => {
  it('reads top to bottom: ask, load, points with answers and properties, diagram, code', () => {
    expect(showText(shown, false)).toBe(
      [
        '# 11. Idempotent APIs',
        'How?',
        '## Load',
        '- requests: 1,000,000 requests/day',
        '## Points',
        '1. A key\n   The key is claimed first.\n   Proved by: charges per key',
        '## Diagram: improved',
        '```mermaid\nflowchart LR\n  A["A<br/><small>SQS Queue</small>"]\n```',
        '## Code',
        '### lib/questions/idempotent-apis/naive.ts',
        '```ts\nexport const naive = `a`;\n```',
      ].join('\n\n'),
    );
  });

  it('keeps the lines of an answer under its point', () => {
    const points = [{ ...question.points[0]!, answer: 'Tables:\n\n- users' }];
    expect(showText({ ...shown, question: { ...question, points } }, false)).toContain(
      '1. A key\n   Tables:\n\n   - users\n   Proved by: charges per key',
    );
  });

  it('draws the diagram in text on a terminal', () => {
    expect(showText(shown, true)).toContain('## Diagram: improved\n\nA  SQS Queue\n');
  });

  it('shows ask and points of a question that is not built, and says so', () => {
    const later = { ...question, load: {}, variants: [], points: planned('A key', 'Safe methods') };
    expect(showText({ question: later, files: [] }, false)).toBe(
      '# 11. Idempotent APIs\n\nHow?\n\n## Points\n\n1. A key\n2. Safe methods\n\nThis question is not built yet.',
    );
  });

  it('keeps a code block whole that has a fence in it', () => {
    const files = [{ path: 'a.ts', source: '// ```sh\n' }];
    expect(showText({ ...shown, files }, false)).toContain('````ts\n// ```sh\n````');
  });
});

describe('reading order', () => {
  it.each(catalogue)('of $slug begins with its question', async (listed) => {
    const paths = (await filesInReadingOrder(listed)).map(({ path }) => path);
    expect(paths[0]).toBe(`lib/questions/${listed.slug}/question.ts`);
  });

  it.each(catalogue.filter(({ variants }) => variants.length > 0))('of $slug ends with its proof', async (built) => {
    const paths = (await filesInReadingOrder(built)).map(({ path }) => path);
    expect(paths.at(-1)).toBe(`lib/questions/${built.slug}/proof.ts`);
    expect(paths.slice(1, 1 + built.variants.length)).toEqual(
      built.variants.map((variant) => `lib/questions/${built.slug}/${variant}.ts`),
    );
    expect(new Set(paths).size).toBe(paths.length);
  });
});
