/**
 * A post that everybody looks at, as a model: no emulator throttles a partition. Lambda's environments (one request at a
 * time each, the one that was used last first), what each keeps, and the reads that arrive at the partition of the
 * author's counter, second by second.
 */

import { randomFrom } from '../../engines/simulation/random.ts';
import { isFresh } from '../../lambdas/friends-counter/domain.ts';

/** Read units a second that one partition serves (AWS, "Best practices for designing partition keys"). */
export const partitionUnitsMax = 3_000;

export interface Viral {
  readonly seed: number;
  readonly viewsPerSecond: number;
  readonly seconds: number;
  /** Of one request. */
  readonly handlerMs: number;
  /** Until a new environment takes its first request. */
  readonly coldStartMs: number;
  /** What a view that reads takes from the counter's partition. */
  readonly unitsPerRead: number;
  /** How long an environment keeps an answer; 0: not at all. */
  readonly keptMs: number;
  /** Environments that have started before the first view, with nothing kept. */
  readonly warmEnvironments: number;
}

export interface ViralReads {
  /** Most units in any second. */
  readonly unitsPerSecond: number;
  readonly environments: number;
  /** Views that found every environment busy and no new one to start. */
  readonly refused: number;
  /** How old the oldest answer was, in milliseconds. */
  readonly stalestMs: number;
}

/** New environments that Lambda starts in any ten seconds of one function (AWS, "Lambda scaling behavior"). */
const environmentsOfTenSeconds = 1_000;

/** Deterministic: the same seed gives the same reads. Views that find no environment are refused, and do not read. */
export function viral({
  seed,
  viewsPerSecond,
  seconds,
  handlerMs,
  coldStartMs,
  unitsPerRead,
  keptMs,
  warmEnvironments,
}: Viral): ViralReads {
  const random = randomFrom(seed);
  const idle: { busyUntilMs: number; answeredAtMs: number | undefined }[] = Array.from(
    { length: warmEnvironments },
    () => ({ busyUntilMs: 0, answeredAtMs: undefined }),
  );
  // Of those that started alike, who began first ends first.
  const busyWarm: typeof idle = [];
  const busyCold: typeof idle = [];
  const units: number[] = [0];
  let environments = warmEnvironments;
  let refused = 0;
  let stalestMs = 0;
  for (let view = 0; view < viewsPerSecond * seconds; view += 1) {
    // Arrivals at random within their slot: a second has the same number in every run.
    const nowMs = ((view + random.below(1_000) / 1_000) / viewsPerSecond) * 1_000;
    for (const busy of [busyWarm, busyCold]) {
      while (busy[0] !== undefined && busy[0].busyUntilMs <= nowMs) idle.push(busy.shift()!);
    }
    let environment = idle.pop();
    const [busy, startMs] = environment === undefined ? [busyCold, nowMs + coldStartMs] : [busyWarm, nowMs];
    if (environment === undefined) {
      if (environments - warmEnvironments >= environmentsOfTenSeconds * (1 + Math.floor(nowMs / 10_000))) {
        refused += 1;
        continue;
      }
      environments += 1;
      environment = { busyUntilMs: 0, answeredAtMs: undefined };
    }
    const kept =
      environment.answeredAtMs === undefined ? undefined : { value: undefined, atMs: environment.answeredAtMs };
    if (isFresh(kept, startMs, keptMs)) {
      stalestMs = Math.max(stalestMs, startMs - environment.answeredAtMs!);
    } else {
      environment.answeredAtMs = startMs;
      const second = Math.floor(startMs / 1_000);
      units[second] = (units[second] ?? 0) + unitsPerRead;
    }
    environment.busyUntilMs = startMs + handlerMs;
    busy.push(environment);
  }
  return { unitsPerSecond: Math.max(...units.map((of) => of ?? 0)), environments, refused, stalestMs };
}
