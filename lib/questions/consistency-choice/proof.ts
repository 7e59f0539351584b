import { setTimeout as sleep } from 'node:timers/promises';
import { type Buffering, type CountingResult, runCounting } from '../../../clients/consistency-choice/counting.ts';
import { answerRequests, behindMaxMs, heavyTail, staleReads } from '../../../clients/consistency-choice/model.ts';
import { operator } from '../../../clients/consistency-choice/operator.ts';
import { makeClicks, sendAll, sendUntilAnswered } from '../../../clients/consistency-choice/visitors.ts';
import { type Random, randomFrom } from '../../../engines/simulation/random.ts';
import {
  type CachePolicy,
  type Click,
  type Consistency,
  consistencyOf,
  type Entry,
  policyOf,
} from '../../../lambdas/consistency-choice/domain.ts';
import {
  atLeastOnce,
  type HttpClient,
  type Measured,
  type Proof,
  type Property,
  type Scale,
  type Target,
  type Template,
} from '../../kit/proof.ts';
import { question } from './question.ts';

const properties: readonly Property[] = [
  {
    name: 'cents by which balances differ from their entries, after races and crashes',
    unit: 'cents',
    points: [1],
    tier: 'emulator',
    naive: { above: 0 },
    improved: { exactly: 0 },
  },
  {
    name: 'balances that a read finds older than an acknowledged entry',
    unit: 'reads of 20,000',
    points: [1],
    tier: 'model',
    naive: { exactly: 0 },
    improved: { exactly: 0 },
  },
  {
    name: 'read units of a balance',
    unit: 'read units',
    points: [1],
    tier: 'emulator',
    changedByFaults: 'what a lost reply held is read once more',
    naive: { exactly: 1 },
    improved: { exactly: 1 },
  },
  {
    name: 'clicks that the count misses or has too often, after duplicates and crashes',
    unit: 'clicks',
    points: [2],
    tier: 'emulator',
    naive: { above: 0 },
    improved: { exactly: 0 },
  },
  {
    name: 'write units of a click',
    unit: 'write units',
    points: [2],
    tier: 'emulator',
    changedByFaults: 'a transaction is sent again when its reply was lost or another was in its way',
    naive: { atLeast: 1 },
    improved: { atMost: 0.05 },
  },
  {
    name: 'write units of a click in two minutes of the load, on 20 pages',
    unit: 'write units',
    points: [2],
    tier: 'model',
    naive: { atLeast: 1 },
    improved: { atMost: 0.05 },
  },
  {
    name: 'write units of a click in half a minute of the peak, on one page',
    unit: 'write units',
    points: [2],
    tier: 'model',
    naive: { atLeast: 1 },
    improved: { atMost: 0.05 },
  },
  {
    name: 'read units of a count',
    unit: 'read units',
    points: [2],
    tier: 'emulator',
    changedByFaults: 'what a lost reply held is read once more',
    naive: { exactly: 1 },
    improved: { exactly: 0.5 },
  },
  {
    name: 'clicks of half a minute’s peak on one page that are refused, or not counted within a minute',
    unit: 'share of the clicks',
    points: [2],
    tier: 'model',
    naive: { above: 0.4 },
    improved: { exactly: 0 },
  },
  {
    name: 'counts that a read finds older than an acknowledged write',
    unit: 'reads of 20,000',
    points: [2],
    tier: 'model',
    naive: { exactly: 0 },
    improved: { above: 0 },
  },
  {
    name: 'time that a count is behind its clicks where it is read, replicas lagging',
    unit: 'seconds',
    points: [2],
    tier: 'model',
    naive: { exactly: 0 },
    improved: { atMost: question.load.countBehind.value },
  },
  {
    name: 'longest time until a count shows a click, consumers crashing',
    unit: 'seconds',
    points: [2],
    tier: 'model',
    naive: { exactly: 0 },
    improved: { atMost: 240 },
  },
  {
    name: 'clicks that end as dead letters, consumers crashing',
    unit: 'share of the clicks',
    points: [2],
    tier: 'model',
    naive: { exactly: 0 },
    improved: { atMost: 0.01 },
  },
  {
    name: 'answers that waited for a dependency of 500 ms beyond the 20 ms that they may take',
    unit: 'share of the answers',
    points: [3],
    tier: 'emulator',
    naive: { exactly: 1 },
    improved: { exactly: 0 },
  },
  {
    name: 'answers that are older than they say',
    unit: 'answers',
    points: [3],
    tier: 'emulator',
    naive: { exactly: 0 },
    improved: { exactly: 0 },
  },
  {
    name: '99.9th percentile of the handler’s time, the dependency being heavy-tailed',
    unit: 'ms',
    points: [3],
    tier: 'model',
    naive: { above: 500 },
    improved: { atMost: question.load.deadline.value },
  },
  {
    name: 'age of the oldest answer while the dependency is away',
    unit: 'seconds',
    points: [3],
    tier: 'model',
    naive: { exactly: 0 },
    improved: { atMost: 60 },
  },
];

