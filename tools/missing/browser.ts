import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { bundleForBrowser } from '../bundle/browser.ts';
import { type Page, type PageServer, servePages } from '../io/loopback.ts';

const client = join(import.meta.dirname, '../../clients/missing-notifications/browser');

// The page reads files that may be secret: it cannot send them anywhere.
const policy =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'unsafe-inline'; " +
  "base-uri 'none'; form-action 'none'";

/** Serves the page of `designs missing --browser`, with its worker, on a free port. */
export async function servePage(): Promise<PageServer> {
  const html = await readFile(join(client, 'page.html'));
  const scripts = await bundleForBrowser(client, ['page.ts', 'worker.ts']);
  const pages = new Map<string, () => Page>([
    ['/', () => ({ type: 'text/html; charset=utf-8', content: html, policy })],
  ]);
  for (const [name, content] of scripts) {
    pages.set(`/${name}`, () => ({ type: 'text/javascript; charset=utf-8', content, policy }));
  }
  return servePages(pages);
}
