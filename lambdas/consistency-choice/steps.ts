import { setTimeout as sleep } from 'node:timers/promises';
import pMap from 'p-map';
import { retry, type RetryPolicy } from '../../engines/retry/retry.ts';
import type { Clock } from '../kit/clock.ts';
import { json, Problem, type Reply } from '../kit/http.ts';
import { patience } from '../kit/patience.ts';
import { logger } from '../kit/run.ts';
import {
  addMarks,
  type Click,
  type ClickGroup,
  type Entry,
  groupsOf,
  isCountable,
  marksFit,
  type Ranking,
  SuggestionCache,
  type CachePolicy,
  type Suggestions,
} from './domain.ts';
import type { accounts, rankingService, seenClicks } from './store.ts';

type Of<Store extends (...args: never[]) => unknown, Key extends keyof ReturnType<Store>> = Pick<
  ReturnType<Store>,
  Key
>;

/** Attempts at what another writer was faster at. */
const races: RetryPolicy = { attemptsMax: 6, baseMs: 20, maxMs: 1_000 };

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
}

/** A click, and the message that brought it. */
export interface ClickMessage {
  readonly messageId: string;
  readonly click: Click;
}

const groupsAtOnce = 8;

/** Counts each click that was not counted before, and names the messages that must come again. */
export async function countClicks(messages: readonly ClickMessage[], counting: Counting): Promise<readonly string[]> {
  const now = counting.clock();
  const [countable, late] = [
    messages.filter(({ click }) => isCountable(click, now)),
    messages.filter(({ click }) => !isCountable(click, now)),
  ];
  if (late.length > 0) logger.error('clicks came too late to be counted', { clicks: late.length });
  const left = await pMap(
    groupsOf(countable.map(({ click }) => click)),
    async (group) => ((await countGroup(group, counting)) ? [] : group.clicks),
    { concurrency: groupsAtOnce },
  );
  const leftClicks = new Set(left.flat());
  return [...late, ...countable.filter(({ click }) => leftClicks.has(click))].map(({ messageId }) => messageId);
}

/** False when the group must come again. */
async function countGroup(group: ClickGroup, { seen }: Counting): Promise<boolean> {
  try {
    const counted = await retry(races, patience, async () => {
      const before = await seen.read(group);
      const { marks, added } = addMarks(before.marks, group.clicks);
      if (added === 0) return true;
      if (!marksFit(marks)) throw new Error(`the marks of ${group.key} do not fit in an item: raise \`shards\``);
      return (await seen.count(group, before, marks, added)).counted ? true : undefined;
    });
    if (counted === undefined)
      throw new Error(`other consumers were faster ${races.attemptsMax} times at ${group.key}`);
    return true;
  } catch (error) {
    // One group's trouble is not another's: theirs are counted, and this one's messages come again.
    logger.error('a group of clicks was not counted', error as Error);
    return false;
  }
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
