import {
  type BatchGetItemCommandInput,
  type BatchGetItemCommandOutput,
  CreateTableCommand,
  DeleteItemCommand,
  DynamoDBClient,
  GetItemCommand,
  type GetItemCommandInput,
  type GetItemCommandOutput,
  PutItemCommand,
  type PutItemCommandInput,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb';
import type { InitializeMiddleware, MetadataBearer, MiddlewareStack } from '@smithy/types';
import type { Context } from 'aws-lambda';
import { beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { randomFrom } from '../../engines/simulation/random.ts';
import { repairVariables } from '../../lambdas/friends-counter/env.ts';
import { isSettled, limits, type Verb } from '../../lambdas/friends-counter/domain.ts';
import {
  publish,
  relate,
  relateBlindly,
  repair,
  repairRound,
  settle,
  view,
} from '../../lambdas/friends-counter/steps.ts';
import { counters, ledger, posts, repairs, rows, users } from '../../lambdas/friends-counter/store.ts';
import { bounded } from '../../lambdas/kit/clients.ts';
import { logger } from '../../lambdas/kit/run.ts';

const aws = inject('aws');
const dynamo = new DynamoDBClient({ ...bounded, ...aws });
const timing = { clock: () => 1_800_000_000_000, patience: { random: Math.random, wait: async () => {} } };

interface Tables {
  readonly users: string;
  readonly friends: string;
  readonly counters: string;
  readonly posts: string;
  readonly repairs: string;
}

/** Tables named as this test's own. */
async function tablesOf(test: string): Promise<Tables> {
  const tableOf = async (name: string, ...keys: readonly string[]): Promise<string> => {
    const TableName = `friends-store-test-${test}-${name}`;
    await dynamo.send(
      new CreateTableCommand({
        TableName,
        BillingMode: 'PAY_PER_REQUEST',
        KeySchema: keys.map((AttributeName, index) => ({ AttributeName, KeyType: index === 0 ? 'HASH' : 'RANGE' })),
        AttributeDefinitions: keys.map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
      }),
    );
    await waitUntilTableExists({ client: dynamo, minDelay: 1, maxDelay: 1, maxWaitTime: 60 }, { TableName });
    return TableName;
  };
  return {
    users: await tableOf('users', 'user'),
    friends: await tableOf('friends', 'user', 'other'),
    counters: await tableOf('counters', 'user'),
    posts: await tableOf('posts', 'user', 'post'),
    repairs: await tableOf('repairs', 'job'),
  };
}

function storesOf(tables: Tables, client = dynamo) {
  return {
    users: users(tables.users, client),
    posts: posts(tables.posts, client),
    rows: rows(tables.friends, client),
    ledger: ledger(tables, client),
    counters: counters(tables.counters, client),
    repairs: repairs(tables.repairs, client),
  };
}

class Killed extends Error {}

/** A client whose process dies at its nth call, before it leaves or after it committed. */
function dying(nth: number, when: 'before' | 'after') {
  const client = new DynamoDBClient({ ...bounded, ...aws });
  let calls = 0;
  const die: InitializeMiddleware<object, MetadataBearer> = (next) => async (args) => {
    calls += 1;
    if (calls > nth) throw new Killed();
    if (calls === nth && when === 'before') throw new Killed();
    const result = await next(args);
    if (calls === nth) throw new Killed();
    return result;
  };
  (client.middlewareStack as MiddlewareStack<object, MetadataBearer>).add(die, { step: 'initialize' });
  return { client, calls: () => calls };
}

let tables: Tables;
let stores: ReturnType<typeof storesOf>;
beforeAll(async () => {
  tables = await tablesOf('shared');
  stores = storesOf(tables);
});

async function register(...names: readonly string[]): Promise<void> {
  for (const name of names) await stores.users.put(name, name);
}

const change = (verb: Verb, user: string, other: string, streamedFrom = 1_000, from = stores) =>
  relate({ verb, user, other }, from, { streamedFrom, ...timing });

async function sidesOf(user: string) {
  const found = [];
  let from: string | undefined;
  do {
    const { sides, next } = await stores.ledger.page(user, from, 2);
    found.push(...sides);
    from = next;
  } while (from !== undefined);
  return found;
}

/** A counter holds what its sides say, and every friendship has two sides. */
async function expectConsistent(...names: readonly string[]): Promise<void> {
  for (const name of names) {
    const sides = await sidesOf(name);
    const counted = sides.reduce((sum, side) => sum + side.counted, 0);
    expect(await stores.counters.friends(name), `counter of ${name}`).toBe(counted);
    for (const { other, state } of sides) {
      const [back] = (await sidesOf(other)).filter((side) => side.other === name);
      expect((back?.state === 'friends') === (state === 'friends'), `${name} and ${other}`).toBe(true);
    }
  }
}

describe('a friendship', () => {
  it('counts once for 20 requests at the same moment, from both sides', async () => {
    await register('ann', 'bob');
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        n % 2 === 0 ? change('befriend', 'ann', 'bob') : change('befriend', 'bob', 'ann'),
      ),
    );
    expect(replies.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(replies.filter(({ status }) => status === 200)).toHaveLength(19);
    expect([await stores.counters.friends('ann'), await stores.counters.friends('bob')]).toEqual([1, 1]);
    await Promise.all(Array.from({ length: 10 }, () => change('unfriend', 'bob', 'ann')));
    expect([await stores.counters.friends('ann'), await stores.counters.friends('bob')]).toEqual([0, 0]);
  });

  it('is not made with a stranger, nor past a block; a block ends it', async () => {
    await register('cat', 'dan');
    await expect(change('befriend', 'cat', 'nobody')).rejects.toMatchObject({ status: 404 });
    await change('befriend', 'cat', 'dan');
    expect(JSON.parse((await change('block', 'dan', 'cat')).body)).toEqual({ state: 'blocked', changed: true });
    await expect(change('befriend', 'cat', 'dan')).rejects.toMatchObject({ status: 409 });
    expect(await stores.counters.friends('cat')).toBe(0);
    await change('unblock', 'dan', 'cat');
    expect((await change('befriend', 'cat', 'dan')).status).toBe(201);
    await expectConsistent('cat', 'dan');
  });

  it.each(['unfriend', 'block'] satisfies readonly Verb[])(
    'has two sides or none after a change that read the one side before somebody befriended, the other after it: %s',
    async (verb) => {
      await register('gus', 'hob');
      let reads = 0;
      const parties: typeof stores.ledger.parties = async (user, other) => {
        if ((reads += 1) > 1) return stores.ledger.parties(user, other);
        const [, theirs] = await stores.ledger.parties(user, other);
        await change('befriend', 'hob', 'gus');
        const [mine] = await stores.ledger.parties(user, other);
        return [mine, theirs];
      };
      await change(verb, 'gus', 'hob', 1_000, { ...stores, ledger: { ...stores.ledger, parties } });
      await expectConsistent('gus', 'hob');
      expect(reads).toBe(2);
      await change('unblock', 'gus', 'hob');
    },
  );

  it.each(['a stranger', 'one who has blocked them'])(
    'leaves nothing with a member whose side a block does not change: %s',
    async (whom) => {
      const own = await tablesOf(`stays-${whom.replaceAll(' ', '-')}`);
      const itsStores = storesOf(own);
      for (const name of ['jim', 'kay']) await itsStores.users.put(name, name);
      const sideOfKay = async () => {
        const { Item } = await dynamo.send(
          new GetItemCommand({
            TableName: own.friends,
            Key: { user: { S: 'kay' }, other: { S: 'jim' } },
            ConsistentRead: true,
          }),
        );
        return Item;
      };
      if (whom !== 'a stranger') await change('block', 'kay', 'jim', 1_000, itsStores);
      const before = await sideOfKay();
      for (const verb of ['block', 'unblock', 'block'] satisfies readonly Verb[]) {
        expect(JSON.parse((await change(verb, 'jim', 'kay', 1_000, itsStores)).body)).toMatchObject({ changed: true });
        expect(await sideOfKay()).toEqual(before);
      }
    },
  );

  it('tells its caller to come again when others win every race', async () => {
    await register('eve', 'fay');
    const losing = { ledger: { ...stores.ledger, apply: async () => ({ applied: false }) as const } };
    await expect(
      relate({ verb: 'befriend', user: 'eve', other: 'fay' }, losing, { streamedFrom: 1, ...timing }),
    ).rejects.toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
  });

  it('is counted twice by a counter that does not look, which is what bare-add is there to show', async () => {
    const bare = storesOf(await tablesOf('bare'));
    for (const name of ['ann', 'bob']) await bare.users.put(name, name);
    for (let n = 0; n < 3; n += 1) await relateBlindly({ verb: 'befriend', user: 'ann', other: 'bob' }, bare);
    expect([await bare.counters.friends('ann'), await bare.rows.countFriends('ann')]).toEqual([3, 1]);
    await relateBlindly({ verb: 'block', user: 'ann', other: 'bob' }, bare);
    await expect(relateBlindly({ verb: 'befriend', user: 'bob', other: 'ann' }, bare)).rejects.toMatchObject({
      status: 409,
    });
  });
});

describe('a celebrity', () => {
  it('is counted by batches, once, whatever comes twice, late or after the switch back', async () => {
    await register('star');
    const fans = Array.from({ length: 8 }, (_, n) => `fan-${n}`);
    await register(...fans);
    for (const fan of fans) await change('befriend', fan, 'star', 0);
    expect(await stores.counters.friends('star')).toBe(0);
    const together = await Promise.all([1, 2, 3].map(() => settle('star', fans, stores, timing)));
    expect(together.reduce((sum, { settled }) => sum + settled, 0)).toBe(fans.length);
    expect(await settle('star', fans, stores, timing)).toEqual({ settled: 0 });
    expect(await stores.counters.friends('star')).toBe(8);
    // Left to the stream again; then counted directly before the stream comes.
    await change('unfriend', 'star', 'fan-0', 0);
    await change('befriend', 'star', 'fan-0', 1_000);
    await change('unfriend', 'star', 'fan-1', 0);
    await change('befriend', 'star', 'fan-1', 0);
    await change('unfriend', 'star', 'fan-2', 1_000);
    await settle('star', fans, stores, timing);
    expect(await stores.counters.friends('star')).toBe(7);
    for (const fan of fans) await settle(fan, ['star'], stores, timing);
    await expectConsistent('star', ...fans);
  });

  it('is counted in as many transactions as it takes', async () => {
    await register('idol');
    const fans = Array.from({ length: 130 }, (_, n) => `crowd-${n}`);
    for (const fan of fans) {
      await dynamo.send(
        new PutItemCommand({
          TableName: tables.friends,
          Item: { user: { S: 'idol' }, other: { S: fan }, state: { S: 'friends' }, revision: { N: '1' } },
        }),
      );
    }
    expect(fans.length).toBeGreaterThan(limits.sidesOfTransactionMax);
    expect(await settle('idol', fans, stores, timing)).toEqual({ settled: 130 });
    expect(await stores.counters.friends('idol')).toBe(130);
  });
});

describe('a transaction that meets another one', () => {
  const failing = (error: object, times: number) => {
    const client = new DynamoDBClient({ ...bounded, ...aws });
    let left = times;
    const fail: InitializeMiddleware<object, MetadataBearer> =
      (next, { commandName }) =>
      async (args) => {
        if (!/TransactWriteItems|UpdateItem/.test(String(commandName)) || left === 0) return next(args);
        left -= 1;
        throw Object.assign(new Error('refused'), error);
      };
    (client.middlewareStack as MiddlewareStack<object, MetadataBearer>).add(fail, { step: 'initialize' });
    return storesOf(tables, client);
  };
  const cancelled = (...codes: readonly string[]) => ({
    name: 'TransactionCanceledException',
    CancellationReasons: codes.map((Code) => ({ Code })),
  });

  it('is tried again: in conflict, in progress, or too late', async () => {
    await register('oli', 'pia');
    for (const error of [
      cancelled('None', 'TransactionConflict'),
      cancelled('ConditionalCheckFailed', 'None'),
      cancelled('ThrottlingError', 'TransactionConflict'),
      { name: 'TransactionInProgressException' },
    ]) {
      expect((await change('befriend', 'oli', 'pia', 1_000, failing(error, 3))).status).toBe(201);
      await change('unfriend', 'oli', 'pia');
    }
    expect(await repair('oli', failing({ name: 'TransactionConflictException' }, 4), timing)).toMatchObject({
      corrected: 0,
    });
    await expectConsistent('oli', 'pia');
  });

  it.each(['ThrottlingError', 'ProvisionedThroughputExceeded'])(
    'is tried again when one of its items is throttled, and then its caller told to come again: %s',
    async (code) => {
      await register('tom', 'uma');
      const throttled = cancelled('None', 'None', code, 'None');
      expect((await change('befriend', 'tom', 'uma', 1_000, failing(throttled, 3))).status).toBe(201);
      const comeAgain = { status: 503, headers: { 'retry-after': '1' } };
      await expect(change('unfriend', 'tom', 'uma', 1_000, failing(throttled, Infinity))).rejects.toMatchObject(
        comeAgain,
      );
      const blindly = { verb: 'unfriend', user: 'tom', other: 'uma' } as const;
      await expect(relateBlindly(blindly, failing(throttled, Infinity))).rejects.toMatchObject(comeAgain);
      await expectConsistent('tom', 'uma');
      await change('unfriend', 'tom', 'uma');
    },
  );

  it('fails when it is refused for another reason, and is not taken for a lost race', async () => {
    for (const error of [cancelled('None', 'ValidationError'), { name: 'AccessDeniedException' }]) {
      await expect(change('befriend', 'oli', 'pia', 1_000, failing(error, 1))).rejects.toMatchObject({
        message: 'refused',
      });
    }
  });
});

describe('the repair job', () => {
  it('corrects a damaged counter once, and finds nothing after it', async () => {
    await register('gil', 'hal');
    await change('befriend', 'gil', 'hal');
    await stores.counters.correct({ user: 'gil', add: 4, epoch: (await stores.counters.fence('gil'))!.epoch });
    expect(await repair('gil', stores, timing)).toEqual({ user: 'gil', corrected: -4, settled: 0 });
    expect(await repair('gil', stores, timing)).toEqual({ user: 'gil', corrected: 0, settled: 0 });
  });

  it('adds its difference once an epoch, and not in another one', async () => {
    const { epoch } = (await stores.counters.fence('ivy'))!;
    expect(await stores.counters.correct({ user: 'ivy', add: 2, epoch })).toEqual({ corrected: true });
    expect(await stores.counters.correct({ user: 'ivy', add: 2, epoch })).toEqual({ corrected: false });
    await stores.counters.fence('ivy');
    expect(await stores.counters.correct({ user: 'ivy', add: 2, epoch })).toEqual({ corrected: false });
    expect(await stores.counters.friends('ivy')).toBe(2);
  });

  it('makes a counter of sides that nobody ever counted', async () => {
    await register('joe');
    for (const other of ['a', 'b', 'c']) {
      await dynamo.send(
        new PutItemCommand({
          TableName: tables.friends,
          Item: { user: { S: 'joe' }, other: { S: other }, state: { S: 'friends' } },
        }),
      );
    }
    expect(await repair('joe', stores, timing)).toEqual({ user: 'joe', corrected: 0, settled: 3 });
    expect(await stores.counters.friends('joe')).toBe(3);
  });

  it('is exact while friends come and go between any two pages that it reads, and two jobs run', async () => {
    const others = Array.from({ length: 12 }, (_, n) => `pal-${n}`);
    await register('kim', ...others);
    for (const other of others.slice(0, 6)) await change('befriend', 'kim', other);
    for (const seed of [1, 2, 3, 4]) {
      const random = randomFrom(seed);
      const { epoch } = (await stores.counters.fence('kim'))!;
      await stores.counters.correct({ user: 'kim', add: seed, epoch });
      const busy = {
        ...stores,
        ledger: {
          ...stores.ledger,
          page: async (user: string, from: string | undefined) => {
            const page = await stores.ledger.page(user, from, 2);
            const other = others[random.below(others.length)]!;
            await change(random.share(0.5) ? 'befriend' : 'unfriend', user, other, random.share(0.5) ? 0 : 1_000);
            return page;
          },
        },
      };
      const jobs = await Promise.allSettled([repair('kim', busy, timing), repair('kim', busy, timing)]);
      expect(jobs.map(({ status }) => status)).toContain('fulfilled');
      await settle('kim', others, stores, timing);
      await expectConsistent('kim');
    }
  });

  it('goes on where its last run stopped, and tells when its round is over', async () => {
    const own = storesOf(await tablesOf('round'));
    for (let n = 0; n < 30; n += 1) await own.users.put(`user-${n}`, 'User');
    let looks = 0;
    // Time for a page of 25, and two of the next one.
    const first = await repairRound(own, timing, () => (looks++ < 27 ? 100_000 : 0));
    expect(first).toEqual({ repaired: 27, corrected: [], failed: [], left: [], roundIsOver: false });
    expect(await repairRound(own, timing, () => 100_000)).toEqual({
      repaired: 3,
      corrected: [],
      failed: [],
      left: [],
      roundIsOver: true,
    });
    expect((await repairRound(own, timing, () => 100_000)).repaired).toBe(30);
    // One who cannot be repaired holds nobody up.
    const fence = async (user: string) => (user === 'user-7' ? undefined : own.counters.fence(user));
    const held = await repairRound({ ...own, counters: { ...own.counters, fence } }, timing, () => 100_000);
    expect(held).toMatchObject({ repaired: 29, left: ['user-7'], roundIsOver: true });
    expect(held.failed).toEqual([expect.stringContaining('user-7: the counter of user-7 is never at rest')]);
    expect(await own.repairs.progress()).toEqual({ from: undefined, left: ['user-7'] });
    expect(await repairRound(own, timing, () => 100_000)).toMatchObject({ repaired: 31, left: [], roundIsOver: true });
    expect(await own.repairs.progress()).toEqual({ from: undefined, left: [] });
  });

  it('fails as long as it leaves somebody, and begins with them', async () => {
    const mine = await tablesOf('left');
    const own = storesOf(mine);
    for (const name of ['ann', 'bob', 'cat']) await own.users.put(name, name);
    await change('befriend', 'ann', 'bob', 1_000, own);
    const ruin = async (item: PutItemCommandInput['Item']) =>
      dynamo.send(new PutItemCommand({ TableName: mine.counters, Item: { user: { S: 'ann' }, ...item } }));
    // No number, so that a fence cannot add to it.
    await ruin({ friends: { N: '9' }, epoch: { S: 'ruined' } });
    vi.stubEnv('AWS_ENDPOINT_URL', aws.endpoint);
    vi.stubEnv('AWS_REGION', aws.region);
    vi.stubEnv('AWS_ACCESS_KEY_ID', aws.credentials!.accessKeyId);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', aws.credentials!.secretAccessKey);
    for (const [name, variable] of Object.entries(repairVariables))
      vi.stubEnv(variable, mine[name.replace('Table', '') as keyof Tables]);
    const { handler } = await import('../../lambdas/friends-counter/repair.improved.ts');
    const logged = [vi.spyOn(logger, 'error').mockReturnValue(), vi.spyOn(logger, 'warn').mockReturnValue()];
    const run = async () => handler({}, { getRemainingTimeInMillis: () => 100_000 } as Context);
    try {
      await expect(run()).rejects.toThrow('not repaired yet, and first in the next run: ann; the log says why');
      expect(logged[0]).toHaveBeenCalledWith('counter not repaired', { failure: expect.stringContaining('ann: ') });
      await ruin({ friends: { N: '9' } });
      expect(await run()).toMatchObject({ repaired: 4, corrected: [{ user: 'ann', corrected: -8 }], left: [] });
      expect(await own.counters.friends('ann')).toBe(1);
    } finally {
      for (const spy of logged) spy.mockRestore();
      vi.unstubAllEnvs();
    }
  });

  it.each([0, 4])('visits those whose counter was deleted, after %s recounts', async (recounts) => {
    const mine = await tablesOf(`deleted-${recounts}`);
    const own = storesOf(mine);
    for (const name of ['ann', 'bob', 'cat']) await own.users.put(name, name);
    await change('befriend', 'ann', 'bob', 1_000, own);
    for (let n = 0; n < recounts; n += 1) await repair('ann', own, timing);
    await change('befriend', 'ann', 'cat', 1_000, own);
    await dynamo.send(new DeleteItemCommand({ TableName: mine.counters, Key: { user: { S: 'ann' } } }));
    expect(await repairRound(own, timing, () => 100_000)).toMatchObject({
      repaired: 3,
      corrected: [{ user: 'ann', corrected: 2 }],
    });
    expect(await own.counters.friends('ann')).toBe(2);
  });
});

/** R3: every call of every step that writes, killed before and after it; then the step is done again. */
describe('a process that dies at any call', () => {
  const steps: Readonly<
    Record<
      string,
      {
        before?: () => Promise<unknown>;
        run: (from: typeof stores) => Promise<unknown>;
        check?: () => Promise<unknown>;
        calls: number;
      }
    >
  > = {
    'befriend, counted directly': { run: (from) => change('befriend', 'lea', 'max', 1_000, from), calls: 2 },
    'befriend, left to the stream': { run: (from) => change('befriend', 'lea', 'max', 0, from), calls: 2 },
    unfriend: {
      before: () => change('befriend', 'lea', 'max'),
      run: (from) => change('unfriend', 'lea', 'max', 1_000, from),
      calls: 2,
    },
    block: {
      before: () => change('befriend', 'lea', 'max'),
      run: (from) => change('block', 'max', 'lea', 1_000, from),
      calls: 2,
    },
    settle: {
      before: () => change('befriend', 'lea', 'max', 0),
      run: (from) => settle('lea', ['max'], from, timing),
      calls: 2,
    },
    repair: {
      before: async () => {
        await change('befriend', 'lea', 'max', 0);
        const { epoch } = (await stores.counters.fence('lea'))!;
        await stores.counters.correct({ user: 'lea', add: 5, epoch });
      },
      run: (from) => repair('lea', from, timing),
      calls: 7,
    },
    register: {
      run: (from) => from.users.put('lea', 'Lea'),
      check: async () => expect(await stores.users.exists('lea')).toBe(true),
      calls: 1,
    },
    publish: {
      before: () => stores.posts.put({ user: 'lea', post: 'p', text: 'old' }),
      run: (from) => publish({ user: 'lea', post: 'p', text: 'new' }, from),
      check: async () => expect(await stores.posts.get('lea', 'p')).toMatchObject({ text: 'new' }),
      calls: 2,
    },
  };

  it.each(Object.entries(steps))('%s: is as if it had died not at all, once it is done again', async (_, step) => {
    await register('lea', 'max');
    let killed = 0;
    for (let nth = 1; nth <= step.calls + 1; nth += 1) {
      for (const when of ['before', 'after'] as const) {
        await step.before?.();
        const { client, calls } = dying(nth, when);
        const outcome = await step.run(storesOf(tables, client)).catch((error: unknown) => error);
        if (outcome instanceof Killed) killed += 1;
        else expect(calls(), 'the step makes fewer calls than it says').toBe(nth - 1);
        await step.run(stores);
        await step.check?.();
        await expectConsistent('lea', 'max');
        await settle('lea', ['max'], stores, timing);
        await settle('max', ['lea'], stores, timing);
        await expectConsistent('lea', 'max');
        for (const user of ['lea', 'max']) {
          const sides = await sidesOf(user);
          expect(sides.every(isSettled)).toBe(true);
        }
        // As it was, for the next death.
        await change('unblock', 'max', 'lea');
        await change('unfriend', 'lea', 'max');
        await expectConsistent('lea', 'max');
      }
    }
    expect(killed).toBe(2 * step.calls);
  });

  it('a round of the repair job: is over all users, once it is run again', async () => {
    const mine = await tablesOf('killed-round');
    const own = storesOf(mine);
    for (const name of ['ann', 'bob']) await own.users.put(name, name);
    await change('befriend', 'ann', 'bob', 1_000, own);
    const round = async (from: typeof own) => {
      // One user a page, so that a round goes on from one to the next.
      const users = { page: async (start: string | undefined) => from.users.page(start, 1) };
      const { repaired, roundIsOver } = await repairRound({ ...from, users }, timing, () => 100_000);
      expect(roundIsOver).toBe(true);
      return repaired;
    };
    // A page with the last user does not say so: an empty one follows.
    const calls = { from: 1, pages: 3, goOn: 3, fencesAndQueries: 4, suspicion: 2, correction: 1 };
    const total = Object.values(calls).reduce((sum, n) => sum + n, 0);
    const damage = async () =>
      own.counters.correct({ user: 'ann', add: 3, epoch: (await own.counters.fence('ann'))!.epoch });
    await damage();
    const whole = dying(Infinity, 'after');
    expect(await round(storesOf(mine, whole.client))).toBe(2);
    expect(whole.calls()).toBe(total);
    for (let nth = 1; nth <= total; nth += 1) {
      for (const when of ['before', 'after'] as const) {
        await damage();
        const { client } = dying(nth, when);
        await expect(round(storesOf(mine, client))).rejects.toThrow(Killed);
        // What is left of its round, and another one: who was repaired when it died is not visited in the first.
        expect(await round(own)).toBeLessThanOrEqual(2);
        expect(await round(own)).toBe(2);
        expect(await own.counters.friends('ann')).toBe(1);
        expect(await own.repairs.progress()).toEqual({ from: undefined, left: [] });
      }
    }
  });
});

/** A client to whom every replica but the leader is behind: an eventually consistent read finds nothing. */
function behind() {
  const client = new DynamoDBClient({ ...bounded, ...aws });
  const forget: InitializeMiddleware<object, MetadataBearer> = (next) => async (args) => {
    const input = args.input as Partial<GetItemCommandInput & BatchGetItemCommandInput>;
    const result = await next(args);
    const output = result.output as Partial<GetItemCommandOutput & BatchGetItemCommandOutput>;
    if (input.Key !== undefined && input.ConsistentRead !== true) delete output.Item;
    for (const [table, { ConsistentRead }] of Object.entries(input.RequestItems ?? {}))
      if (ConsistentRead !== true) output.Responses![table] = [];
    return result;
  };
  (client.middlewareStack as MiddlewareStack<object, MetadataBearer>).add(forget, { step: 'initialize' });
  return client;
}

describe('what was just acknowledged', () => {
  it('is there for the next request, whatever replica answers it', async () => {
    const late = storesOf(tables, behind());
    await register('quin', 'rae');
    expect(await late.users.exists('quin')).toBe(true);
    expect(await change('befriend', 'quin', 'rae', 1_000, late)).toMatchObject({ status: 201 });
    expect(await publish({ user: 'quin', post: 'p', text: 'new' }, late)).toMatchObject({ status: 200 });
    const show = { posts: late.posts, friends: late.counters.friends };
    expect(await view({ user: 'quin', post: 'p' }, show)).toMatchObject({ text: 'new' });
    await expect(view({ user: 'quin', post: 'none' }, show)).rejects.toMatchObject({ status: 404 });
    await expect(change('befriend', 'quin', 'nobody', 1_000, late)).rejects.toMatchObject({ status: 404 });
  });

  it('costs a found post half a read unit, and its author’s counter another half', async () => {
    await register('sue');
    await publish({ user: 'sue', post: 'p', text: 'text' }, stores);
    let reads = 0;
    const client = new DynamoDBClient({ ...bounded, ...aws });
    const count: InitializeMiddleware<object, MetadataBearer> = (next) => async (args) => {
      reads += (args.input as Partial<GetItemCommandInput>).ConsistentRead === true ? 1 : 0.5;
      return next(args);
    };
    (client.middlewareStack as MiddlewareStack<object, MetadataBearer>).add(count, { step: 'initialize' });
    const own = storesOf(tables, client);
    await view({ user: 'sue', post: 'p' }, { posts: own.posts, friends: own.counters.friends });
    expect(reads).toBe(1);
  });
});

describe('a post', () => {
  it('shows the text and the friends, or that there is none', async () => {
    await register('ned');
    await publish({ user: 'ned', post: 'p1', text: 'hello' }, stores);
    const show = { posts: stores.posts, friends: stores.counters.friends };
    expect(await view({ user: 'ned', post: 'p1' }, show)).toEqual({
      user: 'ned',
      post: 'p1',
      text: 'hello',
      friends: 0,
    });
    await expect(view({ user: 'ned', post: 'p2' }, show)).rejects.toMatchObject({ status: 404 });
    await expect(publish({ user: 'nobody', post: 'p', text: 't' }, stores)).rejects.toMatchObject({ status: 404 });
  });

  it('counts a joined author’s friends over more than one page', async () => {
    const own = await tablesOf('join');
    const { rows: join } = storesOf(own);
    // A page is 1 MB: 700 sides of 2 KB are two.
    for (let n = 0; n < 700; n += 1) {
      await dynamo.send(
        new PutItemCommand({
          TableName: own.friends,
          Item: {
            user: { S: 'old' },
            other: { S: `o${n}` },
            state: { S: n < 650 ? 'friends' : 'blocked' },
            note: { S: 'x'.repeat(2_000) },
          },
        }),
      );
    }
    expect(await join.countFriends('old')).toBe(650);
  });
});
