import { setTimeout as sleep } from 'node:timers/promises';
import pMap from 'p-map';
import { type Auditor, auditor } from '../../../clients/banking-consistency/auditor.ts';
import { payInto, payPlainly } from '../../../clients/banking-consistency/contention.ts';
import { accessesOf, type Teller, teller } from '../../../clients/banking-consistency/teller.ts';
import {
  customers,
  deposit,
  depositMinor,
  hotAccount,
  makeTasks,
  perform,
  shops,
  spenders,
  spending,
  vault,
  victims,
} from '../../../clients/banking-consistency/workload.ts';
import { checkStrictSerializability, type Transaction } from '../../../engines/history/check.ts';
import type { Finding } from '../../../engines/ledger/audit.ts';
import type { Entry, Slot } from '../../../engines/ledger/chain.ts';
import { randomFrom } from '../../../engines/simulation/random.ts';
import { atLeastOnce, type Measured, type Proof, type Property, type Scale, type Target } from '../../kit/proof.ts';
import { question } from './question.ts';

const properties: readonly Property[] = [
  {
    name: 'spent beyond what an account had',
    unit: 'cents of EUR',
    points: [1],
    tier: 'emulator',
    naive: { above: 0 },
    improved: { exactly: 0 },
  },
  {
    name: 'effects of a transfer beyond one',
    unit: 'effects',
    points: [1],
    tier: 'emulator',
    naive: { above: 0 },
    improved: { exactly: 0 },
  },
  {
    name: 'money created or destroyed',
    unit: 'cents of EUR',
    points: [2],
    tier: 'emulator',
    naive: { above: 0 },
    improved: { exactly: 0 },
  },
  {
    name: 'balances that are not the sum of their entries',
    unit: 'balances',
    points: [2],
    tier: 'emulator',
    naive: { above: 0 },
    improved: { exactly: 0 },
  },
  {
    name: 'entries that the archive lacks or repeats after killed archivers',
    unit: 'entries',
    points: [3],
    tier: 'emulator',
    naive: { above: 0 },
    improved: { exactly: 0 },
  },
  {
    name: 'transfers without a record after somebody deleted what can be deleted',
    unit: 'transfers',
    points: [3],
    tier: 'emulator',
    naive: { exactly: 1 },
    improved: { exactly: 0 },
  },
  {
    name: 'tampering that no audit names',
    unit: 'cases',
    points: [3],
    tier: 'emulator',
    naive: { above: 0 },
    improved: { exactly: 0 },
  },
  {
    name: 'histories that no serial order explains',
    unit: 'histories',
    points: [4],
    tier: 'emulator',
    naive: { exactly: 1 },
    improved: { exactly: 0 },
  },
  {
    name: 'transfers a second that one hot account takes and keeps',
    unit: 'transfers/second of 1,000 offered',
    points: [4],
    tier: 'model',
    naive: { below: 500 },
    improved: { atLeast: 990 },
  },
];

/**
 * Promise R1's size is `full`: 2,000 transfers, 500 looks at all accounts, 32 clients, three seeds. Each client that waits
 * has a process of its own on the emulator, of which two cores start two a second, hence less by default.
 */
const sizes = {
  small: { transfers: 100, looks: 25, clients: 8 },
  default: { transfers: 200, looks: 50, clients: 16 },
  full: { transfers: 2_000, looks: 500, clients: 32 },
} as const satisfies Record<Scale, { readonly transfers: number; readonly looks: number; readonly clients: number }>;

/** Under faults on the wire the archive's writer is minutes late, and loses nothing. */
const archivedMaxMs = 600_000;

/** What a conflict with another transaction is to either call. */
const conflictOf = { TransactWriteItems: 'TransactionCanceledException', UpdateItem: 'TransactionConflictException' };

/** At the calls of either design: a variant meets those that it makes. */
type Faults = Parameters<Target['faults']['arm']>[1];

/** A transaction that the table has no room for. */
const throttled = { kind: 'fail', error: 'TransactionCanceledException', reasons: ['ThrottlingError'] } as const;

const readerFaults: Faults = [
  { call: 'TransactGetItems', kind: 'fail', error: 'TransactionCanceledException', share: 0.05 },
  { call: 'TransactGetItems', ...throttled, share: 0.02 },
  ...(['TransactGetItems', 'GetItem'] as const).flatMap((call): Faults => [
    { call, kind: 'fail', error: 'InternalServerError', share: 0.02 },
    { call, kind: 'lose-reply', share: 0.02 },
  ]),
];

