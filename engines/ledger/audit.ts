import { type ArchivedChange, type Entry, genesis, parseSlot, sameEntry, type Sha256 } from './chain.ts';

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
  readonly slots: number;
  /** Different ones; the same entry archived again counts under `repeats`. */
  readonly entries: number;
  readonly repeats: number;
  readonly parts: number;
  /** Entries that are younger than the tolerance and not archived yet. */
  readonly onTheirWay: number;
  /** The end of the chain: note it elsewhere, and nobody can shorten or rewrite what stands before it. */
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
}

const findingsMax = 100;

interface PartState {
  version: number;
  balanceMinor: number;
  /** Archived ahead of an older one, by version. */
  readonly waiting: Map<number, Entry>;
}

/**
 * Walks the archive's chain, adds every entry again and compares with the ledger and with the balances. Slots are added
 * in order, one by one; memory follows the number of accounts, not of entries.
 */
export class Audit {
  readonly #kept: ReadonlyMap<string, KeptBalance>;
  readonly #options: AuditOptions;
  readonly #parts = new Map<string, PartState>();
  /** What is left of each transfer whose sides are not all seen yet. */
  readonly #open = new Map<string, { sumMinor: number; readonly atMs: number }>();
  readonly #findings: Finding[] = [];
  #findingsTotal = 0;
  #firstBrokenLink: Finding | undefined;
  #last = { slot: 0, hash: genesis };
  #slots = 0;
  #entries = 0;
  #repeats = 0;

  /** @param balances all that the bank keeps, read before the chain. */
  constructor(balances: Iterable<KeptBalance>, options: AuditOptions) {
    this.#options = options;
    this.#kept = new Map([...balances].map((balance) => [balance.part, balance]));
  }

  /** Adds the next slot that there is. Returns its entries, which `compare` wants beside those of the ledger. */
  addSlot({ slot: number, text, versions }: StoredSlot): readonly Entry[] {
    this.#slots += 1;
    const { slot: lastSlot, hash: lastHash } = this.#last;
    if (number !== lastSlot + 1) this.#breakLink(lastSlot + 1, `slot ${lastSlot + 1} of the archive is missing`);
    if (versions > 1) this.#breakLink(number, `slot ${number} was overwritten or deleted: it has ${versions} versions`);
    this.#last = { slot: number, hash: this.#options.sha256(text) };
    const slot = parseSlot(text);
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
      else if (!sameEntry(entry, found))
        this.#find({ ...where, detail: `entry ${version} of ${part} differs between the archive and the ledger` });
    }
  }

  /** What all of it came to; asked for once, when every slot was added. */
  report(): AuditReport {
    let onTheirWay = 0;
    for (const { part, version, balanceMinor, changedAtMs } of this.#kept.values()) {
      if (version === 0 && balanceMinor !== 0)
        this.#find({ part, detail: `the balance of ${part} is ${balanceMinor}, and it has no entries` });
      const archived = this.#parts.get(part)?.version ?? 0;
      if (archived >= version) continue;
      if (!this.#isOld(changedAtMs)) onTheirWay += version - archived;
      else
        this.#find({
          part,
          version: archived + 1,
          detail: `the archive of ${part} ends at entry ${archived}, its balance rests on ${version}`,
        });
    }
    for (const [part, { version, waiting }] of this.#parts) {
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
    return {
      ok: this.#findingsTotal === 0,
      slots: this.#slots,
      entries: this.#entries,
      repeats: this.#repeats,
      parts: this.#kept.size,
      onTheirWay,
      head: this.#last,
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
    let state = this.#parts.get(part);
    if (state === undefined) this.#parts.set(part, (state = { version: 0, balanceMinor: 0, waiting: new Map() }));
    if (version <= state.version || state.waiting.has(version)) {
      this.#repeats += 1;
      return [entry];
    }
    this.#entries += 1;
    this.#addSide(entry);
    state.waiting.set(version, entry);
    for (let next = state.waiting.get(state.version + 1); next; next = state.waiting.get(state.version + 1)) {
      state.waiting.delete(next.version);
      this.#addUp(slot, state, next);
    }
    return [entry];
  }

  #addUp(slot: number, state: PartState, { part, version, deltaMinor, balanceMinor, currency, atMs }: Entry): void {
    state.version = version;
    state.balanceMinor += deltaMinor;
    const where = { slot, part, version };
    if (state.balanceMinor !== balanceMinor)
      this.#find({
        ...where,
        detail: `entry ${version} of ${part} says that the balance is ${balanceMinor}, the entries add up to ${state.balanceMinor}`,
      });
    const kept = this.#kept.get(part);
    if (kept === undefined) {
      // An account that was opened after the balances were read is none of this audit's.
      if (version === 1 && this.#isOld(atMs)) this.#find({ ...where, detail: `${part} has entries and is no account` });
      return;
    }
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
  }
}
