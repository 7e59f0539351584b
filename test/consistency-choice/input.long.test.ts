import { Client } from '@smithy/core/client';
import { fc } from '@fast-check/vitest';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { clickId } from '../../clients/consistency-choice/visitors.ts';
import { randomFrom } from '../../engines/simulation/random.ts';
import * as variables from '../../lambdas/consistency-choice/env.ts';
import {
  accountPath,
  clickPath,
  entryBody,
  entryPath,
  pagePath,
  parseClickMessage,
  parseRankRequest,
  topicPath,
} from '../../lambdas/consistency-choice/input.ts';

type Handler = (event: unknown, context: object) => Promise<{ statusCode: number; body: string; headers: object }>;

const seed = Number(process.env['DESIGNS_SEED'] ?? 1);
const bodiesPerHandler = 10_000;

const names = fc.constantFrom(
  'alice',
  'e-1',
  'front',
  'Alice',
  '',
  '../etc',
  'a#b',
  'a'.repeat(65),
  '__proto__',
  'é',
  '-a',
);
const clickIds = fc.oneof(
  names,
  fc.integer().map((number) => clickId(randomFrom(number), Date.now() - 3_600_000)),
  fc.uuid({ version: 4 }),
  fc.integer().map((number) => clickId(randomFrom(number), Date.now()).replaceAll('-', '')),
);
/** Too old or no UUID of version 7; good names otherwise. */
const parameters = fc.record(
  { account: names, entry: names, page: names, click: clickIds, topic: names },
  { requiredKeys: [] },
);
const anything = fc.anything({ maxDepth: 3, maxKeys: 4, withNullPrototype: true });
const jsonText = anything.map((value) => {
  try {
    return JSON.stringify(value) ?? '';
  } catch {
    return '{';
  }
});
const amounts = fc.oneof(
  fc.constantFrom<unknown>(0, 1.5, '5', null, 1e300, -1e300, 1_000_000_000_001, Number.MAX_SAFE_INTEGER, true, [], {}),
  anything,
);
const bodies = fc.oneof(
  jsonText,
  fc.string(),
  amounts.map((amount) => JSON.stringify({ amount }) ?? ''),
  fc.constantFrom(
    '{"amount":5,"__proto__":{"x":1}}',
    '{"amount":5,"constructor":{"prototype":{"x":1}}}',
    '{"amount":5,"currency":"EUR"}',
    '{"amount":5',
    '\u0000',
    '['.repeat(20_000),
    '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
    'x'.repeat(70_000),
  ),
);
const contentTypes = fc.constantFrom(
  'application/json',
  'application/json; charset=utf-8',
  'text/plain',
  '',
  'application/xml',
);

const requests = fc.record({ parameters, body: bodies, contentType: contentTypes });
const routes = [
  'enter.naive',
  'enter.improved',
  'read-balance',
  'click.naive',
  'click.improved',
  'read-clicks',
  'suggest.naive',
  'suggest.improved',
];

/** Whether a request asks a handler for nothing wrong, by the parsers. */
function isGood(name: string, request: { parameters: object; body: string; contentType: string }): boolean {
  const path = {
    enter: entryPath,
    'read-balance': accountPath,
    click: clickPath,
    'read-clicks': pagePath,
    suggest: topicPath,
  }[name.split('.')[0]!]!;
  if (!path.safeParse(request.parameters).success) return false;
  if (!name.startsWith('enter')) return true;
  try {
    return request.contentType.startsWith('application/json') && entryBody.safeParse(JSON.parse(request.body)).success;
  } catch {
    return false;
  }
}

function eventOf(request: { parameters: object; body: string; contentType: string }) {
  return {
    routeKey: 'ANY /',
    pathParameters: request.parameters,
    headers: { 'Content-Type': request.contentType },
    body: request.body,
    isBase64Encoded: false,
  };
}