const moverFaults: Faults = [
  ...readerFaults,
  ...(['TransactWriteItems', 'UpdateItem'] as const).flatMap((call): Faults => [
    { call, kind: 'crash-before', share: 0.01 },
    ...atLeastOnce({ call, kind: 'crash-after', share: 0.03 }),
    ...atLeastOnce({ call, kind: 'lose-reply', share: 0.05 }),
    ...atLeastOnce({ call, kind: 'fail', error: conflictOf[call], share: 0.03 }),
    { call, kind: 'fail', error: 'ThrottlingException', share: 0.03 },
    { call, kind: 'fail', error: 'InternalServerError', share: 0.02 },
  ]),
  { call: 'TransactWriteItems', ...throttled, share: 0.02 },
];

/** A night that dies at either of its writes is started again, as Lambda does. */
const auditorFaults: Faults = [
  { call: 'PutObject', kind: 'crash-after', times: 1 },
  { call: 'PutMetricData', kind: 'crash-before', times: 1 },
];

const archiverFaults: Faults = [
  { call: 'PutObject', kind: 'crash-after', times: 1 },
  { call: 'PutObject', kind: 'lose-reply', times: 1 },
  { call: 'PutObject', kind: 'crash-before', times: 1 },
  { call: 'GetObject', kind: 'crash-before', times: 1 },
  { call: 'UpdateItem', kind: 'crash-before', times: 1 },
];

/** The same workload for every variant: what differs is what the variant's outputs offer to look at. */
async function measure(target: Target): Promise<Measured> {
  const { seed, scale, outputs } = target;
  const bank = teller(target.http(outputs['ApiId']!), randomFrom(seed));
  const books = watched(auditor(target));
  const movers = outputs['Movers']!.split(',');
  const archivers = (outputs['Archivers'] ?? '').split(',').filter((name) => name !== '');

  target.say('accounts are opened and paid into');
  await pMap([vault, ...customers, ...spenders, ...shops, ...victims, hotAccount], bank.open, { concurrency: 8 });
  // Again, as a client does that got no reply.
  await bank.open(vault);
  for (const { accountId } of [...customers, ...spenders, ...victims]) await bank.transfer(deposit(accountId));
  const [hot] = await bank.look([hotAccount.accountId]);
  const early = await evidence(books, bank, 0);
  await evidence(books, bank, 1);
  // The first night: what comes later is audited on from here.
  const first = await books.audit();
  if (first?.ok === false) throw new Error(`the audit of the first night finds: ${first.findings[0]!.detail}`);
  const isGone = await eraseOne(books, bank);

  for (const name of movers) await target.faults.arm(name, moverFaults);
  await target.faults.arm(outputs['Readers']!, readerFaults);
  for (const name of archivers) await target.faults.arm(name, archiverFaults);
  target.say('accounts spend all that they have, several times at once');
  const overspent = await overspend(bank);
  const { transfers, looks, clients } = sizes[scale];
  target.say(
    `${clients} clients: ${transfers} transfers, some sent twice or taken back, and ${looks} looks at all accounts`,
  );
  await pMap(makeTasks(seed, transfers, looks), async (task) => perform(bank, task), { concurrency: clients });
  for (const name of [...movers, outputs['Readers']!]) await target.faults.disarm(name);

  target.say('the ledger, the archive and the history are checked');
  await books.archived();
  const last = Math.max(0, ...(await books.slots()).map(({ slot }) => slot));
  // The writer that dies before it tells of a slot does so until then.
  if (books.hasArchive) await books.untilHead(last);
  await target.faults.disarm();
  const [balances, entries, made, slots] = [
    await books.balances(),
    await books.entries(),
    await books.transfers(),
    await books.slots(),
  ];
  await expectStatements(bank, entries);
  const serial = checkStrictSerializability(bank.history().map((transaction) => withEffects(transaction, made)));
  if (!serial.ok) target.say(`no serial order: ${serial.because}`);
  if (outputs['Auditor'] !== undefined) await target.faults.arm(outputs['Auditor'], auditorFaults);
  const falseAlarms = (await audits(books)).flat().filter(({ part }) => !isErased(part));
  for (const { detail } of falseAlarms) target.say(`the audit finds: ${detail}`);
  await target.faults.disarm();

  target.say('the ledger, the balances and the archive are tampered with');
  const unnamed = await tamper(books, bank, early);
  for (const name of unnamed) target.say(`no audit names it: ${name}`);

  const kept = entries.filter(({ part }) => !isErased(part));
  const offered = { seed, perSecond: question.load.hotTransfers.value, seconds: 10 };
  return {
    'spent beyond what an account had':
      overspent +
      balances.reduce(
        (sum, { balanceMinor, overdraftMinor, parts }) =>
          sum + Math.max(0, -balanceMinor - Math.floor(overdraftMinor / parts)),
        0,
      ),
    'effects of a transfer beyond one': surplusEffects(entries),
    'money created or destroyed': Math.abs(balances.reduce((sum, { balanceMinor }) => sum + balanceMinor, 0)),
    'balances that are not the sum of their entries': balances.filter(
      ({ part, balanceMinor }) =>
        !isErased(part) && balanceMinor !== sumOf(kept.filter((entry) => entry.part === part)),
    ).length,
    'entries that the archive lacks or repeats after killed archivers': archiveErrors(kept, slots),
    'transfers without a record after somebody deleted what can be deleted': isGone ? 1 : 0,
    'tampering that no audit names': unnamed.length + falseAlarms.length,
    'histories that no serial order explains': serial.ok ? 0 : 1,
    // Whoever made a version twice writes on no condition.
    'transfers a second that one hot account takes and keeps': hasTwins(made)
      ? payPlainly(offered)
      : payInto({ ...hotAccount, parts: hot!.parts.length }, offered).postedPerSecond,
  };
}

