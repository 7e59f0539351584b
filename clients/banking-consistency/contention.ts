/**
 * A model of transfers into one account on DynamoDB, for what an emulator does not show: a transaction that meets
 * another at an item is refused, one item takes so many writes a second and no more. Seeded and deterministic; what the
 * functions decide (the part, the wait, when to give up) is the domain's own code.
 *
 * Each part is given a partition's write units, which is what DynamoDB's split for heat comes to after some minutes; a
 * table that is new has fewer for all of them.
 *
 * Times are in whole milliseconds. Latencies are assumptions, of the order that AWS names ("single-digit milliseconds"
 * for single items, a transaction being two rounds).
 */
import { backoffMs, type RetryPolicy } from '../../engines/retry/retry.ts';
import { randomFrom, type Random } from '../../engines/simulation/random.ts';
import { type Account, anyPart, conflicts, partsOf } from '../../lambdas/banking-consistency/domain.ts';

const latencyMs = {
  /** A read or a write of one item. */
  plain: { min: 1, spread: 3 },
  /** A transactional read, from 3. */
  read: { min: 3, spread: 4 },
  /** From the write's leaving until the items are checked and held. */
  prepare: { min: 2, spread: 3 },
  /** For which they are held. */
  hold: { min: 5, spread: 8 },
} as const;

/** Of one partition, and so of one item; a transactional write takes two (DynamoDB, "Service quotas"). */
const writeUnitsPerSecond = 1_000;
const unitsOfTransactionalWrite = 2;
/** What the functions' clients try: the first attempt and three more (lambdas/kit). */
const sdk: RetryPolicy = { attemptsMax: 4, baseMs: 50, maxMs: 20_000 };
/** How long after the last arrival an answer still counts. */
const patienceMs = 3_000;

interface Part {
  version: number;
  heldUntilMs: number;
  /** Units used in the second that began then. */
  secondMs: number;
  units: number;
}

export interface Contention {
  /** Posted, by second offered. */
  readonly postedPerSecond: number;
  /** Of those offered. */
  readonly shareGivenUp: number;
  readonly attemptsPerTransfer: number;
}

/** As many transfers a second into the account, for so many seconds, each from a payer of its own. */
export function payInto(
  account: Account,
  { seed, perSecond, seconds }: { readonly seed: number; readonly perSecond: number; readonly seconds: number },
): Contention {
  const random = randomFrom(seed);
  const parts = new Map<string, Part>(
    partsOf(account).map((part) => [part, { version: 0, heldUntilMs: -1, secondMs: 0, units: 0 }]),
  );
  const endMs = seconds * 1000 + patienceMs;
  const agenda: (() => void)[][] = Array.from({ length: endMs + 1 }, () => []);
  const at = (ms: number, then: () => void) => void agenda[Math.ceil(ms)]?.push(then);
  let [posted, givenUp, attempts] = [0, 0, 0];

  const attempt = (number: number, nowMs: number): void => {
    attempts += 1;
    const part = parts.get(anyPart(account, random.fraction()))!;
    const again = (failedMs: number): void => {
      if (number === conflicts.attemptsMax) givenUp += 1;
      else {
        const nextMs = Math.ceil(failedMs + backoffMs(conflicts, number, random.fraction()));
        at(nextMs, () => attempt(number + 1, nextMs));
      }
    };
    const readMs = nowMs + drawn(random, latencyMs.read);
    at(readMs, () => {
      if (part.heldUntilMs > readMs) return again(readMs);
      const { version } = part;
      const preparedMs = readMs + drawn(random, latencyMs.prepare);
      at(preparedMs, () => {
        const isFull = !takeUnits(part, preparedMs, unitsOfTransactionalWrite);
        if (isFull || part.heldUntilMs > preparedMs || part.version !== version) return again(preparedMs);
        const committedMs = preparedMs + drawn(random, latencyMs.hold);
        part.heldUntilMs = committedMs;
        at(committedMs, () => {
          part.version += 1;
          posted += 1;
        });
      });
    });
  };

  const offered = perSecond * seconds;
  for (let number = 0; number < offered; number += 1) {
    const arrivalMs = random.below(seconds * 1000);
    at(arrivalMs, () => attempt(1, arrivalMs));
  }
  for (let nowMs = 0; nowMs <= endMs; nowMs += 1) {
    // Grows while it is worked off: a latency of less than a millisecond has its turn in the same one.
    for (const then of agenda[nowMs]!) then();
    agenda[nowMs] = [];
  }
  return {
    postedPerSecond: posted / seconds,
    shareGivenUp: givenUp / offered,
    attemptsPerTransfer: attempts / offered,
  };
}

/**
 * The same transfers by a design that reads, adds and writes on no condition: each write leaves what its read saw and its
 * own amount, and whatever came between is lost. Writes of the SDK's attempts, with its backoff, where the item takes no
 * more.
 *
 * @returns transfers a second whose money is in the balance at the end
 */
export function payPlainly({
  seed,
  perSecond,
  seconds,
}: {
  readonly seed: number;
  readonly perSecond: number;
  readonly seconds: number;
}): number {
  const random = randomFrom(seed);
  const item = { secondMs: 0, units: 0 };
  const endMs = seconds * 1000 + patienceMs;
  const agenda: (() => void)[][] = Array.from({ length: endMs + 1 }, () => []);
  const at = (ms: number, then: () => void) => void agenda[Math.ceil(ms)]?.push(then);
  let balance = 0;
  const write = (seen: number, number: number, nowMs: number): void => {
    if (takeUnits(item, nowMs, 1)) balance = seen + 1;
    else if (number < sdk.attemptsMax) {
      const nextMs = Math.ceil(nowMs + backoffMs(sdk, number, random.fraction()));
      at(nextMs, () => write(seen, number + 1, nextMs));
    }
  };
  for (let number = 0; number < perSecond * seconds; number += 1) {
    const readMs = random.below(seconds * 1000) + drawn(random, latencyMs.plain);
    at(readMs, () => {
      const seen = balance;
      const writtenMs = readMs + drawn(random, latencyMs.plain);
      at(writtenMs, () => write(seen, 1, writtenMs));
    });
  }
  for (let nowMs = 0; nowMs <= endMs; nowMs += 1) {
    for (const then of agenda[nowMs]!) then();
    agenda[nowMs] = [];
  }
  return balance / seconds;
}

/** A refused write takes its units too. */
function takeUnits(part: Pick<Part, 'secondMs' | 'units'>, nowMs: number, unitsPerWrite: number): boolean {
  if (nowMs - part.secondMs >= 1000) {
    part.secondMs = nowMs;
    part.units = 0;
  }
  if (part.units + unitsPerWrite > writeUnitsPerSecond) return false;
  part.units += unitsPerWrite;
  return true;
}

function drawn(random: Random, { min, spread }: { readonly min: number; readonly spread: number }): number {
  return min + random.below(spread + 1);
}
