import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { names, queryOf } from '../../../book/browser/answers.ts';
import { bookPages } from '../../../book/pages.ts';
import {
  type Answers,
  choose,
  type QuestionName,
  questions,
  type Setting,
} from '../../../engines/consistency/choose.ts';
import { catalogue } from '../../../lib/catalogue.ts';
import { type PageServer, servePages } from '../../../tools/io/loopback.ts';
import { launchBrowser } from '../../launch-browser.ts';

let browser: Browser;
let server: PageServer;
let page: Page;
let problems: string[];

beforeAll(async () => {
  server = await servePages(bookPages(catalogue, { of: () => Promise.reject(new Error('not asked for')) }));
  browser = await launchBrowser();
}, 120_000);

afterAll(async () => {
  await browser.close();
  await server.close();
});

beforeEach(async () => {
  problems = [];
  page = await browser.newPage();
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (message) => {
    // A browser asks for an icon by itself.
    if (message.type() === 'error' && !message.location().url.endsWith('/favicon.ico')) problems.push(message.text());
  });
});

afterEach(async () => {
  await page.close();
  if (problems.length > 0) throw new Error(`the page complains: ${problems.join('; ')}`);
});

/** All 48, each differing from the one before in one answer: a reflected Gray code. */
const combinations = names.reduceRight<readonly Partial<Answers>[]>(
  (rest, name) =>
    questions[name].answers.flatMap((answer, index) =>
      (index % 2 === 0 ? rest : rest.toReversed()).map((others) => ({ [name]: answer, ...others })),
    ),
  [{}],
) as readonly Answers[];

const open = (query = '') => page.goto(`${server.url}choose${query}`);
const radio = (name: QuestionName, answer: string) =>
  page.getByRole('group', { name: questions[name].asks }).getByRole('radio', { name: answer, exact: true });
const verdict = () => page.getByRole('status').textContent();

interface Shown {
  readonly verdict: string;
  readonly settings: readonly string[];
  readonly command: string;
  readonly query: string;
}

/** In one go: 48 times four of them are seconds. */
const shown = () =>
  page.evaluate<Shown>(`({
    verdict: document.querySelector('[role=status]').textContent,
    settings: [...document.querySelectorAll('#settings :is(h3, dd, li)')].map((element) => element.textContent),
    command: document.querySelector('#command').textContent.trim(),
    query: location.search,
  })`);

function expected(answers: Answers): Shown {
  const { consistency, reason, read, write, cautions } = choose(answers);
  const lines = (what: string, { does, setting, usdPerMillion, why }: Setting) => [
    `${what}: ${does}`,
    setting,
    `${usdPerMillion.toFixed(4)} USD a million, items of up to 1 KB`,
    why,
  ];
  const notes = cautions.length === 0 ? [] : ['Notes', ...cautions.map((caution) => `${caution}.`)];
  return {
    verdict: `${consistency}: ${reason}.`,
    settings: [...lines('Reads', read), ...lines('Writes', write), ...notes],
    command: `npx designs choose ${names.map((name) => `--${name} ${answers[name]}`).join(' ')}`,
    query: queryOf(answers),
  };
}

describe('the decision helper', () => {
  it('chooses as the engine does, for all 48 combinations of answers, without a network', async () => {
    expect(combinations).toHaveLength(48);
    await open();
    await page.context().setOffline(true);
    let before: Partial<Answers> = {};
    for (const answers of combinations) {
      for (const name of names) if (answers[name] !== before[name]) await radio(name, answers[name]).check();
      before = answers;
      expect(await shown()).toEqual(expected(answers));
    }
  });

  it('reads shared answers from the address', async () => {
    const answers = combinations[17]!;
    await open(queryOf(answers));
    for (const name of names) expect(await radio(name, answers[name]).isChecked()).toBe(true);
    expect(await shown()).toEqual(expected(answers));
  });

  it('says which questions are not answered, and takes nothing else for an answer', async () => {
    await open('?stale=never&money=perhaps&hot=no');
    expect(await shown()).toEqual({
      verdict: `Not answered yet: ${questions.money.asks} ${questions['own-writes'].asks} ${questions.deadline.asks}`,
      settings: [],
      command: 'npx designs choose --stale never --hot no',
      query: '?stale=never&money=perhaps&hot=no',
    });
    expect(await page.getByRole('radio', { checked: true }).count()).toBe(2);
  });

  it('starts again without answers', async () => {
    await open(queryOf(combinations[0]!));
    await page.getByRole('link', { name: 'Start again' }).click();
    await expect.poll(verdict).toContain(`Not answered yet: ${questions.stale.asks}`);
    expect(await page.getByRole('radio', { checked: true }).count()).toBe(0);
  });

  it('is answered with the keyboard alone, one stop for each question', async () => {
    await open();
    await radio('stale', 'never').focus();
    for (const name of names) {
      await page.keyboard.press('Space');
      await page.keyboard.press('ArrowRight');
      expect(await radio(name, questions[name].answers[1]).isChecked(), name).toBe(true);
      await page.keyboard.press('Tab');
    }
    const answers = Object.fromEntries(names.map((name) => [name, questions[name].answers[1]])) as Answers;
    expect(await shown()).toEqual(expected(answers));
  });
});

describe('the pages of the book', () => {
  it.each([320, 1200])('scroll in no direction but down, %d pixels wide', async (width) => {
    await page.setViewportSize({ width, height: 800 });
    // Pictures are drawn by the CDK, in seconds: not here.
    await page.route('**/*.svg', (route) =>
      route.fulfill({
        contentType: 'image/svg+xml',
        body: '<svg xmlns="http://www.w3.org/2000/svg" width="1500" height="9"/>',
      }),
    );
    for (const path of ['', 'choose', `choose${queryOf(combinations[0]!)}`, 'questions/missing-notifications']) {
      await page.goto(`${server.url}${path}`);
      expect(await page.evaluate('document.documentElement.scrollWidth'), path).toBeLessThanOrEqual(width);
    }
  });
});
