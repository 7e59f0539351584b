import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { randomFrom, type Random } from '../../engines/simulation/random.ts';
import { type ChargeRequest, leaseMs, rememberS } from '../../lambdas/idempotent-apis/domain.ts';
import { answer, cancel, charge } from '../../lambdas/idempotent-apis/steps.ts';
import type { Reply } from '../../lambdas/kit/http.ts';
import {
  type Bug,
  byCard,
  type CrashPoint,
  direct,
  emptyWorld,
  invoice,
  isFinal,
  Killed,
  mortal,
  newId,
  processOf,
  shuffling,
  storesOf,
  textOf,
  through,
  type Wire,
  type World,
} from './fakes.ts';
import { askSlowIssuer, raceForLease } from './lease.ts';

const seed = Number(process.env['DESIGNS_SEED'] ?? 1);
const atMs = 1_800_000_000_000;

function chargesOf(world: World, { orderId }: ChargeRequest): number {
  return [...world.charges.values()].filter((row) => row.orderId === orderId).length;
}

function paymentsOf(world: World, { orderId }: ChargeRequest): number {
  return [...world.payments.values()].filter((row) => row.orderId === orderId && row.outcome === 'charged').length;
}

describe('a charge', () => {
  const world = emptyWorld();
  const { post } = processOf({ stores: storesOf(world), clock: () => atMs });

  it.each([
    ['an invoice', invoice()],
    ['a card', byCard()],
  ])('of %s is made once, and its reply repeated with a mark', async (_, body) => {
    const reply = await post(`key of ${body.orderId}`, body);
    expect(reply).toMatchObject({ status: 201, headers: { location: expect.stringMatching(/^\/charges\/ch_/) } });
    expect(JSON.parse(reply.body)).toMatchObject({ orderId: body.orderId, amount: body.amount, state: 'charged' });
    expect(reply.headers).not.toHaveProperty('idempotency-replayed');
    const again = await post(`key of ${body.orderId}`, body);
    expect(again).toEqual({ ...reply, headers: { ...reply.headers, 'idempotency-replayed': 'true' } });
    expect([chargesOf(world, body), paymentsOf(world, body)]).toEqual([1, body.method === 'card' ? 1 : 0]);
  });

  it.each([
    ['tok_declined', 402, 'declined'],
    ['tok_down', 502, 'nothing was charged'],
  ])('by %s is answered with %d, then and ever after', async (card, status, detail) => {
    const body = byCard(card);
    const reply = await post(`key of ${body.orderId}`, body);
    expect(reply.status).toBe(status);
    expect(JSON.parse(reply.body)).toMatchObject({ status, detail: expect.stringContaining(detail) });
    const again = await post(`key of ${body.orderId}`, body);
    expect(textOf(again)).toBe(textOf(reply));
    expect(again.headers).toHaveProperty('idempotency-replayed', 'true');
    expect(chargesOf(world, body) + paymentsOf(world, body)).toBe(0);
  });

  it('under a key that was used with another payload is refused, and changes nothing', async () => {
    for (const body of [invoice(), byCard()]) {
      const key = `key of ${body.orderId}`;
      const reply = await post(key, body);
      for (const other of [{ ...body, amount: body.amount + 1 }, invoice(), byCard()])
        expect(await post(key, other)).toMatchObject({ status: 422 });
      expect(textOf(await post(key, body))).toBe(textOf(reply));
      expect(chargesOf(world, body)).toBe(1);
    }
  });

  it('is the same whatever the order of its payload’s members', async () => {
    const body = invoice();
    const reply = await post('a key for any order', body);
    const turned = Object.fromEntries(Object.entries(body).toReversed()) as unknown as ChargeRequest;
    expect(textOf(await post('a key for any order', turned))).toBe(textOf(reply));
  });

  it.each([invoice, () => byCard()])(
    'of an email that another customer has is refused, with one reply',
    async (make) => {
      const [mine, theirs] = [make(), make()].map((body) => ({ ...body, email: `shared-${make.name}@example.com` }));
      await post(`mine ${mine!.orderId}`, mine!);
      const key = `theirs ${theirs!.orderId}`;
      const reply = await post(key, theirs!);
      expect(reply.status).toBe(409);
      expect(isFinal(reply)).toBe(true);
      const again = await post(key, theirs!);
      expect(textOf(again)).toBe(textOf(reply));
      expect(again.headers).toHaveProperty('idempotency-replayed', 'true');
      expect(chargesOf(world, theirs!) + paymentsOf(world, theirs!)).toBe(0);
      // The same customer may come back.
      expect(await post(`again ${mine!.orderId}`, { ...mine!, orderId: 'another' })).toMatchObject({ status: 201 });
    },
  );

  it.each([
    ['charge', invoice()],
    ['claim', byCard()],
    ['settle', byCard()],
    ['settle', byCard('tok_declined')],
    ['keep', invoice({ email: 'shared@example.com' })],
  ] as const)('whose %s always meets transactions is 503, to come again', async (call, body) => {
    const { effects, post } = processOf({ stores: storesOf(emptyWorld()), clock: () => atMs });
    await post('who has the email', invoice({ email: 'shared@example.com' }));
    const ledger = { ...effects.ledger, [call]: async () => ({ written: false, because: 'contention' }) as const };
    await expect(charge('a key that is contended', body, { ...effects, ledger })).rejects.toMatchObject({
      status: 503,
      headers: { 'retry-after': '1' },
    });
  });
});

