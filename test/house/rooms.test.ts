import { describe, expect, it } from 'vitest';
import { catalogue } from '../../lib/catalogue.ts';
import { isBuilt } from '../../lib/kit/question.ts';
import { filesIn, foldersIn, lambdaParts } from './files.ts';

const slugs = catalogue.map(({ slug }) => slug);
const built = catalogue.filter(isBuilt);
/** Folders beside the questions' own, by room. */
const shared: Readonly<Record<string, readonly string[]>> = {
  'lib/questions': [],
  lambdas: ['kit'],
  clients: [],
  test: ['bench', 'book', 'clients', 'engines', 'house', 'lambdas', 'lib', 'tools'],
};

describe('slugs', () => {
  it.each(Object.entries(shared))('name every folder of %s', (room, others) => {
    const strangers = foldersIn(room).filter((folder) => !slugs.includes(folder) && !others.includes(folder));
    expect(strangers, `no question has this slug: add it to lib/catalogue.ts, or remove the folder`).toEqual([]);
  });

  it('have a folder with question.ts each', () => {
    const lost = slugs.filter((slug) => !filesIn(`lib/questions/${slug}`).includes('question.ts'));
    expect(lost, 'write lib/questions/<slug>/question.ts').toEqual([]);
  });

  it('of questions that are not built have nothing but question.ts', () => {
    for (const { slug } of catalogue.filter((question) => !isBuilt(question))) {
      expect(filesIn(`lib/questions/${slug}`), `${slug}: name its variants in question.ts`).toEqual(['question.ts']);
      expect(foldersIn('lambdas'), `${slug}: name its variants in question.ts`).not.toContain(slug);
    }
  });

  it.each(built)('join the files of $slug across the rooms', ({ slug, variants }) => {
    // A question just made by `designs new` has no recorded proof yet: test/house/catalogue.test.ts says which need one.
    const files = filesIn(`lib/questions/${slug}`).filter((file) => file !== 'proof.json');
    expect(files, `lib/questions/${slug}: file names are fixed`).toEqual(
      ['diff.md', 'proof.ts', 'question.ts', ...variants.map((variant) => `${variant}.ts`)].sort(),
    );
    const lambdas = filesIn(`lambdas/${slug}`);
    if (lambdas.length > 0) {
      expect(lambdas, `lambdas/${slug}`).toEqual(expect.arrayContaining(['domain.ts', 'env.ts', 'store.ts']));
    }
    const handlers = lambdas.filter((file) => !lambdaParts.includes(file));
    const handlerName = new RegExp(`^[a-z]+(-[a-z]+)*(\\.(${variants.join('|')}))?\\.ts$`);
    for (const handler of handlers) {
      expect(
        handler,
        `lambdas/${slug}: a handler is a verb, and a variant's: <verb>[.${variants.join('|')}].ts`,
      ).toMatch(handlerName);
    }
    expect(
      filesIn(`test/${slug}`).filter((file) => file.endsWith('.test.ts')),
      `test/${slug} has no test`,
    ).not.toEqual([]);
  });
});
