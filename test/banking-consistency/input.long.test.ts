import { Client } from '@smithy/core/client';
import { fc, test } from '@fast-check/vitest';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi, type MockInstance } from 'vitest';
import { currencies, limits } from '../../lambdas/banking-consistency/domain.ts';
import * as variables from '../../lambdas/banking-consistency/env.ts';
import { parseAuditInput, parseStreamRecord } from '../../lambdas/banking-consistency/input.ts';

interface Result {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}
type Handler = (event: unknown, context: object) => Promise<Result>;
const handlers: Record<string, Handler> = {};
let send: MockInstance;
beforeAll(async () => {
  for (const name of Object.values(variables).flatMap((record) => Object.values(record))) vi.stubEnv(name, 'nowhere');
  vi.stubEnv('AWS_REGION', 'us-east-1');
  vi.stubEnv('POWERTOOLS_LOG_LEVEL', 'SILENT');
  for (const name of [
    'open.improved',
    'open.naive',
    'transfer.improved',
    'transfer.naive',
    'reverse.improved',
    'reverse.naive',
    'read.improved',
    'read.naive',
    'list',
    'archive.improved',
    'audit.improved',
  ]) {
    const { handler } = (await import(`../../lambdas/banking-consistency/${name}.ts`)) as { handler: Handler };
    handlers[name] = handler;
  }
  vi.unstubAllEnvs();
});
beforeEach(() => {
  send = vi.spyOn(Client.prototype, 'send').mockRejectedValue(new Error('AWS was called'));
  vi.spyOn(console, 'error').mockReturnValue();
});
afterEach(() => vi.restoreAllMocks());
afterAll(() => vi.unstubAllEnvs());

async function call(name: string, event: Partial<APIGatewayProxyEventV2>): Promise<Result> {
  return handlers[name]!(
    { routeKey: '', headers: { 'content-type': 'application/json' }, ...event },
    { awsRequestId: '1' },
  );
}

/** A 4xx as a problem document, and no call of AWS. */
function expectRefused({ statusCode, headers, body }: Result): void {
  expect(statusCode).toBeGreaterThanOrEqual(400);
  expect(statusCode).toBeLessThan(500);
  expect(headers['content-type']).toBe('application/problem+json');
  expect(JSON.parse(body)).toMatchObject({ status: statusCode, title: expect.any(String), detail: expect.any(String) });
  expect(body.length).toBeLessThan(8_000);
  expect(send).not.toHaveBeenCalled();
}

/** The handler took it, and went on to AWS, which this test does not have. */
function expectTaken({ statusCode }: Result): void {
  expect(statusCode).toBe(500);
  expect(send).toHaveBeenCalled();
}

const anything = fc.anything({ maxDepth: 2, maxKeys: 3, withNullPrototype: true });
const ids = ['a', 'A-1_x', 'x'.repeat(64), '', 'a b', 'a~1', 'x'.repeat(65), '../a', 'ä', 'a\n', 'constructor'];
const isId = (value: unknown): boolean =>
  typeof value === 'string' && /^[A-Za-z0-9_-]+$/.test(value) && !value.includes('\n') && value.length <= 64;
const numbers = [
  1,
  1250,
  limits.amountMinorMax,
  limits.amountMinorMax + 1,
  0,
  -1,
  0.1,
  12.5,
  1e300,
  2 ** 53,
  '12',
  null,
  48,
  49,
];
const isWhole = (value: unknown, min: number, max: number): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;
const someCurrency = fc.constantFrom<unknown>('EUR', 'JPY', 'eur', 'XXX', '', 978);
const isCurrency = (value: unknown): boolean => (currencies as readonly unknown[]).includes(value);

function seldom<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.oneof({ arbitrary: fc.constant(undefined), weight: 5 }, { arbitrary, weight: 1 });
}

/** A body that is nearly right: fields that are good, bad, missing or strange, now and then one too many. */
function nearly(fields: Readonly<Record<string, fc.Arbitrary<unknown>>>): fc.Arbitrary<Record<string, unknown>> {
  return fc
    .tuple(
      fc.record(fields),
      seldom(fc.constantFrom(...Object.keys(fields))),
      seldom(fc.constantFrom('more', '__proto__', 'constructor', 'toString', 'Amount')),
    )
    .map(([body, dropped, added]) => {
      const entries = Object.entries(body).filter(([key, value]) => key !== dropped && value !== undefined);
      const all = added === undefined ? entries : [...entries, [added, { a: 1 }] as const];
      const made = {};
      for (const [key, value] of all)
        Object.defineProperty(made, key, { value, enumerable: true, configurable: true, writable: true });
      return made;
    });
}

