/**
 * What an emulator does not have, simulated: replicas that lag, partitions that throttle, processes that freeze, a
 * dependency with a heavy tail. Seeded, in virtual time, over the domain that the handlers run.
 */
import { exponential, lognormal, pareto, percentile, uniform } from '../../engines/consistency/chance.ts';
import { Partitions, writeUnitsOf } from '../../engines/consistency/partition.ts';
import { readReplicas } from '../../engines/consistency/replicas.ts';
import { type Random, randomFrom } from '../../engines/simulation/random.ts';
import {
  addMarks,
  type CachePolicy,
  type Click,
  type Consistency,
  groupsOf,
  type Ranking,
  SuggestionCache,
} from '../../lambdas/consistency-choice/domain.ts';
import { clickId } from './visitors.ts';

/** Followers are behind by some 10 ms, rarely more, at most a second: an assumption, since AWS says "usually". */
const lagMaxMs = 1_000;

function lagMs(random: Random): number {
  return Math.min(lagMaxMs, pareto(random, 5, 1.2));
}

/** Reads of a balance that lacked an entry acknowledged before them, of 20,000 reads. */
export function staleBalances(seed: number, consistency: Consistency): number {
  const random = randomFrom(seed);
  const times = (count: number, meanMs: number) => {
    let atMs = 0;
    return Array.from({ length: count }, () => (atMs += exponential(random, meanMs)));
  };
  const [writesAtMs, readsAtMs] = [times(2_000, 50), times(20_000, 5)];
  return readReplicas({ random, writesAtMs, readsAtMs, lagMs, consistency }).staleReads;
}

/** How clicks reach their counter; nothing when each is counted before it is answered. */
export interface Buffering {
  readonly batchSize: number;
  readonly windowMs: number;
  readonly visibilityMs: number;
  readonly receivesMax: number;
}

const consumerCrashShare = 0.2;
/** Of a consumer, for a batch: an assumption. */
const consumerMs = 200;

/** The longest time from a click to a count that shows it, in seconds, of 50,000 clicks that are counted at all. */
export function countDelayMaxSeconds(seed: number, buffering: Buffering | undefined, consistency: Consistency): number {
  const random = randomFrom(seed);
  let longestMs = 0;
  for (let click = 0; click < 50_000; click += 1) {
    let atMs = consistency === 'eventual' ? lagMs(random) : 0;
    if (buffering !== undefined) {
      let receives = 1;
      while (receives <= buffering.receivesMax && random.share(consumerCrashShare)) receives += 1;
      // A dead letter: somebody is told, and no count shows it.
      if (receives > buffering.receivesMax) continue;
      atMs += receives * uniform(random) * buffering.windowMs + (receives - 1) * buffering.visibilityMs + consumerMs;
    }
    longestMs = Math.max(longestMs, atMs);
  }
  return longestMs / 1000;
}

const peakSeconds = 5;

/** The share of clicks whose count DynamoDB refuses when all of these come for one page, by the keys' write units. */
export function refusedShare(seed: number, buffering: Buffering | undefined, clicksPerSecond: number): number {
  const random = randomFrom(seed);
  const arrivals: { readonly atMs: number; readonly click: Click }[] = [];
  for (let atMs = exponential(random, 1000 / clicksPerSecond); atMs < peakSeconds * 1000;) {
    arrivals.push({ atMs, click: { page: 'front', id: clickId(random, Math.floor(1e12 + atMs)) } });
    atMs += exponential(random, 1000 / clicksPerSecond);
  }
  const partitions = new Partitions();
  let refused = 0;
  if (buffering === undefined) {
    for (const { atMs, click } of arrivals)
      if (!partitions.admit(click.page, atMs, writeUnitsOf(100, false))) refused += 1;
    return refused / arrivals.length;
  }
  const seen = new Map<string, Uint8Array>();
  for (const { atMs, clicks } of batchesOf(arrivals, buffering)) {
    for (const group of groupsOf(clicks)) {
      const { marks } = addMarks(seen.get(group.key) ?? new Uint8Array(), group.clicks);
      const counted =
        partitions.admit(group.page, atMs, writeUnitsOf(100, true)) &&
        partitions.admit(group.key, atMs, writeUnitsOf(marks.length + 100, true));
      if (counted) seen.set(group.key, marks);
      else refused += group.clicks.length;
    }
  }
  return refused / arrivals.length;
}

