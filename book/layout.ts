import type { Page } from '../tools/io/loopback.ts';
import { type Markup, markup } from './markup.ts';

/** No inline script or style, nothing from elsewhere, and nothing is sent. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; " +
  "frame-ancestors 'none'";

export interface Layout {
  readonly title: string;
  readonly main: Markup;
  /** Path of the page's module; none when absent. */
  readonly script?: string;
}

const name = 'Deployable Designs';

/** A whole page: what is on all of them, and its own. */
export function layout({ title, main, script }: Layout): Page {
  const page = markup`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title === name ? name : `${title} · ${name}`}</title>
        <link rel="stylesheet" href="/book.css" />
        ${script === undefined ? undefined : markup`<script type="module" src="${script}"></script>`}
      </head>
      <body>
        <header>
          <nav aria-label="Book"><a href="/">${name}</a> <a href="/choose">Strong or eventual?</a></nav>
        </header>
        <main>${main}</main>
      </body>
    </html>`;
  return { type: 'text/html; charset=utf-8', content: page.text, policy };
}

/** What is wider than a narrow screen scrolls by itself, by keyboard as well. */
export function scrolling(label: string, wide: Markup): Markup {
  return markup`<div class="scrolling" role="region" aria-label="${label}" tabindex="0">${wide}</div>`;
}