/** Mostly a good one, so that whole bodies are good often enough. */
const mostly = (good: fc.Arbitrary<unknown>, ...others: readonly fc.Arbitrary<unknown>[]) =>
  fc.oneof({ arbitrary: good, weight: 12 }, ...others.map((arbitrary) => ({ arbitrary, weight: 1 })));
const someId = mostly(fc.constantFrom('a', 'b', 'A-1_x', 'x'.repeat(64)), fc.constantFrom(...ids), anything);

const transferBody = nearly({
  transferId: someId,
  from: someId,
  to: someId,
  amountMinor: mostly(fc.constantFrom(1, 1250, limits.amountMinorMax), fc.constantFrom(...numbers), anything),
  currency: mostly(fc.constantFrom(...currencies), someCurrency, anything),
});
const isTransfer = (body: Record<string, unknown>): boolean =>
  Object.keys(body).toSorted().join() === 'amountMinor,currency,from,to,transferId' &&
  [body['transferId'], body['from'], body['to']].every(isId) &&
  body['from'] !== body['to'] &&
  isWhole(body['amountMinor'], 1, limits.amountMinorMax) &&
  isCurrency(body['currency']);

const accountBody = nearly({
  accountId: someId,
  currency: mostly(fc.constantFrom(...currencies), someCurrency, anything),
  overdraftMinor: mostly(fc.constantFrom(0, 500, undefined), fc.constantFrom(...numbers), anything),
  parts: mostly(fc.constantFrom(1, limits.partsMax, undefined), fc.constantFrom(...numbers), anything),
});
const isAccount = (body: Record<string, unknown>): boolean =>
  Object.keys(body).every((key) => ['accountId', 'currency', 'overdraftMinor', 'parts'].includes(key)) &&
  isId(body['accountId']) &&
  isCurrency(body['currency']) &&
  (body['overdraftMinor'] === undefined || isWhole(body['overdraftMinor'], 0, limits.balanceMinorMax)) &&
  (body['parts'] === undefined || isWhole(body['parts'], 1, limits.partsMax));

describe.each([
  ['transfer.improved', transferBody, isTransfer],
  ['transfer.naive', transferBody, isTransfer],
  ['open.improved', accountBody, isAccount],
  ['open.naive', accountBody, isAccount],
] as const)('%s', (name, bodies, isGood) => {
  let taken = 0;
  test.prop([bodies], { numRuns: 10_000 })(
    'goes on with a good body, and refuses any other before any call of AWS',
    async (body) => {
      send.mockClear();
      const text = JSON.stringify(body);
      const result = await call(name, { body: text });
      // What the wire carries, not what JavaScript had before: NaN is null there, and undefined is nothing.
      const sent = JSON.parse(text) as Record<string, unknown>;
      if (!Object.hasOwn(sent, '__proto__') && isGood(sent)) {
        taken += 1;
        expectTaken(result);
      } else expectRefused(result);
    },
    600_000,
  );

  it('took enough of them to mean something', () => {
    expect(taken).toBeGreaterThan(500);
  });

  test.prop([fc.oneof(fc.string(), fc.json(), fc.constantFrom('', 'null', '[]', '{', '\u0000', '<!DOCTYPE a>'))], {
    numRuns: 500,
  })('refuses what is no such body at all', async (body) => {
    expectRefused(await call(name, { body }));
  });

  it.each([
    ['6 MB', 'x'.repeat(6 * 2 ** 20), 413],
    ['deep JSON', '['.repeat(30_000), 400],
    ['money as a fraction in a string', '{"amountMinor":"12.50"}', 400],
  ])('refuses %s', async (_, body, status) => {
    const result = await call(name, { body });
    expectRefused(result);
    expect(result.statusCode).toBe(status);
  });

  it('refuses another media type', async () => {
    const result = await call(name, { body: '{}', headers: { 'content-type': 'text/plain' } });
    expectRefused(result);
    expect(result.statusCode).toBe(415);
  });
});

describe.each(['reverse.improved', 'reverse.naive', 'read.improved', 'read.naive', 'list'])('%s', (name) => {
  test.prop([fc.oneof(fc.constantFrom(...ids), fc.string())], { numRuns: 1000 })(
    'goes on with a good id, and refuses any other before any call of AWS',
    async (id) => {
      send.mockClear();
      const result = await call(name, { pathParameters: { id } });
      if (isId(id)) expectTaken(result);
      else expectRefused(result);
    },
  );
});

describe.each(['reverse.improved', 'reverse.naive'])('%s, by attempt', (name) => {
  it.each([
    ['1', true],
    ['99', true],
    ['0', false],
    ['100', false],
    ['1.5', false],
    ['', false],
    ['-1', false],
  ])('%j is taken: %s', async (attempt, isGood) => {
    send.mockClear();
    const result = await call(name, { pathParameters: { id: 'a' }, queryStringParameters: { attempt } });
    if (isGood) expectTaken(result);
    else expectRefused(result);
    expect(send.mock.calls.length > 0).toBe(isGood);
  });
});

