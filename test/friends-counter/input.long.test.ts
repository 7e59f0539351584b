import { Client } from '@smithy/core/client';
import { fc, test } from '@fast-check/vitest';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import * as variables from '../../lambdas/friends-counter/env.ts';
import {
  changedSides,
  pairPath,
  postBody,
  postPath,
  repairInput,
  userBody,
  verbOf,
} from '../../lambdas/friends-counter/input.ts';

type Handler = (event: unknown, context: object) => Promise<unknown>;

const routes = {
  register: ['PUT /users/{user}'],
  publish: ['PUT /users/{user}/posts/{post}'],
  'view.naive': ['GET /users/{user}/posts/{post}'],
  'view.bare-add': ['GET /users/{user}/posts/{post}'],
  'view.improved': ['GET /users/{user}/posts/{post}'],
  'relate.naive': ['PUT /users/{user}/friends/{other}', 'DELETE /users/{user}/friends/{other}'],
  'relate.bare-add': ['PUT /users/{user}/blocks/{other}', 'DELETE /users/{user}/blocks/{other}'],
  'relate.improved': ['PUT /users/{user}/friends/{other}', 'DELETE /users/{user}/blocks/{other}'],
} as const;
const handlers = Object.keys(routes) as (keyof typeof routes)[];
const loaded = new Map<string, Handler>();

beforeAll(async () => {
  for (const name of Object.values(variables).flatMap((record) => Object.values(record))) vi.stubEnv(name, 'nowhere');
  vi.stubEnv('AWS_REGION', 'us-east-1');
  vi.stubEnv('POWERTOOLS_LOG_LEVEL', 'SILENT');
  for (const name of [...handlers, 'settle.improved', 'repair.improved']) {
    const { handler } = (await import(`../../lambdas/friends-counter/${name}.ts`)) as { handler: Handler };
    loaded.set(name, handler);
  }
  vi.unstubAllEnvs();
});
afterEach(() => vi.restoreAllMocks());

const anything = fc.anything({ maxDepth: 3, maxKeys: 4 });
const strange = [
  '',
  '.',
  '..',
  'A',
  'a b',
  'a/b',
  '__proto__',
  'constructor',
  '\u0000',
  'é',
  'x'.repeat(65),
  '-a',
  '%2e',
];
const id = fc.oneof(fc.constantFrom('ann', 'bob', 'c.d_e-f', '0'), fc.constantFrom(...strange), fc.string());
const body = fc.oneof(
  { arbitrary: fc.record({ name: fc.string({ maxLength: 300 }) }).map((value) => JSON.stringify(value)), weight: 3 },
  { arbitrary: fc.record({ text: fc.string({ maxLength: 300 }) }).map((value) => JSON.stringify(value)), weight: 3 },
  fc.json({ maxDepth: 4 }),
  anything.map((value) => JSON.stringify(value) ?? ''),
  fc.string(),
  fc.constantFrom(
    '{"__proto__":{"name":"x"},"name":"x"}',
    '{"constructor":{"prototype":{"a":1}},"text":"x"}',
    `{"name":"${'x'.repeat(70_000)}"}`,
    `${'['.repeat(10_000)}${']'.repeat(10_000)}`,
    '{"name":"a\\u0000b"}',
    '{"text":"\\ud800"}',
    '<!DOCTYPE a [<!ENTITY b "c">]>',
  ),
);
const type = fc.constantFrom('application/json', 'application/json; charset=utf-8', 'text/plain', undefined);

function isGood(handler: keyof typeof routes, parameters: Record<string, string>, text: string): boolean {
  const valueOf = (): unknown => {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      return undefined;
    }
  };
  if (handler === 'register') return userBody.safeParse(valueOf()).success;
  if (handler === 'publish') return postPath.safeParse(parameters).success && postBody.safeParse(valueOf()).success;
  return (handler.startsWith('view') ? postPath : pairPath).safeParse(parameters).success;
}

