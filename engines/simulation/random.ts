/** A seeded source of randomness: the same seed gives the same numbers, on every machine. */
export interface Random {
  /** An integer in [0, bound), for bounds up to 2^32. */
  below(bound: number): number;
  /** Uniform in [0, 1). */
  fraction(): number;
  /** True with the given probability. */
  share(probability: number): boolean;
}

/** Mulberry32 (Tommy Ettinger, 2017): 32 bits of state, good enough for workloads and never for secrets. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const fraction = (): number => next() / 2 ** 32;
  return {
    below: (bound) => Math.floor(fraction() * bound),
    fraction,
    share: (probability) => fraction() < probability,
  };
}