describe.each(['read.improved', 'read.naive'])('%s, for several', (name) => {
  test.prop([fc.array(fc.constantFrom('a', 'b', 'c', '', 'a~1', 'x'.repeat(65)), { maxLength: 4 })], { numRuns: 500 })(
    'takes different ids, and nothing else',
    async (list) => {
      send.mockClear();
      const result = await call(name, { queryStringParameters: { ids: list.join(',') } });
      const parts = list.join(',').split(',');
      if (parts.every(isId) && new Set(parts).size === parts.length) expectTaken(result);
      else expectRefused(result);
    },
  );

  it.each([[{}], [{ ids: 'a', more: 'b' }], [{ ids: Array.from({ length: 101 }, (_, n) => `a${n}`).join(',') }]])(
    'refuses the query %j',
    async (queryStringParameters) => {
      const result = await call(name, { queryStringParameters });
      expectRefused(result);
      expect(result.statusCode).toBe(400);
    },
  );
});

describe('list', () => {
  it.each([['0'], ['101'], ['-1'], ['1e1'], ['x'], ['']])('refuses a limit of %j', async (limit) => {
    const result = await call('list', { pathParameters: { id: 'a' }, queryStringParameters: { limit } });
    expectRefused(result);
    expect(result.statusCode).toBe(400);
  });
  it.each([['x'], ['1'], ['0.zz'], ['100.'], [`0.${'1'.repeat(61)}`]])('refuses the cursor %j', async (cursor) => {
    const result = await call('list', { pathParameters: { id: 'a' }, queryStringParameters: { cursor } });
    expectRefused(result);
    expect(result.statusCode).toBe(400);
  });
});

describe('the archive', () => {
  const image = {
    part: { S: 'a' },
    entry: { S: '000000000001' },
    version: { N: '1' },
    transferId: { S: 't' },
    deltaMinor: { N: '-5' },
    balanceMinor: { N: '7' },
    currency: { S: 'EUR' },
    atMs: { N: '1000' },
  };
  const record = (eventName: string, images: object) => ({
    eventName,
    dynamodb: { SequenceNumber: '17', ApproximateCreationDateTime: 12, ...images },
  });
  const entry = {
    part: 'a',
    version: 1,
    transferId: 't',
    deltaMinor: -5,
    balanceMinor: 7,
    currency: 'EUR',
    atMs: 1000,
  };

  it.each([
    ['INSERT', { NewImage: image }, 'insert'],
    ['MODIFY', { NewImage: image, OldImage: { ...image, deltaMinor: { N: '0' } } }, 'modify'],
    ['REMOVE', { OldImage: image }, 'remove'],
  ])('reads %s off the stream', (name, images, change) => {
    expect(parseStreamRecord(record(name, images))).toEqual({
      madeAtMs: 12_000,
      change: { sequence: '17', change, entry },
    });
  });

  it.each([
    ['no entry', record('INSERT', { NewImage: { part: { S: 'a' } } })],
    ['a fraction', record('INSERT', { NewImage: { ...image, deltaMinor: { N: '0.5' } } })],
    [
      'an amount that is not counted exactly',
      record('INSERT', { NewImage: { ...image, deltaMinor: { N: '9007199254740993' } } }),
    ],
    ['no image', record('INSERT', {})],
    ['nothing', undefined],
  ])('stops at %s, so that somebody comes and looks', async (_, bad) => {
    expect(() => parseStreamRecord(bad)).toThrow('a change of the entries’ table is no entry');
    await expect(handlers['archive.improved']!({ Records: [bad] }, { awsRequestId: '1' })).rejects.toThrow(
      'is no entry',
    );
    expect(send).not.toHaveBeenCalled();
  });
});

describe('the audit', () => {
  it('takes a tolerance, or none', () => {
    expect(parseAuditInput({})).toEqual({ toleranceMs: 900_000, whole: false });
    expect(parseAuditInput({ toleranceMs: 0, whole: true })).toEqual({ toleranceMs: 0, whole: true });
  });

  it.each([[null], [{ toleranceMs: -1 }], [{ toleranceMs: 1e12 }], [{ more: 1 }], ['x']])(
    'refuses %j',
    async (input) => {
      await expect(handlers['audit.improved']!(input, { awsRequestId: '1' })).rejects.toThrow(
        /invalid|too|unrecognized/i,
      );
      expect(send).not.toHaveBeenCalled();
    },
  );
});