describe('a request that is no good', () => {
  it.each(handlers)('%s: is a problem document of the 4xx, before any call of AWS', async (name) => {
    const send = vi.spyOn(Client.prototype, 'send').mockRejectedValue(new Error('AWS was called'));
    vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    vi.spyOn(console, 'error').mockReturnValue();
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...routes[name]),
        id,
        id,
        body,
        type,
        async (routeKey, one, two, text, contentType) => {
          const names = [...routeKey.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter!);
          const parameters = Object.fromEntries(names.map((parameter, index) => [parameter, index === 0 ? one : two]));
          if (isGood(name, parameters, text)) return;
          const event = {
            routeKey,
            pathParameters: parameters,
            headers: contentType === undefined ? {} : { 'Content-Type': contentType },
            body: text,
            isBase64Encoded: false,
          } as unknown as APIGatewayProxyEventV2;
          const result = (await loaded.get(name)!(event, { awsRequestId: '1' })) as APIGatewayProxyStructuredResultV2;
          expect(result.statusCode, text.slice(0, 100)).toBeGreaterThanOrEqual(400);
          expect(result.statusCode, text.slice(0, 100)).toBeLessThan(500);
          expect(result.headers?.['content-type']).toBe('application/problem+json');
          refused += 1;
        },
      ),
      { numRuns: 10_000 },
    );
    expect(refused).toBeGreaterThan(2_000);
    expect(send).not.toHaveBeenCalled();
  });

  it.each([
    [{ user: 'ann', other: 'ann' }, pairPath, 'is the user: name another one'],
    [{ user: 'Ann', other: 'bob' }, pairPath, 'give lower-case letters'],
    [{ name: 'a\u0007' }, userBody, 'holds control characters or half of a character: leave them out'],
    [{ name: 'a\ud800' }, userBody, 'half of a character'],
    [{ text: 'a\ud800' }, postBody, 'half of a character'],
    [{ text: 'a\0' }, postBody, 'holds control characters'],
    [{ text: 'x'.repeat(2_001) }, postBody, '2000'],
  ] as const)('is told what is wrong: %j', (value, schema, remedy) => {
    expect(
      schema
        .safeParse(value)
        .error?.issues.map(({ message }) => message)
        .join(' '),
    ).toContain(remedy);
  });

  it('is an error of the stack when the route is unknown', () => {
    expect(() => verbOf('PATCH /users/{user}')).toThrow('unknown route "PATCH /users/{user}"');
    expect(() => verbOf('constructor')).toThrow('unknown route');
  });
});

describe('a batch of the stream', () => {
  const record = (user: string, other: string) => ({ dynamodb: { Keys: { user: { S: user }, other: { S: other } } } });

  it('names each side once, by user', () => {
    const records = [record('star', 'a'), record('star', 'b'), record('star', 'a'), record('idol', 'a')];
    expect(changedSides({ Records: records })).toEqual(
      new Map([
        ['star', ['a', 'b']],
        ['idol', ['a']],
      ]),
    );
  });

  test.prop([fc.array(anything, { maxLength: 5 })])('is not held up by a record that is none of ours', (records) => {
    expect(changedSides({ Records: [...records, record('star', 'a')] }).get('star')).toEqual(['a']);
  });

  it('calls nobody when it has no records of ours, and fails when it is no batch', async () => {
    const send = vi.spyOn(Client.prototype, 'send').mockRejectedValue(new Error('AWS was called'));
    vi.spyOn(console, 'error').mockReturnValue();
    vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    await loaded.get('settle.improved')!({ Records: [{}, null, { dynamodb: {} }] }, { awsRequestId: '1' });
    await expect(loaded.get('settle.improved')!({}, { awsRequestId: '1' })).rejects.toThrow('the event has no records');
    expect(send).not.toHaveBeenCalled();
  });
});

test.prop([anything])('the repair job takes a user, nothing, or refuses', async (input) => {
  // Middy makes an empty event of none.
  if (input === undefined || repairInput.safeParse(input).success) return;
  vi.spyOn(console, 'error').mockReturnValue();
  vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  await expect(loaded.get('repair.improved')!(input, { awsRequestId: '1' })).rejects.toMatchObject({ status: 400 });
});
