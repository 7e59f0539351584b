/** What the handlers do. Stores, clock and patience are arguments. */

import { type Patience, persist, persistence, retry } from '../../engines/retry/retry.ts';
import type { Clock } from '../kit/clock.ts';
import { json, Problem, type Reply } from '../kit/http.ts';
import {
  type Change,
  type Counter,
  countedAtFence,
  decide,
  isFresh,
  isSettled,
  type Kept,
  limits,
  type Party,
  type Post,
  races,
  settlingOf,
  type ShownPost,
  type Side,
  type State,
  tellFence,
  writesOf,
} from './domain.ts';
import type { Applied, counters, Ledger, posts, repairs, rows, users } from './store.ts';

type Users = ReturnType<typeof users>;
type Posts = ReturnType<typeof posts>;
type Rows = ReturnType<typeof rows>;
type Counters = ReturnType<typeof counters>;
type Repairs = ReturnType<typeof repairs>;

/** The time, and how to wait between two attempts. */
export interface Timing {
  readonly clock: Clock;
  readonly patience: Patience;
}

/** Publishes, or replaces, a member's post. */
export async function publish(post: Post, stores: { readonly users: Users; readonly posts: Posts }): Promise<Reply> {
  if (!(await stores.users.exists(post.user))) throw unknownUser(post.user);
  await stores.posts.put(post);
  return json(200, post);
}

/** A post with its author's friends, both read at the same time. */
export async function view(
  { user, post }: Pick<Post, 'user' | 'post'>,
  { posts, friends }: { readonly posts: Posts; readonly friends: (user: string) => Promise<number> },
): Promise<ShownPost> {
  const [found, count] = await Promise.all([posts.get(user, post), friends(user)]);
  if (found === undefined) throw new Problem(404, `user ${user} has no post ${post}: publish it first`);
  return { ...found, friends: count };
}

/**
 * The same, once in `keptMs` in each environment: however many look at a post, so many environments read it, each so
 * often. What is kept is bounded; the oldest goes first.
 */
export function keeping(
  show: (key: Pick<Post, 'user' | 'post'>) => Promise<ShownPost>,
  { keptMs, clock }: { readonly keptMs: number; readonly clock: Clock },
): (key: Pick<Post, 'user' | 'post'>) => Promise<Kept<ShownPost>> {
  const answers = new Map<string, Kept<ShownPost>>();
  return async (key) => {
    const label = `${key.user}/${key.post}`;
    const kept = answers.get(label);
    if (kept !== undefined && isFresh(kept, clock(), keptMs)) return kept;
    answers.delete(label);
    const atMs = clock();
    const answer = { value: await show(key), atMs };
    const [oldest] = answers.keys();
    if (oldest !== undefined && answers.size >= limits.answersMax) answers.delete(oldest);
    answers.set(label, answer);
    return answer;
  };
}

/** Writes one side, then the other. */
export async function relateRows(
  { verb, user, other }: Change,
  stores: { readonly users: Users; readonly rows: Rows },
): Promise<Reply> {
  for (const member of [user, other]) if (!(await stores.users.exists(member))) throw unknownUser(member);
  const [mine, theirs] = [await stores.rows.state(user, other), await stores.rows.state(other, user)];
  const decision = decide(verb, mine, theirs);
  if (decision.do === 'refuse') throw blocked(user, other);
  if (decision.do === 'nothing') return related(verb, mine, false);
  await stores.rows.put(user, other, decision.mine);
  await stores.rows.put(other, user, decision.theirs);
  return related(verb, decision.mine, true);
}

/** Writes both sides and adds to both counters in one transaction, whatever was there: only blocks are looked at. */
export async function relateBlindly(
  { verb, user, other }: Change,
  stores: { readonly ledger: Ledger },
): Promise<Reply> {
  const [mine, theirs] = await stores.ledger.parties(user, other);
  for (const { known, side } of [mine, theirs]) if (!known) throw unknownUser(side.user);
  const states = [mine.side.state, theirs.side.state] as const;
  // Asked to befriend, it takes them for strangers; asked to unfriend, for friends.
  const assumed: Partial<Record<Change['verb'], State>> = { befriend: 'none', unfriend: 'friends' };
  const before = states.includes('blocked') ? undefined : assumed[verb];
  const [from, to] = [before ?? states[0], before ?? states[1]];
  const decision = decide(verb, from, to);
  if (decision.do === 'refuse') throw blocked(user, other);
  if (decision.do === 'nothing') return related(verb, states[0], false);
  const sides = [
    { ...mine.side, state: decision.mine },
    { ...theirs.side, state: decision.theirs },
  ];
  const { applied } = await stores.ledger.increment(sides, friends(decision.mine) - friends(from));
  if (!applied) throw busy();
  return related(verb, decision.mine, true);
}

