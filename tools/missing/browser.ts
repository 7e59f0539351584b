import { createServer } from 'node:http';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

const client = join(import.meta.dirname, '../../clients/missing-notifications/browser');

/** The page of `designs missing --browser`, served on this machine only. */
export interface PageServer {
  readonly url: string;
  close(): Promise<void>;
}

/** Bundles the page and its worker and serves them on a free port of the loopback interface. */
export async function servePage(): Promise<PageServer> {
  const { build } = await import('esbuild');
  const { outputFiles } = await build({
    entryPoints: ['page.ts', 'worker.ts'].map((file) => join(client, file)),
    bundle: true,
    format: 'esm',
    target: 'es2024',
    minify: true,
    write: false,
    outdir: client,
  });
  const files = new Map<string, { readonly type: string; readonly bytes: Uint8Array }>([
    ['/', { type: 'text/html; charset=utf-8', bytes: await readFile(join(client, 'page.html')) }],
  ]);
  for (const { path, contents } of outputFiles) {
    files.set(path.slice(client.length), { type: 'text/javascript; charset=utf-8', bytes: contents });
  }
  const server = createServer((request, response) => {
    const file = files.get(request.url ?? '');
    // A page of another origin that resolves its name to this machine gets nothing.
    const isOurs = /^(127\.0\.0\.1|localhost):\d+$/.test(request.headers.host ?? '');
    if (!file || !isOurs || request.method !== 'GET') {
      response.writeHead(isOurs ? 404 : 421).end();
      return;
    }
    response
      .writeHead(200, {
        'content-type': file.type,
        'cache-control': 'no-store',
        // The page reads files that may be secret: it cannot send them anywhere.
        'content-security-policy':
          "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
        'x-content-type-options': 'nosniff',
      })
      .end(file.bytes);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
