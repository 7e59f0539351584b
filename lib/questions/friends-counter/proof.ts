import pMap from 'p-map';
import { type Members, members } from '../../../clients/friends-counter/members.ts';
import { sql } from '../../../clients/friends-counter/sql.ts';
import { partitionUnitsMax, viral } from '../../../clients/friends-counter/viral.ts';
import { type Random, randomFrom } from '../../../engines/simulation/random.ts';
import type { Verb } from '../../../lambdas/friends-counter/domain.ts';
import {
  atLeastOnce,
  type Fault,
  type Measured,
  type Proof,
  type Property,
  type Scale,
  type Target,
  type Template,
} from '../../kit/proof.ts';
import { inSql, question } from './question.ts';

const { load } = question;

/** Of means over the views that were asked for: a lost reply is metered, and so is the SDK's next attempt. */
const readsUnderFaults = 'what a lost reply held is read once more, and a killed view has read less';

const properties: readonly Property<'naive' | 'bare-add' | 'improved'>[] = [
  {
    name: 'friends counted wrongly after concurrent changes, retries and crashes',
    unit: 'friends, over all users',
    points: [1],
    tier: 'emulator',
    naive: { exactly: 0 },
    'bare-add': { above: 0 },
    improved: { exactly: 0 },
  },
  {
    name: 'friends of a celebrity counted wrongly after the switch to the stream and back, under traffic',
    unit: 'friends',
    points: [1],
    tier: 'emulator',
    naive: { exactly: 0 },
    'bare-add': { above: 0 },
    improved: { exactly: 0 },
  },
  {
    name: 'friendships that only one of the two has',
    unit: 'sides',
    points: [1],
    tier: 'emulator',
    naive: { above: 0 },
    'bare-add': { exactly: 0 },
    improved: { exactly: 0 },
  },
  {
    name: 'capacity that a post reads when its author has 10 friends',
    unit: 'read units',
    points: [1],
    tier: 'emulator',
    changedByFaults: readsUnderFaults,
    naive: { exactly: 1 },
    'bare-add': { exactly: 1 },
    improved: { exactly: 1 },
  },
  {
    name: 'capacity that a post reads when its author has 1,000 friends',
    unit: 'read units',
    points: [1],
    tier: 'emulator',
    changedByFaults: readsUnderFaults,
    naive: { above: 5 },
    'bare-add': { exactly: 1 },
    improved: { exactly: 1 },
  },
  {
    name: 'capacity that a post reads when its author has 5,000 friends',
    unit: 'read units',
    points: [2],
    tier: 'emulator',
    changedByFaults: readsUnderFaults,
    naive: { above: 25 },
    'bare-add': { exactly: 1 },
    improved: { exactly: 1 },
  },
  {
    name: 'rows that SQL visits for a post whose author has 5,000 friends',
    unit: 'rows',
    points: [2],
    tier: 'bench',
    naive: { atLeast: 5_000 },
    'bare-add': { exactly: 3 },
    improved: { exactly: 3 },
  },
  {
    name: 'writes of a celebrity’s counter for each new friend',
    unit: 'writes',
    points: [1],
    tier: 'emulator',
    naive: { exactly: 0 },
    'bare-add': { exactly: 1 },
    improved: { below: 0.75 },
  },
  {
    name: 'friends that damaged counters are still wrong by after the repair job ran under traffic',
    unit: 'friends, over all damaged counters',
    points: [1],
    tier: 'emulator',
    naive: { exactly: 0 },
    'bare-add': { above: 0 },
    improved: { exactly: 0 },
  },
  {
    name: 'friends that a repaired counter is wrong by when friends come between its fence and its reading',
    unit: 'friends, over all such counters',
    points: [1],
    tier: 'emulator',
    naive: { exactly: 0 },
    'bare-add': { above: 0 },
    improved: { exactly: 0 },
  },
  {
    name: 'friends that a repaired counter is wrong by when its fence falls between a request’s reading and its writing',
    unit: 'friends, over all such counters',
    points: [1],
    tier: 'emulator',
    naive: { exactly: 0 },
    'bare-add': { above: 0 },
    improved: { exactly: 0 },
  },
  {
    name: 'capacity read for a view of a post that is viewed again and again',
    unit: 'read units',
    points: [1],
    tier: 'emulator',
    naive: { exactly: 1 },
    'bare-add': { exactly: 1 },
    improved: { below: 0.5 },
  },
  {
    name: 'capacity read from the hottest partition of a viral post',
    unit: 'read units/second',
    points: [1],
    tier: 'model',
    naive: { above: partitionUnitsMax },
    'bare-add': { above: partitionUnitsMax },
    improved: { atMost: partitionUnitsMax },
  },
];

