import { createHash } from 'node:crypto';
import type { Patience } from '../../engines/retry/retry.ts';
import { randomFrom } from '../../engines/simulation/random.ts';
import {
  type Account,
  after,
  type Balance,
  entryOf,
  partsOf,
  type TransferRecord,
} from '../../lambdas/banking-consistency/domain.ts';
import type { Accounts, Archive, Checkpoints, Heads, Ledger } from '../../lambdas/banking-consistency/steps.ts';
import type { AuditCheckpoint } from '../../engines/ledger/audit.ts';
import type { Entry } from '../../engines/ledger/chain.ts';
import { slotKey, slotOf } from '../../engines/ledger/chain.ts';

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** The process ended here. */
export class Crash extends Error {}

/** Decides, call by call, whether it crashes, and lets others go on in between. */
export interface Weather {
  before(call: string): Promise<void>;
  after(call: string): Promise<void>;
}

/** Every call takes a random number of turns, so that calls of several callers meet in every order; some crash. */
export function stormy(seed: number, crashShare: number): Weather {
  const random = randomFrom(seed);
  const turns = async (call: string) => {
    for (let left = random.below(4); left > 0; left -= 1) await Promise.resolve();
    if (random.share(crashShare)) throw new Crash(call);
  };
  return { before: turns, after: turns };
}

/** Waits some turns only. */
export const impatient = (seed: number): Patience => {
  const random = randomFrom(seed);
  return {
    random: random.fraction,
    wait: async () => {
      for (let left = random.below(8); left > 0; left -= 1) await Promise.resolve();
    },
  };
};

/** The tables, in memory. What DynamoDB does at once happens at once here. */
export function bank(accounts: readonly Account[], weather: Weather) {
  const balances = new Map<string, Balance>(
    accounts.flatMap(partsOf).map((part) => [part, { part, version: 0, balanceMinor: 0 }]),
  );
  const records = new Map<string, TransferRecord>();
  const entries: Entry[] = [];
  const guarded = async <T>(call: string, commit: () => T): Promise<T> => {
    await weather.before(call);
    const result = commit();
    await weather.after(call);
    return result;
  };
  const finder: Pick<Accounts, 'find' | 'snapshot'> = {
    find: async (...ids) => Promise.resolve(ids.map((id) => accounts.find(({ accountId }) => accountId === id))),
    snapshot: async (parts) => guarded('snapshot', () => parts.map((part) => balances.get(part)!)),
  };
  const ledger: Ledger = {
    snapshot: async (transferId, parts) =>
      guarded('snapshot', () => ({
        record: records.get(transferId),
        balances: parts.map((part) => balances.get(part)!),
      })),
    find: async (transferId) => guarded('find', () => records.get(transferId)),
    post: async (request, postings, atMs) =>
      guarded('post', () => {
        const isStale = postings.some(({ before, deltaMinor, floorMinor }) => {
          const now = balances.get(before.part)!;
          return now.version !== before.version || now.balanceMinor + deltaMinor < floorMinor;
        });
        if (isStale || records.has(request.transferId)) return undefined;
        const posted = postings.map(after);
        const record: TransferRecord = { ...request, atMs, state: 'posted', posted };
        records.set(request.transferId, record);
        for (const one of posted) {
          balances.set(one.part, { part: one.part, version: one.version, balanceMinor: one.balanceMinor });
          entries.push(entryOf(record, one));
        }
        return record;
      }),
    refuse: async (record) =>
      guarded('refuse', () => {
        if (records.has(record.transferId)) return false;
        records.set(record.transferId, record);
        return true;
      }),
  };
  return { accounts: finder as Accounts, ledger, balances, records, entries };
}

/** The bucket, in memory. */
export function memoryArchive(weather: Weather): Archive & { readonly objects: Map<string, string> } {
  const objects = new Map<string, string>();
  const numbers = () => [...objects.keys()].toSorted().map((key) => slotOf(key)!);
  return {
    objects,
    get: async (slot) => {
      await weather.before('get');
      return objects.get(slotKey(slot)) ?? '';
    },
    exists: async (slot) => {
      await weather.before('exists');
      return objects.has(slotKey(slot));
    },
    create: async (slot, text) => {
      await weather.before('create');
      const isFree = !objects.has(slotKey(slot));
      if (isFree) objects.set(slotKey(slot), text);
      await weather.after('create');
      return isFree;
    },
    async *slots(after = 0) {
      for (const slot of numbers())
        if (slot > after) yield await Promise.resolve({ slot, oldest: 'oldest', versions: 1 });
    },
    read: async ({ slot }) => Promise.resolve(objects.get(slotKey(slot))!),
  };
}

/** Where the chain ends, in memory. */
export function memoryHeads(weather: Weather): Heads {
  let head = 0;
  return {
    get: async () => {
      await weather.before('head');
      return head;
    },
    advance: async (slot) => {
      await weather.before('advance');
      head = Math.max(head, slot);
      await weather.after('advance');
    },
  };
}

/** The audits' checkpoints, in memory: what stands under a slot's key, undefined where that is none. */
export function memoryCheckpoints(
  weather: Weather,
  stored: ReadonlyMap<number, AuditCheckpoint | undefined> = new Map(),
): Checkpoints & { readonly stored: Map<number, AuditCheckpoint | undefined> } {
  const all = new Map(stored);
  return {
    stored: all,
    places: async () =>
      Promise.resolve([...all.keys()].toSorted((a, b) => a - b).map((slot) => ({ slot, oldest: 'oldest' }))),
    read: async ({ slot }) => Promise.resolve(all.get(slot)),
    put: async (checkpoint) => {
      await weather.before('put');
      if (!all.has(checkpoint.slot)) all.set(checkpoint.slot, checkpoint);
      await weather.after('put');
    },
  };
}