/**
 * An emulator on two cores answers some 30 requests a second; more would show the same. The undisturbed clicks are what
 * comes into one batch: as many of each page as at the load, and over several windows; fewer would make a batch so small
 * that rounding up to whole units is most of its price.
 */
const sizes = {
  small: { entries: 30, disturbed: 60, clicks: 700, pages: 3, clicksPerSecond: 100, answers: 12 },
  default: { entries: 80, disturbed: 300, clicks: 700, pages: 3, clicksPerSecond: 100, answers: 20 },
  full: { entries: 2_000, disturbed: 2_000, clicks: 5_000, pages: 20, clicksPerSecond: 250, answers: 100 },
} as const satisfies Record<Scale, object>;

const clientsAtOnce = 8;
const readsToMeter = 10;
const meteringsMax = 10;

/** The same workload for every variant: what differs is what the variant's outputs offer to pause and to wait for. */
async function measure(target: Target): Promise<Measured> {
  const session = operator(target);
  const http = target.http(session.output('ApiId'));
  const random = randomFrom(target.seed);
  const balances = await moveMoney(target, http, random);
  const clicks = await countClicks(target, http, random);
  const understated = await askWhileRankingChanges(target, http);
  const waitedShare = await askWhileSlow(target, http);

  target.say('models of lag, throttling, freezing and a heavy tail');
  const deployed = choicesOf(target.templates['main']!);
  const { policy, buffering } = deployed;
  const { load } = question;
  const gapMeanMs = (1000 * load.environments.value) / load.answers.value;
  const day = { seed: target.seed, policy, gapMeanMs, topics: load.topics.value };
  const clicking = { seed: target.seed, buffering };
  const even = runCounting({ ...clicking, clicksPerSecond: load.clicks.value, pages: load.pages.value, seconds: 120 });
  const peak = runCounting({ ...clicking, clicksPerSecond: load.clicksAtPeak.value, pages: 1, seconds: 30 });
  // A twentieth of the load has as many batches, since their window ends them, and takes an hour to simulate.
  const crashing = runCounting({
    ...clicking,
    clicksPerSecond: load.clicks.value / 20,
    pages: load.pages.value,
    seconds: 3_600,
    crashShare: 0.2,
  });
  const behindS = ({ counted }: CountingResult) => behindMaxMs(target.seed, deployed.count, counted) / 1000;
  return {
    'cents by which balances differ from their entries, after races and crashes': balances.differenceCents,
    'balances that a read finds older than an acknowledged entry': staleReads(target.seed, deployed.balance),
    'read units of a balance': balances.readUnits,
    'clicks that the count misses or has too often, after duplicates and crashes': clicks.wrong,
    'write units of a click': clicks.writeUnits,
    'write units of a click in two minutes of the load, on 20 pages': even.writeUnitsOfAClick,
    'write units of a click in half a minute of the peak, on one page': peak.writeUnitsOfAClick,
    'read units of a count': clicks.readUnits,
    'clicks of half a minute’s peak on one page that are refused, or not counted within a minute': peak.lateShare,
    'counts that a read finds older than an acknowledged write': staleReads(target.seed, deployed.count),
    'time that a count is behind its clicks where it is read, replicas lagging': behindS(even),
    'longest time until a count shows a click, consumers crashing': behindS(crashing),
    'clicks that end as dead letters, consumers crashing': crashing.deadShare,
    'answers that waited for a dependency of 500 ms beyond the 20 ms that they may take': waitedShare,
    'answers that are older than they say': understated,
    '99.9th percentile of the handler’s time, the dependency being heavy-tailed': answerRequests({
      ...day,
      requests: 200_000,
      dependencyMs: heavyTail,
    }).handlerMsP999,
    // Well for a minute, then silent for ten.
    'age of the oldest answer while the dependency is away':
      answerRequests({
        ...day,
        requests: Math.ceil((11 * 60_000) / gapMeanMs),
        dependencyMs: (from, atMs) => (atMs < 60_000 ? heavyTail(from) : Infinity),
      }).oldestMs / 1000,
  };
}