/** An emulator on two cores answers some fifty requests a second of three variants at once. */
const sizes = {
  small: { people: 8, changes: 60, fans: 14, views: 50 },
  default: { people: 10, changes: 120, fans: 24, views: 100 },
  full: { people: 200, changes: 10_000, fans: 500, views: 2_000 },
} as const satisfies Record<Scale, { people: number; changes: number; fans: number; views: number }>;

const authors = { ten: 10, thousand: 1_000, myriad: 5_000 } as const;
/** Where a counter is switched to the stream: the star is about to get there, the author with 1,000 friends is there. */
const streamedFrom = load.celebrityFriends.value;
const clientsAtOnce = 6;
const settledMaxMs = 300_000;
/** Recounts of a repair that are kept from reading: it takes two when it sees the same twice, and a third to be sure. */
const recountsHeld = 4;

/** The same workload for every variant: what differs is what the variant's outputs offer to look at. */
async function measure(target: Target): Promise<Measured> {
  const { seed, scale, say } = target;
  const size = sizes[scale];
  const session = members(target);
  const random = randomFrom(seed);
  const names = (kind: string, count: number) => Array.from({ length: count }, (_, n) => `${kind}-${n}`);
  const people = names('person', size.people);
  const newcomers = names('newcomer', size.people);
  const fans = names('fan', 2 * size.fans);
  const popular = 'popular';
  const [watched, crossed, passers] = [names('watched', 2), names('crossed', 3), names('passer', 60)];

  say('friends of years');
  const strangers = [...watched, ...crossed, ...passers];
  await session.registerAll([...people, ...newcomers, ...fans, ...Object.keys(authors), 'star', popular, ...strangers]);
  for (const [author, friends] of [
    ...Object.entries(authors),
    ['star', streamedFrom - Math.ceil(size.fans / 2)] as const,
    [popular, streamedFrom / 4] as const,
  ]) {
    await session.befriendAll(author, names('acquaintance', friends));
  }

  await session.register('herald', 'Herald');
  await session.publish('herald', 'first', 'Hello');
  await expectFriends(session, 'herald', 'first', 0);
  // Who is a stranger to the star: a block changes only one of the two sides.
  await session.insist('block', 'herald', 'star', 8);

  say('posts of authors with 10, 1,000 and 5,000 friends');
  const posts = names('post', 3);
  for (const post of posts) await session.publishAll(Object.keys(authors), post);
  const units: Record<string, number> = {};
  for (const [author, friends] of Object.entries(authors)) {
    units[author] = await unitsPerInvocation(target, async () => {
      for (const post of posts) await expectFriends(session, author, post, friends);
    });
  }
  await session.publishAll(['ten'], 'viral');
  const unitsAgain = await unitsPerInvocation(target, async () => {
    // One after the other, in one environment: how many read meanwhile is the model's.
    for (let view = 0; view < size.views; view += 1) await expectFriends(session, 'ten', 'viral', 10);
  });

  say('newcomers whose first request fails, and who never come back');
  await target.faults.arm(session.output('RelateFunction'), [
    { call: 'TransactWriteItems', kind: 'crash-after', nth: 1, times: 2 },
    { call: 'PutItem', kind: 'crash-after', nth: 1, times: 2 },
    { call: 'TransactWriteItems', kind: 'crash-after', share: 0.05 },
    ...atLeastOnce({ call: 'TransactWriteItems', kind: 'lose-reply', share: 0.05 }),
    ...atLeastOnce({ call: 'TransactWriteItems', kind: 'fail', error: 'TransactionCanceledException', share: 0.05 }),
    { call: 'PutItem', kind: 'crash-after', nth: 1, share: 0.05 },
    { call: '*', kind: 'crash-before', share: 0.005 },
  ]);
  await pMap(newcomers, (user, index) => session.ask('befriend', user, people[index]!), { concurrency: clientsAtOnce });
  say('friendships that come and go at the same time, while workers die and clients try again or give up');
  await pMap(changesAmong(people, size.changes, random), (change) => carryOut(session, change), {
    concurrency: clientsAtOnce,
  });

  say('a star’s fans, more than a counter is written for directly, then fewer again');
  const settling = target.outputs['SettleFunction'];
  if (settling !== undefined) {
    await target.faults.arm(settling, [
      { call: 'TransactWriteItems', kind: 'crash-after', nth: 1, times: 2 },
      { call: 'TransactWriteItems', kind: 'crash-before', nth: 1, times: 3 },
      { call: 'TransactWriteItems', kind: 'fail', error: 'TransactionCanceledException', share: 0.1 },
    ]);
  }
  const [early, late] = [fans.slice(0, size.fans), fans.slice(size.fans)];
  const insist = (verb: Verb) => (fan: string) => session.insist(verb, fan, 'star', 8);
  const twice = (fan: string) => Promise.all([insist('befriend')(fan), insist('befriend')(fan)]);
  await pMap(early, twice, { concurrency: clientsAtOnce / 2 });
  await Promise.all([
    pMap(early, insist('unfriend'), { concurrency: clientsAtOnce / 2 }),
    pMap(late, insist('befriend'), { concurrency: clientsAtOnce / 2 }),
  ]);
  await pMap(late.slice(0, -3), insist('unfriend'), { concurrency: clientsAtOnce });
  await target.faults.disarm();
  await untilSettled(session, 'star');
  const mixed = await wrong(session, [...people, ...newcomers, ...early], 'after the changes');
  const starry = await wrong(session, ['star'], 'after the fans');

  say('a celebrity’s new fans');
  const { writes: writesBefore } = await session.counter('thousand');
  await pMap(early, (fan) => session.insist('befriend', fan, 'thousand', 8), { concurrency: clientsAtOnce });
  await untilSettled(session, 'thousand');
  const writes = ((await session.counter('thousand')).writes - writesBefore) / early.length;

  say('damaged counters, repaired while friends come and go');
  const damaged = ['star', popular, ...people.slice(0, 4)];
  for (const [index, user] of damaged.entries()) await session.damage(user, index % 2 === 0 ? 7 : -3);
  await during(
    () => session.repairRound(),
    (signal) => trafficUntil(signal, session, damaged, fans, random),
  );
  for (const user of damaged) await untilSettled(session, user);
  const unrepaired = await wrong(session, damaged, 'after the repair');

  say('counters repaired while the job is kept from reading, and friends come');
  const job = target.outputs['RepairFunction'];
  if (job !== undefined) await target.faults.arm(job, throttled('Query', allBut(4)));
  for (const user of [...watched, ...crossed]) await session.damage(user, 7);
  await pMap(
    watched,
    (user) =>
      during(
        () => session.repair(user),
        (signal) => friendAfterEachFence(signal, session, user, passers),
      ),
    { concurrency: watched.length },
  );
  say('and while their requests are kept from writing');
  await target.faults.arm(session.output('RelateFunction'), throttled('TransactWriteItems', [1, 2, 3]));
  // Twice as long: a request that has read before the fence is to have written before the job reads.
  if (job !== undefined) await target.faults.arm(job, throttled('Query', allBut(8)));
  await pMap(
    crossed,
    (user, index) =>
      during(
        () => session.repair(user),
        (signal) => friendsOneByOne(signal, session, user, passers.slice(20 * index, 20 * (index + 1))),
      ),
    { concurrency: crossed.length },
  );
  await target.faults.disarm();
  const betweenFenceAndReading = await wrong(session, watched, 'after late friends');
  const acrossFence = await wrong(session, crossed, 'after friends across a fence');

  return {
    'friends counted wrongly after concurrent changes, retries and crashes': mixed.miscounted,
    'friends of a celebrity counted wrongly after the switch to the stream and back, under traffic': starry.miscounted,
    'friendships that only one of the two has': mixed.halves,
    'capacity that a post reads when its author has 10 friends': units['ten']!,
    'capacity that a post reads when its author has 1,000 friends': units['thousand']!,
    'capacity that a post reads when its author has 5,000 friends': units['myriad']!,
    'rows that SQL visits for a post whose author has 5,000 friends': rowsVisited(session),
    'writes of a celebrity’s counter for each new friend': writes,
    'friends that damaged counters are still wrong by after the repair job ran under traffic': unrepaired.miscounted,
    'friends that a repaired counter is wrong by when friends come between its fence and its reading':
      betweenFenceAndReading.miscounted,
    'friends that a repaired counter is wrong by when its fence falls between a request’s reading and its writing':
      acrossFence.miscounted,
    'capacity read for a view of a post that is viewed again and again': unitsAgain,
    'capacity read from the hottest partition of a viral post': viral({
      seed,
      viewsPerSecond: load.viralViews.value,
      seconds: 5,
      handlerMs: load.handlerMs.value,
      coldStartMs: 300,
      // The post itself is in another partition.
      unitsPerRead: units['myriad']! - 0.5,
      keptMs: keptMsOf(target.templates['main']!),
      warmEnvironments: 0,
    }).unitsPerSecond,
  };
}