describe('a key', () => {
  it.each([
    ['an invoice', invoice()],
    ['a card', byCard()],
  ])('of %s is remembered for 24 hours: a second less replays, a second more charges anew', async (_, body) => {
    const world = emptyWorld();
    let nowMs = atMs;
    const { post } = processOf({ stores: storesOf(world), clock: () => nowMs });
    const reply = await post('a key of a day', body);
    nowMs = atMs + (rememberS - 1) * 1000;
    expect(textOf(await post('a key of a day', body))).toBe(textOf(reply));
    expect(await post('a key of a day', { ...body, amount: 1 })).toMatchObject({ status: 422 });
    nowMs = atMs + (rememberS + 1) * 1000;
    const anew = await post('a key of a day', body);
    expect(anew.status).toBe(201);
    expect(textOf(anew)).not.toBe(textOf(reply));
    expect(chargesOf(world, body)).toBe(2);
  });

  it('would stay used until TTL deletes it if the store’s condition did not look at its end', async () => {
    let nowMs = atMs;
    const { post } = processOf({ stores: storesOf(emptyWorld(), 'expiry is left to TTL'), clock: () => nowMs });
    const body = invoice();
    await post('the key', body);
    nowMs += (rememberS + 1) * 1000;
    expect(await post('the key', body)).toMatchObject({ status: 409 });
  });

  it('that is still running is 409 with Retry-After until its lease ends, to the millisecond', async () => {
    const world = emptyWorld();
    const body = byCard();
    const key = 'a key that is running';
    const dying = processOf({
      stores: storesOf(world),
      clock: () => atMs,
      wire: mortal({ at: 'network.ask', when: 'before' }).wire,
    });
    await expect(dying.post(key, body)).rejects.toThrow(Killed);
    let nowMs = atMs + leaseMs - 1;
    const { post } = processOf({ stores: storesOf(world), clock: () => nowMs });
    expect(await post(key, body)).toMatchObject({ status: 409, headers: { 'retry-after': '1' } });
    expect(await post(key, { ...body, amount: 1 })).toMatchObject({ status: 422 });
    nowMs += 1;
    expect(await post(key, body)).toMatchObject({ status: 201 });
  });
});

