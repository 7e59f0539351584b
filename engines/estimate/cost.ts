import { type Price, type PriceBook, type PriceUnit, prices, type Service } from './prices.ts';

/** Units used in a month, by price key; a missing key is none. */
export type MonthlyUsage = Readonly<Partial<Record<PriceUnit, number>>>;

export interface CostLine {
  readonly price: PriceUnit;
  readonly service: Service;
  readonly unit: string;
  readonly quantity: number;
  /** USD a month, not rounded. */
  readonly usd: number;
}

export interface Cost {
  /** USD a month, not rounded: the sum of the lines. */
  readonly usd: number;
  /** One line for each price key that is used, in the order of the price book. */
  readonly lines: readonly CostLine[];
}

/**
 * Prices a month's usage: quantity × list price, line by line. Free tiers and volume tiers are not applied, so a small
 * load costs less than this and a very large one too.
 *
 * @throws {RangeError} for a unit that the book does not price, or a quantity that is negative or not finite.
 */
export function costOf(usage: MonthlyUsage, book: PriceBook = prices): Cost {
  for (const [unit, quantity] of Object.entries(usage)) checkQuantity(unit, quantity, book);
  const lines = priceUnits(book).flatMap((unit): CostLine[] => {
    const quantity = usage[unit] ?? 0;
    if (quantity === 0) return [];
    const price: Price = book[unit];
    return [
      { price: unit, service: price.service, unit: price.unit, quantity, usd: (quantity * price.usd) / price.per },
    ];
  });
  return { usd: lines.reduce((sum, line) => sum + line.usd, 0), lines };
}

/** Adds up usages by price key. */
export function sumOfUsage(usages: readonly MonthlyUsage[]): MonthlyUsage {
  const sum: Partial<Record<PriceUnit, number>> = {};
  for (const usage of usages) {
    for (const [unit, quantity] of Object.entries(usage) as [PriceUnit, number][]) {
      sum[unit] = (sum[unit] ?? 0) + quantity;
    }
  }
  return sum;
}

/** Keys of a price book, in its order. */
export function priceUnits(book: PriceBook = prices): readonly PriceUnit[] {
  return Object.keys(book) as PriceUnit[];
}

/**
 * A sentence for each date of the book's figures that lies more than a year before `today`, naming what is that old.
 * Empty for a fresh book. `units` limits the warning to the prices that were used.
 */
export function agedPrices(
  today: Date,
  book: PriceBook = prices,
  units: readonly PriceUnit[] = priceUnits(book),
): readonly string[] {
  const agedBy = new Map<string, PriceUnit[]>();
  for (const unit of units) {
    const { asOf } = book[unit];
    if (monthsBetween(asOf, today) > 12) agedBy.set(asOf, [...(agedBy.get(asOf) ?? []), unit]);
  }
  return [...agedBy].map(
    ([asOf, aged]) =>
      `prices of ${asOf} are over a year old: ${aged.join(', ')}: look them up and update engines/estimate/prices.ts`,
  );
}

function checkQuantity(unit: string, quantity: number, book: PriceBook): void {
  if (!Object.hasOwn(book, unit)) {
    throw new RangeError(`no price for "${unit}": use ${priceUnits(book).join(', ')}`);
  }
  if (!Number.isFinite(quantity) || quantity < 0) {
    throw new RangeError(`usage of ${unit} is ${quantity}: give a finite number that is not negative`);
  }
}

function monthsBetween(asOf: string, today: Date): number {
  const [year = 0, month = 0] = asOf.split('-').map(Number);
  return (today.getUTCFullYear() - year) * 12 + today.getUTCMonth() + 1 - month;
}