/** Whether two transfers each made the same version of a balance. */
function hasTwins(made: Awaited<ReturnType<Auditor['transfers']>>): boolean {
  const versions = [...made.values()].flat().map(placeOf);
  return new Set(versions).size < versions.length;
}

/** Taken in excess of what the spenders had: each shop that was paid beyond the first. */
async function overspend(bank: Teller): Promise<number> {
  const outcomes = await pMap(spenders, async ({ accountId }) => Promise.all(spending(accountId).map(bank.transfer)), {
    concurrency: 1,
  });
  return outcomes.reduce((sum, one) => {
    const spentMinor = one.filter(({ is }) => is === 'posted').length * depositMinor;
    return sum + Math.max(0, spentMinor - depositMinor);
  }, 0);
}

/** Of an outcome that nobody heard of, the ledger knows what it did. */
function withEffects(transaction: Transaction, made: Awaited<ReturnType<Auditor['transfers']>>): Transaction {
  if (transaction.outcome !== 'unknown') return transaction;
  const posted = (made.get(transaction.id) ?? []).map((one) => ({ ...one, balanceMinor: 0, deltaMinor: 0 }));
  return { ...transaction, ...accessesOf(posted) };
}

/** The API lists what the table holds, page by page. @throws {Error} else: nothing that is measured here excuses it. */
async function expectStatements(bank: Teller, entries: readonly Entry[]): Promise<void> {
  const listed = (await pMap(customers, async ({ accountId }) => bank.statement(accountId), { concurrency: 4 })).flat();
  const lines = (all: readonly Entry[]) =>
    all.map(({ part, version, transferId, deltaMinor }) => `${part} ${version} ${transferId} ${deltaMinor}`).toSorted();
  const [shown, kept] = [lines(listed), lines(entries.filter(isCustomers))];
  const differs = shown.findIndex((line, index) => line !== kept[index]);
  if (differs === -1 && shown.length === kept.length) return;
  throw new Error(`statements list ${shown.length} entries of ${kept.length}; the first to differ: ${shown[differs]}`);
}

const customerIds = new Set(customers.map(({ accountId }) => accountId));

function isCustomers({ part }: Entry): boolean {
  return customerIds.has(part.split('~')[0]!);
}

/** Every transfer pays into one balance, once. */
function surplusEffects(entries: readonly Entry[]): number {
  const credits = Map.groupBy(
    entries.filter(({ deltaMinor }) => deltaMinor > 0),
    ({ transferId }) => transferId,
  );
  return [...credits.values()].reduce((sum, { length }) => sum + length - 1, 0);
}

