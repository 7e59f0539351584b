/**
 * The ledger's archive: a log of slots 1, 2, 3, …, each an object that names the hash of the one before. A slot is
 * written on the condition that there is none yet, so that writers that race, or one that repeats itself, agree on one
 * order without a lock; and no slot can be changed afterwards without every later one showing it.
 */

/** One side of a transfer: what it did to one account, or one part of it. */
export interface Entry {
  /** An account, or `<account>~<n>` where it is kept in parts. */
  readonly part: string;
  /** Counts the part's entries from 1, without gaps. */
  readonly version: number;
  readonly transferId: string;
  /** Signed: what came in is positive. */
  readonly deltaMinor: number;
  /** Of the part, after this entry. */
  readonly balanceMinor: number;
  readonly currency: string;
  readonly atMs: number;
}

/** One change of the ledger's table, as its stream told it. In a ledger that nobody tampers with all are inserts. */
export interface ArchivedChange {
  /** Of the stream: the same change always has the same. */
  readonly sequence: string;
  readonly change: 'insert' | 'modify' | 'remove';
  /** As it became; as it was when it was removed. */
  readonly entry: Entry;
}

export interface Slot {
  readonly slot: number;
  /** Hash of the slot before, `genesis` in the first. */
  readonly previous: string;
  readonly writtenAtMs: number;
  readonly changes: readonly ArchivedChange[];
}

/** SHA-256 of the text's UTF-8 bytes, in lower-case hexadecimal digits. */
export type Sha256 = (text: string) => string;

/** What the first slot names as the hash of the one before. */
export const genesis = '0'.repeat(64);

export const slotPrefix = 'chain/';
const slotDigits = 12;
const slotMax = 10 ** slotDigits - 1;

/** Keys sort as their numbers do. @throws {RangeError} for a slot that no audit would read. */
export function slotKey(slot: number): string {
  if (slot > slotMax) throw new RangeError(`slot ${slot} is over ${slotMax}: the chain has no number left`);
  return `${slotPrefix}${String(slot).padStart(slotDigits, '0')}.json`;
}

/** The number of a slot's key; undefined for any other key. */
export function slotOf(key: string): number | undefined {
  return numberIn(key, slotPrefix);
}

/** Beside the chain: what an audit found up to that slot. Keys sort as their slots do. */
export const checkpointPrefix = 'checkpoints/';

export function checkpointKey(slot: number): string {
  return `${checkpointPrefix}${String(slot).padStart(slotDigits, '0')}.json`;
}

/** The slot of a checkpoint's key; undefined for any other key. */
export function checkpointOf(key: string): number | undefined {
  return numberIn(key, checkpointPrefix);
}

function numberIn(key: string, prefix: string): number | undefined {
  const number = key.startsWith(prefix) ? /^(\d{12})\.json$/.exec(key.slice(prefix.length))?.[1] : undefined;
  return number === undefined ? undefined : Number(number);
}

/** The bytes of a slot's object, which its hash is of. */
export function slotText({ slot, previous, writtenAtMs, changes }: Slot): string {
  return JSON.stringify({
    slot,
    previous,
    writtenAtMs,
    changes: changes.map(({ sequence, change, entry }) => ({ sequence, change, entry: plainEntry(entry) })),
  });
}

/** Always with the same fields in the same order, whatever else the value carries. */
function plainEntry({ part, version, transferId, deltaMinor, balanceMinor, currency, atMs }: Entry): Entry {
  return { part, version, transferId, deltaMinor, balanceMinor, currency, atMs };
}

/** Undefined for text that is no slot. */
export function parseSlot(text: string): Slot | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return isSlot(value) ? value : undefined;
}

function isSlot(value: unknown): value is Slot {
  if (typeof value !== 'object' || value === null) return false;
  const { slot, previous, writtenAtMs, changes } = value as Partial<Record<keyof Slot, unknown>>;
  return (
    Number.isSafeInteger(slot) &&
    typeof previous === 'string' &&
    Number.isSafeInteger(writtenAtMs) &&
    Array.isArray(changes) &&
    changes.every(isChange)
  );
}

function isChange(value: unknown): value is ArchivedChange {
  if (typeof value !== 'object' || value === null) return false;
  const { sequence, change, entry } = value as Partial<Record<keyof ArchivedChange, unknown>>;
  return typeof sequence === 'string' && ['insert', 'modify', 'remove'].includes(change as string) && isEntry(entry);
}

/** Whether a value that was read is an entry. */
export function isEntry(value: unknown): value is Entry {
  if (typeof value !== 'object' || value === null) return false;
  const entry = value as Partial<Record<keyof Entry, unknown>>;
  return (
    [entry.part, entry.transferId, entry.currency].every((text) => typeof text === 'string') &&
    [entry.version, entry.deltaMinor, entry.balanceMinor, entry.atMs].every((number) => Number.isSafeInteger(number))
  );
}

/** All that an entry says: two that say the same have the same text. */
export function entryText(entry: Entry): string {
  return JSON.stringify(plainEntry(entry));
}

/** Slots that are asked for at the same time, at most. */
const askedAtOnceMax = 32;

/**
 * The last slot before the first that is free, from one on that is known to be of the chain. It is asked for slot by slot:
 * whoever jumps ahead ends up wherever somebody has taken a slot away, or planted one.
 *
 * @param passed is told how far it came, now and then
 */
export async function findHead(
  known: number,
  exists: (slot: number) => Promise<boolean>,
  passed: (slot: number) => Promise<void>,
): Promise<number> {
  let head = known;
  for (let width = 1; ; width = Math.min(2 * width, askedAtOnceMax)) {
    const taken = await Promise.all(Array.from({ length: width }, async (_, index) => exists(head + 1 + index)));
    const free = taken.indexOf(false);
    if (free !== -1) return head + free;
    head += width;
    if (width === askedAtOnceMax) await passed(head);
  }
}
