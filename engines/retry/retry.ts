/** How often to try, and how long to wait between two attempts. */
export interface RetryPolicy {
  readonly attemptsMax: number;
  /** Doubled before each wait: the second attempt comes within twice as many milliseconds. */
  readonly baseMs: number;
  /** No wait is longer. */
  readonly maxMs: number;
}

/** What waiting takes. In a test it waits for nobody, or moves a clock. */
export interface Patience {
  /** Uniform in [0, 1). */
  random(): number;
  wait(ms: number): Promise<void>;
}

/**
 * Full jitter (M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015): those that met once are spread
 * over all of the wait.
 *
 * @param attempt that failed, from 1
 * @param random in [0, 1)
 * @returns milliseconds
 */
export function backoffMs({ baseMs, maxMs }: RetryPolicy, attempt: number, random: number): number {
  return random * Math.min(maxMs, baseMs * 2 ** attempt);
}

/**
 * Tries until an attempt gives something: `undefined` is what asks for another. An attempt that throws ends it.
 *
 * @param attempt is told its number, from 1
 * @returns what the attempt gave; `undefined` when none of `attemptsMax` gave anything
 */
export async function retry<Result>(
  policy: RetryPolicy,
  { random, wait }: Patience,
  attempt: (number: number) => Promise<Result | undefined>,
): Promise<Result | undefined> {
  for (let number = 1; number <= policy.attemptsMax; number += 1) {
    if (number > 1) await wait(backoffMs(policy, number - 1, random()));
    const result = await attempt(number);
    if (result !== undefined) return result;
  }
  return undefined;
}

/**
 * For each call of a long job, which makes very many of them and needs all: six seconds of waiting on the average before
 * the job is given up.
 */
export const persistence: RetryPolicy = { attemptsMax: 12, baseMs: 25, maxMs: 2_000 };

/**
 * Tries until an attempt does not throw: for what a long job cannot do without, and may do twice. Beneath it an SDK's own
 * retries end early in bad times, for its clients have a budget of them.
 *
 * @throws what the last of `attemptsMax` threw
 */
export async function persist<Result>(
  policy: RetryPolicy,
  patience: Patience,
  attempt: () => Promise<Result>,
): Promise<Result> {
  let thrown: unknown;
  const done = await retry(policy, patience, () =>
    attempt().then(
      (result) => ({ result }),
      (error: unknown) => void (thrown = error),
    ),
  );
  if (done === undefined) throw thrown;
  return done.result;
}