function friends(state: State): number {
  return state === 'friends' ? 1 : 0;
}

/** Decides by what both sides are, and writes over exactly that; what somebody else changed meanwhile is read again. */
export async function relate(
  { verb, user, other }: Change,
  stores: { readonly ledger: Ledger },
  { streamedFrom, clock, patience }: Timing & { readonly streamedFrom: number },
): Promise<Reply> {
  const reply = await retry(races, patience, async () => {
    const [mine, theirs] = await stores.ledger.parties(user, other);
    for (const { known, side } of [mine, theirs] satisfies readonly Party[]) if (!known) throw unknownUser(side.user);
    const decision = decide(verb, mine.side.state, theirs.side.state);
    if (decision.do === 'refuse') throw blocked(user, other);
    if (decision.do === 'nothing') return related(verb, mine.side.state, false);
    const writes = writesOf([mine, decision.mine], [theirs, decision.theirs], streamedFrom);
    const { applied } = await stores.ledger.apply(writes, clock());
    return applied ? related(verb, decision.mine, true) : undefined;
  });
  if (reply === undefined) throw busy();
  return reply;
}

/** Counts the sides of one member that are not counted yet, in transactions of up to 99. A side that is counted stays. */
export async function settle(
  user: string,
  others: readonly string[],
  stores: { readonly ledger: Pick<Ledger, 'sides' | 'apply'> },
  { clock, patience }: Timing,
): Promise<{ readonly settled: number }> {
  let settled = 0;
  for (let from = 0; from < others.length; from += limits.sidesOfTransactionMax) {
    const chunk = others.slice(from, from + limits.sidesOfTransactionMax);
    const done = await retry(races, patience, async () => {
      const { counter, sides } = await stores.ledger.sides(user, chunk);
      const writes = settlingOf(counter, sides);
      if (writes === undefined) return 0;
      const { applied }: Applied = await stores.ledger.apply(writes, clock());
      return applied ? writes.sides.length : undefined;
    });
    // The stream hands the batch over again.
    if (done === undefined) throw new Error(`the sides of ${user} changed ${races.attemptsMax} times: try again`);
    settled += done;
  }
  return { settled };
}

export interface Repaired {
  readonly user: string;
  /** What the counter was wrong by. */
  readonly corrected: number;
  readonly settled: number;
}

/**
 * Recounts until two agree: one to find that a counter was restored, one to suspect a difference, one to believe it. More
 * often than this means that another job repairs the same member.
 */
const recountsMax = 6;

/** What the repair of one member needs of the stores. */
interface RepairStores {
  readonly ledger: Pick<Ledger, 'page' | 'sides' | 'apply'>;
  readonly counters: Pick<Counters, 'fence' | 'correct'>;
}

/**
 * The store, each of whose calls is made again when it throws: the SDK's few attempts, of which its client has a budget,
 * are spent soon in bad times, and a reply that breaks off is not among what it tries again. None of the job's calls does
 * harm when it is made twice.
 */
function persistent<Store extends Readonly<Record<string, (...args: never[]) => Promise<unknown>>>>(
  store: Store,
  { patience }: Timing,
): Store {
  const calls = Object.entries(store).map(([name, call]) => [
    name,
    async (...args: never[]) => persist(persistence, patience, async () => call(...args)),
  ]);
  return Object.fromEntries(calls) as Store;
}

/** All sides of a member, each as it is when its page is read. */
async function* allSides(user: string, ledger: Pick<Ledger, 'page'>): AsyncGenerator<Side> {
  let from: string | undefined;
  do {
    const { sides, next } = await ledger.page(user, from);
    yield* sides;
    from = next;
  } while (from !== undefined);
}

/**
 * Makes a counter equal its sides, in the midst of traffic. A fence begins an epoch; every side that changes after it
 * keeps what was counted before it; so the sides, read one after the other, add up to the moment of the fence, at which
 * the counter is known too. The difference is added, not set: what was counted since stays.
 *
 * A difference is believed when the next recount finds it as well: a transaction that commits at the very fence shows
 * its items one by one to a query (read-committed isolation), for some milliseconds.
 *
 * Epochs only count up, unless the counter was restored from a backup or deleted. Then sides are of epochs that are yet to
 * come, and what they say of them is long past: the next fence is set beyond all of these.
 */
