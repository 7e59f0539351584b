import { setTimeout as sleep } from 'node:timers/promises';
import pMap from 'p-map';
import { type Patience, retry } from '../../engines/retry/retry.ts';
import type { Clock } from '../kit/clock.ts';
import { json, Problem, type Reply } from '../kit/http.ts';
import { patience } from '../kit/patience.ts';
import { logger } from '../kit/run.ts';
import {
  type CachePolicy,
  type Click,
  type Entry,
  isCountable,
  portionsOf,
  races,
  type Ranking,
  shards,
  SuggestionCache,
  type Suggestions,
  tallyOf,
  windowsOf,
} from './domain.ts';
import type { accounts, rankingService, seenClicks } from './store.ts';

type Of<Store extends (...args: never[]) => unknown, Key extends keyof ReturnType<Store>> = Pick<
  ReturnType<Store>,
  Key
>;

export async function enter(
  entry: Entry,
  accountsTable: Of<typeof accounts, 'enter'>,
  waiting = patience,
): Promise<Reply> {
  const { account, id, amount } = entry;
  const reply = await retry(races, waiting, async () => {
    const outcome = await accountsTable.enter(entry);
    if ('entered' in outcome) return json(outcome.entered === 'now' ? 201 : 200, { account, entry: id, amount });
    switch (outcome.refused) {
      case 'another amount':
        throw new Problem(422, `entry ${id} has the amount ${outcome.amount} already: give another entry its own id`);
      case 'funds':
        throw new Problem(409, `an entry of ${amount} does not fit the balance of ${account}: read it, enter less`);
      case 'contended':
        return undefined;
    }
  });
  if (reply !== undefined) return reply;
  throw new Problem(503, `others write to ${account} at the same time: try again`, { headers: { 'retry-after': '1' } });
}

interface Counting {
  readonly seen: ReturnType<typeof seenClicks>;
  readonly clock: Clock;
  /** Picks the shard of each batch. */
  readonly waiting?: Patience;
}

/** A click, and the message that brought it. */
export interface ClickMessage {
  readonly messageId: string;
  readonly click: Click;
}

const windowsAtOnce = 8;

/** Counts each click that was not counted before, and names the messages that must come again. */
export async function countClicks(
  messages: readonly ClickMessage[],
  { seen, clock, waiting = patience }: Counting,
): Promise<readonly string[]> {
  const now = clock();
  const [countable, late] = [
    messages.filter(({ click }) => isCountable(click, now)),
    messages.filter(({ click }) => !isCountable(click, now)),
  ];
  if (late.length > 0) logger.error('clicks came too late to be counted', { clicks: late.length });
  const shard = String(Math.floor(waiting.random() * shards));
  const left = new Set<Click>();
  // One after the other: portions of one batch may share a window, and would be in each other's way.
  for (const portion of portionsOf(countable.map(({ click }) => click))) {
    try {
      const full = await countPortion(portion, { seen, shard, waiting });
      for (const click of full) left.add(click);
      if (full.length > 0) logger.error('windows are full: raise `marksMax`', { windows: windowsOf(full) });
    } catch (error) {
      // One portion's trouble is not another's: theirs are counted, and this one's messages come again.
      logger.error('a portion of clicks was not counted', error as Error);
      for (const click of portion) left.add(click);
    }
  }
  return [...late, ...countable.filter(({ click }) => left.has(click))].map(({ messageId }) => messageId);
}

/** The clicks that full windows leave. @throws {Error} when the portion must come again. */
async function countPortion(
  portion: readonly Click[],
  { seen, shard, waiting }: Required<Pick<Counting, 'seen' | 'waiting'>> & { readonly shard: string },
): Promise<readonly Click[]> {
  const windows = windowsOf(portion);
  const counted = await retry(races, waiting, async () => {
    const marks = await pMap(windows, async (window) => [window, await seen.read(window)] as const, {
      concurrency: windowsAtOnce,
    });
    const tally = tallyOf(portion, new Map(marks));
    if (tally.segments.length === 0) return tally;
    return (await seen.count(tally, shard)).counted ? tally : undefined;
  });
  if (counted === undefined)
    throw new Error(`other consumers were faster ${races.attemptsMax} times at windows ${windows.join(', ')}`);
  return counted.full;
}

interface Suggesting {
  readonly service: Of<typeof rankingService, 'rank'>;
  readonly policy: CachePolicy;
  readonly clock: Clock;
  /** Resolves after so many milliseconds, or never if aborted. */
  readonly after?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** Answers from a cache of this process; waits for the service no longer than the policy says, whatever it does. */
export function suggesting({
  service,
  policy,
  clock,
  after = timer,
}: Suggesting): (topic: string) => Promise<Suggestions> {
  const cache = new SuggestionCache(policy);
  const underWay = new Map<string, Promise<void>>();

  const ask = (topic: string): Promise<void> => {
    const askedAtMs = clock();
    cache.asked(topic, askedAtMs);
    // Never rejects: it may end in another invocation, where nobody awaits it.
    const land = async (): Promise<void> => {
      try {
        cache.arrived(topic, askedAtMs, await service.rank(topic));
      } catch (error) {
        cache.failed(topic, askedAtMs);
        logger.warn('a refresh failed', error as Error);
      } finally {
        if (underWay.get(topic) === refresh) underWay.delete(topic);
      }
    };
    const refresh = land();
    underWay.set(topic, refresh);
    return refresh;
  };

  return async (topic) => {
    const plan = cache.plan(topic, clock());
    if (plan.do !== 'answer') {
      const refresh = plan.do === 'ask' ? ask(topic) : underWay.get(topic);
      const timeout = new AbortController();
      await Promise.race([refresh, after(plan.waitMaxMs, timeout.signal)]);
      timeout.abort();
    }
    return cache.answer(topic, clock());
  };
}

async function timer(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}

/** The reply to who asked for suggestions: what they are, how old, and what the handler took (`Server-Timing`, W3C). */
export function suggestionsReply(topic: string, answer: Suggestions, handlerMs: number): Reply {
  const { source, ranking } = answer;
  const ageMs = answer.source === 'fallback' ? undefined : Math.round(answer.ageMs);
  return json(
    200,
    { topic, source, ...(ageMs === undefined ? {} : { ageMs }), ...ranking },
    {
      'server-timing': `handler;dur=${handlerMs.toFixed(1)}`,
      // Whole seconds (RFC 9111); the body has it finer.
      ...(ageMs === undefined ? {} : { age: String(Math.floor(ageMs / 1000)) }),
    },
  );
}

/** What the service says at once, without a cache: current by definition. */
export function currentRanking(ranking: Ranking): Suggestions {
  return { source: 'current', ageMs: 0, ranking };
}