/** Entries into two accounts, from many clients at once, some sent twice; writers crash and replies get lost. */
async function moveMoney(target: Target, http: HttpClient, random: Random) {
  const accounts = ['alice', 'bob'];
  const entries = Array.from({ length: sizes[target.scale].entries }, (_, index): Entry => {
    const cents = 1 + random.below(2_000);
    return { account: accounts[index % 2]!, id: `e-${index}`, amount: index > 4 && random.share(0.3) ? -cents : cents };
  });
  target.say(`${entries.length} entries into ${accounts.length} accounts, while their writers crash`);
  for (const writer of target.outputs['Enterers']!.split(',')) {
    await target.faults.arm(writer, [
      { call: 'PutItem', kind: 'crash-after', nth: 1, times: 2 },
      ...['PutItem', 'TransactWriteItems'].flatMap((call) =>
        atLeastOnce({ call, kind: 'lose-reply', nth: 1, share: 0.1 }),
      ),
      { call: 'TransactWriteItems', kind: 'crash-before', times: 1 },
      { call: 'TransactWriteItems', kind: 'crash-after', times: 2 },
    ]);
  }
  const replies = await sendAll(
    entries,
    ({ account, id, amount }) => ({ method: 'PUT', path: `/accounts/${account}/entries/${id}`, body: { amount } }),
    http,
    { random, twiceShare: 0.25, atOnce: clientsAtOnce },
  );
  await target.faults.disarm();

  let differenceCents = 0;
  for (const account of accounts) {
    const accepted = entries.filter((entry) => entry.account === account && isDone(replies.get(entry)));
    const { balance } = await readJson(http, `/accounts/${account}/balance`);
    differenceCents += Math.abs(Number(balance) - accepted.reduce((sum, { amount }) => sum + amount, 0));
  }
  return { differenceCents, readUnits: await readUnitsOf(target, http, '/accounts/alice/balance') };
}

/**
 * Clicks at the rate of a peak, some sent twice: first while whoever counts them crashes and replies get lost, then
 * undisturbed, which is when they are metered. A killed process tells nothing of the writes that it had under way.
 */
async function countClicks(target: Target, http: HttpClient, random: Random) {
  const session = operator(target);
  const { disturbed, clicks: count, pages: pageCount, clicksPerSecond } = sizes[target.scale];
  const pages = ['front', 'about', ...Array.from({ length: pageCount - 2 }, (_, index) => `page-${index}`)];
  const accepted: Click[] = [];
  const send = async (clicks: readonly Click[]): Promise<void> => {
    const replies = await sendAll(
      clicks,
      ({ page, id }) => ({ method: 'PUT', path: `/pages/${page}/clicks/${id}` }),
      http,
      { random, twiceShare: 0.1, atOnce: clientsAtOnce },
    );
    accepted.push(...clicks.filter((click) => isDone(replies.get(click))));
  };
  const rate = question.load.clicksAtPeak.value;

  target.say(`${disturbed} clicks, while whoever counts them crashes`);
  await session.pauseConsumer();
  for (const writer of target.outputs['ClickCounters']!.split(',')) {
    await target.faults.arm(writer, [
      { call: 'UpdateItem', kind: 'crash-after', times: 3 },
      { call: 'SendMessage', kind: 'crash-after', times: 3 },
      ...['UpdateItem', 'SendMessage'].flatMap((call) =>
        atLeastOnce({ call, kind: 'lose-reply', nth: 1, share: 0.05 }),
      ),
      { call: 'TransactWriteItems', kind: 'crash-after', times: 1 },
    ]);
  }
  await send(makeClicks(random, disturbed, ['front', 'front', 'about'], Date.now(), rate));
  await session.resumeConsumer();
  await session.drained();
  await target.faults.disarm();

  target.say(`${count} clicks, undisturbed`);
  await session.pauseConsumer();
  const sinceMs = Date.now();
  await send(makeClicks(random, count, pages, sinceMs, clicksPerSecond));
  await session.resumeConsumer();
  await session.drained();
  const usage = await target.usage(sinceMs);
  if (usage.writeUnits === 0 || usage.messages.deleted < usage.messages.sent)
    throw new Error('not every click that was counted was metered: the functions’ logs are not complete');

  let wrong = 0;
  for (const page of pages) {
    const { clicks: counted } = await readJson(http, `/pages/${page}/clicks`);
    wrong += Math.abs(Number(counted) - accepted.filter((click) => click.page === page).length);
  }
  return {
    wrong,
    writeUnits: usage.writeUnits / count,
    readUnits: await readUnitsOf(target, http, '/pages/front/clicks'),
  };
}

