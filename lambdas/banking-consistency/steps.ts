/** What the handlers do, told their effects. */

import { Audit, type AuditReport } from '../../engines/ledger/audit.ts';
import {
  type ArchivedChange,
  findHead,
  genesis,
  parseSlot,
  type Sha256,
  slotText,
} from '../../engines/ledger/chain.ts';
import { type Patience, retry } from '../../engines/retry/retry.ts';
import type { Clock } from '../kit/clock.ts';
import { json, Problem, type Reply } from '../kit/http.ts';
import {
  type Account,
  after,
  archiving,
  type Balance,
  conflicts,
  decideTransfer,
  entryOf,
  isSame,
  limits,
  mayHold,
  nextSlot,
  objectionTo,
  partsOf,
  partToPay,
  type SeenSlot,
  type TransferRecord,
  type TransferRequest,
  viewOf,
} from './domain.ts';
import type { accounts, archive, entries, ledger, plainLedger } from './store.ts';

export type Accounts = ReturnType<typeof accounts>;
export type Ledger = ReturnType<typeof ledger>;
export type PlainLedger = ReturnType<typeof plainLedger>;
export type Entries = ReturnType<typeof entries>;
export type Archive = ReturnType<typeof archive>;

export async function open(
  account: Account,
  bank: { readonly accounts: Accounts; readonly clock: Clock },
): Promise<Reply> {
  const outcome = await bank.accounts.open(account, bank.clock());
  if (!outcome.opened && JSON.stringify(outcome.existing) !== JSON.stringify(account))
    throw new Problem(409, `account "${account.accountId}" is another one: give an id that is not taken`);
  return json(201, account);
}

/**
 * Reads the id's record and the balances together, decides, and posts on the condition that nothing has changed: as
 * often as the bound allows, for whoever is refused by a condition has met another transfer, and reads what it left.
 */
export async function transfer(
  request: TransferRequest,
  bank: { readonly accounts: Accounts; readonly ledger: Ledger; readonly clock: Clock; readonly patience: Patience },
): Promise<Reply> {
  const { accounts, ledger, clock, patience } = bank;
  const [payer, payee] = await partiesOf(request, accounts);
  const payerParts = partsOf(payer);
  const reply = await retry(conflicts, patience, async () => {
    const seen = await ledger.snapshot(request.transferId, [...payerParts, partToPay(payee, patience.random())]);
    if (seen === undefined) return undefined;
    if (seen.record !== undefined) return replay(seen.record, request);
    const decision = decideTransfer(request, payer, seen.balances.slice(0, -1), seen.balances.at(-1)!);
    if (decision.do === 'post') {
      const record = await ledger.post(request, decision.postings, clock());
      return record === undefined ? undefined : replyOf(record);
    }
    const { because, seen: balances } = decision;
    const record: TransferRecord = { ...request, atMs: clock(), state: 'refused', because, seen: balances };
    return (await ledger.refuse(record)) ? replyOf(record) : undefined;
  });
  if (reply !== undefined) return reply;
  throw new Problem(409, `transfer "${request.transferId}" met others ${conflicts.attemptsMax} times: send it again`, {
    headers: { 'retry-after': '1' },
  });
}

/** Reads, subtracts, writes. */
export async function transferPlainly(
  request: TransferRequest,
  bank: {
    readonly accounts: Accounts;
    readonly ledger: PlainLedger;
    readonly clock: Clock;
    readonly uniqueId: () => string;
  },
): Promise<Reply> {
  const { accounts, ledger, clock, uniqueId } = bank;
  const [payer] = await partiesOf(request, accounts);
  const balances = await accounts.anyBalances([request.from, request.to]);
  const decision = decideTransfer(request, payer, balances.slice(0, 1), balances[1]!);
  const head = { ...request, atMs: clock() };
  if (decision.do === 'refuse')
    return replyOf({ ...head, state: 'refused', because: decision.because, seen: decision.seen });
  const record: TransferRecord = { ...head, state: 'posted', posted: decision.postings.map(after) };
  for (const posted of record.posted) {
    await ledger.setBalance(posted, record.atMs);
    await ledger.addEntry(entryOf(record, posted), uniqueId());
  }
  await ledger.record(record);
  return replyOf(record);
}

/** The transfer that is to be taken back. @throws {Problem} when there is none, or nothing to take back. */
export function reversible(transferId: string, record: TransferRecord | undefined): TransferRecord {
  if (record === undefined) throw new Problem(404, `there is no transfer "${transferId}": give the id of one`);
  if (record.state === 'refused')
    throw new Problem(422, `transfer "${transferId}" was refused: nothing is to be taken back`);
  return record;
}

async function partiesOf(request: TransferRequest, accounts: Accounts): Promise<readonly [Account, Account]> {
  const [payer, payee] = await accounts.find(request.from, request.to);
  const objection = objectionTo(request, payer, payee);
  if (objection === undefined) return [payer!, payee!];
  throw objection.because === 'no such account'
    ? new Problem(422, `there is no account "${objection.accountId}": open it first`)
    : new Problem(
        422,
        `account "${objection.accountId}" is kept in ${objection.currency}, not in ${request.currency}: transfer in its currency`,
      );
}

function replay(record: TransferRecord, request: TransferRequest): Reply {
  if (!isSame(record, request))
    throw new Problem(422, `id "${request.transferId}" is another transfer’s: give each transfer an id of its own`);
  const reply = replyOf(record);
  return { ...reply, headers: { ...reply.headers, 'idempotency-replayed': 'true' } };
}