function sumOf(entries: readonly Entry[]): number {
  return entries.reduce((sum, { deltaMinor }) => sum + deltaMinor, 0);
}

function archiveErrors(entries: readonly Entry[], slots: readonly Slot[]): number {
  const copies = new Map<string, number>();
  for (const { change, entry } of slots.flatMap(({ changes }) => changes)) {
    if (change === 'insert') copies.set(placeOf(entry), (copies.get(placeOf(entry)) ?? 0) + 1);
  }
  return entries.reduce((sum, entry) => sum + Math.abs((copies.get(placeOf(entry)) ?? 0) - 1), 0);
}

function placeOf({ part, version }: Pick<Entry, 'part' | 'version'>): string {
  return `${part} ${version}`;
}

type Books = ReturnType<typeof watched>;

/** The books, with waiting for the archive: ten minutes, and no more at all after one wait was in vain. */
function watched(books: Auditor) {
  let inVain = false;
  // What was archived and then taken away does not come again.
  const seen = new Set<string>();

  async function untilArchive(holds: (changes: Slot['changes']) => boolean): Promise<void> {
    if (!books.hasArchive) return;
    const deadlineMs = performance.now() + archivedMaxMs;
    while (!holds((await books.slots()).flatMap(({ changes }) => changes))) {
      inVain ||= performance.now() > deadlineMs;
      if (inVain) return;
      // Only the stream's consumer knows how far it is: whoever waits for it looks at what it wrote.
      await sleep(250);
    }
  }

  return {
    ...books,
    untilArchive,

    /** Returns when that slot's writer, or another one, has told of it: it may have died in between. */
    async untilHead(slot: number): Promise<void> {
      const deadlineMs = performance.now() + archivedMaxMs;
      while ((await books.head()) < slot) {
        if (performance.now() > deadlineMs) throw new Error(`the archive's head does not get to slot ${slot} in time`);
        await sleep(250);
      }
    },

    /** Returns when every entry of the ledger is in the archive, or has been. */
    async archived(): Promise<void> {
      const places = new Set((await books.entries()).map(placeOf));
      await untilArchive((changes) => {
        for (const { entry } of changes) seen.add(placeOf(entry));
        return places.isSubsetOf(seen);
      });
    },
  };
}

/** What the first of the victims is for. Its entries are no measure of anything else. */
const erased = victims[0]!.accountId;

function isErased(part: string | undefined): boolean {
  return part === erased;
}

/** Deletes all that there is of one transfer, wherever that is allowed; true when nothing is left of it. */
async function eraseOne(books: Books, bank: Teller): Promise<boolean> {
  const { transferId } = deposit(erased);
  await books.archived();
  for (const entry of await books.entries()) if (entry.part === erased) await books.removeEntry(entry);
  await books.removeTransfer(transferId);
  let isLeft = false;
  for (const { slot } of (await books.slots()).filter(({ changes }) => holds(changes, erased)))
    if (await books.removeSlot(slot, false)) isLeft = true;
  // What follows goes on behind it.
  await bank.transfer(deposit(victims[1]!.accountId, 1));
  return !isLeft;
}

function holds(changes: Slot['changes'], part: string): boolean {
  return changes.some(({ entry }) => entry.part === part);
}

/** A transfer that is alone in its slot: its slot, where there is an archive. */
async function evidence(books: Books, bank: Teller, number: number): Promise<Slot | undefined> {
  const request = deposit(victims[2]!.accountId, number + 1);
  await books.archived();
  await bank.transfer(request);
  await books.archived();
  const slot = (await books.slots()).find(({ changes }) =>
    changes.some(({ entry }) => entry.transferId === request.transferId),
  );
  if (books.hasArchive && slot === undefined)
    throw new Error(`the archive does not hold ${request.transferId} in time: there is nothing to tamper with`);
  return slot;
}

