import type { Question } from '../../kit/question.ts';

/** Seconds of the month by which `designs diff` prices a load. */
export const monthSeconds = 30 * 86_400;

export const question = {
  number: 17,
  slug: 'consistency-choice',
  title: 'Strong or eventual consistency',
  ask:
    'Strong or eventual consistency: which do you use for a banking application, for a page click counter, and ' +
    'for an API that must answer in 20 ms?',
  load: {
    entries: { value: 20, unit: 'entries/second' },
    balanceReads: { value: 200, unit: 'reads/second' },
    clicks: { value: 500, unit: 'clicks/second' },
    /** On which these fall at one time: each batch writes a counter for each of its pages, however few its clicks. */
    pages: { value: 20, unit: 'pages of 25 clicks/second' },
    /** All on one page, which is when its item gets hot. */
    clicksAtPeak: { value: 2_000, unit: 'clicks/second on the hottest page' },
    countReads: { value: 500, unit: 'reads/second' },
    /** Twenty of a batch, one to count it, and one that a replica lags at most. */
    countBehind: { value: 22, unit: 'seconds that a count is behind at most, if no consumer fails' },
    answers: { value: 500, unit: 'answers/second' },
    deadline: { value: 20, unit: 'ms of the handler' },
    /** With what the handler needs for itself, below the deadline. */
    waitMax: { value: 10, unit: 'ms for the dependency at most' },
    /** What the dependency takes on a good day. */
    dependency: { value: 26, unit: 'ms on average, half of its replies within 8' },
    /** What the dependency takes on a bad day. */
    slowDependency: { value: 500, unit: 'ms' },
    topics: { value: 200, unit: 'topics' },
    /** That Lambda keeps at this load; each has a cache of its own. */
    environments: { value: 10, unit: 'environments' },
  },
  variants: ['naive', 'improved'],
  points: [
    {
      n: 1,
      text: 'Banking: strong',
      answer:
        'An entry and the balance that it moves are one transaction, refused if the entry is there or the funds are ' +
        'not; what decides is read strongly. ConsistentRead alone is not enough: the naive variant reads strongly too, ' +
        'and loses money between its read and its writes. The price is stated: twice the read units, twice the write ' +
        'units, and no answer while the leader of the partition is away.',
      properties: [
        'cents by which balances differ from their entries, after races and crashes',
        'balances that a read finds older than an acknowledged entry',
        'read units of a balance',
      ],
    },
    {
      n: 2,
      text: 'Page click counter: eventual',
      answer:
        'A click is accepted when it lies in a queue; a consumer counts a batch at a time, in few writes, into shards ' +
        'that a read adds up, eventually consistent, for half a unit. Late is fine, wrong is not: the marks of ' +
        'counted clicks move in the same transaction as the count, so that a click that is sent, delivered or ' +
        'processed twice counts once. What it costs is time: a count shows a click up to 22 seconds later (20 for a ' +
        'batch, one to count it, one for a replica that lags), minutes later after crashes. And batches must be ' +
        'large: one writes at least a counter for each of its pages, so that a twentieth of a unit a click holds for ' +
        'the pages of this load, not for a thousand of them, and for clocks that are right: a click of another time ' +
        'is a window more to be marked (0.04 units a click where one clock in two hundred is wrong, 0.05 at one in a ' +
        'hundred, 0.09 at one in twenty). A click that fails five times is a dead letter, in no count until somebody ' +
        'redrives it, and counts once then too: marks outlive the queues.',
      properties: [
        'clicks that the count misses or has too often, after duplicates and crashes',
        'write units of a click',
        'write units of a click in two minutes of the load, on 20 pages',
        'write units of a click in half a minute of the peak, on one page',
        'read units of a count',
        'clicks of half a minute’s peak on one page that are refused, or not counted within a minute',
        'counts that a read finds older than an acknowledged write',
        'time that a count is behind its clicks where it is read, replicas lagging',
        'longest time until a count shows a click, consumers crashing',
        'clicks that end as dead letters, consumers crashing',
      ],
    },
    {
      n: 3,
      text: 'An API that answers in 20 ms: eventual',
      answer:
        'Each process keeps what the dependency said last and answers from that: current, or stale with its age, or a ' +
        'declared fallback. An answer waits for it ten milliseconds at most: a refresh is raced against that deadline ' +
        'within the request that begins it. Lambda freezes a process between requests, so a refresh that lost its race ' +
        'lands in a later request or is given up by the clock, and its age counts from when it was asked for. What ' +
        'it costs is freshness: ten seconds are current here, since with so many topics a process is asked for each ' +
        'every four seconds, and one second would make four answers in five ask. The model assumes a millisecond of ' +
        'the handler’s own at 512 MB (median), and leaves cold starts out: they come before the handler’s time, once ' +
        'in an environment’s life.',
      properties: [
        'answers that waited for a dependency of 500 ms beyond the 20 ms that they may take',
        'answers that are older than they say',
        '99.9th percentile of the handler’s time, the dependency being heavy-tailed',
        'age of the oldest answer while the dependency is away',
      ],
    },
  ],
} as const satisfies Question;
