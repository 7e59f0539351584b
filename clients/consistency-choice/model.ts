/**
 * What an emulator does not have, simulated: replicas that lag, processes that freeze, a dependency with a heavy tail.
 * Seeded, in virtual time, over the domain that the handlers run.
 */
import { exponential, lognormal, pareto, percentile, uniform } from '../../engines/consistency/chance.ts';
import { readReplicas, type ReplicaResult, type ReplicaRun } from '../../engines/consistency/replicas.ts';
import { type Random, randomFrom } from '../../engines/simulation/random.ts';
import {
  type CachePolicy,
  type Consistency,
  type Ranking,
  SuggestionCache,
} from '../../lambdas/consistency-choice/domain.ts';
import type { Counted } from './counting.ts';

/** Followers are behind by some 10 ms, rarely more, at most a second: an assumption, since AWS says "usually". */
export const lagMaxMs = 1_000;

function lagMs(random: Random): number {
  return Math.min(lagMaxMs, pareto(random, 5, 1.2));
}

/** How long a write is under way to the follower in its quorum: an assumption. */
function quorumMs(random: Random): number {
  return pareto(random, 1, 2);
}

/** Between two losses of the leader: some in each run, which is far more than there are. */
const lossMeanMs = 20_000;

/** Reads of an item that lacked a write acknowledged before them, of 20,000 reads; the leader is lost now and then. */
export function staleReads(seed: number, consistency: Consistency): number {
  const random = randomFrom(seed);
  const [writesAtMs, readsAtMs] = [times(random, 2_000, 50), times(random, 20_000, 5)];
  return read(random, consistency, { writesAtMs, readsAtMs }).staleReads;
}

/** In a run, of each page: as many as the load's in two minutes. */
const countReads = 3_000;

/** The longest that a page's count was behind where it was read: since the first click that it lacked was accepted. */
export function behindMaxMs(seed: number, consistency: Consistency, counted: readonly Counted[]): number {
  const random = randomFrom(seed);
  const ofPages = [...Map.groupBy(counted, ({ page }) => page).values()].map((clicks) => {
    const writes = [...Map.groupBy(clicks, ({ countedAtMs }) => countedAtMs)].toSorted(([a], [b]) => a - b);
    const writesAtMs = writes.map(([atMs]) => atMs);
    const promisedAtMs = writes.map(([, [oldest]]) => oldest!.acceptedAtMs);
    const readsAtMs = times(random, countReads, (writesAtMs.at(-1)! + lagMaxMs) / countReads);
    return read(random, consistency, { writesAtMs, promisedAtMs, readsAtMs }).staleMaxMs;
  });
  return Math.max(...ofPages);
}

type Item = Pick<ReplicaRun, 'writesAtMs' | 'promisedAtMs' | 'readsAtMs'>;

function read(random: Random, consistency: Consistency, item: Item): ReplicaResult {
  const lossesAtMs = times(random, Math.ceil(item.readsAtMs.at(-1)! / lossMeanMs), lossMeanMs);
  return readReplicas({ ...item, random, lossesAtMs, quorumMs, lagMs, consistency });
}

function times(random: Random, count: number, meanMs: number): readonly number[] {
  let atMs = 0;
  return Array.from({ length: count }, () => (atMs += exponential(random, meanMs)));
}

export interface Answering {
  readonly seed: number;
  /** Nothing when each request waits for the dependency. */
  readonly policy: CachePolicy | undefined;
  readonly requests: number;
  /** Between two requests of one environment, on average: most of the time it is frozen. */
  readonly gapMeanMs: number;
  /** Asked for evenly, which is when a cache has to ask most. */
  readonly topics: number;
  /** How long the dependency takes at this time; Infinity when it never replies. */
  readonly dependencyMs: (random: Random, atMs: number) => number;
}

export interface Answered {
  /** The 99.9th percentile of what a handler took. */
  readonly handlerMsP999: number;
  /** The oldest that an answer was that is not the fallback. */
  readonly oldestMs: number;
  readonly fallbacks: number;
  /** Share of the requests that asked the dependency. */
  readonly askedShare: number;
  /** Refreshes whose connection died while the process was frozen. */
  readonly lostInFreeze: number;
}

/** Of the refreshes whose reply comes while the process is frozen; the others are read when it thaws. */
const diesInFreezeShare = 0.2;
const ranking: Ranking = { suggestions: ['a'], version: 1 };

/**
 * The dependency as it is on an ordinary day: half of its replies within 8 ms, one in a hundred after a quarter of a
 * second, 26 ms on average for who gives up after ten seconds.
 */
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
export function answerRequests(answering: Answering): Answered {
  const { seed, policy, requests, gapMeanMs, topics, dependencyMs } = answering;
  const random = randomFrom(seed);
  const times = new Float64Array(requests);
  const cache = policy && new SuggestionCache(policy);
  let [frozenSinceMs, oldestMs, fallbacks, asked, lostInFreeze] = [0, 0, 0, 0, 0];
  const underWay = new Map<string, Refresh[]>();

  for (let request = 0; request < requests; request += 1) {
    const atMs = frozenSinceMs + exponential(random, gapMeanMs);
    const topic = `topic-${random.below(topics)}`;
    let answerAtMs = atMs;
    if (cache === undefined) {
      answerAtMs += Math.min(functionTimeoutMs, dependencyMs(random, atMs));
      asked += 1;
    } else {
      for (const refresh of [...underWay.values()].flat()) {
        if (refresh.arrivesAtMs > atMs) continue;
        const dies = random.share(diesInFreezeShare);
        if (dies) lostInFreeze += 1;
        refresh.arrivesAtMs = dies ? Infinity : atMs + uniform(random);
      }
      const plan = cache.plan(topic, atMs);
      if (plan.do === 'ask') {
        asked += 1;
        cache.asked(topic, atMs);
        const refresh = { askedAtMs: atMs, arrivesAtMs: atMs + dependencyMs(random, atMs) };
        underWay.set(topic, [...(underWay.get(topic) ?? []), refresh]);
      }
      // A timer is late by up to a millisecond.
      const deadlineMs = plan.do === 'answer' ? atMs : atMs + plan.waitMaxMs + uniform(random);
      const awaited = underWay.get(topic)?.at(-1)?.arrivesAtMs ?? Infinity;
      answerAtMs = Math.min(deadlineMs, awaited < atMs ? atMs : awaited);
      for (const [of, refreshes] of underWay) {
        for (const { askedAtMs, arrivesAtMs } of refreshes)
          if (arrivesAtMs <= answerAtMs) cache.arrived(of, askedAtMs, ranking);
        const left = refreshes.filter(
          ({ askedAtMs, arrivesAtMs }) => arrivesAtMs > answerAtMs && atMs - askedAtMs < refreshForgottenMs,
        );
        if (left.length === 0) underWay.delete(of);
        else underWay.set(of, left);
      }
      const answer = cache.answer(topic, answerAtMs);
      if (answer.source === 'fallback') fallbacks += 1;
      else oldestMs = Math.max(oldestMs, answer.ageMs);
    }
    // What the handler needs for itself at 512 MB, mostly a millisecond: an assumption, to be measured on an account.
    const ownMs = lognormal(random, 1, 0.55);
    times[request] = answerAtMs - atMs + ownMs;
    frozenSinceMs = answerAtMs + ownMs;
  }
  return {
    handlerMsP999: percentile(times, 0.999),
    oldestMs,
    fallbacks,
    askedShare: asked / requests,
    lostInFreeze,
  };
}
