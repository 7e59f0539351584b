import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { type AddressInfo, connect, createServer } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Page, type PageServer, servePages } from '../../../tools/io/loopback.ts';

const page: Page = { type: 'text/html; charset=utf-8', content: '<p>käse</p>', policy: "default-src 'none'" };
const made = vi.fn<() => Page>(() => page);
const pages = new Map<string, () => Page>([
  ['/', made],
  [
    '/broken',
    () => {
      throw new Error('no such stack');
    },
  ],
]);

let server: PageServer | undefined;
afterEach(async () => {
  made.mockClear();
  await server?.close();
  server = undefined;
});

interface Asked {
  readonly path?: string;
  readonly method?: string;
  readonly host?: string | undefined;
}

/** As `fetch` would not: with any host, and with the path as it stands. */
async function ask({ path = '/', method = 'GET', ...rest }: Asked = {}) {
  server ??= await servePages(pages);
  const { host: hostname, port } = new URL(server.url);
  const host = 'host' in rest ? rest.host : hostname;
  const asked = request({
    port,
    host: '127.0.0.1',
    method,
    path,
    setHost: false,
    ...(host === undefined ? {} : { headers: { host } }),
  }).end();
  const [reply] = (await once(asked, 'response')) as [IncomingMessage];
  const body = Buffer.concat(await reply.toArray()).toString();
  return { status: reply.statusCode, headers: reply.headers, body };
}

describe('pages on the loopback interface', () => {
  it('are served with their type and policy, never kept, and to no page of another origin', async () => {
    const { status, headers, body } = await ask();
    expect({ status, body }).toEqual({ status: 200, body: page.content });
    expect(headers).toMatchObject({
      'content-type': page.type,
      'content-length': '12',
      'content-security-policy': page.policy,
      'cache-control': 'no-store',
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    });
  });

  it('listen on 127.0.0.1 alone', async () => {
    server = await servePages(pages);
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
  });

  it('are made when they are asked for', async () => {
    await ask({ path: '/broken', host: 'evil.example' });
    expect(made).not.toHaveBeenCalled();
    await ask({ path: '/?stale=never' });
    expect(made).toHaveBeenCalledOnce();
  });

  it.each(['127.0.0.1', 'localhost', 'localhost:8080'])('answer to %s, as behind a forwarded port', async (host) => {
    expect((await ask({ host })).status).toBe(200);
  });

  it.each(['evil.example', '127.0.0.1.evil.example', 'evil.example:80', 'localhost.', '127.0.0.1@evil.example', ''])(
    'answer nothing to another host: %j',
    async (host) => {
      expect(await ask({ host })).toMatchObject({ status: 421, body: expect.not.stringContaining('käse') });
      expect(made).not.toHaveBeenCalled();
    },
  );

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'])('refuse %s', async (method) => {
    const { status, headers } = await ask({ method });
    expect({ status, allow: headers.allow }).toEqual({ status: 405, allow: 'GET, HEAD' });
    expect(made).not.toHaveBeenCalled();
  });

  it('answer HEAD with the headers alone', async () => {
    expect(await ask({ method: 'HEAD' })).toMatchObject({ status: 200, headers: { 'content-length': '12' }, body: '' });
  });

  it.each([
    '/package.json',
    '/../package.json',
    '/..%2fpackage.json',
    '//',
    '//evil.example/',
    '/%00',
    '/constructor',
    '*',
  ])('are those of the map, and no file: %s', async (path) => {
    expect(await ask({ path })).toMatchObject({ status: 404, body: 'not found\n' });
  });

  it('have one for what is not there, if they want', async () => {
    server = await servePages(pages, { notFound: { ...page, content: 'lost' } });
    expect(await ask({ path: '/nowhere' })).toMatchObject({ status: 404, body: 'lost' });
  });

  it('say so where they cannot be made, and why on the terminal only', async () => {
    const terminal = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    const { status, body } = await ask({ path: '/broken' });
    expect({ status, body }).toEqual({ status: 500, body: 'this page could not be made: the terminal says why\n' });
    expect(terminal).toHaveBeenCalledWith(new Error('no such stack'));
    terminal.mockRestore();
    expect((await ask()).status).toBe(200);
  });

  it('close at once, whoever still holds a connection', async () => {
    server = await servePages(pages);
    const { port } = new URL(server.url);
    const idle = connect(Number(port), '127.0.0.1').on('error', () => undefined);
    await once(idle, 'connect');
    await expect(server.close()).resolves.toBeUndefined();
    server = undefined;
    idle.destroy();
  });

  it('need a port of their own', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    await expect(servePages(pages, { port })).rejects.toMatchObject({
      name: 'UsageError',
      exitCode: 2,
      message: `port ${port} is in use: give another, or 0 for any that is free`,
    });
    other.close();
  });
});
