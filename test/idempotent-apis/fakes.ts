import type { Random } from '../../engines/simulation/random.ts';
import {
  type Charge,
  type ChargeRequest,
  isExpired,
  type KeyRecord,
  type NetworkRequest,
} from '../../lambdas/idempotent-apis/domain.ts';
import { answer, charge, type Effects } from '../../lambdas/idempotent-apis/steps.ts';
import type { charges, Ledger, Payment, payments, Written } from '../../lambdas/idempotent-apis/store.ts';
import { Problem, type Reply } from '../../lambdas/kit/http.ts';

/** Everything outside of the processes, in memory. Survives what happens to them. */
export interface World {
  readonly keys: Map<string, KeyRecord>;
  readonly charges: Map<string, Charge>;
  readonly customers: Map<string, string>;
  readonly payments: Map<string, Payment & { readonly orderId: string }>;
  readonly refunds: Map<string, string>;
  readonly calls: Map<string, number>;
}

export function emptyWorld(): World {
  return {
    keys: new Map(),
    charges: new Map(),
    customers: new Map(),
    payments: new Map(),
    refunds: new Map(),
    calls: new Map(),
  };
}

/** What a store could get wrong: for tests that tests notice. */
export type Bug =
  | 'a key is claimed without a condition'
  | 'the charge is written after the transaction'
  | 'a token is taken for its owner'
  | 'anybody settles'
  | 'the email is not asked'
  | 'tokens are not compared'
  | 'a call makes those under way stale'
  | 'what is answered with down stays open'
  | 'expiry is left to TTL';

export type Stores = {
  readonly ledger: Ledger;
  readonly charges: Pick<ReturnType<typeof charges>, 'find' | 'cancel'>;
  readonly payments: ReturnType<typeof payments>;
};

/** The stores of store.ts over a world in memory; each call happens at one moment. */
export function storesOf(world: World, bug?: Bug): Stores {
  const written: Written = { written: true };
  let singleWrites = 0;
  const isFree = (key: string, nowMs: number) => {
    const found = world.keys.get(key);
    if (bug === 'a key is claimed without a condition' || found === undefined) return true;
    return bug !== 'expiry is left to TTL' && isExpired(found, nowMs);
  };
  const lost = (key: string): Written => ({ written: false, because: 'key', found: world.keys.get(key)! });
  const owns = ({ customerId, email }: Pick<Charge, 'customerId' | 'email'>) =>
    bug === 'the email is not asked' || (world.customers.get(email) ?? customerId) === customerId;
  return {
    ledger: {
      charge: async (record, row, nowMs) => {
        if (!isFree(record.key, nowMs)) return lost(record.key);
        if (!owns(row)) return { written: false, because: 'email' };
        world.keys.set(record.key, record);
        world.customers.set(row.email, row.customerId);
        singleWrites += 1;
        if (bug === 'the charge is written after the transaction' && singleWrites % 10 === 0)
          throw new Killed('killed between two writes');
        world.charges.set(row.id, row);
        return written;
      },
      claim: async (record, customer, nowMs) => {
        if (!isFree(record.key, nowMs)) return lost(record.key);
        if (!owns(customer)) return { written: false, because: 'email' };
        world.keys.set(record.key, record);
        world.customers.set(customer.email, customer.customerId);
        return written;
      },
      takeOver: async (record, last, nowMs) => {
        const found = world.keys.get(record.key);
        const isLast =
          bug === 'a token is taken for its owner'
            ? found?.fencingToken === last.fencingToken
            : found?.owner === last.owner && !isExpired(found, nowMs);
        if (found?.state !== 'running' || !isLast) return lost(record.key);
        world.keys.set(record.key, record);
        return written;
      },
      settle: async (record, row) => {
        const found = world.keys.get(record.key);
        const isMine =
          found?.state === 'running' && found.fencingToken === record.fencingToken && found.owner === record.owner;
        if (!isMine && bug !== 'anybody settles') return lost(record.key);
        world.keys.set(record.key, record);
        if (row !== undefined) world.charges.set(row.id, row);
        return written;
      },
      keep: async (record, nowMs) => {
        if (!isFree(record.key, nowMs)) return lost(record.key);
        world.keys.set(record.key, record);
        return written;
      },
      find: async (key) => world.keys.get(key),
    },
    charges: {
      find: async (id) => world.charges.get(id),
      cancel: async ({ id, amount }) => {
        const found = world.charges.get(id);
        if (found !== undefined) world.charges.set(id, { ...found, state: 'cancelled', refunded: amount });
        return found !== undefined;
      },
    },
    payments: {
      open: async (key, fencingToken, orderId) => {
        const found = world.payments.get(key);
        if (found !== undefined && found.fencingToken > fencingToken && bug !== 'tokens are not compared')
          return { written: false, payment: found };
        const token = bug === 'a call makes those under way stale' ? fencingToken : found?.fencingToken;
        const payment = { ...found, fencingToken: token ?? fencingToken, orderId };
        world.payments.set(key, payment);
        return { written: true, payment };
      },
      close: async (key, fencingToken, outcome) => {
        const found = world.payments.get(key)!;
        const isStale = found.fencingToken > fencingToken && bug !== 'tokens are not compared';
        if (found.outcome !== undefined || isStale) return { written: false, payment: found };
        const payment = { ...found, fencingToken, outcome };
        world.payments.set(key, payment);
        return { written: true, payment };
      },
      fence: async (key, fencingToken) => {
        const found = world.payments.get(key)!;
        if (bug === 'what is answered with down stays open') return { written: true, payment: found };
        if (found.outcome !== undefined || found.fencingToken > fencingToken) return { written: false, payment: found };
        const payment = { ...found, fencingToken: fencingToken + 1 };
        world.payments.set(key, payment);
        return { written: true, payment };
      },
      refund: async (key, orderId) => void world.refunds.set(key, orderId),
      countCall: async (orderId) => {
        const calls = (world.calls.get(orderId) ?? 0) + 1;
        world.calls.set(orderId, calls);
        return calls;
      },
    },
  };
}