async function unitsPerInvocation(target: Target, work: () => Promise<void>): Promise<number> {
  const sinceMs = Date.now();
  await work();
  const { readUnits, invocations } = await target.usage(sinceMs);
  if (invocations > 0) return readUnits / invocations;
  throw new Error(`no log line of a view has arrived since ${new Date(sinceMs).toISOString()}`);
}

async function expectFriends(session: Members, user: string, post: string, friends: number): Promise<void> {
  const shown = await session.view(user, post);
  if (shown.friends !== friends) throw new Error(`${user} has ${friends} friends, and the post shows ${shown.friends}`);
}

interface PlannedChange {
  readonly verb: Verb;
  readonly user: string;
  readonly other: string;
  /** Requests at the same moment: a double click; the other one too. */
  readonly twice: 'no' | 'by the user' | 'by both';
  readonly attemptsMax: number;
}

function changesAmong(people: readonly string[], count: number, random: Random): readonly PlannedChange[] {
  return Array.from({ length: count }, () => {
    const user = random.below(people.length);
    const other = (user + 1 + random.below(people.length - 1)) % people.length;
    const dice = random.below(100);
    const verb: Verb = dice < 55 ? 'befriend' : dice < 90 ? 'unfriend' : dice < 93 ? 'block' : 'unblock';
    return {
      verb,
      user: people[user]!,
      other: people[other]!,
      twice: random.share(0.15) ? 'by the user' : random.share(0.15) ? 'by both' : 'no',
      attemptsMax: random.share(0.25) ? 1 : 6,
    };
  });
}

