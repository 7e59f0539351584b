import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { bookPages, notFoundPage } from '../../book/pages.ts';
import { svgStyle } from '../../book/svg.ts';
import { catalogue } from '../../lib/catalogue.ts';
import { isBuilt } from '../../lib/kit/question.ts';
import type { Page } from '../../tools/io/loopback.ts';
import { number } from '../../tools/io/words.ts';
import { readRecord } from '../../tools/prove/record.ts';
import { barText, measuredText } from '../../tools/prove/render.ts';
import { filesInReadingOrder } from '../../tools/show/show.ts';
import { read } from '../house/files.ts';
import { asRead, attributes, textOf } from './read-html.ts';

const drawn = { svg: '<svg xmlns="http://www.w3.org/2000/svg"/>', text: 'Charge\n' };
const pages = bookPages(catalogue, { of: () => Promise.resolve(drawn) });
const built = catalogue.filter(isBuilt);
const html = new Map<string, string>();
const texts = new Map<string, string>();

beforeAll(async () => {
  for (const [path, make] of pages) {
    const page = await make();
    if (!page.type.startsWith('text/html')) continue;
    html.set(path, String(page.content));
    texts.set(path, textOf(html.get(path)!));
  }
});

async function page(path: string): Promise<Page> {
  return pages.get(path)!();
}

describe('the front page', () => {
  it.each(catalogue)('has question $number, $slug, with what it asks', (question) => {
    const { number: place, title, ask, points } = question;
    const state = isBuilt(question) ? question.variants.join(', ') : 'not built yet';
    expect(texts.get('/')).toContain(asRead(`${place} ${title} ${ask} ${state} · ${points.length} points`));
  });

  it('links to what is built, and to the decision helper', () => {
    const links = attributes(html.get('/')!, 'href');
    expect(links.filter((link) => link.startsWith('/questions/'))).toEqual(
      built.map(({ slug }) => `/questions/${slug}`),
    );
    expect(links).toContain('/choose');
  });
});