describe('a handler of the API', () => {
  const handlers = new Map<string, Handler>();
  const sample = fc.sample(requests, { numRuns: bodiesPerHandler, seed });
  beforeAll(async () => {
    for (const name of Object.values(variables).flatMap((record) => Object.values(record))) vi.stubEnv(name, '7');
    vi.stubEnv('READ_CONSISTENCY', 'strong');
    vi.stubEnv('AWS_REGION', 'us-east-1');
    vi.stubEnv('POWERTOOLS_LOG_LEVEL', 'SILENT');
    for (const name of [...routes, 'count.improved', 'rank']) {
      const { handler } = (await import(`../../lambdas/consistency-choice/${name}.ts`)) as { handler: Handler };
      handlers.set(name, handler);
    }
    vi.unstubAllEnvs();
  });
  afterEach(() => vi.restoreAllMocks());

  it.each(routes)(
    `%s: answers what is not right with a problem of the 400s, before any call of AWS (${bodiesPerHandler} requests)`,
    async (name) => {
      const send = vi.spyOn(Client.prototype, 'send').mockRejectedValue(new Error('AWS was called'));
      const statuses = new Map<number, number>();
      for (const request of sample) {
        // A click that is right in itself is too old here.
        if (isGood(name, request) && !name.startsWith('click')) continue;
        const reply = await handlers.get(name)!(eventOf(request), { awsRequestId: '1' });
        expect(reply.statusCode, JSON.stringify(request).slice(0, 300)).toBeGreaterThanOrEqual(400);
        expect(reply.statusCode, JSON.stringify(request).slice(0, 300)).toBeLessThan(500);
        expect(JSON.parse(reply.body)).toMatchObject({ status: reply.statusCode, detail: expect.any(String) });
        statuses.set(reply.statusCode, (statuses.get(reply.statusCode) ?? 0) + 1);
      }
      expect(send).not.toHaveBeenCalled();
      expect([...statuses.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThan(bodiesPerHandler / 3);
    },
  );

  it.each(['enter.naive', 'enter.improved'])(
    '%s: tells large bodies, other media types and bad JSON apart',
    async (name) => {
      vi.spyOn(Client.prototype, 'send').mockRejectedValue(new Error('AWS was called'));
      const put = async (body: string, contentType = 'application/json') =>
        (await handlers.get(name)!(eventOf({ parameters: { account: 'alice', entry: 'e-1' }, body, contentType }), {}))
          .statusCode;
      expect(await put('x'.repeat(6 * 2 ** 20))).toBe(413);
      expect(await put('{"amount":5}', 'text/xml')).toBe(415);
      expect(await put('{"amount":5')).toBe(400);
      expect(await put('{"amount":0}')).toBe(400);
    },
  );

  it.each(routes)('%s: takes what is right as far as AWS, and hides what fails there', async (name) => {
    const send = vi.spyOn(Client.prototype, 'send').mockRejectedValue(new Error('secret of the inside'));
    const request = {
      parameters: {
        ...(name.startsWith('enter') && { account: 'alice', entry: 'e-1' }),
        ...(name === 'read-balance' && { account: 'alice' }),
        ...(name.includes('click') && { page: 'front' }),
        ...(name.startsWith('click') && { click: clickId(randomFrom(1), Date.now()).toUpperCase() }),
        ...(name.startsWith('suggest') && { topic: 'front' }),
      },
      body: '{"amount":-12}',
      contentType: 'application/json',
    };
    expect(isGood(name, request)).toBe(true);
    const reply = await handlers.get(name)!(eventOf(request), { awsRequestId: '1' });
    // The cache answers without its dependency.
    expect(reply.statusCode).toBe(name === 'suggest.improved' ? 200 : 500);
    expect(reply.body).not.toContain('secret');
    expect(send).toHaveBeenCalled();
  });

  it('of the queue: hands back what is no click, before any call of AWS', async () => {
    const send = vi.spyOn(Client.prototype, 'send').mockRejectedValue(new Error('AWS was called'));
    const messages = fc.sample(fc.oneof(jsonText, fc.string(), bodies), { numRuns: 2_000, seed });
    const Records = messages.map((body, index) => ({ messageId: `m${index}`, body }));
    const result = (await handlers.get('count.improved')!({ Records }, { awsRequestId: '1' })) as unknown;
    expect(result).toEqual({ batchItemFailures: Records.map(({ messageId }) => ({ itemIdentifier: messageId })) });
    expect(send).not.toHaveBeenCalled();
  });

  it('of the ranking service: refuses what asks for no topic', async () => {
    const send = vi.spyOn(Client.prototype, 'send').mockRejectedValue(new Error('AWS was called'));
    for (const input of [undefined, null, '', {}, { topic: '' }, { topic: 'A' }, { topic: 'a', more: 1 }]) {
      await expect(handlers.get('rank')!(input, { awsRequestId: '1' })).rejects.toThrow(
        /Invalid input|give|Unrecognized key/,
      );
    }
    expect(send).not.toHaveBeenCalled();
  });
});

describe('input', () => {
  const id = '019ab3c4-5d6e-7f80-9123-456789abcdef';

  it('takes a click of the queue as the API put it there', () => {
    expect(parseClickMessage(JSON.stringify({ page: 'front', id }))).toEqual({ page: 'front', id });
    expect(parseRankRequest({ topic: 'front' })).toBe('front');
  });

  it('takes an ID in capitals for the same ID', () => {
    expect(clickPath.parse({ page: 'front', click: id.toUpperCase() })).toEqual({ page: 'front', click: id });
  });

  it.each([
    '019ab3c4-5d6e-4f80-9123-456789abcdef',
    '019ab3c4-5d6e-7f80-c123-456789abcdef',
    '019ab3c45d6e7f809123456789abcdef',
    `${id} `,
    `{${id}}`,
  ])('refuses %j, which is no UUID of version 7', (click) => {
    const { error } = clickPath.safeParse({ page: 'front', click });
    expect(error?.issues[0]?.message).toContain('give a UUID of version 7');
  });
});
