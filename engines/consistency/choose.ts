import { costOf, type MonthlyUsage } from '../estimate/cost.ts';

/** The five questions, and what each may be answered. */
export const questions = {
  stale: {
    asks: 'how long may an answer be out of date?',
    answers: ['never', 'second', 'minute'],
  },
  money: {
    asks: 'is money or uniqueness at stake: may a write depend on what was read?',
    answers: ['yes', 'no'],
  },
  'own-writes': {
    asks: 'must whoever wrote see it at once?',
    answers: ['yes', 'no'],
  },
  deadline: {
    asks: 'by when must an answer be there, whatever its dependencies do?',
    answers: ['20ms', 'none'],
  },
  hot: {
    asks: 'is one item written more than 1,000 times a second?',
    answers: ['yes', 'no'],
  },
} as const satisfies Readonly<Record<string, { readonly asks: string; readonly answers: readonly string[] }>>;

export type QuestionName = keyof typeof questions;

export type Answers = { readonly [Name in QuestionName]: (typeof questions)[Name]['answers'][number] };

/** What to do, the setting of AWS that does it, and what a million of them costs. */
export interface Setting {
  readonly does: string;
  readonly setting: string;
  /** USD for a million, at the list prices of engines/estimate. */
  readonly usdPerMillion: number;
  /** What the million is made of, in the price book's units. */
  readonly usage: MonthlyUsage;
  readonly why: string;
}

export interface Choice {
  readonly consistency: 'strong' | 'eventual';
  readonly reason: string;
  readonly read: Setting;
  readonly write: Setting;
  /** Where the answers ask for more than one design can give. */
  readonly cautions: readonly string[];
}

/**
 * How long a cached answer is fresh, and answers in 100 for which a cache then asks: 1 / (1 + 0.25 x fresh), an item
 * being wanted every 4 s.
 */
const caching = { second: { freshSeconds: 1, refreshesIn100: 80 }, minute: { freshSeconds: 10, refreshesIn100: 29 } };
const million = 1_000_000;

const reads = {
  strong: () =>
    priced({
      does: 'read from the leader of the partition',
      setting:
        'GetItem, Query: ConsistentRead: true (tables and local indexes only; a global index has no strong read)',
      usage: { 'dynamodb.readUnits': million },
      why: 'a strong read shows every write that was acknowledged before it, for one unit each 4 KB',
    }),
  eventual: () =>
    priced({
      does: 'read from any replica',
      setting: 'GetItem, Query: ConsistentRead: false, the default; global indexes and replicas as well',
      usage: { 'dynamodb.readUnits': million / 2 },
      why: 'a replica is usually behind by less than a second, and its read costs half',
    }),
  cached: ({ freshSeconds, refreshesIn100 }: (typeof caching)[keyof typeof caching]) =>
    priced({
      does: 'answer from the process, and refresh within the deadline',
      setting:
        'a cache in the function, stale while it revalidates, with an age limit and a declared fallback; the refresh ' +
        'is an eventual read',
      usage: { 'dynamodb.readUnits': (million / 2 / 100) * refreshesIn100 },
      why: `nothing over the network has a bound of 20 ms; a cache has, and asks for ${refreshesIn100} answers in 100 where a process is asked for an item every 4 s, and ${freshSeconds} s ${freshSeconds === 1 ? 'is' : 'are'} fresh`,
    }),
} as const;

const writes = {
  transaction: () =>
    priced({
      does: 'decide and write in one transaction',
      setting: 'TransactWriteItems with a ConditionExpression on each item, and an item for the request itself',
      usage: { 'dynamodb.writeUnits': 4 * million },
      why: 'what is read before a write may have changed: the condition is checked where the write happens; two items, at twice the units',
    }),
  conditional: () =>
    priced({
      does: 'write the item on a condition',
      setting: 'UpdateItem with a ConditionExpression on a version or on the value itself',
      usage: { 'dynamodb.writeUnits': million },
      why: 'one item needs no transaction, and a lost race is refused instead of overwritten',
    }),
  plain: () =>
    priced({
      does: 'write the item',
      setting: 'PutItem or UpdateItem with ADD',
      usage: { 'dynamodb.writeUnits': million },
      why: 'the last writer may win, and additions commute',
    }),
  buffered: () =>
    priced({
      does: 'put the write in a queue, and add up a batch at a time',
      setting: 'SQS, an event source with a batching window, shards of the counter, marks of what was counted',
      usage: { 'sqs.requests': 1.2 * million, 'dynamodb.writeUnits': million / 20 },
      why: 'a partition takes 1,000 write units a second; a batch turns many writes into a few, some seconds later: a twentieth where it has 250 of each item, more where it has fewer',
    }),
} as const;

/**
 * The decision table. Strong when being wrong costs more than being slow: money, uniqueness, an answer that may never be
 * old, or a caller who looks at its own write. Everything else is eventual, in the form that the deadline and the rate
 * of writes ask for.
 */
export function choose(answers: Answers): Choice {
  const hot = answers.hot === 'yes';
  const quick = answers.deadline === '20ms';
  const reason = reasonForStrong(answers);
  if (reason === undefined) {
    return {
      consistency: 'eventual',
      reason: `an answer may be a ${answers.stale} old, and no write depends on it`,
      read: quick ? reads.cached(caching[answers.stale === 'second' ? 'second' : 'minute']) : reads.eventual(),
      write: hot ? writes.buffered() : writes.plain(),
      cautions: [
        ...(quick && answers.stale === 'second'
          ? ['a refresh may arrive later than a second: then the answer is the declared fallback, not an older one']
          : []),
        ...(hot
          ? [
              `a queue shows writes after its batching window, and minutes later after crashes: a ${answers.stale} is not promised`,
            ]
          : []),
      ],
    };
  }
  const money = answers.money === 'yes';
  return {
    consistency: 'strong',
    reason,
    read: reads.strong(),
    write: money ? writes.transaction() : writes.conditional(),
    cautions: [
      ...(quick
        ? ['a strong read has no bound of 20 ms: when the deadline passes, refuse (503), never answer with a guess']
        : []),
      ...(hot
        ? [
            money
              ? 'one item takes 1,000 write units a second: split the account, or settle in batches of entries'
              : 'one item takes 1,000 write units a second: spread the key over shards, and read all of them strongly',
          ]
        : []),
      ...(money && answers.stale !== 'never'
        ? ['what only shows a value may read it eventually, at half the price; what decides may not']
        : []),
      ...(!money && answers.stale !== 'never'
        ? [
            'only the writer needs its write at once: return it with the write (ReturnValues), and others may read eventually',
          ]
        : []),
    ],
  };
}

/** The first that applies, in the order of what is lost. */
function reasonForStrong(answers: Answers): string | undefined {
  if (answers.money === 'yes')
    return 'a write depends on what was read: decided on an old value, money is spent twice or a name given twice';
  if (answers.stale === 'never') return 'an answer may never be older than the last acknowledged write';
  if (answers['own-writes'] === 'yes') return 'whoever wrote looks at once, and another replica may not have it yet';
  return undefined;
}

/** What a setting costs, in words. */
export function costText({ usdPerMillion }: Setting): string {
  return `${usdPerMillion.toFixed(4)} USD a million, items of up to 1 KB`;
}

function priced(setting: Omit<Setting, 'usdPerMillion'>): Setting {
  return { ...setting, usdPerMillion: costOf(setting.usage).usd };
}
