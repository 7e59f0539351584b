import {
  type ArchivedChange,
  type Entry,
  genesis,
  entryText,
  isEntry,
  parseSlot,
  type Sha256,
  type Slot,
} from './chain.ts';

/** A balance as the bank keeps it: what the entries must add up to. */
export interface KeptBalance {
  readonly part: string;
  readonly currency: string;
  /** How many entries it has. */
  readonly version: number;
  readonly balanceMinor: number;
  /** When the last of them was made. */
  readonly changedAtMs: number;
}

/** Something that is not as it must be, with where it is as far as that is known. */
export interface Finding {
  readonly detail: string;
  readonly slot?: number;
  readonly part?: string;
  readonly version?: number;
  readonly transferId?: string;
}

export interface AuditReport {
  readonly ok: boolean;
  /** The last slot of the checkpoint that the audit went on from; absent when it walked the whole chain. */
  readonly since?: number;
  /** That were added. */
  readonly slots: number;
  /** Different ones; the same entry archived again counts under `repeats`. */
  readonly entries: number;
  readonly repeats: number;
  readonly parts: number;
  /** Entries that are younger than the tolerance and not archived yet. They are added up as the ledger has them. */
  readonly onTheirWay: number;
  /**
   * The end of the chain, where its head is known without what came after that: note it elsewhere, and nobody can shorten
   * or rewrite what stands before it.
   */
  readonly head: { readonly slot: number; readonly hash: string };
  readonly firstBrokenLink?: Finding;
  /** The first hundred. */
  readonly findings: readonly Finding[];
  readonly findingsTotal: number;
}

/** An object under a slot's key. */
export interface StoredSlot {
  readonly slot: number;
  /** Of its oldest version: object lock keeps that one, whatever is put over it. */
  readonly text: string;
  /** How many versions and delete markers the key has; an untouched one has one. */
  readonly versions: number;
}

export interface AuditOptions {
  /** When the balances were read, which must be before the chain is. */
  readonly readAtMs: number;
  /** What is younger than this may be on its way to the archive. */
  readonly toleranceMs: number;
  readonly sha256: Sha256;
  /** What an audit before this one found to be right, up to the head or less far, and need not be walked again. */
  readonly since?: AuditCheckpoint;
  /** What the slots up to it must come to: what the next audit will go on from, checked by one that walks them all. */
  readonly expected?: AuditCheckpoint | undefined;
  /**
   * A slot that was known to be written before the chain was read: all up to it must be there, and what lies beyond it,
   * written meanwhile or planted, is for the next audit to read again. When absent, the chain ends where it ends.
   */
  readonly head?: number;
}

/** What the chain came to up to a slot: an audit that knows it reads only what was archived since. */
export interface AuditCheckpoint {
  readonly slot: number;
  readonly hash: string;
  readonly parts: readonly {
    readonly part: string;
    readonly currency: string;
    readonly version: number;
    readonly balanceMinor: number;
    /** Archived ahead of an older one. */
    readonly waiting: readonly Entry[];
  }[];
  /** Transfers of which not all entries were archived. */
  readonly open: readonly { readonly transferId: string; readonly sumMinor: number; readonly atMs: number }[];
  /** What was found in the slots so far: whoever goes on from here reports it again. The first hundred. */
  readonly findings: readonly Finding[];
  readonly findingsTotal: number;
}

/** An entry's place in the ledger. */
export type Place = Pick<Entry, 'part' | 'version'>;

const findingsMax = 100;

interface PartState {
  /** Of its entries; undefined before the first. */
  currency: string | undefined;
  version: number;
  balanceMinor: number;
  /** When its first entry was made; long ago where that is before the checkpoint. */
  readonly sinceMs: number;
  /** Archived ahead of an older one, by version. */
  readonly waiting: Map<number, Entry>;
}

/**
 * Walks the archive's chain, adds every entry again and compares with the ledger and with the balances. Slots are added
 * in order, one by one, and after them what the ledger has of entries that the archive has not; memory follows the
 * number of accounts, not of entries.
 */