function batchesOf(
  arrivals: readonly { readonly atMs: number; readonly click: Click }[],
  { batchSize, windowMs }: Buffering,
): readonly { readonly atMs: number; readonly clicks: readonly Click[] }[] {
  const batches: { atMs: number; clicks: Click[] }[] = [];
  let open: { sinceMs: number; clicks: Click[] } | undefined;
  for (const { atMs, click } of arrivals) {
    if (open !== undefined && atMs - open.sinceMs > windowMs) {
      batches.push({ atMs: open.sinceMs + windowMs, clicks: open.clicks });
      open = undefined;
    }
    open ??= { sinceMs: atMs, clicks: [] };
    open.clicks.push(click);
    if (open.clicks.length < batchSize) continue;
    batches.push({ atMs, clicks: open.clicks });
    open = undefined;
  }
  if (open !== undefined) batches.push({ atMs: open.sinceMs + windowMs, clicks: open.clicks });
  return batches;
}

export interface Answering {
  readonly seed: number;
  /** Nothing when each request waits for the dependency. */
  readonly policy: CachePolicy | undefined;
  readonly requests: number;
  /** How long the dependency takes at this time; Infinity when it never replies. */
  readonly dependencyMs: (random: Random, atMs: number) => number;
}

export interface Answered {
  /** The 99.9th percentile of what a handler took. */
  readonly handlerMsP999: number;
  /** The oldest that an answer was that is not the fallback. */
  readonly oldestMs: number;
  readonly fallbacks: number;
  /** Refreshes whose connection died while the process was frozen. */
  readonly lostInFreeze: number;
}

/** Between two requests of one environment, on average: most of the time it is frozen. */
const gapMeanMs = 150;
/** Of the refreshes whose reply comes while the process is frozen; the others are read when it thaws. */
const diesInFreezeShare = 0.2;
const ranking: Ranking = { suggestions: ['a'], version: 1 };
const topic = 'front';

/** The dependency as it is on an ordinary day: half of its replies within 8 ms, one in a thousand after two seconds. */
export function heavyTail(random: Random): number {
  return pareto(random, 4, 1.1);
}

/** No reply comes so late. */
const refreshForgottenMs = 60_000;
/** After which a function that waits is ended. */
const functionTimeoutMs = 10_000;

interface Refresh {
  readonly askedAtMs: number;
  arrivesAtMs: number;
}

/** One environment of the API: it runs while it has a request, and is frozen between two. */
export function answerRequests({ seed, policy, requests, dependencyMs }: Answering): Answered {
  const random = randomFrom(seed);
  const times = new Float64Array(requests);
  const cache = policy && new SuggestionCache(policy);
  let [atMs, frozenSinceMs, oldestMs, fallbacks, lostInFreeze] = [0, 0, 0, 0, 0];
  let underWay: Refresh[] = [];

  for (let request = 0; request < requests; request += 1) {
    atMs = frozenSinceMs + exponential(random, gapMeanMs);
    let answerAtMs = atMs;
    if (cache === undefined) {
      answerAtMs += Math.min(functionTimeoutMs, dependencyMs(random, atMs));
    } else {
      for (const refresh of underWay) {
        if (refresh.arrivesAtMs > atMs) continue;
        const dies = random.share(diesInFreezeShare);
        if (dies) lostInFreeze += 1;
        refresh.arrivesAtMs = dies ? Infinity : atMs + uniform(random);
      }
      const plan = cache.plan(topic, atMs);
      if (plan.do === 'ask') {
        cache.asked(topic, atMs);
        underWay.push({ askedAtMs: atMs, arrivesAtMs: atMs + dependencyMs(random, atMs) });
      }
      // A timer is late by up to a millisecond.
      const deadlineMs = plan.do === 'answer' ? atMs : atMs + plan.waitMaxMs + uniform(random);
      const awaited = underWay.at(-1)?.arrivesAtMs ?? Infinity;
      answerAtMs = Math.min(deadlineMs, awaited < atMs ? atMs : awaited);
      for (const { askedAtMs, arrivesAtMs } of underWay)
        if (arrivesAtMs <= answerAtMs) cache.arrived(topic, askedAtMs, ranking);
      underWay = underWay.filter(
        ({ askedAtMs, arrivesAtMs }) => arrivesAtMs > answerAtMs && atMs - askedAtMs < refreshForgottenMs,
      );
      const answer = cache.answer(topic, answerAtMs);
      if (answer.source === 'fallback') fallbacks += 1;
      else oldestMs = Math.max(oldestMs, answer.ageMs);
    }
    // What the handler needs for itself, mostly a millisecond: an assumption, to be measured on an account.
    const ownMs = lognormal(random, 1, 0.55);
    times[request] = answerAtMs - atMs + ownMs;
    frozenSinceMs = answerAtMs + ownMs;
  }
  return { handlerMsP999: percentile(times, 0.999), oldestMs, fallbacks, lostInFreeze };
}
