import { idBytesMax, IdSet, Marks, type SharedIds } from './ids.ts';
import type { LogPattern } from './pattern.ts';
import { createScanner, emptyStats, type ScanStats, type Scanner } from './scan.ts';

export interface DiffCounts extends ScanStats {
  /**
   * Matched lines beyond the first of each signed document. Repeated IDs that nobody signed are not counted: that would
   * take a second set, of all logged IDs.
   */
  duplicates: number;
}

/** The memory of one difference, for other threads; structured clone keeps it shared. */
export interface SharedDiff {
  readonly signed: SharedIds;
  readonly found: Uint32Array;
  readonly foundInOtherCase: Uint32Array;
}

/** A - B on one machine: the signed IDs, and marks for those that logs name. Memory does not grow with the logs. */
export class LogDiff {
  readonly signed: IdSet;
  readonly counts: DiffCounts = { ...emptyStats(), duplicates: 0 };
  readonly #found: Marks;
  readonly #foundInOtherCase: Marks;

  /** `shared` absent: a new difference; the set must be complete. */
  constructor(signed: IdSet, shared?: SharedDiff) {
    this.signed = signed;
    this.#found = new Marks(shared?.found ?? signed.refs, { shared: signed.shared });
    this.#foundInOtherCase = new Marks(shared?.foundInOtherCase ?? signed.refs, { shared: signed.shared });
  }

  static from(shared: SharedDiff): LogDiff {
    return new LogDiff(IdSet.from(shared.signed), shared);
  }

  share(): SharedDiff {
    return { signed: this.signed.share(), found: this.#found.words, foundInOtherCase: this.#foundInOtherCase.words };
  }

  /** A scanner for one log, which counts into `counts`. */
  scanner(pattern: LogPattern, lineBytesMax?: number): Scanner {
    return createScanner({
      pattern,
      stats: this.counts,
      ...(lineBytesMax === undefined ? {} : { lineBytesMax }),
      onId: (bytes, start, end) => {
        const ref = this.signed.find(bytes, start, end);
        if (ref !== -1) {
          if (!this.#found.set(ref)) this.counts.duplicates++;
          return true;
        }
        const other = this.signed.findIgnoringCase(bytes, start, end);
        if (other !== -1) this.#foundInOtherCase.set(other);
        return false;
      },
    });
  }

  /** Missed IDs: references, in the order in which they were signed. */
  *missed(): Generator<number> {
    for (const ref of this.signed.inOrder()) if (!this.#found.has(ref)) yield ref;
  }

  /** Missed IDs that logs name in another ASCII case. */
  missedByCase(): number {
    let count = 0;
    for (const ref of this.missed()) if (this.#foundInOtherCase.has(ref)) count++;
    return count;
  }
}

/** The IDs as text, one a line, in blocks of about 64 KiB; each block is valid until the next is asked for. */
export function* idLines(signed: IdSet, refs: Iterable<number>): Generator<Uint8Array> {
  const block = new Uint8Array(64 * 1024);
  let at = 0;
  for (const ref of refs) {
    at = signed.write(ref, block, at);
    block[at++] = 10;
    if (at > block.length - idBytesMax - 1) {
      yield block.subarray(0, at);
      at = 0;
    }
  }
  if (at > 0) yield block.subarray(0, at);
}