describe('a key that is taken over at the end of its day', () => {
  /**
   * An owner dies; another decides to take over so many milliseconds before the key ends, and its write arrives after a
   * third has found the key free and claimed it, and while that one asks the network.
   */
  const overtaken = async (beforeMs: number, bug?: Bug) => {
    const world = emptyWorld();
    const stores = storesOf(world, bug);
    const body = byCard();
    const endMs = atMs + rememberS * 1000;
    const dying = processOf({ stores, clock: () => atMs, wire: mortal({ at: 'network.ask', when: 'before' }).wire });
    await expect(dying.post('the key', body)).rejects.toThrow(Killed);

    let goOn = () => {};
    let thirds: Promise<Reply> | undefined;
    const claimedByThird = () =>
      new Promise<void>((claimed) => {
        const wire: Wire = async (call, commit) => {
          if (call === 'network.ask')
            await new Promise<void>((resolve) => {
              goOn = resolve;
              claimed();
            });
          return commit();
        };
        thirds = processOf({ stores, clock: () => endMs, wire }).post('the key', body);
      });
    const wire: Wire = async (call, commit) => {
      if (call === 'ledger.takeOver') await claimedByThird();
      return commit();
    };
    const second = await processOf({ stores, clock: () => endMs - beforeMs, wire }).post('the key', body);
    goOn();
    return { world, body, second, third: await thirds! };
  };

  it.each([1, 5, 1000])('%d ms before it is not taken from who has claimed it afresh since', async (beforeMs) => {
    const { world, body, second, third } = await overtaken(beforeMs);
    expect([chargesOf(world, body), paymentsOf(world, body)]).toEqual([1, 1]);
    expect(second).toMatchObject({ status: 409, headers: { 'retry-after': '1' } });
    expect(third).toMatchObject({ status: 201 });
  });

  it('would be charged twice if its token said whose it is', async () => {
    const { world, body } = await overtaken(5, 'a token is taken for its owner');
    expect(paymentsOf(world, body)).toBe(2);
  });

  it.each([-1, 0, 1])('is free %d ms from it as it is for everybody else', async (afterMs) => {
    const world = emptyWorld();
    const stores = storesOf(world);
    const body = byCard();
    const at = (nowMs: number, wire: Wire = direct) => processOf({ stores, clock: () => nowMs, wire });
    await at(atMs, mortal({ at: 'ledger.settle', when: 'before' }).wire)
      .post('the key', body)
      .catch(() => {});
    const endMs = atMs + rememberS * 1000;
    expect(await at(endMs + afterMs).post('the key', body)).toMatchObject({ status: 201 });
    // A second later the one that was taken over is remembered still: it lasts as long as its lease.
    expect((await at(endMs + 1000).post('the key', body)).headers).toHaveProperty('idempotency-replayed', 'true');
    expect(paymentsOf(world, body)).toBe(afterMs < 0 ? 1 : 2);
  });
});

/** R3: each way through the code, and how it ends. */
const ways: readonly (readonly [string, () => ChargeRequest, status: number])[] = [
  ['an invoice', () => invoice(), 201],
  ['a card', () => byCard(), 201],
  ['a declined card', () => byCard('tok_declined'), 402],
  ['an issuer that is down', () => byCard('tok_down'), 502],
  ['an email that is taken', () => invoice({ email: 'taken@example.com' }), 409],
  ['a card and an email that is taken', () => byCard('tok_visa', { email: 'taken@example.com' }), 409],
];

/** Calls at which a process dies besides those of the ways: only the next owner makes them, or one that was overtaken. */
const nextOwnersCalls = ['ledger.takeOver'] as const;
const overtakenCalls = ['ledger.find'] as const;
const cancellationCalls = ['charges.find', 'network.ask', 'payments.refund', 'charges.cancel'] as const;
const moments = ['before', 'after'] as const;

async function freshWorld(): Promise<World> {
  const world = emptyWorld();
  const before = processOf({ stores: storesOf(world), clock: () => atMs });
  await before.post('the key of who has the email', invoice({ email: 'taken@example.com' }));
  return world;
}