describe.each(built)('the page of $slug', (question) => {
  const { slug } = question;
  const path = `/questions/${slug}`;
  const text = () => texts.get(path)!;

  it('begins with number, title and ask', () => {
    expect(text()).toContain(asRead(`${question.number} ${question.title} ${question.ask}`));
  });

  it('states the load', () => {
    for (const [name, { value, unit }] of Object.entries(question.load)) {
      expect(text()).toContain(asRead(`${name} ${number(value)} ${unit}`));
    }
  });

  it('has every point, with its answer and the properties that prove it', () => {
    for (const { text: point, answer, properties } of question.points) {
      const bare = answer.replaceAll(/^ *- |`/gm, '');
      expect(text()).toContain(asRead(`${point} ${bare} Proved by: ${properties.join(' ')}`));
    }
  });

  it('has every property, with unit, numbers, bars, tier and points', () => {
    const { properties } = readRecord(slug)!;
    expect(properties.length).toBeGreaterThan(0);
    for (const { name, unit, points, tier, bars, measured, pass } of properties) {
      const figures = question.variants.map(
        (variant) => `${measuredText(measured[variant])} ${barText(bars[variant]!)}`,
      );
      const row = `${name} ${unit} ${figures.join(' ')} ${pass ? 'yes' : 'NO'} ${tier} ${points.join(' , ')}`;
      expect(text()).toContain(asRead(row));
    }
  });

  it('lists the faults that fired, and the grants that nothing needed with their reasons', () => {
    const { faults, unused } = readRecord(slug)!;
    for (const [variant, fired] of Object.entries(faults)) {
      for (const { function: name, kind, error, call, hits } of fired) {
        const fault = error === undefined ? kind : `${kind}: ${error}`;
        expect(text()).toContain(asRead(`${variant} ${name} the proof ${fault} ${call} ${number(hits)}`));
      }
    }
    for (const [variant, functions] of Object.entries(unused)) {
      for (const { function: name, actions } of functions) {
        for (const { action, resource = '*', reason } of actions) {
          expect(text()).toContain(asRead(`${variant} ${name} ${action} ${resource} ${reason}`));
        }
      }
    }
  });

  it('has the whole committed diff', () => {
    const diff = read(`lib/questions/${slug}/diff.md`);
    const blocks = [...diff.matchAll(/^```diff\n(.*?)^```/gms)].map(([, block]) => block!);
    const headings = [...diff.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading!.replaceAll('`', ''));
    const rows = [...diff.matchAll(/^\| .* \|$/gm)].map(([row]) => row.replaceAll(/\||\*\*/g, ' '));
    const [end] = diff.trimEnd().split('\n').at(-1)!.split('`');
    expect(Math.min(blocks.length, rows.length)).toBeGreaterThan(3);
    for (const part of [...blocks, ...headings, ...rows, end!]) expect(text()).toContain(asRead(part));
    expect(text()).not.toMatch(/```|\*\*(New|Changed|Removed|Sum)/);
  });

  it('has the code in reading order', async () => {
    const files = await filesInReadingOrder(question);
    expect(files.length).toBeGreaterThan(5);
    let from = text().indexOf('In reading order');
    for (const { path: file, source } of files) {
      const at = text().indexOf(asRead(`${file} ${source}`), from);
      expect(at, file).toBeGreaterThanOrEqual(from);
      from = at;
    }
  });

  it('shows the diagram as a picture, and links to it as text', async () => {
    expect(attributes(html.get(path)!, 'src')).toEqual([`${path}/diagram.svg`]);
    expect(attributes(html.get(path)!, 'href')).toContain(`${path}/diagram.txt`);
    expect(await page(`${path}/diagram.svg`)).toMatchObject({
      type: 'image/svg+xml; charset=utf-8',
      content: drawn.svg,
      policy: `default-src 'none'; style-src 'sha256-${createHash('sha256').update(svgStyle).digest('base64')}'`,
    });
    expect(await page(`${path}/diagram.txt`)).toMatchObject({ type: 'text/plain; charset=utf-8', content: drawn.text });
  });
});

describe('the book', () => {
  it('has no page for a question that is not built', () => {
    const paths = [...pages.keys()].filter((path) => /^\/questions\/[^/]+$/.test(path));
    expect(paths).toEqual(built.map(({ slug }) => `/questions/${slug}`));
  });

  it('leads only to places that are there', () => {
    expect(html.size).toBe(built.length + 2);
    for (const [path, source] of [...html, ['/lost', String(notFoundPage().content)] as const]) {
      for (const link of [...attributes(source, 'href'), ...attributes(source, 'src')]) {
        const [place, fragment] = link.split('#');
        if (place !== '') expect([...pages.keys()], `${link} on ${path}`).toContain(place);
        else expect(attributes(source, 'id'), `${link} on ${path}`).toContain(fragment);
      }
    }
  });

  it('names each place of a page once', () => {
    for (const [path, source] of html) {
      const ids = attributes(source, 'id');
      expect(new Set(ids).size, path).toBe(ids.length);
    }
  });

  it('needs nothing that its policy forbids: no inline script or style, nothing from elsewhere', async () => {
    for (const [path, source] of html) {
      expect((await page(path)).policy).toMatch(
        /^default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; /,
      );
      expect(source, path).not.toMatch(/<style|<[^>]*\sstyle=|<[^>]*\son\w+=|<script(?![^>]*\ssrc=)/i);
    }
  });

  it('is styled, and its helper computed, by what it serves itself', async () => {
    expect(await page('/book.css')).toMatchObject({ type: 'text/css; charset=utf-8' });
    expect(String((await page('/book.css')).content)).not.toMatch(/url\(|@import/);
    expect(await page('/choose.js')).toMatchObject({ type: 'text/javascript; charset=utf-8' });
  });
});