interface SuggestionsBody {
  readonly version: number;
  readonly source: 'current' | 'stale' | 'fallback';
  readonly ageMs?: number;
}

/** Suggestions of a service that is quick at first, then takes 500 ms, while its ranking changes twice. */
async function askWhileRankingChanges(target: Target, http: HttpClient): Promise<number> {
  const session = operator(target);
  const slowMs = question.load.slowDependency.value;
  target.say('suggestions while their ranking changes');
  /** When each version was replaced: no later question to the service can have got it. */
  const replacedAtMs = new Map<number, number>();
  const change = async (version: number, delayMs: number) => {
    await session.setRanking('front', { suggestions: [`of version ${version}`], version }, delayMs);
    replacedAtMs.set(version - 1, Date.now());
  };
  let understated = 0;
  const ask = async (): Promise<SuggestionsBody> => {
    const sentAtMs = Date.now();
    const { body } = await suggest(http, 'front');
    const replaced = replacedAtMs.get(body.version);
    const isOld = replaced !== undefined && body.source !== 'fallback' && (body.ageMs ?? 0) < sentAtMs - replaced;
    if (isOld) understated += 1;
    return body;
  };
  /** Returns all answers. */
  const askUntil = async (isEnough: (body: SuggestionsBody) => boolean) => {
    const bodies: SuggestionsBody[] = [];
    for (;;) {
      const body = await ask();
      bodies.push(body);
      if (isEnough(body)) return bodies;
      if (bodies.length > answersMax)
        throw new Error(`${bodies.length} answers, and the last is still ${JSON.stringify(body)}`);
      await sleep(askAgainMs);
    }
  };

  await change(1, 0);
  await askUntil(({ version }) => version === 1);
  for (let version = 2; ; version += 2) {
    await change(version, slowMs);
    // Until the cache is behind: the service is being asked for this version at that moment, and gets another.
    const before = await askUntil(({ source, version: seen }) => source === 'stale' || seen === version);
    // By now the service has looked, and has not replied: what it found is old before it arrives.
    await sleep(slowMs / 2);
    await change(version + 1, slowMs);
    const after = await askUntil(({ version: seen }) => seen === version + 1);
    // On a busy machine it may have looked too late, or replied by then: once more.
    const arrivedOld = after.findIndex(({ version: seen }) => seen === version) > 0;
    if (before.at(-1)!.source !== 'stale' || arrivedOld) return understated;
    if (version >= versionsMax) {
      target.say('no answer was under way when its ranking was replaced: ages are not put to the test');
      return understated;
    }
  }
}

/**
 * Share of the answers that waited for a service that takes 500 ms: the first to a topic, which asks the service, and the
 * next, which finds it being asked. A busy machine is late now and then, a handler that waits is so each time: two
 * answers of which one is late are asked for again, of another topic, and each counts by its best time.
 */
async function askWhileSlow(target: Target, http: HttpClient): Promise<number> {
  const session = operator(target);
  const { slowDependency, deadline } = question.load;
  const slowMs = slowDependency.value;
  target.say(`suggestions of a service that takes ${slowMs} ms`);
  let topics = 0;
  const askTwice = async (): Promise<readonly number[]> => {
    topics += 1;
    const topic = `slow-${topics}`;
    await session.setRanking(topic, { suggestions: [topic], version: 1 }, slowMs);
    const times = [(await suggest(http, topic)).handlerMs, (await suggest(http, topic)).handlerMs];
    // So that the service is asked for one topic at a time.
    await sleep(slowMs);
    return times;
  };
  const isLate = (ms: number) => ms > deadline.value;
  const answersWanted = sizes[target.scale].answers;
  // Bounded, since a handler that waits has nothing but late answers.
  let [answers, late, againLeft] = [0, 0, answersWanted as number];
  while (answers < answersWanted) {
    let times = await askTwice();
    for (; times.some(isLate) && againLeft > 0; againLeft -= 1) {
      const others = await askTwice();
      times = times.map((ms, index) => Math.min(ms, others[index]!));
    }
    answers += times.length;
    late += times.filter(isLate).length;
  }
  return late / answers;
}

