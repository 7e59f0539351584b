import type { Random } from '../simulation/random.ts';

/** Uniform in (0, 1). */
export function uniform(random: Pick<Random, 'below'>): number {
  return (random.below(2 ** 32 - 1) + 1) / 2 ** 32;
}

/** Exponential with this mean: times between independent arrivals. */
export function exponential(random: Random, mean: number): number {
  return -mean * Math.log(uniform(random));
}

/** Pareto: never below `least`; the smaller `shape`, the heavier the tail (below 1 it has no mean). */
export function pareto(random: Random, least: number, shape: number): number {
  return least / uniform(random) ** (1 / shape);
}

/** Lognormal by its median and the deviation of its logarithm (Box and Muller, 1958). */
export function lognormal(random: Random, median: number, deviation: number): number {
  const radius = Math.sqrt(-2 * Math.log(uniform(random)));
  return median * Math.exp(deviation * radius * Math.cos(2 * Math.PI * uniform(random)));
}

/** The value that a share of the values does not exceed (nearest rank). @throws {RangeError} for no values. */
export function percentile(values: Float64Array, share: number): number {
  if (values.length === 0) throw new RangeError('no values have a percentile: give one at least');
  return values.toSorted()[Math.max(0, Math.ceil(share * values.length) - 1)]!;
}