/** The calls of an undisturbed charge. */
async function callsOf(body: ChargeRequest): Promise<readonly string[]> {
  const { wire, passed } = mortal();
  await processOf({ stores: storesOf(await freshWorld()), clock: () => atMs, wire }).post('the key', body);
  return passed;
}

it('R3 leaves out no call that a store has', async () => {
  const ofWays = await Promise.all(ways.map(([, make]) => callsOf(make())));
  const died = new Set([...ofWays.flat(), ...nextOwnersCalls, ...overtakenCalls, ...cancellationCalls]);
  const ofStores = Object.entries(storesOf(emptyWorld())).flatMap(([name, store]) =>
    Object.keys(store).map((call) => `${name}.${call}`),
  );
  expect([...died].toSorted()).toEqual([...ofStores, 'network.ask'].toSorted());
});

describe.each(ways)('a process that dies while it charges %s', (_, make, status) => {
  /** Dies, at each of these points in turn, then asks until there is a final reply; each process after the last one's lease. */
  const dieAt = async (points: readonly CrashPoint[]) => {
    const world = await freshWorld();
    const body = make();
    let nowMs = atMs;
    for (const point of points) {
      const { post } = processOf({ stores: storesOf(world), clock: () => nowMs, wire: mortal(point).wire });
      await post('the key', body).catch(() => {});
      nowMs += leaseMs;
    }
    const { post } = processOf({ stores: storesOf(world), clock: () => nowMs });
    const replies = [await post('the key', body), await post('the key', body)];
    const charged = status === 201 ? 1 : 0;
    expect(replies.map((reply) => reply.status)).toEqual([status, status]);
    expect(textOf(replies[1]!)).toBe(textOf(replies[0]!));
    expect([chargesOf(world, body), paymentsOf(world, body)]).toEqual([charged, body.method === 'card' ? charged : 0]);
  };

  it('before or after any call, leaves nothing that a retry does not finish, once', async () => {
    const calls = await callsOf(make());
    expect(calls.length).toBeGreaterThan(0);
    const pointsOf = (at: string) => moments.map((when) => ({ at, when }));
    const points = calls.flatMap(pointsOf);
    for (const point of points) await dieAt([point]);
    // The second process may find what the first left, and die as well.
    const later = [...points, ...nextOwnersCalls.flatMap(pointsOf)];
    for (const point of points) for (const next of later) await dieAt([point, next]);
  });
});

it.each(overtakenCalls.flatMap((at) => moments.map((when) => [when, at] as const)))(
  'an overtaken owner that dies %s %s leaves what the other one did',
  async (when, at) => {
    const world = emptyWorld();
    const stores = storesOf(world);
    const body = byCard();
    const next = processOf({ stores, clock: () => atMs + leaseMs });
    const { wire } = mortal({ at, when });
    const overtaken: Wire = async (call, commit) => {
      if (call === 'network.ask') await next.post('the key', body);
      return wire(call, commit);
    };
    const { post } = processOf({ stores, clock: () => atMs, wire: overtaken });
    await expect(post('the key', body)).rejects.toThrow(Killed);
    expect(await next.post('the key', body)).toMatchObject({
      status: 201,
      headers: { 'idempotency-replayed': 'true' },
    });
    expect([chargesOf(world, body), paymentsOf(world, body)]).toEqual([1, 1]);
  },
);