export class Audit {
  readonly #kept: ReadonlyMap<string, KeptBalance>;
  readonly #options: AuditOptions;
  readonly #parts = new Map<string, PartState>();
  /** What is left of each transfer whose sides are not all seen yet. */
  readonly #open = new Map<string, { sumMinor: number; readonly atMs: number }>();
  readonly #findings: Finding[] = [];
  #findingsTotal = 0;
  /** Parts of which the ledger has not what their balance rests on: nobody looks for more of them. */
  readonly #broken = new Set<string>();
  readonly #evidence: Finding[] = [];
  #evidenceTotal = 0;
  #firstBrokenLink: Finding | undefined;
  #last = { slot: 0, hash: genesis };
  /** What the slots up to the head came to, from the first beyond it on. */
  #atHead: AuditCheckpoint | undefined;
  /** Whether the slot that a checkpoint ends at was seen, and seen to be there. */
  #isAnchored = true;
  #slots = 0;
  #entries = 0;
  #repeats = 0;
  #onTheirWay = 0;

  /** @param balances all that the bank keeps, read before the chain. */
  constructor(balances: Iterable<KeptBalance>, options: AuditOptions) {
    this.#options = options;
    this.#kept = new Map([...balances].map((balance) => [balance.part, balance]));
    if (options.since !== undefined) this.#goOnFrom(options.since);
    if (options.expected?.slot === 0) this.#compareState(options.expected);
  }

  /** Adds what was found elsewhere than in the chain, the ledger and the balances. */
  add(findings: Iterable<Finding>): void {
    for (const finding of findings) this.#find(finding);
  }

  /**
   * Adds the next slot that there is. Returns its entries, which `compare` wants beside those of the ledger. After a
   * checkpoint the first slot to come is the checkpoint's own: it must be what the checkpoint says, and is not added.
   *
   * @param slot that the text holds
   */
  addSlot(stored: StoredSlot, slot: Slot | undefined = parseSlot(stored.text)): readonly Entry[] {
    const { expected } = this.#options;
    const entries = this.#addSlot(stored, slot);
    if (stored.slot === expected?.slot) this.#compareState(expected);
    return entries;
  }

  #addSlot({ slot: number, text, versions }: StoredSlot, slot: Slot | undefined): readonly Entry[] {
    const { sha256, head = Infinity } = this.#options;
    if (number > head) this.#atHead ??= this.checkpoint();
    const { slot: lastSlot, hash: lastHash } = this.#last;
    const hash = sha256(text);
    const isAnchor = number === lastSlot && number === this.#options.since?.slot;
    const touched = `slot ${number} was overwritten or deleted: it has ${versions} versions`;
    // What the audit before this one has found there, its checkpoint tells.
    const isKnown = isAnchor && this.#evidence.some(({ detail }) => detail === touched);
    if (versions > 1 && !isKnown) this.#breakLink(number, touched);
    if (isAnchor) {
      if (hash !== lastHash) this.#breakLink(number, `slot ${number} is another than the audit before this one saw`);
      this.#isAnchored = true;
      return [];
    }
    this.#slots += 1;
    if (!this.#isAnchored) this.#breakLink(lastSlot, `slot ${lastSlot} of the archive is missing`);
    this.#isAnchored = true;
    if (number !== lastSlot + 1) this.#breakLink(lastSlot + 1, `slot ${lastSlot + 1} of the archive is missing`);
    this.#last = { slot: number, hash };
    if (slot === undefined) {
      this.#breakLink(number, `slot ${number} is not readable`);
      return [];
    }
    if (slot.slot !== number) this.#breakLink(number, `slot ${number} says that it is slot ${slot.slot}`);
    if (number === lastSlot + 1 && slot.previous !== lastHash) {
      this.#breakLink(
        lastSlot,
        lastSlot === 0
          ? `slot 1 says that there is a slot before it`
          : `slot ${lastSlot} has the hash ${lastHash.slice(0, 12)}…, and slot ${number} says it had ${slot.previous.slice(0, 12)}…`,
      );
    }
    return slot.changes.flatMap((change) => this.#addChange(number, change));
  }

