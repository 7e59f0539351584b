import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isBuilt, type Question } from '../lib/kit/question.ts';
import { bundleForBrowser } from '../tools/bundle/browser.ts';
import { nothingAllowed, type Page, type Pages } from '../tools/io/loopback.ts';
import { readDiff } from '../tools/diff/record.ts';
import { readRecord } from '../tools/prove/record.ts';
import { filesInReadingOrder } from '../tools/show/show.ts';
import type { Diagrams } from './diagrams.ts';
import { frontPage, pathOf } from './front.ts';
import { markup } from './markup.ts';
import { layout } from './layout.ts';

/** Every page of the book; what only some of them need is loaded when one of them is asked for. */
export function bookPages(questions: readonly Question[], diagrams: Pick<Diagrams, 'of'>): Pages {
  const built = questions.filter(isBuilt);
  return new Map<string, () => Page | Promise<Page>>([
    ['/', () => frontPage(questions)],
    ['/book.css', styleSheet],
    ['/choose', async () => (await import('./choose.ts')).choosePage()],
    ['/choose.js', chooseScript],
    ...built.flatMap((question, index) => [
      [pathOf(question), () => chapter(question, built[index - 1], built[index + 1])] as const,
      [`${pathOf(question)}/diagram.svg`, async () => picture((await diagrams.of(question.slug)).svg)] as const,
      [`${pathOf(question)}/diagram.txt`, async () => plain((await diagrams.of(question.slug)).text)] as const,
    ]),
  ]);
}

/** For what is at no path. */
export function notFoundPage(): Page {
  return layout({
    title: 'No such page',
    main: markup`<h1>No such page</h1>
      <p>There is nothing here. <a href="/">All questions</a></p>`,
  });
}

async function chapter(question: Question, previous: Question | undefined, next: Question | undefined): Promise<Page> {
  const { slug } = question;
  const { questionPage } = await import('./question.ts');
  const files = await filesInReadingOrder(question);
  return questionPage({ question, files, diff: readDiff(slug), record: readRecord(slug), previous, next });
}

async function styleSheet(): Promise<Page> {
  const content = await readFile(join(import.meta.dirname, 'book.css'));
  return { type: 'text/css; charset=utf-8', content, policy: nothingAllowed };
}

async function chooseScript(): Promise<Page> {
  const scripts = await bundleForBrowser(join(import.meta.dirname, 'browser'), ['choose.ts']);
  return { type: 'text/javascript; charset=utf-8', content: scripts.get('choose.js')!, policy: nothingAllowed };
}

async function picture(content: string): Promise<Page> {
  const { svgStyle } = await import('./svg.ts');
  const hash = createHash('sha256').update(svgStyle).digest('base64');
  return { type: 'image/svg+xml; charset=utf-8', content, policy: `default-src 'none'; style-src 'sha256-${hash}'` };
}

function plain(content: string): Page {
  return { type: 'text/plain; charset=utf-8', content, policy: nothingAllowed };
}