describe('a cancellation', () => {
  it.each([invoice, () => byCard()])(
    'refunds once, however often it is repeated and wherever it dies',
    async (make) => {
      for (const at of cancellationCalls)
        for (const when of moments) {
          const world = emptyWorld();
          const body = make();
          const stores = storesOf(world);
          const reply = await processOf({ stores, clock: () => atMs }).post('the key', body);
          const { id } = JSON.parse(reply.body) as { id: string };
          const run = (wire: Parameters<typeof through>[2]) => {
            const { effects } = processOf({ stores, clock: () => atMs, wire });
            return cancel(id, { charges: through('charges', stores.charges, wire), network: effects.network });
          };
          await run(mortal({ at, when }).wire).catch(() => {});
          expect([await run(mortal().wire), await run(mortal().wire)]).toEqual([true, true]);
          expect(world.charges.get(id)).toMatchObject({ state: 'cancelled', refunded: body.amount });
          expect([...world.refunds.keys()]).toEqual(body.method === 'card' ? [id] : []);
        }
    },
  );

  it('that always meets transactions is 503, to come again', async () => {
    const stores = storesOf(emptyWorld());
    const { effects, post } = processOf({ stores, clock: () => atMs });
    const { id } = JSON.parse((await post('the key', invoice())).body) as { id: string };
    const rows = { find: stores.charges.find, cancel: async () => 'contention' as const };
    await expect(cancel(id, { charges: rows, network: effects.network })).rejects.toMatchObject({
      status: 503,
      headers: { 'retry-after': '1' },
    });
  });

  it('of a charge that there is not is none', async () => {
    const stores = storesOf(emptyWorld());
    const { effects } = processOf({ stores, clock: () => atMs });
    expect(await cancel('ch_none', { charges: stores.charges, network: effects.network })).toBe(false);
  });
});

interface Outcome {
  readonly world: World;
  readonly orders: readonly { readonly body: ChargeRequest; readonly replies: readonly Reply[] }[];
}

/** R2: keys, each with one to eight duplicates at once, among deaths and lost replies. */
async function duplicates(random: Random, keys: number, bug?: Bug): Promise<Outcome> {
  const world = emptyWorld();
  const stores = storesOf(world, bug);
  const orders = [];
  for (let n = 0; n < keys; n += 1) {
    let nowMs = atMs + n * 10 * leaseMs;
    const body = random.share(0.5) ? invoice() : byCard();
    const replies: Reply[] = [];
    const client = async (): Promise<void> => {
      for (;;) {
        const lost = shuffling(random, 0.1);
        const point = random.share(0.3)
          ? ({
              at: ['ledger.charge', 'ledger.claim', 'network.ask', 'ledger.settle'][random.below(4)]!,
              when: random.share(0.5) ? 'before' : 'after',
            } as const)
          : undefined;
        const { wire } = mortal(point);
        const { post } = processOf({
          stores,
          clock: () => nowMs,
          wire: (call, commit) => wire(call, () => lost(call, commit)),
        });
        const reply = await post(`key ${n}`, body).catch(() => undefined);
        if (reply !== undefined && isFinal(reply)) {
          replies.push(reply);
          if (!random.share(0.2)) return;
        }
        nowMs += random.below(leaseMs);
      }
    };
    await Promise.all(Array.from({ length: 1 + random.below(8) }, client));
    orders.push({ body, replies });
  }
  return { world, orders };
}

function wrongs({ world, orders }: Outcome): number {
  return orders.filter(({ body, replies }) => {
    const theirs = body.method === 'card' ? paymentsOf(world, body) : 1;
    const isOnce = chargesOf(world, body) === 1 && theirs === 1;
    const originals = replies.filter(({ headers }) => headers?.['idempotency-replayed'] === undefined);
    return !isOnce || originals.length > 1 || new Set(replies.map(textOf)).size !== 1;
  }).length;
}

describe(`500 keys with duplicates, deaths and lost replies (seed ${seed})`, () => {
  it('have one charge and one reply each', async () => {
    const outcome = await duplicates(randomFrom(seed), 500);
    expect(outcome.orders.flatMap(({ replies }) => replies).length).toBeGreaterThan(2000);
    expect(wrongs(outcome)).toBe(0);
  });

  it.each(['a key is claimed without a condition', 'the charge is written after the transaction'] as const)(
    'and a store with this bug is found out: %s',
    async (bug) => {
      expect(wrongs(await duplicates(randomFrom(seed), 100, bug))).toBeGreaterThan(0);
    },
  );
});

