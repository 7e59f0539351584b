import type { Access, Transaction } from '../../../engines/history/check.ts';
import { randomFrom } from '../../../engines/simulation/random.ts';

/** Mistakes that a bank may make, each of which breaks strict serializability. */
export const bugs = [
  'the two halves of a transfer are written apart',
  'the condition on the versions read is dropped',
  'a write leaves the version as it was',
  'a replica that lags answers',
  'a lost reply is reported as a refusal',
  'a lost reply is repeated under a new id',
  'a lock is not looked at again before the write',
] as const;

export type Bug = (typeof bugs)[number];

export interface Plan {
  readonly seed: number;
  readonly clients: number;
  readonly operationsPerClient: number;
  readonly accounts: number;
  /** What a transfer's write is conditional on: the versions it read, or locks that expire. */
  readonly guard: 'versions' | 'locks';
  readonly bug?: Bug;
  /** Whether clients may give up when no reply comes; true when absent. Each that does doubles porcupine's search. */
  readonly giveUp?: boolean;
}

/** An operation as its client saw it, in values and not in versions: what porcupine is told. */
export interface Operation {
  readonly client: number;
  readonly call: number;
  /** Null when the reply never came. */
  readonly return: number | null;
  readonly transfer?: { readonly from: number; readonly to: number; readonly amount: number };
  readonly result?: 'done' | 'insufficient' | 'refused' | 'unknown';
  /** Of every account, read at once. */
  readonly balances?: readonly number[];
}

export interface Run {
  readonly transactions: readonly Transaction[];
  readonly operations: readonly Operation[];
  /** What each account held at first. */
  readonly initial: readonly number[];
}

interface Account {
  balance: number;
  version: number;
  lock: { readonly owner: string; readonly until: number } | undefined;
}

interface Transfer {
  readonly id: string;
  readonly from: number;
  readonly to: number;
  readonly amount: number;
}

interface Attempt {
  readonly owner: string;
  readonly reads: readonly Access[];
  readonly writes: readonly Access[];
  /** Of the debited and the credited account, after it. */
  readonly balances: readonly [number, number];
}

type Made = Pick<Transaction, 'reads' | 'writes'>;
type Outcome = Made & { readonly result: NonNullable<Operation['result']>; readonly isRepeated?: boolean };
type Steps<T> = Generator<undefined, T, undefined>;

const initialBalance = 10_000;
const amountMax = 4000;
const conflictsMax = 3;
const leaseSteps = 40;
/** Writes after which a lagging replica catches up. */
const replicaLag = 15;

/**
 * A bank in memory with its clients, interleaved by a seeded scheduler: every `yield` is a place where others may come
 * between. Requests to write are lost, delivered late (even after their client gave up), or lose their reply.
 */
