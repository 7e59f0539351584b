/** What DynamoDB gives one partition key ("Burst and adaptive capacity", Developer Guide), without bursts. */
export const writeUnitsPerSecondMax = 1_000;

/** Write units of one item of so many bytes: one for each begun KB, twice that in a transaction. */
export function writeUnitsOf(bytes: number, inTransaction: boolean): number {
  return Math.max(1, Math.ceil(bytes / 1024)) * (inTransaction ? 2 : 1);
}

/** Admits the writes of each partition key until its second is used up. */
export class Partitions {
  /** Units left to a key in its latest second. */
  readonly #left = new Map<string, { second: number; units: number }>();

  /** False when a write of so many units is refused: throttled. Times of one key must not go back. */
  admit(key: string, atMs: number, units: number): boolean {
    const second = Math.floor(atMs / 1000);
    let bucket = this.#left.get(key);
    if (bucket?.second !== second) {
      bucket = { second, units: writeUnitsPerSecondMax };
      this.#left.set(key, bucket);
    }
    if (bucket.units < units) return false;
    bucket.units -= units;
    return true;
  }
}
