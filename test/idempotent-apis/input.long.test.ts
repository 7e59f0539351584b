import { Client } from '@smithy/core/client';
import { fc, test } from '@fast-check/vitest';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import * as variables from '../../lambdas/idempotent-apis/env.ts';
import { chargeBody, chargeId, idempotencyKey, parseNetworkRequest } from '../../lambdas/idempotent-apis/input.ts';
import { bodyBytesMax } from '../../lambdas/kit/http.ts';

const good = {
  orderId: 'order-1',
  customerId: 'customer-1',
  email: 'a@example.com',
  amount: 100,
  currency: 'EUR',
  method: 'invoice',
} as const;
const goodKey = '6f1d3a52-5b1c-4a53-9a3c-0d4d6d9b1f10';

describe('an idempotency key', () => {
  it.each([goodKey, `"${goodKey}"`, 'a'.repeat(16), 'A0._~:+/=-'.repeat(12)])(
    'is taken bare and in quotes: %s',
    (text) => {
      expect(idempotencyKey.parse(text)).toBe(text.replaceAll('"', ''));
    },
  );

  it.each([
    undefined,
    '',
    'short',
    'a'.repeat(129),
    `"${goodKey}`,
    `${goodKey},${goodKey}`,
    `${goodKey} `,
    'schlüssel-schlüssel',
    `${goodKey}\n`,
  ])('is refused when two could be meant, or anybody’s: %j', (text) => {
    expect(idempotencyKey.safeParse(text).success).toBe(false);
  });
});

describe('the body of a charge', () => {
  it('is one payload, however its email is written', () => {
    expect(chargeBody.parse({ ...good, email: 'A@Example.COM' })).toEqual(good);
    expect(chargeBody.parse({ ...good, method: 'card', card: 'tok_visa' })).toMatchObject({ card: 'tok_visa' });
  });

  it.each([
    [{ amount: 0 }],
    [{ amount: -1 }],
    [{ amount: 0.5 }],
    [{ amount: 1e9 }],
    [{ amount: '100' }],
    [{ currency: 'XXX' }],
    [{ email: 'nobody' }],
    [{ email: `${'a'.repeat(250)}@example.com` }],
    [{ orderId: '' }],
    [{ orderId: 'a b' }],
    [{ customerId: 'x'.repeat(65) }],
    [{ method: 'card' }],
    [{ method: 'card', card: '4242424242424242' }],
    [{ method: 'invoice', card: 'tok_visa' }],
    [{ method: 'cash' }],
    [{ more: 1 }],
  ])('is refused when it is not quite right: %j', (change) => {
    expect(chargeBody.safeParse({ ...good, ...change }).success).toBe(false);
  });
});

/** Values that come in requests by mistake or by malice. */
const strange = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom(null, '', '\0', '__proto__', -1, 1e308, [], {}, 'x'.repeat(1000), "'; DROP TABLE charges; --"),
);
const nearlyGood = fc
  .tuple(
    fc.constantFrom(...Object.keys(good), 'card', 'constructor', 'more'),
    strange,
    fc.constantFrom('set', 'remove'),
    fc.constantFrom('invoice', 'card'),
  )
  .map(([name, value, how, method]) => {
    const body: Record<string, unknown> = { ...good, method, ...(method === 'card' ? { card: 'tok_visa' } : {}) };
    if (how === 'set') body[name] = value;
    else delete body[name];
    return body;
  });
const texts = fc.oneof(
  { weight: 8, arbitrary: nearlyGood.map((body) => JSON.stringify(body)) },
  { weight: 3, arbitrary: fc.json({ maxDepth: 3 }) },
  { weight: 3, arbitrary: fc.string({ maxLength: 200, unit: 'binary' }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '{"__proto__":{"amount":1}}',
      '{"constructor":{"prototype":{}}}',
      `${'['.repeat(20_000)}${']'.repeat(20_000)}`,
      `{"a":`.repeat(5_000),
      '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
      JSON.stringify({ ...good, orderId: 'x'.repeat(bodyBytesMax) }),
      'x'.repeat(6 * 2 ** 20),
    ),
  },
);

/** The requests that the schemas take: what would be a charge. */
function isGood(text: string): boolean {
  try {
    return chargeBody.safeParse(JSON.parse(text)).success;
  } catch {
    return false;
  }
}

type Handler = (event: APIGatewayProxyEventV2, context: Context) => Promise<APIGatewayProxyStructuredResultV2>;
const loaded = new Map<string, Handler>();
beforeAll(async () => {
  for (const name of Object.values(variables).flatMap((record) => Object.values(record))) vi.stubEnv(name, 'nowhere');
  vi.stubEnv('AWS_REGION', 'us-east-1');
  vi.stubEnv('POWERTOOLS_LOG_LEVEL', 'SILENT');
  for (const name of [
    'charge.naive',
    'charge.wrapped',
    'charge.improved',
    'read',
    'read.naive',
    'cancel',
    'cancel.naive',
    'network',
  ]) {
    const { handler } = (await import(`../../lambdas/idempotent-apis/${name}.ts`)) as { handler: Handler };
    loaded.set(name, handler);
  }
  vi.unstubAllEnvs();
});
afterEach(() => vi.restoreAllMocks());

function watchAws() {
  return vi.spyOn(Client.prototype, 'send').mockRejectedValue(new Error('AWS was called'));
}

