import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { agedPrices, costOf, type MonthlyUsage, priceUnits, sumOfUsage } from '../../../engines/estimate/cost.ts';
import { type Price, type PriceBook, prices } from '../../../engines/estimate/prices.ts';

const seed = 20_261_123;
const usages = fc.dictionary(
  fc.constantFrom(...priceUnits()),
  fc.double({ min: 0, max: 1e9, noNaN: true }),
) as fc.Arbitrary<MonthlyUsage>;

describe('costOf', () => {
  it('agrees with cases worked by hand', () => {
    // 10 M invocations of 200 ms at 512 MB: 1 M GB-seconds at 0.0000133334, and 10 x 0.20.
    expect(costOf({ 'lambda.gbSeconds': 1_000_000, 'lambda.requests': 10_000_000 }).usd).toBeCloseTo(15.3334, 6);
    // 4 M writes and 40 M reads: 4 x 0.625 + 40 x 0.125.
    expect(costOf({ 'dynamodb.writeUnits': 4_000_000, 'dynamodb.readUnits': 40_000_000 }).usd).toBeCloseTo(7.5, 10);
    // A run of 100,000 transitions each night: 30 x 100,000 at 25 a million.
    expect(costOf({ 'stepFunctions.transitions': 3_000_000 }).usd).toBeCloseTo(75, 10);
    // 500 logs of 20 GB in all, each got once a night, kept a month.
    expect(costOf({ 's3.getRequests': 15_000, 's3.storageGbMonths': 20 }).usd).toBeCloseTo(0.466, 10);
  });

  it('sums its lines, which come in the order of the price book', () => {
    const { usd, lines } = costOf({ 'sqs.requests': 1_000_000, 'lambda.requests': 1_000_000, 'kms.keys': 0 });
    expect(lines).toEqual([
      { price: 'lambda.requests', service: 'Lambda', unit: 'invocations', quantity: 1_000_000, usd: 0.2 },
      { price: 'sqs.requests', service: 'SQS', unit: prices['sqs.requests'].unit, quantity: 1_000_000, usd: 0.4 },
    ]);
    expect(usd).toBeCloseTo(0.6, 12);
  });

  it('never falls when the load grows', () => {
    fc.assert(
      fc.property(usages, usages, (usage, more) => {
        expect(costOf(sumOfUsage([usage, more])).usd).toBeGreaterThanOrEqual(costOf(usage).usd);
      }),
      { seed },
    );
  });

  it('is the sum of the costs of its parts', () => {
    fc.assert(
      fc.property(usages, usages, (a, b) => {
        const whole = costOf(sumOfUsage([a, b])).usd;
        expect(Math.abs(whole - costOf(a).usd - costOf(b).usd)).toBeLessThanOrEqual(1e-9 * Math.max(1, whole));
      }),
      { seed },
    );
  });

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY])('refuses a quantity of %d', (quantity) => {
    expect(() => costOf({ 'sqs.requests': quantity })).toThrow(/usage of sqs.requests is .*: give a finite number/);
  });

  it.each(['sqs.messages', 'constructor', '__proto__'])('refuses the unit %s, which has no price', (unit) => {
    expect(() => costOf(Object.fromEntries([[unit, 1]]) as MonthlyUsage)).toThrow(
      `no price for "${unit}": use apigateway`,
    );
  });
});

describe('agedPrices', () => {
  const fresh = priceUnits().map((unit): [string, Price] => [unit, { ...prices[unit], asOf: '2026-10' }]);
  const book = {
    ...(Object.fromEntries(fresh) as PriceBook),
    'kms.keys': { ...prices['kms.keys'], asOf: '2025-10' as const },
  };

  it('warns of a price that is over a year old, and names it', () => {
    expect(agedPrices(new Date('2026-11-01T00:00:00Z'), book)).toEqual([
      'prices of 2025-10 are over a year old: kms.keys: look them up and update engines/estimate/prices.ts',
    ]);
  });

  it('is silent up to a year, and about prices that are not used', () => {
    expect(agedPrices(new Date('2026-10-31T23:59:59Z'), book)).toEqual([]);
    expect(agedPrices(new Date('2026-11-01T00:00:00Z'), book, ['lambda.requests'])).toEqual([]);
  });
});
