import type { APIGatewayProxyEventV2, Context } from 'aws-lambda';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import {
  api,
  type ApiRequest,
  bodyBytesMax,
  json,
  parseBody,
  parsed,
  Problem,
  type Reply,
} from '../../../lambdas/kit/http.ts';
import { NoAnswer } from '../../../lambdas/kit/clients.ts';
import { logger } from '../../../lambdas/kit/run.ts';

const book = z.strictObject({ title: z.string().max(20), pages: z.int().min(1) });

function request(more: Partial<ApiRequest>): ApiRequest {
  const headers = { 'content-type': 'application/json' };
  return { route: 'POST /books', caller: '', parameters: {}, query: {}, headers, body: '', ...more };
}

/** What parseBody() makes of a body: the value, or the problem. */
function read(body: string, headers?: ApiRequest['headers']): unknown {
  try {
    return parseBody(request({ body, ...(headers && { headers }) }), book);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return error;
  }
}

interface Answer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

async function answer(
  handle: (request: ApiRequest) => Promise<Reply>,
  event: Partial<APIGatewayProxyEventV2> = {},
): Promise<Answer> {
  const whole = { routeKey: 'GET /books/{id}', headers: {}, isBase64Encoded: false, ...event };
  return (await api(handle)(whole as APIGatewayProxyEventV2, {} as Context)) as Answer;
}

describe('a JSON body', () => {
  it('is the value that its schema takes', () => {
    const value = { title: 'naïve', pages: 3 };
    expect(read(JSON.stringify(value))).toEqual(value);
    expect(read(JSON.stringify(value), { 'content-type': 'application/vnd.books+json; charset=utf-8' })).toEqual(value);
  });

  it.each([
    ['', 400, 'no JSON'],
    ['{"title":"a","pages":1', 400, 'no JSON'],
    ['{"title":"a","pages":0}', 400, '/pages'],
    ['{"title":"a","pages":1,"more":1}', 400, 'more'],
    ['[]', 400, 'expected object'],
    ['null', 400, 'expected object'],
    ['{"title":"a","pages":1,"__proto__":{"admin":true}}', 400, 'forbidden prototype property'],
    ['{"title":"a","pages":1,"constructor":{"prototype":{}}}', 400, 'forbidden prototype property'],
    ['['.repeat(60_000), 400, 'no JSON'],
    [`"${'a'.repeat(bodyBytesMax)}"`, 413, `exceeds ${bodyBytesMax}`],
    ['"' + 'é'.repeat(bodyBytesMax / 2) + '"', 413, `exceeds ${bodyBytesMax}`],
  ])('is refused: %.40s', (body, status, detail) => {
    expect(read(body)).toMatchObject({ status, message: expect.stringContaining(detail) });
  });

  it.each([undefined, '', 'text/plain', 'application/jsonp', 'application/x-www-form-urlencoded'])(
    'is refused under the media type %s',
    (type) => {
      expect(read('{"title":"a","pages":1}', { 'content-type': type })).toMatchObject({ status: 415 });
    },
  );

  it('names each wrong place by a JSON pointer', () => {
    const schema = z.object({ 'a/b': z.array(z.strictObject({ 'c~d': z.int() })) });
    const wrong = () => parsed({ 'a/b': [{ 'c~d': 1 }, { 'c~d': 'x' }] }, schema, 'the body');
    expect(wrong).toThrow(
      expect.objectContaining({ members: { errors: [{ pointer: '/a~1b/1/c~0d', detail: expect.any(String) }] } }),
    );
  });

  it('is a value of its schema or a 4xx, whatever it is', () => {
    const bodies = fc.oneof(
      fc.json(),
      fc.string({ unit: 'binary' }),
      fc.record({ title: fc.anything(), pages: fc.anything() }).map((value) => JSON.stringify(value) ?? ''),
    );
    fc.assert(
      fc.property(bodies, (body) => {
        const result = read(body);
        const refused = result instanceof Problem;
        expect(refused || book.safeParse(result).success).toBe(true);
        if (refused) expect([400, 413, 415]).toContain(result.status);
        if (refused) expect(result.reply.body.length).toBeLessThan(10_000);
      }),
      { numRuns: 3000 },
    );
  });
});