async function carryOut(session: Members, { verb, user, other, twice, attemptsMax }: PlannedChange): Promise<void> {
  await Promise.all([
    session.insist(verb, user, other, attemptsMax),
    ...(twice === 'by the user' ? [session.insist(verb, user, other, attemptsMax)] : []),
    ...(twice === 'by both' ? [session.insist(verb, other, user, attemptsMax)] : []),
  ]);
}

/** Friends of these users come and go until somebody says stop, and at least once each. */
async function trafficUntil(
  signal: AbortSignal,
  session: Members,
  users: readonly string[],
  fans: readonly string[],
  random: Random,
): Promise<void> {
  await pMap(
    users,
    async (user) => {
      do {
        const fan = fans[random.below(fans.length)]!;
        await session.insist(random.share(0.5) ? 'befriend' : 'unfriend', fan, user, 8);
      } while (!signal.aborted);
    },
    { concurrency: users.length },
  );
}

/** Does the work while the traffic goes on, which is told when it is done. */
async function during(work: () => Promise<unknown>, traffic: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const done = new AbortController();
  const going = traffic(done.signal);
  try {
    await work();
  } finally {
    done.abort();
    await going;
  }
}

/** The nth such calls of an invocation are throttled: the SDK waits up to 1, 2 and 4 s, and makes the same call again. */
function throttled(call: string, nths: readonly number[]): readonly Fault[] {
  return nths.map((nth) => ({ call, kind: 'fail', error: 'ThrottlingException', nth }));
}