export function runBank({ seed, clients, operationsPerClient, accounts: count, guard, bug, giveUp = true }: Plan): Run {
  const random = randomFrom(seed);
  const accounts = Array.from({ length: count }, (): Account => ({
    balance: initialBalance,
    version: 0,
    lock: undefined,
  }));
  /** Transfers that were made, by id: a repeat finds here what the first try did. */
  const made = new Map<string, Made>();
  const replica: { writes: number; accounts: readonly Account[] } = { writes: 0, accounts: copyOf(accounts) };
  const late: (() => unknown)[] = [];
  const transactions: Transaction[] = [];
  const operations: Operation[] = [];
  let clock = 0;
  const tick = () => (clock += 1);

  const running = Array.from({ length: clients }, (_, client) => actions(client));
  while (running.length > 0) {
    tick();
    if (late.length > 0 && random.share(0.1)) late.splice(random.below(late.length), 1)[0]!();
    const chosen = random.below(running.length);
    if (running[chosen]!.next().done === true) running.splice(chosen, 1);
  }
  return { transactions, operations, initial: accounts.map(() => initialBalance) };

  function* actions(client: number): Steps<void> {
    for (let n = 0; n < operationsPerClient; n += 1) {
      if (random.share(0.25)) yield* recordReadAll(client, `read ${client}-${n}`);
      else yield* recordTransfer(client, { id: `transfer ${client}-${n}`, ...someTransfer() });
    }
  }

  /** Half of the transfers are from or to one account, so that clients meet. */
  function someTransfer(): Omit<Transfer, 'id'> {
    const one = random.share(0.5) ? 0 : random.below(count);
    const other = (one + 1 + random.below(count - 1)) % count;
    const [from, to] = random.share(0.5) ? [one, other] : [other, one];
    return { from, to, amount: 1 + random.below(amountMax) };
  }

  function* recordReadAll(client: number, id: string): Steps<void> {
    const call = tick();
    yield;
    const seen = copyOf(bug === 'a replica that lags answers' ? replica.accounts : accounts);
    yield;
    const returned = tick();
    const reads = seen.map(({ version }, index) => ({ key: keyOf(index), version }));
    transactions.push({ id, invokedAt: call, returnedAt: returned, outcome: 'committed', reads, writes: [] });
    operations.push({ client, call, return: returned, balances: seen.map(({ balance }) => balance) });
  }

  function* recordTransfer(client: number, { id, ...transfer }: Transfer): Steps<void> {
    const call = tick();
    const { result, reads, writes, isRepeated } = yield* makeTransfer({ id, ...transfer });
    const returned = result === 'unknown' ? undefined : tick();
    // That the money did not suffice is something seen: a committed transaction that only reads.
    const outcome = result === 'done' || result === 'insufficient' ? 'committed' : result;
    transactions.push({ id, invokedAt: call, returnedAt: returned, outcome, reads, writes });
    operations.push({ client, call, return: returned ?? null, transfer, result });
    if (isRepeated === true) yield* recordTransfer(client, { id: `${id} again`, ...transfer });
  }

  function* makeTransfer(transfer: Transfer): Steps<Outcome> {
    const { id, from, to, amount } = transfer;
    let isUnanswered = false;
    for (let conflicts = 0; conflicts < conflictsMax || isUnanswered; conflicts += 1) {
      const owner = `${id} #${conflicts}`;
      if (guard === 'locks') yield* lockBoth(transfer, owner);
      yield;
      // In one step, or a late request of this transfer might be done between the two looks.
      const earlier = made.get(id);
      if (earlier !== undefined) return { result: 'done', ...earlier };
      const debited = { ...accounts[from]! };
      const readFrom = { key: keyOf(from), version: debited.version };
      if (debited.balance < amount) {
        unlockBoth(transfer, owner);
        return { result: 'insufficient', reads: [readFrom], writes: [] };
      }
      yield;
      const credited = { ...accounts[to]! };
      const reads = [readFrom, { key: keyOf(to), version: credited.version }];
      const attempt: Attempt = {
        owner,
        reads,
        writes: reads.map(({ key, version }) => ({ key, version: version + 1 })),
        balances: [debited.balance - amount, credited.balance + amount],
      };
      const reply = yield* request(() => write(transfer, attempt));
      if (reply === 'none') {
        if (bug === 'a lost reply is reported as a refusal') return { result: 'refused', ...attempt };
        if (bug === 'a lost reply is repeated under a new id') {
          return { result: 'refused', ...attempt, isRepeated: true };
        }
        // Only a first try's versions are known for certain when its client gives up.
        if (giveUp && !isUnanswered && random.share(0.1)) return { result: 'unknown', ...attempt };
        isUnanswered = true;
      } else if (reply !== 'conflict') {
        if (bug === 'the two halves of a transfer are written apart') {
          yield;
          set(to, { balance: accounts[to]!.balance + amount, version: accounts[to]!.version + 1 });
          return { result: 'done', reads: [readFrom], writes: [reply.writes[0]!, stateOf(to)] };
        }
        return { result: 'done', ...reply };
      }
      unlockBoth(transfer, owner);
    }
    return { result: 'refused', reads: [], writes: [] };
  }

  function write({ id, from, to }: Transfer, { owner, reads, writes, balances }: Attempt): Made | 'conflict' {
    const earlier = made.get(id);
    if (earlier !== undefined) return earlier;
    const [debited, credited] = [accounts[from]!, accounts[to]!];
    const isGuarded =
      guard === 'locks'
        ? bug === 'a lock is not looked at again before the write' ||
          [debited, credited].every(({ lock }) => lock?.owner === owner)
        : bug === 'the condition on the versions read is dropped' ||
          [debited, credited].every(({ version }, index) => version === reads[index]!.version);
    if (!isGuarded) return 'conflict';
    if (bug === 'a write leaves the version as it was') {
      set(from, { balance: balances[0], version: debited.version });
      set(to, { balance: balances[1], version: credited.version });
      made.set(id, { reads, writes: reads });
    } else {
      set(from, { balance: balances[0], version: writes[0]!.version });
      if (bug !== 'the two halves of a transfer are written apart') {
        set(to, { balance: balances[1], version: writes[1]!.version });
      }
      made.set(id, { reads, writes });
    }
    return made.get(id)!;
  }

  function* request<T>(effect: () => T): Steps<T | 'none'> {
    yield;
    // A late second half would be another bug than the one that is seeded.
    if (bug === 'the two halves of a transfer are written apart') return effect();
    if (random.share(0.03)) return 'none';
    if (random.share(0.03)) {
      late.push(effect);
      return 'none';
    }
    const reply = effect();
    yield;
    return random.share(0.04) ? 'none' : reply;
  }

  /** In the accounts' order; a lock that expired may be taken from its owner. */
  function* lockBoth({ from, to }: Transfer, owner: string): Steps<void> {
    for (const index of [Math.min(from, to), Math.max(from, to)]) {
      const account = accounts[index]!;
      while (account.lock !== undefined && account.lock.until > clock) yield;
      account.lock = { owner, until: clock + leaseSteps };
      yield;
    }
  }

  function unlockBoth({ from, to }: Transfer, owner: string): void {
    for (const account of [accounts[from]!, accounts[to]!]) {
      if (account.lock?.owner === owner) account.lock = undefined;
    }
  }

  function set(index: number, { balance, version }: Pick<Account, 'balance' | 'version'>): void {
    Object.assign(accounts[index]!, { balance, version });
    replica.writes += 1;
    if (replica.writes % replicaLag === 0) replica.accounts = copyOf(accounts);
  }

  function stateOf(index: number): Access {
    return { key: keyOf(index), version: accounts[index]!.version };
  }
}

function keyOf(index: number): string {
  return `account ${index}`;
}

function copyOf(accounts: readonly Account[]): readonly Account[] {
  return accounts.map((account) => ({ ...account }));
}