/** The names of the cases that no finding of the audit fits. */
async function tamper(books: Books, bank: Teller, early: Slot | undefined): Promise<readonly string[]> {
  const day = 24 * 3600_000;
  const [, , , deleted, edited, raised, unheard] = victims.map(({ accountId }) => accountId) as [
    string,
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  const [overwritten, removed, backdated] = [
    await evidence(books, bank, 2),
    await evidence(books, bank, 3),
    await evidence(books, bank, 4),
  ];
  await evidence(books, bank, 5);
  const entries = await books.entries();
  const entryIn = (part: string) => entries.find((entry) => entry.part === part)!;
  const balance = (await books.balances()).find(({ part }) => part === raised)!;

  const cases: {
    readonly name: string;
    readonly fits: (finding: Finding) => boolean;
    /** By the audit of the whole chain, which looks at what the nights before have seen. */
    readonly byWholeOnly?: true;
  }[] = [];
  if (early !== undefined) {
    const fits = ({ slot }: Finding) => slot === early.slot;
    cases.push({ name: 'a slot of before the first night is deleted past the lock', fits, byWholeOnly: true });
    await books.removeSlot(early.slot, true);
  }
  cases.push({ name: 'an entry is deleted', fits: ({ part, version }) => part === deleted && version === 1 });
  await books.removeEntry(entryIn(deleted));
  cases.push({
    name: 'the amount of an entry is changed',
    fits: ({ part, version }) => part === edited && version === 1,
  });
  await books.setOfEntry(entryIn(edited), 'deltaMinor', depositMinor + 1);
  cases.push({ name: 'a balance is raised', fits: ({ part }) => part === raised });
  await books.setBalance(raised, balance.balanceMinor + 1);
  // The stream tells of both, for as long as somebody listens.
  await books.untilArchive((changes) =>
    [deleted, edited].every((part) => changes.some(({ change, entry }) => entry.part === part && change !== 'insert')),
  );
  if (overwritten !== undefined) {
    cases.push({ name: 'a slot is overwritten', fits: ({ slot }) => slot === overwritten.slot });
    await books.overwriteSlot({ ...overwritten, changes: [] });
  }
  if (removed !== undefined) {
    cases.push({ name: 'a slot is deleted past the lock', fits: ({ slot }) => slot === removed.slot });
    await books.removeSlot(removed.slot, true);
  }
  const last = await evidence(books, bank, 6);
  if (backdated !== undefined && last !== undefined) {
    await books.untilHead(last.slot);
    cases.push({
      name: 'a transfer is backdated in the ledger and past the lock, with the archive off',
      fits: ({ slot }) => slot === backdated.slot,
    });
    await books.stopArchiving();
    const changes = backdated.changes.map((change) => ({
      ...change,
      entry: { ...change.entry, atMs: change.entry.atMs - day },
    }));
    await books.removeSlot(backdated.slot, true);
    await books.overwriteSlot({ ...backdated, changes });
    for (const { entry } of changes) {
      const { entry: key } = entries.find((one) => placeOf(one) === placeOf(entry))!;
      await books.setOfEntry({ part: entry.part, entry: key }, 'atMs', entry.atMs);
    }
    cases.push({
      name: 'an entry of before the first night is deleted, with the archive off',
      fits: ({ part, version }) => part === unheard && version === 1,
      byWholeOnly: true,
    });
    await books.removeEntry(entryIn(unheard));
    cases.push({
      name: 'a transfer is taken back everywhere, its slot being the last of all',
      fits: ({ slot }) => slot === last.slot,
    });
    const { transferId } = last.changes[0]!.entry;
    for (const { slot } of await books.slots()) if (slot >= last.slot) await books.removeSlot(slot, true);
    for (const entry of await books.entries()) if (entry.transferId === transferId) await books.undo(entry);
    await books.removeTransfer(transferId);
    const planted = last.slot + 1;
    cases.push({
      name: 'a checkpoint is planted beyond the chain’s end',
      fits: ({ detail }) => detail.includes(`checkpoint ${planted} `),
    });
    await books.plantCheckpoint(planted);
  }
  const both = await audits(books);
  return cases
    .filter(({ fits, byWholeOnly }) => !both.slice(byWholeOnly ? 1 : 0).every((findings) => findings.some(fits)))
    .map(({ name }) => name);
}

/** What the audit finds that goes on from the first night, and what the one of the whole chain does. */
async function audits(books: Books): Promise<readonly (readonly Finding[])[]> {
  const reports = [await books.audit(), await books.audit({ whole: true })];
  return reports.map((report) => report?.findings ?? []);
}

const unusedGrants: Proof['unusedGrants'] = {
  improved: {
    'Archiver s3:ListBucket': 'S3 says 404 for what is not there to those who may list, and 403 to others',
  },
};

export const proof: Proof = { properties, unusedGrants, measure };