async function suggest(http: HttpClient, topic: string) {
  const { status, headers, body } = await sendUntilAnswered(http, { method: 'GET', path: `/suggestions/${topic}` });
  if (status !== 200) throw new Error(`suggestions answered ${status}: ${body}`);
  const [, ms] = /^handler;dur=([\d.]+)$/.exec(headers['server-timing'] ?? '') ?? [];
  if (ms === undefined) throw new Error(`no time of the handler in Server-Timing "${headers['server-timing']}"`);
  return { handlerMs: Number(ms), body: JSON.parse(body) as SuggestionsBody };
}

/** Six times at the most. */
const versionsMax = 12;
/** A cache is fresh for seconds: the answers that are asked for until it is not are many times this apart at the most. */
const [answersMax, askAgainMs] = [1_000, 50];

function isDone(reply: { readonly status: number } | undefined): boolean {
  return reply !== undefined && reply.status < 300;
}

async function readJson(http: HttpClient, path: string): Promise<Readonly<Record<string, unknown>>> {
  const reply = await sendUntilAnswered(http, { method: 'GET', path });
  if (reply.status !== 200) throw new Error(`GET ${path} answered ${reply.status}: ${reply.body}`);
  return JSON.parse(reply.body) as Record<string, unknown>;
}

/** ConsumedCapacity of one such read. A line of another invocation that comes late would be in the sum: then again. */
async function readUnitsOf(target: Target, http: HttpClient, path: string): Promise<number> {
  for (let attempt = 1; attempt <= meteringsMax; attempt += 1) {
    const sinceMs = Date.now();
    for (let read = 0; read < readsToMeter; read += 1) await readJson(http, path);
    const { invocations, readUnits } = await target.usage(sinceMs);
    if (invocations === readsToMeter) return readUnits / readsToMeter;
  }
  throw new Error(`reads of ${path} could not be metered alone in ${meteringsMax} attempts`);
}

interface Choices {
  readonly balance: Consistency;
  readonly count: Consistency;
  readonly buffering?: Buffering;
  readonly policy?: CachePolicy;
}

/** What was deployed, for the models: they run with the numbers of the template. */
function choicesOf({ Resources }: Template): Choices {
  const find = (type: string, id: string) =>
    Object.entries(Resources).find(([name, { Type }]) => Type === type && name.startsWith(id))?.[1].Properties;
  const variablesOf = (id: string) =>
    (find('AWS::Lambda::Function', id)!['Environment'] as { Variables: Record<string, string> }).Variables;
  const mapping = find('AWS::Lambda::EventSourceMapping', 'Count');
  const queue = find('AWS::SQS::Queue', 'ClicksQueue');
  const cache = variablesOf('Suggest');
  return {
    balance: consistencyOf(variablesOf('ReadBalance')['READ_CONSISTENCY']!),
    count: consistencyOf(variablesOf('ReadClicks')['READ_CONSISTENCY']!),
    ...(mapping === undefined || queue === undefined
      ? {}
      : {
          buffering: {
            batchSize: mapping['BatchSize'] as number,
            windowMs: (mapping['MaximumBatchingWindowInSeconds'] as number) * 1000,
            visibilityMs: (queue['VisibilityTimeout'] as number) * 1000,
            receivesMax: (queue['RedrivePolicy'] as { maxReceiveCount: number }).maxReceiveCount,
            consumers: (mapping['ScalingConfig'] as { MaximumConcurrency: number }).MaximumConcurrency,
          },
        }),
    ...(cache['WAIT_MAX_MS'] === undefined
      ? {}
      : {
          policy: policyOf({
            freshForMs: cache['FRESH_FOR_MS']!,
            staleForMs: cache['STALE_FOR_MS']!,
            waitMaxMs: cache['WAIT_MAX_MS'],
            landMaxMs: cache['LAND_MAX_MS']!,
            refreshMaxMs: cache['REFRESH_MAX_MS']!,
            refreshGapMs: cache['REFRESH_GAP_MS']!,
          }),
        }),
  };
}

export const proof: Proof = { properties, measure };
