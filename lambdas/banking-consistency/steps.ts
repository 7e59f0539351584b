/** What the handlers do, told their effects. */

import { pMapIterable } from 'p-map';
import { Audit, type AuditCheckpoint, type AuditReport, type Finding } from '../../engines/ledger/audit.ts';
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
  type AccountView,
  after,
  anyPart,
  archiving,
  attemptOf,
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
  type SeenSlot,
  type TransferDecision,
  type TransferRecord,
  type TransferRequest,
  viewOf,
} from './domain.ts';
import type {
  accounts,
  archive,
  CheckpointPlace,
  checkpoints,
  entries,
  heads,
  ledger,
  plainLedger,
  SlotPlace,
} from './store.ts';

export type Accounts = ReturnType<typeof accounts>;
export type Ledger = ReturnType<typeof ledger>;
export type PlainLedger = ReturnType<typeof plainLedger>;
export type Entries = ReturnType<typeof entries>;
export type Archive = ReturnType<typeof archive>;
export type Heads = ReturnType<typeof heads>;
export type Checkpoints = ReturnType<typeof checkpoints>;

export async function open(
  account: Account,
  { accounts, clock, patience }: { readonly accounts: Accounts; readonly clock: Clock; readonly patience: Patience },
): Promise<Reply> {
  const outcome = await retry(conflicts, patience, async () => accounts.open(account, clock()));
  if (outcome === undefined)
    throw new Problem(409, `account "${account.accountId}" is being opened: send it again`, {
      headers: { 'retry-after': '1' },
    });
  if (!outcome.opened && JSON.stringify(outcome.existing) !== JSON.stringify(account))
    throw new Problem(409, `account "${account.accountId}" is another one: give an id that is not taken`);
  return json(201, account);
}

/**
 * Reads the id's record and the balances together, decides, and posts on the condition that nothing has changed: as
 * often as the bound allows, for whoever is refused by a condition has met another transfer, and reads what it left. A
 * refusal rests on all of the payer's parts.
 */
