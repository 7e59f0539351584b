import { costOf, priceUnits, sumOfUsage, type Cost } from '../../engines/estimate/cost.ts';
import { type Price, prices, type PriceUnit, type Service } from '../../engines/estimate/prices.ts';
import type { Question } from '../../lib/kit/question.ts';
import type { Use } from '../../lib/kit/uses.ts';

/** What a month costs in each variant at the question's load, in USD. */
export interface CostDifference {
  readonly load: Question['load'];
  readonly services: readonly ServiceCost[];
  readonly lines: readonly UnitCost[];
  readonly fromUsd: number;
  readonly toUsd: number;
  readonly differenceUsd: number;
  /** Oldest and newest date of the prices that were used; absent when none was. */
  readonly pricesAsOf?: readonly [string, string];
  /** Prices that were used and could not be looked up. */
  readonly assumed: readonly PriceUnit[];
}

export interface ServiceCost {
  readonly service: Service;
  readonly fromUsd: number;
  readonly toUsd: number;
  readonly differenceUsd: number;
}

export interface UnitCost extends ServiceCost {
  readonly price: PriceUnit;
  readonly unit: string;
  readonly fromQuantity: number;
  readonly toQuantity: number;
}

export function costDifference(load: Question['load'], from: readonly Use[], to: readonly Use[]): CostDifference {
  const [before, after] = [costOfUses(from), costOfUses(to)];
  const used = priceUnits().filter((unit) =>
    [before, after].some(({ lines }) => lines.some((line) => line.price === unit)),
  );
  const lines = used.map((unit) => unitCost(unit, before, after));
  const dates = used.map((unit): string => prices[unit].asOf).toSorted();
  const [oldest, newest] = [dates[0], dates.at(-1)];
  return {
    load,
    services: [...Map.groupBy(lines, ({ service }) => service)].map(([service, group]) => ({
      service,
      ...dollars(sumOf(group, 'fromUsd'), sumOf(group, 'toUsd')),
    })),
    lines,
    ...dollars(before.usd, after.usd),
    ...(oldest === undefined || newest === undefined ? {} : { pricesAsOf: [oldest, newest] }),
    assumed: used.filter((unit) => 'assumption' in prices[unit]),
  };
}

function costOfUses(uses: readonly Use[]): Cost {
  return costOf(sumOfUsage(uses.map(({ usage }) => usage)));
}

function unitCost(unit: PriceUnit, before: Cost, after: Cost): UnitCost {
  const [from, to] = [before, after].map(({ lines }) => lines.find(({ price }) => price === unit));
  const price: Price = prices[unit];
  return {
    price: unit,
    service: price.service,
    unit: price.unit,
    fromQuantity: from?.quantity ?? 0,
    toQuantity: to?.quantity ?? 0,
    ...dollars(from?.usd ?? 0, to?.usd ?? 0),
  };
}

function dollars(fromUsd: number, toUsd: number) {
  return { fromUsd, toUsd, differenceUsd: toUsd - fromUsd };
}

function sumOf(costs: readonly ServiceCost[], key: 'fromUsd' | 'toUsd'): number {
  return costs.reduce((sum, cost) => sum + cost[key], 0);
}
