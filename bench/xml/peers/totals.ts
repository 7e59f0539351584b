/** What a peer in JavaScript adds up: records and cents by category. */
export class Totals {
  readonly #all = new Map<string, { records: number; cents: number }>();

  /** A price has two digits behind the point, so that its digits are cents; empty: the record has none. */
  add(category: string, price: string): void {
    let total = this.#all.get(category);
    if (total === undefined) {
      total = { records: 0, cents: 0 };
      this.#all.set(category, total);
    }
    total.records++;
    if (price !== '') total.cents += Number(price.replace('.', ''));
  }

  print(): void {
    for (const [category, { records, cents }] of this.#all) {
      const digits = String(cents).padStart(3, '0');
      console.log(`${category}\t${records}\t${digits.slice(0, -2)}.${digits.slice(-2)}`);
    }
  }
}
