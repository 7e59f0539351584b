/** A seeded stream of numbers (mulberry32), so that a failure repeats. */
export function randomFrom(seed: number): {
  below(limit: number): number;
  uuid(): string;
  pick<T>(of: readonly T[]): T;
} {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
  const hex = (): string => next().toString(16).padStart(8, '0');
  return {
    below: (limit) => next() % limit,
    pick: (of) => of[next() % of.length]!,
    uuid: () => `${hex()}${hex()}${hex()}${hex()}`.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'),
  };
}