  /** Compares archived entries with the ledger's, which stand at the same places; undefined where there is none. */
  compare(slot: number, archived: readonly Entry[], ledger: readonly (Entry | undefined)[]): void {
    for (const [index, entry] of archived.entries()) {
      const { part, version } = entry;
      const found = ledger[index];
      const where = { slot, part, version };
      if (found === undefined)
        this.#find({ ...where, detail: `entry ${version} of ${part} is in the archive and not in the ledger` });
      else if (entryText(entry) !== entryText(found))
        this.#find({ ...where, detail: `entry ${version} of ${part} differs between the archive and the ledger` });
    }
  }

  /**
   * What the slots so far came to, no further than the head. To be asked for before anything that the archive has not is
   * added.
   */
  checkpoint(): AuditCheckpoint {
    if (this.#atHead !== undefined) return this.#atHead;
    return {
      ...this.#last,
      findings: [...this.#evidence],
      findingsTotal: this.#evidenceTotal,
      parts: [...this.#parts].map(([part, { currency = '', version, balanceMinor, waiting }]) => ({
        part,
        currency,
        version,
        balanceMinor,
        waiting: [...waiting.values()],
      })),
      open: [...this.#open].map(([transferId, { sumMinor, atMs }]) => ({ transferId, sumMinor, atMs })),
    };
  }

  /** Entries that the balances rest on and the archive has not, part by part, the oldest first. */
  *unarchived(): Generator<Place> {
    for (const { part, version } of this.#kept.values()) {
      const known = this.#parts.get(part);
      // What was found meanwhile may have brought the part on.
      const has = (one: number) => one <= (known?.version ?? 0) || known?.waiting.has(one) === true;
      for (let missing = (known?.version ?? 0) + 1; missing <= version && !this.#broken.has(part); missing += 1)
        if (!has(missing)) yield { part, version: missing };
    }
  }

  /** Adds what the ledger has at the next of the places that `unarchived` names. */
  addUnarchived({ part, version }: Place, entry: Entry | undefined): void {
    if (entry === undefined) {
      this.#broken.add(part);
      const detail = `entry ${version} of ${part} is neither in the archive nor in the ledger`;
      return this.#find({ part, version, detail });
    }
    if (this.#isOld(entry.atMs))
      this.#find({ part, version, detail: `entry ${version} of ${part} is in the ledger and not in the archive` });
    else this.#onTheirWay += 1;
    this.#addEntry(entry);
  }

  /** What all of it came to; asked for once, when every slot was added, and what the archive has not. */
  report(): AuditReport {
    const { since, head } = this.#options;
    if (!this.#isAnchored) this.#breakLink(since!.slot, `slot ${since!.slot} of the archive is missing`);
    const next = this.#last.slot + 1;
    if (head !== undefined && next <= head) this.#breakLink(next, `slot ${next} of the archive is missing`);
    for (const { part, version, balanceMinor } of this.#kept.values()) {
      if (!Number.isSafeInteger(version) || !Number.isSafeInteger(balanceMinor))
        this.#find({
          part,
          detail: `the balance of ${part} is ${balanceMinor}, its version ${version}: no whole numbers`,
        });
      else if (version === 0 && balanceMinor !== 0)
        this.#find({ part, detail: `the balance of ${part} is ${balanceMinor}, and it has no entries` });
      else if ((this.#parts.get(part)?.version ?? 0) < version && !this.#broken.has(part))
        this.#find({
          part,
          version,
          detail: `the balance of ${part} rests on ${version} entries, which were not all found`,
        });
    }
    for (const [part, { version, waiting, sinceMs }] of this.#parts) {
      // An account that was opened after the balances were read is none of this audit's.
      if (!this.#kept.has(part) && this.#isOld(sinceMs))
        this.#find({ part, detail: `${part} has entries and is no account` });
      const oldest = [...waiting.values()].find(({ atMs }) => this.#isOld(atMs));
      if (oldest !== undefined && (this.#kept.get(part)?.version ?? 0) <= version)
        this.#find({
          part,
          version: oldest.version,
          detail: `${part} has no entry ${version + 1}, and has later ones`,
        });
    }
    for (const [transferId, { sumMinor, atMs }] of this.#open) {
      if (this.#isOld(atMs))
        this.#find({ transferId, detail: `the entries of transfer ${transferId} add up to ${sumMinor}, not to 0` });
    }
    const { slot, hash } = this.#atHead ?? this.#last;
    return {
      ok: this.#findingsTotal === 0,
      ...(since === undefined ? {} : { since: since.slot }),
      slots: this.#slots,
      entries: this.#entries,
      repeats: this.#repeats,
      parts: this.#kept.size,
      onTheirWay: this.#onTheirWay,
      head: { slot, hash },
      ...(this.#firstBrokenLink === undefined ? {} : { firstBrokenLink: this.#firstBrokenLink }),
      findings: this.#findings,
      findingsTotal: this.#findingsTotal,
    };
  }

  #addChange(slot: number, { change, entry }: ArchivedChange): readonly Entry[] {
    const { part, version } = entry;
    if (change !== 'insert') {
      const did = change === 'modify' ? 'changed' : 'deleted';
      this.#find({ slot, part, version, detail: `entry ${version} of ${part} was ${did} in the ledger` });
      return [];
    }
    const state = this.#parts.get(part);
    if (state !== undefined && (version <= state.version || state.waiting.has(version))) {
      this.#repeats += 1;
      return [entry];
    }
    this.#entries += 1;
    this.#addEntry(entry, slot);
    return [entry];
  }

  /** @param slot that it stands in, if in any */
  #addEntry(entry: Entry, slot?: number): void {
    const { part, version, atMs } = entry;
    const state: PartState = this.#parts.get(part) ?? {
      currency: undefined,
      version: 0,
      balanceMinor: 0,
      sinceMs: atMs,
      waiting: new Map(),
    };
    this.#parts.set(part, state);
    this.#addSide(entry);
    state.waiting.set(version, entry);
    for (let next = state.waiting.get(state.version + 1); next; next = state.waiting.get(state.version + 1)) {
      state.waiting.delete(next.version);
      this.#addUp(slot, state, next);
    }
  }

  #addUp(
    slot: number | undefined,
    state: PartState,
    { part, version, deltaMinor, balanceMinor, currency, atMs }: Entry,
  ): void {
    state.version = version;
    state.balanceMinor += deltaMinor;
    const where = { ...(slot === undefined ? {} : { slot }), part, version };
    if (state.balanceMinor !== balanceMinor)
      this.#find({
        ...where,
        detail: `entry ${version} of ${part} says that the balance is ${balanceMinor}, the entries add up to ${state.balanceMinor}`,
      });
    if (state.currency !== undefined && state.currency !== currency)
      this.#find({
        ...where,
        detail: `entry ${version} of ${part} is in ${currency}, those before it in ${state.currency}`,
      });
    state.currency = currency;
    const kept = this.#kept.get(part);
    if (kept === undefined) return;
    if (kept.currency !== currency)
      this.#find({
        ...where,
        detail: `entry ${version} of ${part} is in ${currency}, the account in ${kept.currency}`,
      });
    if (version > kept.version && this.#isOld(atMs))
      this.#find({ ...where, detail: `${part} has an entry ${version}, its balance rests on ${kept.version}` });
    if (kept.version === version && kept.balanceMinor !== state.balanceMinor)
      this.#find({
        ...where,
        detail: `the balance of ${part} is ${kept.balanceMinor}, its ${version} entries add up to ${state.balanceMinor}`,
      });
  }

  /** A transfer has one credit and debits, so that its sum is 0 only when all are there. */
  #addSide({ transferId, deltaMinor, atMs }: Entry): void {
    const open = this.#open.get(transferId) ?? { sumMinor: 0, atMs };
    open.sumMinor += deltaMinor;
    if (open.sumMinor === 0) this.#open.delete(transferId);
    else this.#open.set(transferId, open);
  }

  #goOnFrom({ slot, hash, parts, open, findings, findingsTotal }: AuditCheckpoint): void {
    this.#last = { slot, hash };
    this.#isAnchored = slot === 0;
    for (const list of [this.#findings, this.#evidence]) list.push(...findings);
    this.#findingsTotal = findingsTotal;
    this.#evidenceTotal = findingsTotal;
    for (const { transferId, ...left } of open) this.#open.set(transferId, left);
    for (const { part, currency, version, balanceMinor, waiting } of parts) {
      const ahead = new Map(waiting.map((entry) => [entry.version, entry]));
      const known = currency === '' ? undefined : currency;
      this.#parts.set(part, { currency: known, version, balanceMinor, sinceMs: -Infinity, waiting: ahead });
      const kept = this.#kept.get(part);
      if (kept === undefined) continue;
      if (known !== undefined && kept.currency !== known)
        this.#find({ part, detail: `the account of ${part} is in ${kept.currency}, its entries in ${known}` });
      if (kept.version < version)
        this.#find({ part, version, detail: `${part} has an entry ${version}, its balance rests on ${kept.version}` });
      if (kept.version === version && kept.balanceMinor !== balanceMinor)
        this.#find({
          part,
          version,
          detail: `the balance of ${part} is ${kept.balanceMinor}, its ${version} entries add up to ${balanceMinor}`,
        });
    }
  }

  /** A link that is broken before explains the difference, and is found. */
  #compareState(expected: AuditCheckpoint): void {
    if (this.#firstBrokenLink !== undefined || stateText(this.checkpoint()) === stateText(expected)) return;
    this.#find({
      detail: `checkpoint ${expected.slot} is not what the slots up to it come to: audits that went on from it say nothing`,
    });
  }

  #isOld(atMs: number): boolean {
    return this.#options.readAtMs - atMs > this.#options.toleranceMs;
  }

  #breakLink(slot: number, detail: string): void {
    this.#firstBrokenLink ??= { slot, detail };
    this.#find({ slot, detail });
  }

  #find(finding: Finding): void {
    this.#findingsTotal += 1;
    if (this.#findings.length < findingsMax) this.#findings.push(finding);
    // What stands in a slot is not looked at again by an audit that goes on behind it.
    if (finding.slot === undefined) return;
    this.#evidenceTotal += 1;
    if (this.#evidence.length < findingsMax) this.#evidence.push(finding);
  }
}