/** All calls but each nth. Of a user with few friends a recount takes one query. */
function allBut(nth: number): readonly number[] {
  return Array.from({ length: recountsHeld * nth }, (_, index) => index + 1).filter((call) => call % nth !== 0);
}

/** One friend more as soon as a fence is seen: the same number after each, so that two recounts could agree on it. */
async function friendAfterEachFence(
  signal: AbortSignal,
  session: Members,
  user: string,
  fans: readonly string[],
): Promise<void> {
  let { epoch: seen } = await session.counter(user);
  for (const fan of fans) {
    let epoch = seen;
    while (epoch === seen) {
      if (signal.aborted) return;
      ({ epoch } = await session.counter(user));
    }
    seen = epoch;
    await session.insist('befriend', fan, user, 8);
  }
}

/** One request at a time, so that each fence finds one that has read and not written: they take little time but for that. */
async function friendsOneByOne(
  signal: AbortSignal,
  session: Members,
  user: string,
  fans: readonly string[],
): Promise<void> {
  for (const fan of fans) {
    if (signal.aborted) return;
    await session.insist('befriend', fan, user, 8);
  }
}

/** What the stream's batches have not counted yet is no error, as long as it is counted soon. */
async function untilSettled(session: Members, user: string): Promise<void> {
  const deadlineMs = Date.now() + settledMaxMs;
  while (Date.now() < deadlineMs) {
    const sides = await session.sides(user);
    if (sides.every(({ state, counted }) => counted === undefined || (state === 'friends') === (counted === 1))) return;
  }
  throw new Error(`the stream has not counted the sides of ${user} in ${settledMaxMs / 1000} s`);
}

interface Wrong {
  /** Shown too many or too few, added up. */
  readonly miscounted: number;
  /** Sides of a friendship of which the other has none. */
  readonly halves: number;
}

/** What posts show against the sides that are stored. */
async function wrong(session: Members, users: readonly string[], post: string): Promise<Wrong> {
  const id = post.replaceAll(' ', '-');
  await session.publishAll(users, id);
  const sides = new Map<string, ReadonlySet<string>>();
  let miscounted = 0;
  for (const user of users) {
    const friends = (await session.sides(user)).filter(({ state }) => state === 'friends');
    sides.set(user, new Set(friends.map(({ other }) => other)));
    miscounted += Math.abs((await session.view(user, id)).friends - friends.length);
  }
  const halves = [...sides].flatMap(([user, others]) =>
    [...others].filter((other) => sides.has(other) && !sides.get(other)!.has(user)),
  );
  return { miscounted, halves: halves.length };
}

/** What the design would read in SQL for the same author: its outputs' query on its outputs' tables, in this process. */
function rowsVisited(session: Members): number {
  const database = sql({ ...inSql, schema: session.output('SqlSchema') });
  try {
    const friends = Array.from({ length: authors.myriad }, (_, n) => `acquaintance-${n}`);
    database.register(['myriad', ...friends]);
    database.befriend('myriad', friends);
    database.publish('myriad', 'post', 'text');
    const { visited, friends: found } = database.view(session.output('SqlView'), 'myriad', 'post');
    if (found !== authors.myriad) throw new Error(`SQL finds ${found} friends of ${authors.myriad}`);
    return Object.values(visited).reduce((sum, rows) => sum + rows, 0);
  } finally {
    database.close();
  }
}

/** How long the deployed view keeps what it read: what its template says; not at all when it says nothing. */
function keptMsOf({ Resources }: Template): number {
  const kept = Object.values(Resources).map(({ Properties }) => {
    const { Variables } = (Properties?.['Environment'] ?? {}) as { readonly Variables?: Record<string, unknown> };
    return Number(Variables?.['KEPT_MS'] ?? 0);
  });
  return Math.max(...kept);
}

const settles = 'it settles what it finds unsettled, which the stream mostly did before';

const unusedGrants: (typeof proof)['unusedGrants'] = {
  improved: {
    'Repair dynamodb:BatchGetItem Counters': settles,
    'Repair dynamodb:BatchGetItem Friends': settles,
    'Repair dynamodb:PutItem Friends': settles,
  },
};

export const proof: Proof<'naive' | 'bare-add' | 'improved'> = { properties, unusedGrants, measure };