describe(`an owner that is paused until its lease is over (seeds ${seed} to ${seed + 199})`, () => {
  const run = async (bug?: Bug) => {
    const races = [];
    for (let n = 0; n < 200; n += 1) {
      const world = emptyWorld();
      races.push(await raceForLease(randomFrom(seed + n), storesOf(world, bug)));
    }
    return races;
  };

  it('is refused in 200 interleavings, wherever it was paused: one charge, one reply', async () => {
    const races = await run();
    expect(races.flatMap(({ wrong }) => wrong)).toEqual([]);
    // It means something only if owners were overtaken, at every kind of call.
    expect(races.filter(({ overtaken }) => overtaken).length).toBeGreaterThan(100);
    expect(new Set(races.map(({ pausedAt }) => pausedAt)).size).toBeGreaterThan(4);
    expect(races.filter(({ repeated }) => repeated > 0).length).toBeGreaterThan(50);
  });

  it.each(['tokens are not compared', 'what is answered with down stays open', 'anybody settles'] as const)(
    'wins now and then without fencing: %s',
    async (bug) => {
      const wrong = (await run(bug)).flatMap((race) => race.wrong);
      expect(wrong.length).toBeGreaterThan(0);
    },
  );

  it('and another customer gets the email now and then when nobody asks', async () => {
    const world = emptyWorld();
    const { post } = processOf({ stores: storesOf(world, 'the email is not asked'), clock: () => atMs });
    for (const key of [newId(), newId()]) await post(key, invoice({ email: 'shared@example.com' }));
    expect(new Set([...world.charges.values()].map(({ customerId }) => customerId)).size).toBe(2);
  });
});

it.each([
  [1, 2, 'stale'],
  [2, 2, 'charged'],
  [3, 2, 'charged'],
])(
  'the network answers a call with token %d, beside which one with %d charged, with %s',
  async (mine, other, outcome) => {
    const { payments } = storesOf(emptyWorld());
    await payments.open('key', 1, 'order');
    const beside = async (orderId: string) => {
      await payments.close('key', other, 'charged');
      return payments.countCall(orderId);
    };
    const purchase = { orderId: 'order', amount: 1, currency: 'EUR', card: 'tok_visa' };
    const request = { action: 'charge', key: 'key', fencingToken: mine, ...purchase } as const;
    const effects = { payments: { ...payments, countCall: beside }, newId, sleep: async () => {} };
    expect(await answer(request, effects)).toEqual({ outcome });
  },
);

describe(`an issuer that is slower than the lease (seeds ${seed} to ${seed + 49})`, () => {
  beforeEach(() => void vi.useFakeTimers({ now: atMs }));
  afterEach(() => void vi.useRealTimers());
  const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  const ask = async (card: string, n: number, bug?: Bug) => {
    const effects = { clock: () => Date.now(), sleep };
    const ended = askSlowIssuer(card, randomFrom(seed + n), storesOf(emptyWorld(), bug), effects);
    const caught = ended.catch((error: unknown) => ({ status: 0, wrong: [String(error)] }));
    await vi.advanceTimersByTimeAsync(3_600_000);
    return caught;
  };

  it.each([
    ['tok_slow', 201],
    ['tok_slow_visa', 201],
    ['tok_slow_declined', 402],
    ['tok_slow_down', 502],
    // The first call has charged before the third would be made.
    ['tok_slow_slow_down', 201],
  ])('and says %s has one effect, and %d for clients that wait as they are told', async (card, status) => {
    for (let n = 0; n < 50; n += 1) expect(await ask(card, n)).toEqual({ status, wrong: [] });
  });

  it.each([
    ['tok_slow', 'a call makes those under way stale', 'no final reply'],
    ['tok_slow_down', 'what is answered with down stays open', 'reply 502, card charged'],
    ['tok_slow_down', 'tokens are not compared', 'reply 502, card charged'],
  ] as const)('and says %s goes wrong in a network with this bug: %s', async (card, bug, wrong) => {
    expect((await ask(card, 0, bug)).wrong).toContainEqual(expect.stringContaining(wrong));
  });
});
