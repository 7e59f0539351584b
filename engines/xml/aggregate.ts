import { DecimalSum, decimalDigitsMax, parseDecimal } from './decimal.ts';
import { XmlError } from './error.ts';
import { parsePath, valuesAt, type Path } from './path.ts';
import type { XmlRecord } from './record.ts';

export interface AggregateOptions {
  /** Path of the numbers to add up (`parsePath`); every value at it counts. Records are only counted when absent. */
  readonly sum?: string;
  /** Path of the value by which records are grouped, the first one at it; one total when absent. */
  readonly by?: string;
  /** `groupsMax` when absent. */
  readonly groupsMax?: number;
}

/** Groups that one aggregate holds. */
export const groupsMax = 100_000;

/** What an aggregate amounts to: plain JSON, the same whatever the order of records and merges. */
export interface AggregateResult {
  readonly records: number;
  /** Only with `sum`: numbers added up, exactly, and how many they were. A record without one counts among `records`. */
  readonly sum?: string;
  readonly summed?: number;
  /** Only with `by`, in the order of their names' code units; null is the group of records without one, the first. */
  readonly groups?: readonly GroupResult[];
}

export interface GroupResult extends Pick<AggregateResult, 'records' | 'sum' | 'summed'> {
  readonly by: string | null;
}

interface Group {
  records: number;
  summed: number;
  readonly sum: DecimalSum;
}

/** More groups than allowed. Which record brought the last one depends on how the file was split, so it names none. */
export class GroupsError extends RangeError {
  override readonly name = 'GroupsError';
}

/**
 * Counts records and adds up numbers in them, all exact. Aggregates of parts of a file merge in any order, and more than
 * one record is never held.
 */
export class Aggregate {
  readonly #sum: Path | undefined;
  readonly #sumText: string;
  readonly #by: Path | undefined;
  readonly #groupsMax: number;
  readonly #groups = new Map<string | null, Group>();

  /** Throws a RangeError for what is no path. */
  constructor({ sum, by, groupsMax: most = groupsMax }: AggregateOptions = {}) {
    this.#sum = sum === undefined ? undefined : parsePath(sum);
    this.#sumText = sum ?? '';
    this.#by = by === undefined ? undefined : parsePath(by);
    this.#groupsMax = most;
  }

  /**
   * Throws an XmlError at the record's place for a value that is no decimal number, with nothing added: a sum that leaves
   * such a record out would be wrong in silence. An absent or empty value is left out as SQL leaves out NULL. Throws a
   * GroupsError.
   */
  add(record: XmlRecord): void {
    const values = this.#sum === undefined ? [] : valuesAt(record.element, this.#sum).filter((value) => value !== '');
    const numbers = values.map((value) => parseDecimal(value) ?? this.#noNumber(value, record));
    const group = this.#group(this.#by === undefined ? null : (valuesAt(record.element, this.#by)[0] ?? null));
    group.records++;
    group.summed += values.length;
    for (const number of numbers) group.sum.add(number);
  }

  /** Adds what another aggregate of the same options amounts to. Throws a GroupsError. */
  merge({ records, sum = '0', summed = 0, groups }: AggregateResult): void {
    for (const part of groups ?? [{ by: null, records, sum, summed }]) {
      const group = this.#group(part.by);
      group.records += part.records;
      group.summed += part.summed ?? 0;
      group.sum.merge(part.sum ?? '0');
    }
  }

  result(): AggregateResult {
    const total: Group = { records: 0, summed: 0, sum: new DecimalSum() };
    for (const { records, summed, sum } of this.#groups.values()) {
      total.records += records;
      total.summed += summed;
      total.sum.merge(sum.toString());
    }
    if (this.#by === undefined) return this.#result(total);
    const names = [...this.#groups.keys()].sort((a, b) => (a === null || (b !== null && a < b) ? -1 : 1));
    const groups = names.map((by) => ({ by, ...this.#result(this.#groups.get(by)!) }));
    return { ...this.#result(total), groups };
  }

  #result({ records, summed, sum }: Group): AggregateResult {
    return this.#sum === undefined ? { records } : { records, sum: sum.toString(), summed };
  }

  #group(name: string | null): Group {
    let group = this.#groups.get(name);
    if (group === undefined) {
      if (this.#groups.size === this.#groupsMax) {
        throw new GroupsError(`more than ${this.#groupsMax} groups: group by a value that repeats`);
      }
      group = { records: 0, summed: 0, sum: new DecimalSum() };
      this.#groups.set(name === null ? null : detached(name), group);
    }
    return group;
  }

  #noNumber(value: string, { line, column, from }: XmlRecord): never {
    const shown = JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
    throw new XmlError(
      `${this.#sumText} is ${shown} and no decimal number of up to ${decimalDigitsMax} digits: correct the record`,
      { line, column, byte: from },
    );
  }
}

/** A copy: what is cut out of a larger string keeps all of that in memory. */
function detached(text: string): string {
  return JSON.parse(JSON.stringify(text)) as string;
}