async function call(name: string, event: Partial<APIGatewayProxyEventV2>): Promise<{ status: number; body: string }> {
  const whole = { routeKey: 'ANY /charges', headers: {}, isBase64Encoded: false, ...event } as APIGatewayProxyEventV2;
  const context = { awsRequestId: '1', getRemainingTimeInMillis: () => 8_000 } as Context;
  const { statusCode = 0, body = '', headers = {} } = await loaded.get(name)!(whole, context);
  if (statusCode >= 400) {
    expect(headers['content-type']).toBe('application/problem+json');
    expect(JSON.parse(body)).toMatchObject({
      status: statusCode,
      title: expect.any(String),
      detail: expect.any(String),
    });
  }
  return { status: statusCode, body };
}

describe.each(['charge.naive', 'charge.wrapped', 'charge.improved'])('%s', (name) => {
  it('answers 10,000 bodies that are no charge with a 4xx, and does nothing', async () => {
    const send = watchAws();
    const seed = Number(process.env['DESIGNS_SEED'] ?? 1);
    const bodies = fc.sample(texts, { numRuns: 12_000, seed }).filter((text) => !isGood(text));
    expect(bodies.length).toBeGreaterThan(10_000);
    const headers = { 'content-type': 'application/json', 'Idempotency-Key': goodKey };
    for (const body of bodies) {
      const { status } = await call(name, { headers, body });
      expect([400, 413]).toContain(status);
    }
    expect(send).not.toHaveBeenCalled();
  }, 120_000);

  it('refuses a key that is none, and another media type', async () => {
    const send = watchAws();
    const body = JSON.stringify(good);
    for (const key of ['', 'short', 'ü'.repeat(20), `${goodKey},${goodKey}`])
      expect(
        await call(name, { headers: { 'content-type': 'application/json', 'idempotency-key': key }, body }),
      ).toMatchObject({ status: 400 });
    const headers = { 'content-type': 'text/plain', 'idempotency-key': goodKey };
    expect(await call(name, { headers, body })).toMatchObject({ status: 415 });
    expect(send).not.toHaveBeenCalled();
  });

  it('asks AWS about a body that is a charge', async () => {
    const send = watchAws();
    const headers = { 'content-type': 'application/json', 'idempotency-key': goodKey };
    expect(await call(name, { headers, body: JSON.stringify(good) })).toMatchObject({ status: 500 });
    expect(send).toHaveBeenCalled();
  });

  it('looks a key up under the caller who signed, and under the route', async () => {
    const send = watchAws();
    const headers = { 'content-type': 'application/json', 'idempotency-key': goodKey };
    const keys = [];
    for (const [user, routeKey] of [
      ['ann', 'POST /charges'],
      ['ann', 'POST /charges'],
      ['bob', 'POST /charges'],
      ['ann', 'POST /payouts'],
    ] as const) {
      const requestContext = { authorizer: { iam: { userArn: `arn:aws:iam::123456789012:user/${user}` } } };
      send.mockClear();
      await call(name, { routeKey, headers, body: JSON.stringify(good), requestContext: requestContext as never });
      const { input } = send.mock.calls[0]![0] as unknown as { readonly input: object };
      keys.push(/"idempotencyKey":(?:\{"S":)?"([^"]+)"/.exec(JSON.stringify(input))?.[1]);
    }
    expect(keys[0]).toBeDefined();
    expect(keys[1]).toBe(keys[0]);
    expect(new Set(keys).size).toBe(3);
  });
});

it.each(['charge.wrapped', 'charge.improved'])('%s says how to send the key that is missing', async (name) => {
  watchAws();
  const { status, body } = await call(name, {
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(good),
  });
  expect(status).toBe(400);
  expect(body).toContain('the header Idempotency-Key is not valid');
  expect(body).toContain('send one, such as a UUID');
});

describe.each(['read', 'read.naive', 'cancel', 'cancel.naive'])('%s', (name) => {
  test.prop([
    fc.oneof(
      fc.string({ maxLength: 100, unit: 'binary' }),
      fc.constantFrom(undefined, 'ch_', '__proto__', 'ch_../../1', `ch_${'A'.repeat(36)}`, 'x'.repeat(5000)),
    ),
  ])('knows without asking that what is no ID has no charge', async (id) => {
    fc.pre(!chargeId.safeParse(id).success);
    const send = watchAws();
    expect(await call(name, { pathParameters: { id } })).toMatchObject({ status: 404 });
    expect(send).not.toHaveBeenCalled();
    send.mockRestore();
  });
});

describe('the card network', () => {
  const charge = { action: 'charge', orderId: 'o', amount: 1, currency: 'EUR', card: 'tok_visa' };

  it('takes a request with a key and a token, and one without', () => {
    for (const request of [charge, { ...charge, key: 'k', fencingToken: 3 }, { action: 'refund', orderId: 'o' }])
      expect(parseNetworkRequest(request)).toEqual(request);
  });

  test.prop([
    fc.oneof(
      strange,
      fc
        .tuple(fc.constantFrom('fencingToken', 'key', 'amount', 'action'), fc.constantFrom(0, -1, '', null, 1.5, {}))
        .map(([name, value]) => ({ ...charge, [name]: value })),
    ),
  ])('throws at anything else, before any call', async (event) => {
    const send = watchAws();
    vi.spyOn(console, 'error').mockReturnValue();
    await expect(
      loaded.get('network')!(event as unknown as APIGatewayProxyEventV2, { awsRequestId: '1' } as Context),
    ).rejects.toThrow('the card network takes no such request');
    expect(send).not.toHaveBeenCalled();
    send.mockRestore();
  });
});