/** A function of what is recorded, so that every reply to one id is the same, byte for byte. */
function replyOf(record: TransferRecord): Reply {
  if (record.state === 'posted') {
    const { transferId, from, to, amountMinor, currency, reverses, atMs, posted } = record;
    return json(201, {
      transferId,
      from,
      to,
      amountMinor,
      currency,
      ...(reverses === undefined ? {} : { reverses }),
      atMs,
      posted: posted.map(({ part, version, deltaMinor, balanceMinor }) => ({
        part,
        version,
        deltaMinor,
        balanceMinor,
      })),
    });
  }
  const { transferId, from, to, because } = record;
  const seen = record.seen.map(({ part, version }) => ({ part, version }));
  const detail =
    because === 'insufficient-funds'
      ? `account "${from}" has not enough for transfer "${transferId}": pay in first, and give a new id`
      : `account "${to}" would hold more than ${limits.balanceMinorMax} minor units: transfer less, under a new id`;
  return new Problem(422, detail, { members: { code: because, seen } }).reply;
}

export async function read(
  accountIds: readonly string[],
  accounts: Accounts,
  balancesOf: (parts: readonly string[]) => Promise<readonly Balance[]>,
) {
  const found = await accounts.find(...accountIds);
  const missing = accountIds.find((_, index) => found[index] === undefined);
  if (missing !== undefined) throw new Problem(404, `there is no account "${missing}": give ids of accounts`);
  const all = found as readonly Account[];
  const parts = all.flatMap(partsOf);
  if (parts.length > limits.snapshotMax)
    throw new Problem(
      422,
      `these accounts have ${parts.length} parts, over ${limits.snapshotMax}: ask for fewer at once`,
    );
  const balances = await balancesOf(parts);
  let at = 0;
  return all.map((account) => viewOf(account, balances.slice(at, (at += account.parts))));
}

/** Balances that were all true at one moment. @throws {Problem} 409 when writers are in the way time after time. */
export function togetherFrom(accounts: Accounts, patience: Patience) {
  return async (parts: readonly string[]): Promise<readonly Balance[]> => {
    const balances = await retry(conflicts, patience, async () => accounts.snapshot(parts));
    if (balances !== undefined) return balances;
    throw new Problem(409, 'transfers are under way on these accounts: ask again', { headers: { 'retry-after': '1' } });
  };
}

/** What a writer of the archive has seen of it; kept by an execution environment from one invocation to the next. */
export interface ArchiveMemory {
  readonly slots: Map<number, SeenSlot>;
}

/**
 * Appends changes to the archive, each once. The stream hands over a batch until the handler has returned, and the next
 * time with other bounds perhaps; other shards' batches are written at the same time. So a writer looks at the end of
 * the chain, leaves out what slots there hold already, and takes the next slot if it is still free; if not, it looks at
 * what stands there, which may be its own.
 */
export async function append(
  changes: readonly ArchivedChange[],
  oldestChangeMs: number,
  {
    archive,
    memory,
    clock,
    sha256,
  }: { readonly archive: Archive; readonly memory: ArchiveMemory; readonly clock: Clock; readonly sha256: Sha256 },
): Promise<void> {
  const { slots } = memory;
  const look = async (slot: number): Promise<SeenSlot> => {
    const seen = slots.get(slot) ?? seenSlot(await archive.get(slot), sha256);
    slots.set(slot, seen);
    return seen;
  };
  for (let race = 1; race <= archiving.racesMax; race += 1) {
    const head = await findHead(Math.max(0, ...slots.keys()), archive.exists);
    const seen: SeenSlot[] = [];
    for (let slot = head; slot > Math.max(0, head - archiving.lookBackSlotsMax); slot -= 1) {
      const one = await look(slot);
      if (slot < head && !mayHold(one, oldestChangeMs)) break;
      seen.push(one);
    }
    for (const slot of slots.keys()) if (slot <= head - archiving.lookBackSlotsMax) slots.delete(slot);
    const next = nextSlot({ slot: head, hash: seen[0]?.hash ?? genesis }, changes, seen, clock());
    if (next === undefined) return;
    const text = slotText(next);
    if (await archive.create(next.slot, text)) {
      slots.set(next.slot, seenSlot(text, sha256));
      return;
    }
  }
  throw new Error(`lost ${archiving.racesMax} races for a slot of the archive: the stream tries again`);
}

/**
 * A slot that somebody has taken away or spoiled holds nothing that is known: what it held is archived again, behind it,
 * and that it was tampered with is for the audit to say. A writer that stopped there would let anybody stop the archive.
 */
function seenSlot(text: string, sha256: Sha256): SeenSlot {
  const { writtenAtMs = Number.MAX_SAFE_INTEGER, changes = [] } = parseSlot(text) ?? {};
  return { hash: sha256(text), writtenAtMs, sequences: new Set(changes.map(({ sequence }) => sequence)) };
}

/** Walks the chain, adds every entry again, compares with the ledger and the balances. Writes nothing. */
export async function audit({
  accounts,
  entries,
  archive,
  clock,
  sha256,
  toleranceMs,
}: {
  readonly accounts: Pick<Accounts, 'balances'>;
  readonly entries: Pick<Entries, 'at'>;
  readonly archive: Pick<Archive, 'slots'>;
  readonly clock: Clock;
  readonly sha256: Sha256;
  /** What is younger may be on its way to the archive. */
  readonly toleranceMs: number;
}): Promise<AuditReport> {
  const readAtMs = clock();
  const audit = new Audit(await Array.fromAsync(accounts.balances()), { readAtMs, toleranceMs, sha256 });
  for await (const stored of archive.slots()) {
    const archived = audit.addSlot(stored);
    audit.compare(stored.slot, archived, await entries.at(archived));
  }
  return audit.report();
}
