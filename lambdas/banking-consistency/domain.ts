/**
 * Decisions of the bank: whether a transfer may be made, what it does to which balance, when it is tried again. Pure:
 * time, ids and randomness come in as arguments, effects are in store.ts.
 *
 * Money is a whole number of a currency's minor units (cents, yen), never a fraction: every amount and balance is a safe
 * integer, and an operation whose result would not be one is refused.
 */

import type { ArchivedChange, Entry, Slot } from '../../engines/ledger/chain.ts';
import type { RetryPolicy } from '../../engines/retry/retry.ts';

/** ISO 4217 codes that accounts may be kept in. */
export const currencies = ['CHF', 'EUR', 'GBP', 'JPY', 'KWD', 'USD'] as const;
export type Currency = (typeof currencies)[number];

export const limits = {
  /** Of one transfer: ten billion of a currency with cents. */
  amountMinorMax: 1_000_000_000_000,
  /** Of a balance, of either sign: sums of parts stay safe integers too. */
  balanceMinorMax: 90_000_000_000_000,
  /** Of an account: a transfer that takes from all of them is 2 x 48 + 3 items, and a transaction has room for 100. */
  partsMax: 48,
  /** Parts that one request reads as a snapshot: what a transaction has room for. */
  snapshotMax: 100,
  pageMax: 100,
  /** Attempts at one reversal, each after the one before was refused. */
  reversalAttemptsMax: 99,
} as const;

/** What never changes of an account. */
export interface Account {
  readonly accountId: string;
  readonly currency: string;
  /** How far below zero it may go: zero for a customer; what the bank itself pays deposits out of may go lower. */
  readonly overdraftMinor: number;
  /** Balances that it is kept in: more than one for an account that many pay into at the same time. */
  readonly parts: number;
}

/** A balance as it was read. */
export interface Balance {
  readonly part: string;
  /** Counts the changes. */
  readonly version: number;
  readonly balanceMinor: number;
}

export interface TransferRequest {
  readonly transferId: string;
  readonly from: string;
  readonly to: string;
  readonly amountMinor: number;
  readonly currency: string;
  /** The transfer that this one takes back. */
  readonly reverses?: string;
}

/** A change of one balance: on `before`, or not at all. */
export interface Posting {
  readonly before: Balance;
  readonly deltaMinor: number;
  /** Below which the balance may not go. */
  readonly floorMinor: number;
}

/** What became of a posting. */
export interface Posted extends Balance {
  readonly deltaMinor: number;
}

export type RefusalCode = 'insufficient-funds' | 'balance-overflow';

/** What an id stands for, for ever. A refusal is one too: an attempt that was slow must not succeed after it. */
export type TransferRecord = TransferRequest & { readonly atMs: number } & (
    | { readonly state: 'posted'; readonly posted: readonly Posted[] }
    | { readonly state: 'refused'; readonly because: RefusalCode; readonly seen: readonly Balance[] }
  );

export type TransferDecision =
  | { readonly do: 'post'; readonly postings: readonly Posting[] }
  | { readonly do: 'refuse'; readonly because: RefusalCode; readonly seen: readonly Balance[] };

/** Why a request makes no sense, whatever the balances are: nothing is recorded of it. */
export type Objection =
  | { readonly because: 'no such account'; readonly accountId: string }
  | { readonly because: 'currency differs'; readonly accountId: string; readonly currency: string };

export function objectionTo(
  { from, to, currency }: TransferRequest,
  payer: Account | undefined,
  payee: Account | undefined,
): Objection | undefined {
  if (payer === undefined) return { because: 'no such account', accountId: from };
  if (payee === undefined) return { because: 'no such account', accountId: to };
  for (const account of [payer, payee]) {
    if (account.currency !== currency)
      return { because: 'currency differs', accountId: account.accountId, currency: account.currency };
  }
  return undefined;
}

/** Where an account's balances are: the account itself, or its parts. */
export function partsOf({ accountId, parts }: Pick<Account, 'accountId' | 'parts'>): readonly string[] {
  return parts === 1 ? [accountId] : Array.from({ length: parts }, (_, index) => `${accountId}~${index}`);
}

/**
 * The part that an attempt pays into, or out of. Each attempt chooses anew, so that those that met at one part meet no
 * more.
 *
 * @param random in [0, 1)
 */
export function anyPart(account: Account, random: number): string {
  const parts = partsOf(account);
  return parts[Math.floor(random * parts.length)]!;
}

/**
 * Decides on balances that were read together.
 *
 * @param payerBalances of all the payer's parts
 * @param payeeBalance of the part that is paid into
 */
export function decideTransfer(
  { amountMinor }: TransferRequest,
  payer: Account,
  payerBalances: readonly Balance[],
  payeeBalance: Balance,
): TransferDecision {
  if (payeeBalance.balanceMinor + amountMinor > limits.balanceMinorMax)
    return { do: 'refuse', because: 'balance-overflow', seen: [payeeBalance] };
  const floorMinor = floorOf(payer);
  const debits = debitsOf(amountMinor, payerBalances, floorMinor);
  if (debits === undefined) return { do: 'refuse', because: 'insufficient-funds', seen: payerBalances };
  return {
    do: 'post',
    postings: [...debits, { before: payeeBalance, deltaMinor: amountMinor, floorMinor: -limits.balanceMinorMax }],
  };
}