/** Every call to the outside passes through here: `call` names it, `commit` does it. */
export type Wire = <T>(call: string, commit: () => Promise<T>) => Promise<T>;

/** A store whose calls go through the wire. */
export function through<Store extends object>(name: string, store: Store, wire: Wire): Store {
  return Object.fromEntries(
    Object.entries(store).map(([call, commit]: [string, (...args: unknown[]) => Promise<unknown>]) => [
      call,
      (...args: unknown[]) => wire(`${name}.${call}`, () => commit(...args)),
    ]),
  ) as Store;
}

export class Killed extends Error {
  override readonly name = 'Killed';
}

export interface CrashPoint {
  readonly at: string;
  readonly when: 'before' | 'after';
}

/** A wire on which the process dies at one call, before or after its commit; nothing that it still tries gets through. */
export function mortal(point?: CrashPoint): { readonly wire: Wire; readonly passed: string[] } {
  const passed: string[] = [];
  let dead = false;
  return {
    passed,
    wire: async (call, commit) => {
      await Promise.resolve();
      if (dead) throw new Killed('dead already');
      passed.push(call);
      if (point?.at !== call) return commit();
      dead = true;
      if (point.when === 'after') await commit();
      throw new Killed(`killed ${point.when} ${call}`);
    },
  };
}

/**
 * A wire that waits at every call for a random while, and now and then loses a reply, so that the SDK calls again: but
 * the network, which is asked once.
 */
export function shuffling(random: Random, lostShare: number): Wire {
  return async (call, commit) => {
    for (let turns = random.below(20); turns > 0; turns -= 1) await Promise.resolve();
    const reply = await commit();
    if (!random.share(lostShare)) return reply;
    if (call === 'network.ask') throw new Error('socket hang up');
    return commit();
  };
}

let ids = 0;
/** An identifier like no other of the test run. */
export function newId(): string {
  ids += 1;
  return `00000000-0000-4000-8000-${String(ids).padStart(12, '0')}`;
}

interface Process {
  readonly stores: Stores;
  readonly clock: () => number;
  readonly wire?: Wire;
  /** Passes no time when absent. */
  readonly sleep?: (ms: number) => Promise<unknown>;
}

export const direct: Wire = (_call, commit) => commit();

/** What one process of the API can do. The network is a process too, on the same wire: it dies and pauses as well. */
export function processOf({ stores, clock, wire = direct, sleep = async () => {} }: Process) {
  const books = through('payments', stores.payments, wire);
  const network = {
    ask: (request: NetworkRequest) => answer(request, { payments: books, newId, sleep }),
  };
  const effects: Effects = {
    ledger: through('ledger', stores.ledger, wire),
    network: through('network', network, wire),
    clock,
    newId,
  };
  return {
    effects,
    /** The reply, a problem's too. Rejects when the process dies. */
    post: (key: string, body: ChargeRequest): Promise<Reply> =>
      charge(key, body, effects).catch((error: unknown) => {
        if (error instanceof Problem) return error.reply;
        throw error;
      }),
  };
}

export function isFinal({ headers = {} }: Reply): boolean {
  return headers['retry-after'] === undefined;
}

let orders = 0;
export function invoice(more: Partial<ChargeRequest> = {}): ChargeRequest {
  orders += 1;
  const common = { orderId: `order-${orders}`, customerId: `c-${orders}`, email: `c-${orders}@example.com` };
  return { ...common, amount: 100 + orders, currency: 'EUR', method: 'invoice', ...more } as ChargeRequest;
}

export function byCard(card = 'tok_visa', more: Partial<ChargeRequest> = {}): ChargeRequest {
  return { ...invoice(more), method: 'card', card };
}

/** A reply without the mark that tells a replay. */
export function textOf({ status, headers = {}, body }: Reply): string {
  const { 'idempotency-replayed': _, ...others } = headers;
  return JSON.stringify([status, others, body]);
}