/** What a checkpoint says of the books, whatever the order in which it came to it; not what was found. */
function stateText({ slot, hash, parts, open }: AuditCheckpoint): string {
  const states = parts.map(({ part, currency, version, balanceMinor, waiting }) => [
    part,
    currency,
    version,
    balanceMinor,
    waiting.map(entryText).toSorted(),
  ]);
  const sums = open.map(({ transferId, sumMinor, atMs }) => [transferId, sumMinor, atMs]);
  return JSON.stringify([slot, hash, ...[states, sums].map((all) => all.map((one) => JSON.stringify(one)).toSorted())]);
}

/** Undefined for text that is no checkpoint. */
export function parseCheckpoint(text: string): AuditCheckpoint | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return isCheckpoint(value) ? value : undefined;
}

function isCheckpoint(value: unknown): value is AuditCheckpoint {
  if (typeof value !== 'object' || value === null) return false;
  const { slot, hash, parts, open, findings, findingsTotal } = value as Partial<Record<keyof AuditCheckpoint, unknown>>;
  return (
    Number.isSafeInteger(slot) &&
    typeof hash === 'string' &&
    Array.isArray(parts) &&
    parts.every(
      (one: AuditCheckpoint['parts'][number] | null) =>
        typeof one?.part === 'string' &&
        typeof one.currency === 'string' &&
        [one.version, one.balanceMinor].every((number) => Number.isSafeInteger(number)) &&
        Array.isArray(one.waiting) &&
        one.waiting.every(isEntry),
    ) &&
    Array.isArray(open) &&
    open.every(
      (one: AuditCheckpoint['open'][number] | null) =>
        typeof one?.transferId === 'string' && [one.sumMinor, one.atMs].every((number) => Number.isSafeInteger(number)),
    ) &&
    Number.isSafeInteger(findingsTotal) &&
    Array.isArray(findings) &&
    findings.every((one: Finding | null) => typeof one?.detail === 'string')
  );
}
