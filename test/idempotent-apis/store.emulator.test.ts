import { setTimeout as sleep } from 'node:timers/promises';
import {
  CreateTableCommand,
  DynamoDBClient,
  ScanCommand,
  TransactionCanceledException,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb';
import { LambdaClient } from '@aws-sdk/client-lambda';
import type { FinalizeRequestMiddleware, MetadataBearer, MiddlewareStack } from '@smithy/types';
import pMap from 'p-map';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { randomFrom } from '../../engines/simulation/random.ts';
import {
  chargeOf,
  type ChargeRequest,
  done,
  firstClaim,
  leaseMs,
  nextClaim,
  rememberS,
} from '../../lambdas/idempotent-apis/domain.ts';
import { charges, ledger, network, payments, separateWrites } from '../../lambdas/idempotent-apis/store.ts';
import { bounded, NoAnswer } from '../../lambdas/kit/clients.ts';
import { byCard, type CrashPoint, invoice, mortal, newId, processOf, type Stores, textOf } from './fakes.ts';
import { askSlowIssuer, raceForLease } from './lease.ts';

const aws = inject('aws');
const dynamo = new DynamoDBClient({ ...bounded, ...aws });
const full = process.env['DESIGNS_SCALE'] === 'full';
const seed = Number(process.env['DESIGNS_SEED'] ?? 1);
const atMs = 1_800_000_000_000;

const tables = {
  chargesTable: 'idempotent-store-test-charges',
  keysTable: 'idempotent-store-test-keys',
  customersTable: 'idempotent-store-test-customers',
};
const paymentsTable = 'idempotent-store-test-payments';
const stores: Stores = {
  ledger: ledger(tables, dynamo),
  charges: charges(tables.chargesTable, dynamo),
  payments: payments(paymentsTable, dynamo),
};

beforeAll(async () => {
  const keys = {
    [tables.chargesTable]: 'chargeId',
    [tables.keysTable]: 'idempotencyKey',
    [tables.customersTable]: 'email',
    [paymentsTable]: 'paymentKey',
  };
  for (const [TableName, AttributeName] of Object.entries(keys)) {
    await dynamo.send(
      new CreateTableCommand({
        TableName,
        BillingMode: 'PAY_PER_REQUEST',
        KeySchema: [{ AttributeName, KeyType: 'HASH' }],
        AttributeDefinitions: [{ AttributeName, AttributeType: 'S' }],
      }),
    );
    await waitUntilTableExists({ client: dynamo, minDelay: 1, maxDelay: 1, maxWaitTime: 60 }, { TableName });
  }
});

async function rowsOf({ orderId }: ChargeRequest, TableName = tables.chargesTable): Promise<number> {
  const { Items = [] } = await dynamo.send(new ScanCommand({ TableName, ConsistentRead: true }));
  return Items.filter((item) => item['orderId']?.S === orderId && item['outcome']?.S !== 'refunded').length;
}

/** One attempt at a new key, as the steps make it. */
function attempt(body = invoice(), key = newId(), nowMs = atMs) {
  const claim = firstClaim({ key, payloadHash: 'hash', owner: newId(), chargeId: `ch_${newId()}` }, nowMs);
  const charge = chargeOf(body, claim.chargeId);
  return { claim, charge, record: done(claim, { status: 201, headers: { location: '/' }, body: '{"naïve":1}' }) };
}

/** Has the reply of the client's first call lost after it committed, so that the SDK repeats the call. */
function losingFirstReply(): DynamoDBClient {
  const client = new DynamoDBClient({ ...bounded, ...aws });
  let calls = 0;
  const lose: FinalizeRequestMiddleware<object, MetadataBearer> = (next) => async (args) => {
    calls += 1;
    const isFirst = calls === 1;
    const result = await next(args);
    if (isFirst) throw Object.assign(new Error('socket hang up'), { name: 'TimeoutError' });
    return result;
  };
  // Below the SDK's retries.
  (client.middlewareStack as MiddlewareStack<object, MetadataBearer>).add(lose, {
    step: 'finalizeRequest',
    priority: 'low',
  });
  return client;
}

describe('the transaction of a charge', () => {
  it('has one winner among 30 at the same time, whose record the others get', async () => {
    const [key, body] = [newId(), invoice()];
    const attempts = Array.from({ length: 30 }, () => attempt(body, key));
    const outcomes = await Promise.all(
      attempts.map(({ record, charge }) => stores.ledger.charge(record, charge, atMs)),
    );
    const winner = attempts[outcomes.findIndex(({ written }) => written)]!;
    expect(outcomes.filter(({ written }) => written)).toHaveLength(1);
    for (const outcome of outcomes)
      if (!outcome.written) expect(outcome).toEqual({ written: false, because: 'key', found: winner.record });
    expect(await stores.charges.find(winner.charge.id)).toEqual(winner.charge);
    expect(await stores.ledger.find(key)).toEqual(winner.record);
    expect(await rowsOf(body)).toBe(1);
  });

  it('writes none of its items when the email is another customer’s', async () => {
    const email = 'unique@example.com';
    const mine = attempt(invoice({ email }));
    const theirs = attempt(invoice({ email }));
    expect(await stores.ledger.charge(mine.record, mine.charge, atMs)).toEqual({ written: true });
    expect(await stores.ledger.charge(theirs.record, theirs.charge, atMs)).toEqual({
      written: false,
      because: 'email',
    });
    expect(await stores.ledger.claim(theirs.claim, theirs.charge, atMs)).toEqual({ written: false, because: 'email' });
    expect(await stores.charges.find(theirs.charge.id)).toBeUndefined();
    expect(await stores.ledger.find(theirs.record.key)).toBeUndefined();
  });

  it('frees a key when its day is over, whether or not TTL has deleted it: at a second less, at one more', async () => {
    const first = attempt();
    await stores.ledger.charge(first.record, first.charge, atMs);
    const next = attempt(invoice(), first.claim.key);
    const endMs = atMs + rememberS * 1000;
    expect(await stores.ledger.charge(next.record, next.charge, endMs - 1000)).toMatchObject({ because: 'key' });
    expect(await stores.ledger.claim(next.claim, next.charge, endMs - 1)).toMatchObject({ because: 'key' });
    expect(await stores.ledger.keep(next.record, endMs - 1)).toMatchObject({ because: 'key' });
    expect(await stores.ledger.charge(next.record, next.charge, endMs + 1000)).toEqual({ written: true });
    expect(await stores.ledger.find(first.claim.key)).toEqual(next.record);
  });

  it('is one when its reply is lost and the SDK repeats it', async () => {
    const { record, charge } = attempt();
    const written = await ledger(tables, losingFirstReply()).charge(record, charge, atMs);
    // By the SDK's token, or by the owner in the record that it finds.
    expect(written.written || (written.because === 'key' && written.found.owner === record.owner)).toBe(true);
    expect(await stores.charges.find(charge.id)).toEqual(charge);
  });

  /** Answers with these reasons first, then as it is. */
  function conflicting(times: number, ...codes: readonly string[]) {
    const client = new DynamoDBClient({ ...bounded, ...aws });
    const send = client.send.bind(client) as (command: unknown) => Promise<unknown>;
    let calls = 0;
    client.send = (async (command: unknown) => {
      calls += 1;
      if (calls > times) return send(command);
      throw new TransactionCanceledException({
        $metadata: {},
        message: 'cancelled',
        CancellationReasons: codes.map((Code) => ({ Code })),
      });
    }) as typeof client.send;
    return { client, calls: () => calls };
  }

  it('is tried again when it meets another one, a few times', async () => {
    const { record, charge } = attempt();
    const { client, calls } = conflicting(3, 'None', 'TransactionConflict', 'None');
    expect(await ledger(tables, client).charge(record, charge, atMs)).toEqual({ written: true });
    expect(calls()).toBe(4);
    const busy = conflicting(Infinity, 'TransactionConflict', 'None', 'None');
    expect(await ledger(tables, busy.client).charge(record, charge, atMs)).toEqual({
      written: false,
      because: 'contention',
    });
    expect(busy.calls()).toBe(5);
  });

  it('is an error, and not tried again, when it is no valid one', async () => {
    const { record, charge } = attempt();
    const { client, calls } = conflicting(Infinity, 'None', 'None', 'ValidationError');
    await expect(ledger(tables, client).charge(record, charge, atMs)).rejects.toThrow(TransactionCanceledException);
    expect(calls()).toBe(1);
  });
});

describe('a claim', () => {
  it('is taken over by one of 30, and settled by that one only', async () => {
    const first = attempt(byCard());
    expect(await stores.ledger.claim(first.claim, first.charge, atMs)).toEqual({ written: true });
    const rivals = Array.from({ length: 30 }, () =>
      nextClaim(first.claim, { ...first.claim, owner: newId() }, atMs + leaseMs),
    );
    const outcomes = await Promise.all(
      rivals.map((rival) => stores.ledger.takeOver(rival, first.claim, atMs + leaseMs)),
    );
    expect(outcomes.filter(({ written }) => written)).toHaveLength(1);
    const winner = rivals[outcomes.findIndex(({ written }) => written)]!;
    for (const outcome of outcomes)
      if (!outcome.written) expect(outcome).toEqual({ written: false, because: 'key', found: winner });

    const reply = { status: 402, body: '{}' };
    for (const stale of [first.claim, ...rivals.filter((rival) => rival !== winner)]) {
      expect(await stores.ledger.settle(done(stale, reply), first.charge)).toMatchObject({ because: 'key' });
      expect(await stores.ledger.settle(done(stale, reply), undefined)).toMatchObject({ because: 'key' });
    }
    expect(await stores.charges.find(first.charge.id)).toBeUndefined();
    expect(await stores.ledger.settle(done(winner, reply), first.charge)).toEqual({ written: true });
    expect(await stores.charges.find(first.charge.id)).toEqual(first.charge);
    // It is done: nobody settles or takes over any more.
    expect(await stores.ledger.settle(done(winner, reply), undefined)).toMatchObject({ because: 'key' });
    expect(await stores.ledger.takeOver(nextClaim(winner, winner, atMs), winner, atMs)).toMatchObject({
      because: 'key',
    });
  });

  it('is taken over until its day is over, to the millisecond, and not from who has claimed it since', async () => {
    const first = attempt(byCard());
    await stores.ledger.claim(first.claim, first.charge, atMs);
    const endMs = atMs + rememberS * 1000;
    const next = nextClaim(first.claim, { ...first.claim, owner: newId() }, endMs - 1);
    for (const lateMs of [endMs, endMs + 1])
      expect(await stores.ledger.takeOver(next, first.claim, lateMs)).toMatchObject({ found: first.claim });
    const afresh = attempt(byCard(), first.claim.key, endMs);
    expect(await stores.ledger.claim(afresh.claim, afresh.charge, endMs)).toEqual({ written: true });
    expect(afresh.claim.fencingToken).toBe(first.claim.fencingToken);
    expect(await stores.ledger.takeOver(next, first.claim, endMs - 1)).toMatchObject({ found: afresh.claim });

    const other = attempt(byCard());
    await stores.ledger.claim(other.claim, other.charge, atMs);
    const taken = nextClaim(other.claim, { ...other.claim, owner: newId() }, endMs - 1);
    expect(await stores.ledger.takeOver(taken, other.claim, endMs - 1)).toEqual({ written: true });
    // Its owner is at work: for nobody the key is free.
    expect(await stores.ledger.claim({ ...afresh.claim, key: taken.key }, afresh.charge, endMs + 1)).toMatchObject({
      found: taken,
    });
  });

  it('whose reply was lost is found again by its owner', async () => {
    const first = attempt(byCard());
    await stores.ledger.claim(first.claim, first.charge, atMs);
    const next = nextClaim(first.claim, { ...first.claim, owner: newId() }, atMs + leaseMs);
    expect(await ledger(tables, losingFirstReply()).takeOver(next, first.claim, atMs + leaseMs)).toEqual({
      written: false,
      because: 'key',
      found: next,
    });
  });
});

describe('the network’s books', () => {
  it('refuse a token below the highest that was answered, and keep what the issuer said first', async () => {
    const key = newId();
    expect(await stores.payments.open(key, 2, 'o')).toEqual({ written: true, payment: { fencingToken: 2 } });
    expect(await stores.payments.open(key, 1, 'o')).toEqual({ written: false, payment: { fencingToken: 2 } });
    expect(await stores.payments.open(key, 2, 'o')).toEqual({ written: true, payment: { fencingToken: 2 } });
    const payment = { fencingToken: 3, outcome: 'declined' };
    expect(await stores.payments.open(key, 3, 'o')).toEqual({ written: true, payment: { fencingToken: 2 } });
    expect(await stores.payments.close(key, 3, 'declined')).toEqual({ written: true, payment });
    for (const token of [2, 3, 4])
      expect(await stores.payments.close(key, token, 'charged')).toEqual({ written: false, payment });
    expect(await stores.payments.open(key, 2, 'o')).toEqual({ written: false, payment });
    expect(await stores.payments.open(key, 4, 'o')).toEqual({ written: true, payment });
  });

  it('let a call end that a higher token came after, but not once that one was answered', async () => {
    const charged = newId();
    for (const token of [1, 2]) await stores.payments.open(charged, token, 'o');
    const payment = { fencingToken: 1, outcome: 'charged' };
    expect(await stores.payments.close(charged, 1, 'charged')).toEqual({ written: true, payment });
    expect(await stores.payments.fence(charged, 2)).toEqual({ written: false, payment });
    const down = newId();
    for (const token of [1, 2]) await stores.payments.open(down, token, 'o');
    expect(await stores.payments.fence(down, 2)).toEqual({ written: true, payment: { fencingToken: 3 } });
    expect(await stores.payments.close(down, 1, 'charged')).toEqual({ written: false, payment: { fencingToken: 3 } });
  });

  it('charge nothing under a token that they answered with down, and let the next one', async () => {
    const key = newId();
    await stores.payments.open(key, 1, 'o');
    expect(await stores.payments.fence(key, 1)).toEqual({ written: true, payment: { fencingToken: 2 } });
    for (const late of [stores.payments.close(key, 1, 'charged'), stores.payments.fence(key, 1)])
      expect(await late).toEqual({ written: false, payment: { fencingToken: 2 } });
    expect(await stores.payments.open(key, 1, 'o')).toMatchObject({ written: false });
    expect(await stores.payments.open(key, 2, 'o')).toMatchObject({ written: true });
    const payment = { fencingToken: 2, outcome: 'charged' };
    expect(await stores.payments.close(key, 2, 'charged')).toEqual({ written: true, payment });
    expect(await stores.payments.fence(key, 2)).toEqual({ written: false, payment });
  });

  it('count calls, and refunds by their key', async () => {
    const body = byCard();
    const calls = await Promise.all([1, 2, 3].map(() => stores.payments.countCall(body.orderId)));
    expect(calls.toSorted()).toEqual([1, 2, 3]);
    for (const key of ['a', 'a', 'b']) await stores.payments.refund(key + body.orderId, body.orderId);
    const { Items = [] } = await dynamo.send(new ScanCommand({ TableName: paymentsTable, ConsistentRead: true }));
    expect(Items.filter((item) => item['orderId']?.S === body.orderId)).toHaveLength(2);
  });

  it('are asked by a client that knows when it does not know', async () => {
    const lambda = new LambdaClient(aws);
    const answering = (reply: object | undefined, FunctionError?: string) => {
      lambda.send = (async () => ({
        FunctionError,
        Payload: { transformToString: () => JSON.stringify(reply) ?? '' },
      })) as typeof lambda.send;
      return network('network', lambda).ask({ action: 'refund', orderId: 'o' });
    };
    expect(await answering({ outcome: 'refunded' })).toEqual({ outcome: 'refunded' });
    const killed = answering({ errorMessage: 'killed' }, 'Unhandled');
    await expect(killed).rejects.toBeInstanceOf(NoAnswer);
    await expect(killed).rejects.toThrow('the card network failed');
    await expect(answering(undefined)).rejects.toBeInstanceOf(NoAnswer);
  });
});

describe('charges', () => {
  it('are cancelled as often as one likes, and created by no read and no cancellation', async () => {
    const { record, charge } = attempt();
    await stores.ledger.charge(record, charge, atMs);
    for (let times = 0; times < 3; times += 1) expect(await stores.charges.cancel(charge)).toBe(true);
    expect(await stores.charges.find(charge.id)).toEqual({ ...charge, state: 'cancelled', refunded: charge.amount });
    expect(await stores.charges.cancel({ id: 'ch_none', amount: 1 })).toBe(false);
    expect(await stores.charges.find('ch_none')).toBeUndefined();
  });

  it('of the naive design are refunded each time, and come into being when they are read', async () => {
    const rows = charges(tables.chargesTable, dynamo);
    const { record, charge } = attempt();
    await stores.ledger.charge(record, charge, atMs);
    for (let times = 0; times < 3; times += 1) await rows.addRefund(charge);
    expect(await rows.find(charge.id)).toMatchObject({ refunded: 3 * charge.amount });
    expect(await rows.findAndCount(charge.id)).toMatchObject({ id: charge.id });
    expect(await rows.findAndCount('ch_ghost')).toBeUndefined();
    const { Items = [] } = await dynamo.send(new ScanCommand({ TableName: tables.chargesTable }));
    expect(Items.some((item) => item['chargeId']?.S === 'ch_ghost')).toBe(true);
  });
});

it('separate writes keep what they are given, and only the conditional one asks', async () => {
  const writes = separateWrites(tables, dynamo);
  const email = 'separate@example.com';
  expect(await writes.addCustomerOnce({ email, customerId: 'a' })).toBe(true);
  expect(await writes.addCustomerOnce({ email, customerId: 'a' })).toBe(true);
  expect(await writes.addCustomerOnce({ email, customerId: 'b' })).toBe(false);
  await writes.addCustomer({ email, customerId: 'b' });
  expect(await writes.findCustomer(email)).toBe('b');
  expect(await writes.findReply('none')).toBeUndefined();
  await writes.keepReply('kept', { status: 201, body: 'é' }, 1);
  expect(await writes.findReply('kept')).toEqual({ status: 201, body: 'é' });
});

const pauses = full ? 200 : 20;
describe(`an owner that is paused until its lease is over, on real tables (seeds ${seed} to ${seed + pauses - 1})`, () => {
  it(`is refused in ${pauses} interleavings`, async () => {
    const seeds = Array.from({ length: pauses }, (_, n) => seed + n);
    const races = await pMap(seeds, (each) => raceForLease(randomFrom(each), stores), { concurrency: 4 });
    expect(races.flatMap(({ wrong }) => wrong)).toEqual([]);
    expect(races.filter(({ overtaken }) => overtaken).length).toBeGreaterThan(pauses / 2);
  });
});

it('an issuer that is slower than the lease at every call charges once, and is heard, on real tables', async () => {
  // Ten times as fast as in the cloud.
  const startMs = Date.now();
  const clock = () => atMs + 10 * (Date.now() - startMs);
  const asked = await askSlowIssuer('tok_slow', randomFrom(seed), stores, { clock, sleep: (ms) => sleep(ms / 10) });
  expect(asked).toEqual({ status: 201, wrong: [] });
});

describe('a process that dies, on real tables', () => {
  const die = async (body: ChargeRequest, point?: CrashPoint): Promise<readonly string[]> => {
    const key = newId();
    const { wire, passed } = mortal(point);
    await processOf({ stores, clock: () => atMs, wire })
      .post(key, body)
      .catch(() => {});
    const { post } = processOf({ stores, clock: () => atMs + leaseMs });
    const replies = [await post(key, body), await post(key, body)];
    expect(replies.map(({ status }) => status)).toEqual([201, 201]);
    expect(textOf(replies[1]!)).toBe(textOf(replies[0]!));
    expect(await rowsOf(body)).toBe(1);
    if (body.method === 'card') {
      const { Items = [] } = await dynamo.send(new ScanCommand({ TableName: paymentsTable, ConsistentRead: true }));
      const charged = Items.filter((item) => item['orderId']?.S === body.orderId && item['outcome']?.S === 'charged');
      expect(charged).toHaveLength(1);
    }
    return passed;
  };

  it.each([() => invoice(), () => byCard()])(
    'before or after any call leaves one charge in the end (%#)',
    async (make) => {
      const passed = await die(make());
      expect(passed.length).toBeGreaterThan(0);
      for (const at of passed) for (const when of ['before', 'after'] as const) await die(make(), { at, when });
    },
  );
});

const keys = full ? 500 : 60;
describe(`${keys} keys with one to eight duplicates at once, on real tables (seed ${seed})`, () => {
  it('have one charge and one reply each', async () => {
    const random = randomFrom(seed);
    const orders = Array.from({ length: keys }, () => ({
      body: random.share(0.5) ? invoice() : byCard(),
      times: 1 + random.below(8),
    }));
    const { post } = processOf({ stores, clock: () => Date.now() });
    const untilFinal = async (key: string, body: ChargeRequest) => {
      for (;;) {
        const reply = await post(key, body);
        if (reply.headers?.['retry-after'] === undefined) return reply;
      }
    };
    await pMap(
      orders,
      async ({ body, times }) => {
        const key = newId();
        const replies = await Promise.all(Array.from({ length: times }, () => untilFinal(key, body)));
        expect(new Set(replies.map(textOf)).size).toBe(1);
        expect(replies.filter(({ headers }) => headers?.['idempotency-replayed'] === undefined)).toHaveLength(1);
      },
      { concurrency: 8 },
    );
    const { Items = [] } = await dynamo.send(new ScanCommand({ TableName: tables.chargesTable, ConsistentRead: true }));
    const charged = Map.groupBy(Items, (item) => item['orderId']?.S);
    expect(orders.map(({ body }) => charged.get(body.orderId)?.length)).toEqual(orders.map(() => 1));
  });
});