export async function repair(user: string, stores: RepairStores, timing: Timing): Promise<Repaired> {
  const ledger = persistent(stores.ledger, timing);
  const counters = persistent(stores.counters, timing);
  let suspected: number | undefined;
  let known = Infinity;
  let epochs = 1;
  for (let recount = 1; recount <= recountsMax; recount += 1) {
    const { epoch, friends } = await fence(user, epochs, counters, timing);
    const unsettled: string[] = [];
    let counted = 0;
    let latest = 0;
    for await (const side of allSides(user, ledger)) {
      counted += countedAtFence(side, epoch);
      latest = Math.max(latest, side.epoch);
      if (!isSettled(side)) unsettled.push(side.other);
    }
    const isOfFence = tellFence(latest, epoch, known);
    known = latest;
    epochs = Math.max(1, latest - epoch + 1);
    if (!isOfFence) continue;
    const difference = counted - friends;
    if (difference !== 0 && difference !== suspected) {
      suspected = difference;
      continue;
    }
    if (difference !== 0) {
      const { corrected } = await counters.correct({ user, add: difference, epoch });
      // Another job has begun an epoch: what it found counts, or what is found then.
      if (!corrected) continue;
    }
    return { user, corrected: difference, ...(await settle(user, unsettled, { ledger }, timing)) };
  }
  throw new Error(`${recountsMax} recounts of ${user} did not agree: let one repair job run at a time`);
}

async function fence(
  user: string,
  epochs: number,
  counters: RepairStores['counters'],
  { patience }: Timing,
): Promise<Counter> {
  const fenced = await retry(races, patience, async () => counters.fence(user, epochs));
  if (fenced === undefined) throw new Error(`the counter of ${user} is never at rest: let the repair job come again`);
  return fenced;
}

/** Members of one page of a round. */
const membersMax = 25;
/** Time that one member may take. */
const stopBeforeMs = 60_000;
/** Members whom runs may leave and still go on to others: more than this is no misfortune of theirs. */
const leftMax = 100;

export interface Round {
  readonly repaired: number;
  readonly corrected: readonly Repaired[];
  /** Members whose repair failed in this run, and why. */
  readonly failed: readonly string[];
  /** Members who are still to be repaired of those whom the round has passed. */
  readonly left: readonly string[];
  /** All members were visited. Only when none is left as well are all repaired. */
  readonly roundIsOver: boolean;
}

/**
 * Repairs members in turn, as many as time allows; the next run goes on where this one stopped. Members are those who are
 * registered, not those who have a counter: one that somebody deleted is to be found as well.
 *
 * One whose repair fails holds nobody up: they are left, and first in each run until they are repaired. To wait for their
 * turn would be to wait for the next round, which is a day away.
 */
export async function repairRound(
  stores: RepairStores & { readonly users: Pick<Users, 'page'>; readonly repairs: Repairs },
  timing: Timing,
  remainingMs: () => number,
): Promise<Round> {
  const users = persistent(stores.users, timing);
  const repairs = persistent(stores.repairs, timing);
  const progress = await repairs.progress();
  const left = new Set(progress.left);
  let repaired = 0;
  const corrected: Repaired[] = [];
  const failed: string[] = [];

  async function visit(user: string): Promise<void> {
    try {
      const result = await repair(user, stores, timing);
      repaired += 1;
      if (result.corrected !== 0) corrected.push(result);
    } catch (error) {
      const because = (error as Error).message;
      failed.push(`${user}: ${because}`);
      if (left.has(user)) return;
      if (left.size >= leftMax) {
        const what = `${leftMax} counters are left already, and that of ${user} fails too (${because})`;
        throw new Error(`${what}: look for what they have in common`, { cause: error });
      }
      // At once: should the run die, its page is visited again, but those before it are not.
      await repairs.leave(user);
      left.add(user);
      return;
    }
    if (left.delete(user)) await repairs.makeGood(user);
  }
  const stop = (roundIsOver: boolean): Round => ({ repaired, corrected, failed, left: [...left], roundIsOver });

  for (const user of progress.left) {
    if (remainingMs() <= stopBeforeMs) return stop(false);
    await visit(user);
  }
  let { from } = progress;
  do {
    const { users: members, next } = await users.page(from, membersMax);
    for (const user of members) {
      if (remainingMs() <= stopBeforeMs) {
        await repairs.goOn(from);
        return stop(false);
      }
      await visit(user);
      from = user;
    }
    from = next;
    await repairs.goOn(from);
  } while (from !== undefined);
  return stop(true);
}

function related(verb: Change['verb'], state: State, changed: boolean): Reply {
  return json(changed && (verb === 'befriend' || verb === 'block') ? 201 : 200, { state, changed });
}

function unknownUser(user: string): Problem {
  return new Problem(404, `there is no user ${user}: register one first`);
}

function blocked(user: string, other: string): Problem {
  return new Problem(409, `${user} and ${other} cannot be friends: one of them has blocked the other`);
}

function busy(): Problem {
  return new Problem(503, 'others change the same friendship: try again', { headers: { 'retry-after': '1' } });
}
