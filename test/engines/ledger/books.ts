import { createHash } from 'node:crypto';
import fc from 'fast-check';
import {
  Audit,
  type AuditCheckpoint,
  type AuditReport,
  type KeptBalance,
  type Place,
  type StoredSlot,
} from '../../../engines/ledger/audit.ts';
import { type ArchivedChange, type Entry, genesis, slotText } from '../../../engines/ledger/chain.ts';

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Everything that a bank keeps, as a test may change it. */
export interface Books {
  balances: KeptBalance[];
  ledger: Entry[];
  slots: StoredSlot[];
  /** As the audit knows it; unknown when absent. */
  head?: number;
}

/** Books in which all is well: transfers among six accounts, archived in slots of random sizes. */
export const honestBooks: fc.Arbitrary<Books> = fc
  .record({
    transfers: fc.array(fc.tuple(fc.nat(5), fc.nat(4), fc.integer({ min: 1, max: 1000 })), {
      minLength: 4,
      maxLength: 40,
    }),
    sizes: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 10 }),
  })
  .map(({ transfers, sizes }) => booksOf(transfers, sizes));

export function booksOf(
  transfers: readonly (readonly [from: number, to: number, amountMinor: number])[],
  sizes: readonly number[],
): Books {
  const balances = new Map<string, KeptBalance>();
  const ledger: Entry[] = [];
  for (const [index, [from, other, amountMinor]] of transfers.entries()) {
    const to = other >= from ? other + 1 : other;
    for (const [account, deltaMinor] of [
      [from, -amountMinor],
      [to, amountMinor],
    ] as const) {
      const part = `account-${account}`;
      const before = balances.get(part) ?? { part, currency: 'EUR', version: 0, balanceMinor: 0, changedAtMs: 0 };
      const [version, balanceMinor, atMs] = [before.version + 1, before.balanceMinor + deltaMinor, 1000 + index];
      balances.set(part, { ...before, version, balanceMinor, changedAtMs: atMs });
      ledger.push({ part, version, transferId: `t${index}`, deltaMinor, balanceMinor, currency: 'EUR', atMs });
    }
  }
  const changes = ledger.map((entry, index): ArchivedChange => ({ sequence: String(index), change: 'insert', entry }));
  return { balances: [...balances.values()], ledger, slots: slotsOf(changes, sizes) };
}

export function slotsOf(changes: readonly ArchivedChange[], sizes: readonly number[]): StoredSlot[] {
  const slots: StoredSlot[] = [];
  let previous = genesis;
  for (let from = 0; from < changes.length;) {
    const size = sizes[slots.length % sizes.length]!;
    const slot = slots.length + 1;
    const text = slotText({ slot, previous, writtenAtMs: 5000 + slot, changes: changes.slice(from, from + size) });
    slots.push({ slot, text, versions: 1 });
    previous = sha256(text);
    from += size;
  }
  return slots;
}

/** An audit much later, for which nothing is too young. */
export function auditOf(books: Books, readAtMs?: number, toleranceMs?: number): AuditReport {
  return auditSince(books, undefined, readAtMs, toleranceMs).report;
}

/** An audit that goes on from a checkpoint, or expects one, and the next one. */
export function auditSince(
  { balances, ledger, slots, head }: Books,
  since: AuditCheckpoint | undefined,
  readAtMs = 10_000_000,
  toleranceMs = 0,
  expected?: AuditCheckpoint,
): { readonly report: AuditReport; readonly checkpoint: AuditCheckpoint } {
  const audit = new Audit(balances, {
    readAtMs,
    toleranceMs,
    sha256,
    ...(since === undefined ? {} : { since }),
    expected,
    ...(head === undefined ? {} : { head }),
  });
  const entryAt = ({ part, version }: Place) =>
    ledger.find((entry) => entry.part === part && entry.version === version);
  for (const stored of slots.filter(({ slot }) => slot >= (since?.slot ?? 0))) {
    const archived = audit.addSlot(stored);
    audit.compare(stored.slot, archived, archived.map(entryAt));
  }
  const checkpoint = audit.checkpoint();
  for (const place of audit.unarchived()) audit.addUnarchived(place, entryAt(place));
  return { report: audit.report(), checkpoint };
}