export async function transfer(
  request: TransferRequest,
  bank: { readonly accounts: Accounts; readonly ledger: Ledger; readonly clock: Clock; readonly patience: Patience },
): Promise<Reply> {
  const { accounts, ledger, clock, patience } = bank;
  const [payer, payee] = await partiesOf(request, accounts);
  const payerParts = partsOf(payer);
  /** Undefined when somebody was in the way; a reply to the id if it has a record. */
  const look = async (parts: readonly string[]): Promise<Reply | TransferDecision | undefined> => {
    const seen = await ledger.snapshot(request.transferId, [...parts, anyPart(payee, patience.random())]);
    if (seen === undefined) return undefined;
    if (seen.record !== undefined) return replay(seen.record, request);
    return decideTransfer(request, payer, seen.balances.slice(0, -1), seen.balances.at(-1)!);
  };
  const reply = await retry(conflicts, patience, async () => {
    let seen: Reply | TransferDecision | undefined = { do: 'refuse', because: 'insufficient-funds', seen: [] };
    // One part that has enough will do: all of an account's parts are seldom at rest when very many pay into it.
    if (payerParts.length > 1) seen = await look([anyPart(payer, patience.random())]);
    if (seen !== undefined && 'do' in seen && seen.do === 'refuse') seen = await look(payerParts);
    if (seen === undefined || 'status' in seen) return seen;
    if (seen.do === 'post') {
      const record = await ledger.post(request, seen.postings, clock());
      return record === undefined ? undefined : replyOf(record);
    }
    const { because, seen: balances } = seen;
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

/**
 * An attempt at a reversal takes place after the one before was refused, which that stays for ever: so that of all
 * attempts at most one is posted. @throws {Problem} 422 for any other.
 */
export function mayAttempt(transferId: string, attempt: number, before: TransferRecord | undefined): void {
  if (attempt === 1 || before?.state === 'refused') return;
  throw before === undefined
    ? new Problem(422, `attempt ${attempt - 1} to take "${transferId}" back was not made: send that one first`)
    : new Problem(422, `attempt ${attempt - 1} took "${transferId}" back already: nothing is left to be taken back`);
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
  const { transferId, from, to, because, reverses } = record;
  const seen = record.seen.map(({ part, version }) => ({ part, version }));
  const again = reverses === undefined ? 'give a new id' : `send attempt ${attemptOf(transferId) + 1}`;
  const detail =
    because === 'insufficient-funds'
      ? `account "${from}" has not enough for transfer "${transferId}": pay in first, and ${again}`
      : `${inPart(to, seen[0]!.part)} would hold more than ${limits.balanceMinorMax} minor units: make room there, and ${again}`;
  return new Problem(422, detail, { members: { code: because, seen } }).reply;
}

function inPart(accountId: string, part: string): string {
  return part === accountId ? `account "${accountId}"` : `part "${part}" of account "${accountId}"`;
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

/**
 * One account, its parts as they were together, or, where writers are in the way time after time, as each was: whoever
 * looks at an account that very many pay into is better served by that than by nothing.
 */
export async function readOne(
  accountId: string,
  accounts: Accounts,
  together: ReturnType<typeof togetherFrom>,
): Promise<AccountView> {
  let isTogether = true;
  const [view] = await read([accountId], accounts, async (parts) => {
    const balances = await together(parts).catch((error: unknown) => {
      if (error instanceof Problem && error.status === 409 && parts.length > 1) return undefined;
      throw error;
    });
    isTogether = balances !== undefined;
    return balances ?? accounts.strongBalances(parts);
  });
  return isTogether ? view! : { ...view!, atOneMoment: false };
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
 * what stands there, which may be its own. Before it returns, the chain's head is known to be there: one that starts
 * anew never looks for it among slots that somebody may have taken away.
 */
export async function append(
  changes: readonly ArchivedChange[],
  oldestChangeMs: number,
  {
    archive,
    heads,
    memory,
    clock,
    sha256,
  }: {
    readonly archive: Pick<Archive, 'get' | 'exists' | 'create'>;
    readonly heads: Heads;
    readonly memory: ArchiveMemory;
    readonly clock: Clock;
    readonly sha256: Sha256;
  },
): Promise<void> {
  const { slots } = memory;
  const look = async (slot: number): Promise<SeenSlot> => {
    const seen = slots.get(slot) ?? seenSlot(await archive.get(slot), sha256);
    slots.set(slot, seen);
    return seen;
  };
  for (let race = 1; race <= archiving.racesMax; race += 1) {
    const known = await heads.get();
    const head = await findHead(Math.max(known, ...slots.keys()), archive.exists, heads.advance);
    const seen: SeenSlot[] = [];
    for (let slot = head; slot > Math.max(0, head - archiving.lookBackSlotsMax); slot -= 1) {
      const one = await look(slot);
      if (slot < head && !mayHold(one, oldestChangeMs)) break;
      seen.push(one);
    }
    for (const slot of slots.keys()) if (slot <= head - archiving.lookBackSlotsMax) slots.delete(slot);
    const next = nextSlot({ slot: head, hash: seen[0]?.hash ?? genesis }, changes, seen, clock());
    if (next === undefined) {
      if (head > known) await heads.advance(head);
      return;
    }
    const text = slotText(next);
    if (await archive.create(next.slot, text)) {
      slots.set(next.slot, seenSlot(text, sha256));
      await heads.advance(next.slot);
      return;
    }
  }
  throw new Error(`lost ${archiving.racesMax} races for a slot of the archive: the stream tries again`);
}

/**
 * A slot that somebody has spoiled, or hidden behind a delete marker, holds nothing that is known: what it held is archived
 * again, behind it, and that it was tampered with is for the audit to say. A writer that stopped there would let anybody
 * stop the archive.
 */
function seenSlot(text: string, sha256: Sha256): SeenSlot {
  const { writtenAtMs = Number.MAX_SAFE_INTEGER, changes = [] } = parseSlot(text) ?? {};
  return { hash: sha256(text), writtenAtMs, sequences: new Set(changes.map(({ sequence }) => sequence)) };
}

export interface Auditing {
  readonly accounts: Pick<Accounts, 'balances'>;
  readonly entries: Pick<Entries, 'at'>;
  readonly archive: Pick<Archive, 'slots' | 'read'>;
  readonly heads: Pick<Heads, 'get'>;
  readonly checkpoints: Pick<Checkpoints, 'places' | 'read'>;
  readonly clock: Clock;
  readonly sha256: Sha256;
  /** What is younger may be on its way to the archive. */
  readonly toleranceMs: number;
  /** Whether it walks the whole chain, and not on from the newest checkpoint. */
  readonly whole: boolean;
  /** Whether there is no time for more slots; never when absent. */
  readonly isLate?: () => boolean;
}

/** Slots that are read at the same time, with the ledger's entries beside them. */
const slotsAtOnce = 32;
/** Places of the ledger that are read in a row. */
const placesAtOnce = 1_000;

/**
 * Walks the chain, adds every entry again, compares with the ledger and the balances; the whole chain also with the
 * checkpoint that others go on from. Writes nothing. The checkpoint is for the next audit, which goes on behind it and
 * reports again what this one found in the slots before. Without a report where time was up before the head: the
 * balances are compared by who comes to the chain's end.
 */
export async function audit({
  accounts,
  entries,
  archive,
  heads,
  checkpoints,
  clock,
  sha256,
  toleranceMs,
  whole,
  isLate = () => false,
}: Auditing): Promise<{ readonly report: AuditReport | undefined; readonly checkpoint: AuditCheckpoint }> {
  // In this order: a checkpoint that another audit writes meanwhile would be ahead of the balances, or of the head.
  const places = await checkpoints.places();
  const readAtMs = clock();
  const balances = await Array.fromAsync(accounts.balances());
  const head = await heads.get();
  const { newest, found } = await newestOf(places, head, checkpoints);
  const since = whole ? undefined : newest;
  const audit = new Audit(balances, {
    readAtMs,
    toleranceMs,
    sha256,
    head,
    ...(since === undefined ? { expected: newest } : { since }),
  });
  audit.add(found);
  const read = async (place: SlotPlace) => {
    const text = await archive.read(place);
    const slot = parseSlot(text);
    const inserted = (slot?.changes ?? []).flatMap(({ change, entry }) => (change === 'insert' ? [entry] : []));
    return { stored: { ...place, text }, slot, ledger: await entries.at(inserted) };
  };
  // A checkpoint's own slot comes first, to be looked at again.
  const slots = archive.slots(Math.max(0, (since?.slot ?? 0) - 1));
  for await (const { stored, slot, ledger } of pMapIterable(slots, read, { concurrency: slotsAtOnce })) {
    audit.compare(stored.slot, audit.addSlot(stored, slot), ledger);
    if (!isLate()) continue;
    // Beyond the head lies what was written meanwhile, or planted: enough of it would keep every audit from its end.
    if (stored.slot >= head) break;
    return { report: undefined, checkpoint: audit.checkpoint() };
  }
  const checkpoint = audit.checkpoint();
  for (const places of chunksOf(audit.unarchived(), placesAtOnce)) {
    const found = await entries.at(places);
    for (const [index, place] of places.entries()) audit.addUnarchived(place, found[index]);
  }
  return { report: audit.report(), checkpoint };
}

/**
 * Audits, and leaves a checkpoint for the next one, which goes on from there also when time was up before the end.
 *
 * @throws {Error} when time was up.
 */
export async function auditNight({
  tell,
  ...auditing
}: Auditing & {
  readonly checkpoints: Checkpoints;
  /** Of every audit that comes to its end. */
  readonly tell: (report: AuditReport) => Promise<void>;
}): Promise<AuditReport> {
  const { report, checkpoint } = await audit(auditing);
  if (!auditing.whole) await auditing.checkpoints.put(checkpoint);
  if (report === undefined) {
    const remedy = auditing.whole
      ? 'walk the whole chain by designs audit, which has no limit'
      : 'start again, and it goes on from there';
    throw new Error(`time was up at slot ${checkpoint.slot} of the archive: ${remedy}`);
  }
  await tell(report);
  return report;
}

/**
 * The newest checkpoint that is one. What cannot be one is found and passed over: it is locked like all else, and an
 * audit that stopped at it would never find anything again.
 */
async function newestOf(
  places: readonly CheckpointPlace[],
  head: number,
  checkpoints: Pick<Checkpoints, 'read'>,
): Promise<{ readonly newest: AuditCheckpoint | undefined; readonly found: readonly Finding[] }> {
  const found: Finding[] = [];
  for (const place of places.toReversed()) {
    if (place.slot > head) {
      const detail = `checkpoint ${place.slot} is beyond the archive’s head, slot ${head}: it was planted, or the head set back`;
      found.push({ detail });
      continue;
    }
    const newest = await checkpoints.read(place);
    if (newest !== undefined) return { newest, found };
    found.push({ detail: `what stands as checkpoint ${place.slot} is none: it was planted, or taken away` });
  }
  return { newest: undefined, found };
}

function* chunksOf<Item>(items: Iterable<Item>, size: number): Generator<readonly Item[]> {
  let chunk: Item[] = [];
  for (const item of items) {
    if (chunk.push(item) < size) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}