describe('a handler of an HTTP API', () => {
  beforeEach(() => {
    vi.spyOn(logger, 'error').mockImplementation(() => {});
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it('gets the request decoded, and its reply goes out byte for byte', async () => {
    const requests: ApiRequest[] = [];
    const result = await answer(
      async (one) => {
        requests.push(one);
        return { status: 201, headers: { 'x-book': '1' }, body: '{ "kept" : 1 }' };
      },
      {
        pathParameters: { id: '7' },
        headers: { 'Idempotency-Key': 'k' },
        body: Buffer.from('naïve').toString('base64'),
        isBase64Encoded: true,
      },
    );
    expect(requests).toEqual([
      {
        route: 'GET /books/{id}',
        caller: '',
        parameters: { id: '7' },
        query: {},
        headers: { 'idempotency-key': 'k' },
        body: 'naïve',
      },
    ]);
    expect(result).toMatchObject({ statusCode: 201, body: '{ "kept" : 1 }' });
    expect(result.headers).toEqual({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', 'x-book': '1' });
  });

  it.each([
    ['arn:aws:iam::123456789012:user/team/ann', 'arn:aws:iam::123456789012:user/team/ann'],
    ['arn:aws:sts::123456789012:assumed-role/Shop/session-1', 'arn:aws:sts::123456789012:assumed-role/Shop'],
    ['arn:aws-cn:sts::123456789012:assumed-role/Shop/a@b/c', 'arn:aws-cn:sts::123456789012:assumed-role/Shop'],
  ])('knows %s by what lasts longer than a session', async (userArn, caller) => {
    const requestContext = { authorizer: { iam: { userArn } } } as unknown as APIGatewayProxyEventV2['requestContext'];
    const { body } = await answer(async (one) => ({ status: 200, body: one.caller }), { requestContext });
    expect(body).toBe(caller);
  });

  it('answers a problem as a document of RFC 9457', async () => {
    const result = await answer(async () => {
      throw new Problem(409, 'book 7 is lent: come again', { headers: { 'retry-after': '5' }, members: { book: '7' } });
    });
    expect(result.statusCode).toBe(409);
    expect(result.headers).toMatchObject({ 'content-type': 'application/problem+json', 'retry-after': '5' });
    expect(JSON.parse(result.body)).toEqual({
      type: 'about:blank',
      title: 'Conflict',
      status: 409,
      detail: 'book 7 is lent: come again',
      book: '7',
    });
  });

  const named = (name: string, more: object = {}) =>
    Object.assign(new Error('secret of the inside'), { name, ...more });

  it.each([
    [named('ThrottlingException', { $metadata: {} }), 503],
    [named('TimeoutError', { $metadata: {} }), 503],
    [named('InternalServerError', { $metadata: { httpStatusCode: 500 }, $fault: 'server' }), 503],
    [new NoAnswer('secret of the inside'), 503],
    [named('AccessDeniedException', { $metadata: { httpStatusCode: 400 }, $fault: 'client' }), 500],
    [new TypeError('secret of the inside'), 500],
    ['secret of the inside', 500],
  ])('says nothing of the inside when it fails: %s', async (error, status) => {
    const result = await answer(async () => {
      throw error;
    });
    expect(result.statusCode).toBe(status);
    expect(result.body).not.toContain('secret');
    expect(logger.error).toHaveBeenCalledOnce();
    expect('retry-after' in result.headers).toBe(status === 503);
  });

  it('answers JSON as JSON', async () => {
    const result = await answer(async () => json(200, { title: 'a' }, { etag: '"1"' }));
    expect(result).toMatchObject({ statusCode: 200, body: '{"title":"a"}' });
    expect(result.headers).toMatchObject({ 'content-type': 'application/json', etag: '"1"' });
  });
});
