import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { UsageError } from '../cli/errors.ts';
import { isSystemError } from './files.ts';

export interface Page {
  /** Its media type, such as `text/html; charset=utf-8`. */
  readonly type: string;
  readonly content: string | Uint8Array;
  /** Its Content-Security-Policy. */
  readonly policy: string;
}

/** By path, such as `/choose`. Made anew for each request: what nobody asks for costs nothing. */
export type Pages = ReadonlyMap<string, () => Page | Promise<Page>>;

export interface PageServer {
  readonly url: string;
  close(): Promise<void>;
}

export interface ServeOptions {
  /** A free one when absent or 0. */
  readonly port?: number;
  /** For a path that has no page; a line of text when absent. */
  readonly notFound?: Page;
}

/** For what is neither markup nor script. */
export const nothingAllowed = "default-src 'none'";

/**
 * Serves pages to this machine only.
 *
 * @throws {UsageError} when the port is not to be had.
 */
export async function servePages(pages: Pages, { port = 0, notFound = text('not found') }: ServeOptions = {}) {
  const server = createServer((request, response) => {
    void answer(pages, notFound, request, response);
  });
  server.listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (error) {
    if (!isSystemError(error)) throw error;
    const what = error.code === 'EADDRINUSE' ? 'is in use' : `cannot be had (${error.code})`;
    throw new UsageError(`port ${port} ${what}: give another, or 0 for any that is free`, { cause: error });
  }
  const served: PageServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
  return served;
}

/** Until Ctrl-C, or until somebody ends the process. */
export async function serveUntilStopped(server: PageServer): Promise<void> {
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  await server.close();
}

async function answer(pages: Pages, notFound: Page, request: IncomingMessage, response: ServerResponse): Promise<void> {
  // A page of another origin that resolves its name to this machine gets nothing.
  if (!/^(127\.0\.0\.1|localhost)(:\d+)?$/.test(request.headers.host ?? '')) {
    return send(response, 421, text('this server answers to 127.0.0.1 and localhost only'));
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    return send(response, 405, text('these pages are only read: use GET or HEAD'));
  }
  const [path = ''] = (request.url ?? '').split('?');
  const make = pages.get(path);
  if (make === undefined) return send(response, 404, notFound);
  try {
    send(response, 200, await make());
  } catch (error) {
    console.error(error);
    send(response, 500, text('this page could not be made: the terminal says why'));
  }
}

function send(response: ServerResponse, status: number, { type, content, policy }: Page): void {
  response
    .writeHead(status, {
      'content-type': type,
      'content-length': Buffer.byteLength(content),
      'content-security-policy': policy,
      'cache-control': 'no-store',
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    })
    .end(content);
}

function text(line: string): Page {
  return { type: 'text/plain; charset=utf-8', content: `${line}\n`, policy: nothingAllowed };
}