/** Each part has its share of the overdraft. */
function floorOf({ overdraftMinor, parts }: Account): number {
  return 0 - Math.floor(overdraftMinor / parts);
}

/** Takes from the fullest part first, so that from as few as can be. Undefined when all together have not enough. */
function debitsOf(amountMinor: number, balances: readonly Balance[], floorMinor: number): Posting[] | undefined {
  const debits: Posting[] = [];
  let leftMinor = amountMinor;
  for (const before of balances.toSorted((a, b) => b.balanceMinor - a.balanceMinor)) {
    const takenMinor = Math.min(leftMinor, before.balanceMinor - floorMinor);
    if (takenMinor <= 0) break;
    debits.push({ before, deltaMinor: -takenMinor, floorMinor });
    leftMinor -= takenMinor;
    if (leftMinor === 0) return debits;
  }
  return undefined;
}

/** The balance after a posting. */
export function after({ before, deltaMinor }: Posting): Posted {
  const { part, version, balanceMinor } = before;
  return { part, version: version + 1, balanceMinor: balanceMinor + deltaMinor, deltaMinor };
}

/** The ledger's entry of a posting. */
export function entryOf(
  { transferId, currency, atMs }: Pick<TransferRecord, 'transferId' | 'currency' | 'atMs'>,
  { part, version, deltaMinor, balanceMinor }: Posted,
): Entry {
  return { part, version, transferId, deltaMinor, balanceMinor, currency, atMs };
}

/** Whether a recorded transfer is what is asked for now: an id is one payload's for ever. */
export function isSame(record: TransferRecord, request: TransferRequest): boolean {
  return (['from', 'to', 'amountMinor', 'currency', 'reverses'] as const).every((key) => record[key] === request[key]);
}

/** What takes a transfer back. Its id follows from the transfer's and the attempt, so that each is made at most once. */
export function reversalOf(
  { transferId, from, to, amountMinor, currency }: TransferRecord,
  attempt: number,
): TransferRequest {
  const id = reversalId(transferId, attempt);
  return { transferId: id, from: to, to: from, amountMinor, currency, reverses: transferId };
}

/** @param attempt from 1 */
export function reversalId(transferId: string, attempt: number): string {
  return attempt === 1 ? `${transferId}~reversal` : `${transferId}~reversal~${attempt}`;
}

/** The number in a reversal's id. */
export function attemptOf(id: string): number {
  return Number(/~reversal~(\d+)$/.exec(id)?.[1] ?? 1);
}

/** Attempts of one request at what other transfers are in the way of, and how long it waits between them. */
export const conflicts: RetryPolicy = { attemptsMax: 10, baseMs: 20, maxMs: 400 };

/** How an account is shown. */
export interface AccountView {
  readonly accountId: string;
  readonly currency: string;
  readonly balanceMinor: number;
  /** With their versions, which say what the balance rests on. */
  readonly parts: readonly Balance[];
  /** Only where the parts are of different moments: each is true, and the sum perhaps of no moment. */
  readonly atOneMoment?: false;
}

export function viewOf({ accountId, currency }: Account, parts: readonly Balance[]): AccountView {
  return { accountId, currency, balanceMinor: parts.reduce((sum, part) => sum + part.balanceMinor, 0), parts };
}

/** A place in an account's statement: a part, and the entry after which it goes on. */
export interface Cursor {
  readonly index: number;
  readonly after?: string;
}

export function cursorText({ index, after = '' }: Cursor): string {
  return `${index}.${after}`;
}

/** What the archive's writer remembers of slots that it has seen. */
export interface SeenSlot {
  readonly hash: string;
  readonly writtenAtMs: number;
  readonly sequences: ReadonlySet<string>;
}

export const archiving = {
  /** Clocks of the ledger and of the archive's writer may differ by so much. */
  clockSkewMs: 60_000,
  /**
   * Slots that a writer looks back over for what an attempt before it may have written. Beyond it a change may be
   * archived twice, which the audit counts and which harms nothing.
   */
  lookBackSlotsMax: 500,
  /** Writers that lose so many races for a slot in a row give up, and the stream tries again. */
  racesMax: 50,
} as const;

/**
 * Whether a slot may hold changes that were made then: it was written after them. What was made later than the slot
 * cannot be in it, nor in any before it.
 */
export function mayHold({ writtenAtMs }: Pick<SeenSlot, 'writtenAtMs'>, oldestChangeMs: number): boolean {
  return writtenAtMs >= oldestChangeMs - archiving.clockSkewMs;
}

/** The next slot, with what is not in any of those that were seen; undefined when nothing is left. */
export function nextSlot(
  head: { readonly slot: number; readonly hash: string },
  changes: readonly ArchivedChange[],
  seen: Iterable<SeenSlot>,
  nowMs: number,
): Slot | undefined {
  const known = [...seen];
  const fresh = changes.filter(({ sequence }) => !known.some(({ sequences }) => sequences.has(sequence)));
  if (fresh.length === 0) return undefined;
  return { slot: head.slot + 1, previous: head.hash, writtenAtMs: nowMs, changes: fresh };
}

export const auditing = {
  /** What is younger may be on its way to the archive, where nobody says otherwise. */
  toleranceMs: 15 * 60_000,
  toleranceMaxMs: 24 * 3_600_000,
} as const;
