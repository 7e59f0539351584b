/**
 * How clicks get into their counters, simulated: batches that pollers collect, consumers that are in each other's way or
 * die, write units, partitions that throttle. Seeded, in virtual time, over the domain that the consumer runs.
 */
import { exponential } from '../../engines/consistency/chance.ts';
import { Partitions, writeUnitsOf } from '../../engines/consistency/partition.ts';
import { backoffMs } from '../../engines/retry/retry.ts';
import { type Random, randomFrom } from '../../engines/simulation/random.ts';
import {
  type Click,
  clockSkewMaxMs,
  joined,
  portionsOf,
  races,
  type Seen,
  shards,
  type Tally,
  tallyOf,
  windowsOf,
} from '../../lambdas/consistency-choice/domain.ts';
import { clickId } from './visitors.ts';

/** How clicks reach their counter. */
export interface Buffering {
  readonly batchSize: number;
  readonly windowMs: number;
  readonly visibilityMs: number;
  readonly receivesMax: number;
  /** At the same time; each has a poller that collects its batches. */
  readonly consumers: number;
}

export interface CountingRun {
  readonly seed: number;
  /** Absent when each click is counted before it is answered. */
  readonly buffering: Buffering | undefined;
  readonly clicksPerSecond: number;
  /** On which the clicks fall evenly, which is what costs most. */
  readonly pages: number;
  readonly seconds: number;
  /** Of the batches, whose consumer is killed: every other one when all is counted. None when absent. */
  readonly crashShare?: number;
  /** Of the clicks, whose clients' clocks are wrong, by anything that is let through. None when absent. */
  readonly skewedShare?: number;
  /** Clicks gather so long before the consumers begin; not at all when absent. */
  readonly outageSeconds?: number;
  /** Of a counter; as deployed when absent. */
  readonly shards?: number;
}

export interface CountingResult {
  readonly clicks: number;
  /** By which the counters differ from the clicks that are counted. */
  readonly wrong: number;
  /** Cancelled transactions included: AWS bills them. */
  readonly writeUnitsOfAClick: number;
  /** Share of the clicks that are not counted within a minute: refused, behind in the queue, or dead letters. */
  readonly lateShare: number;
  /** From a click to the commit of its count, of those that are counted. */
  readonly delayMaxMs: number;
  /** Each click that is counted, in the order in which they came. */
  readonly counted: readonly Counted[];
  /** Share of the clicks whose message became a dead letter. */
  readonly deadShare: number;
  /** Transactions that were cancelled: by who was faster at a window, by who wrote the same counter at that moment. */
  readonly lostAtMarks: number;
  readonly lostAtCounters: number;
}

export interface Counted {
  readonly page: string;
  /** When it was accepted; absent where that is when its count is acknowledged. */
  readonly acceptedAtMs?: number;
  /** When its count was written: at one time all that a transaction counts. */
  readonly countedAtMs: number;
}

/** Of a consumer, for a strong query, for a transaction, and for a batch besides: assumptions. */
const [readMs, writeMs, ownMs, ownMsPerClick] = [10, 15, 20, 0.02];
/** SQS hands over ten at most, unless a batching window collects more. */
const batchMaxWithoutWindow = 10;
/** Of an item, for what is neither marks nor count. */
const otherBytes = 100;
const lateMs = 60_000;
const nothing: Seen = { marks: new Uint8Array(), segments: 0 };

interface Message {
  readonly click: Click;
  readonly sentAtMs: number;
  receives: number;
  countedAtMs?: number;
}

interface Poller {
  open: Message[];
  sinceMs: number;
  busy: boolean;
}

interface Happening {
  readonly atMs: number;
  readonly happens: () => void;
}

export function runCounting(run: CountingRun): CountingResult {
  const { buffering, clicksPerSecond, pages, seconds } = run;
  const random = randomFrom(run.seed);
  const messages: Message[] = [];
  for (let atMs = exponential(random, 1000 / clicksPerSecond); atMs < seconds * 1000;) {
    const isSkewed = run.skewedShare !== undefined && random.share(run.skewedShare);
    const offMs = isSkewed ? (2 * random.fraction() - 1) * clockSkewMaxMs : 0;
    const id = clickId(random, Math.floor(1.8e12 + atMs + offMs));
    messages.push({ click: { page: `page-${random.below(pages)}`, id }, sentAtMs: atMs, receives: 0 });
    atMs += exponential(random, 1000 / clicksPerSecond);
  }
  const outcome = buffering === undefined ? countAtOnce(messages) : countInBatches(messages, buffering, run, random);
  let [late, delayMaxMs] = [0, 0];
  const counted: Counted[] = [];
  for (const { click, sentAtMs, countedAtMs = Infinity } of messages) {
    const delayMs = countedAtMs - sentAtMs;
    if (delayMs > lateMs) late += 1;
    if (delayMs === Infinity) continue;
    counted.push({ page: click.page, countedAtMs, ...(buffering && { acceptedAtMs: sentAtMs }) });
    delayMaxMs = Math.max(delayMaxMs, delayMs);
  }
  const clicks = messages.length;
  return {
    clicks,
    wrong: Math.abs(outcome.added - counted.length),
    writeUnitsOfAClick: outcome.writeUnits / counted.length,
    lateShare: late / clicks,
    delayMaxMs,
    counted,
    deadShare: outcome.dead / clicks,
    lostAtMarks: outcome.lostAtMarks,
    lostAtCounters: outcome.lostAtCounters,
  };
}

interface Outcome {
  added: number;
  writeUnits: number;
  dead: number;
  lostAtMarks: number;
  lostAtCounters: number;
}

function countAtOnce(messages: readonly Message[]): Outcome {
  const outcome = { added: 0, writeUnits: 0, dead: 0, lostAtMarks: 0, lostAtCounters: 0 };
  const partitions = new Partitions();
  for (const message of messages) {
    const units = writeUnitsOf(otherBytes, false);
    if (!partitions.admit(message.click.page, message.sentAtMs, units)) continue;
    message.countedAtMs = message.sentAtMs;
    outcome.added += 1;
    outcome.writeUnits += units;
  }
  return outcome;
}

function countInBatches(
  messages: readonly Message[],
  { batchSize, windowMs, visibilityMs, receivesMax, consumers }: Buffering,
  { crashShare = 0, outageSeconds = 0, shards: shardCount = shards }: CountingRun,
  random: Random,
): Outcome {
  const outcome = { added: 0, writeUnits: 0, dead: 0, lostAtMarks: 0, lostAtCounters: 0 };
  const batchMax = windowMs === 0 ? Math.min(batchSize, batchMaxWithoutWindow) : batchSize;
  const pollers = Array.from({ length: consumers }, (): Poller => ({ open: [], sinceMs: 0, busy: false }));
  const outageMs = outageSeconds * 1000;
  const queue: Message[] = [];
  const partitions = new Partitions();
  const windows = new Map<string, Seen>();
  /** Items that a transaction writes at this moment. */
  const inFlight = new Set<string>();
  const ahead: Happening[] = [];
  const at = (atMs: number, happens: () => void): void => {
    ahead.push({ atMs, happens });
  };

  const collect = (poller: Poller, message: Message, now: number): void => {
    if (poller.open.length === 0) {
      poller.sinceMs = now;
      at(now + windowMs, () => take(poller, now + windowMs));
    }
    message.receives += 1;
    poller.open.push(message);
    if (poller.open.length === batchMax) take(poller, now);
  };
  const arrive = (message: Message, now: number): void => {
    const ready = now < outageMs ? [] : pollers.filter(({ busy, open }) => !busy && open.length < batchMax);
    if (ready.length === 0) queue.push(message);
    else collect(ready[random.below(ready.length)]!, message, now);
  };
  const free = (poller: Poller, now: number): void => {
    poller.busy = false;
    // In one piece: a queue of a backlog is long.
    for (const message of queue.splice(0, batchMax)) collect(poller, message, now);
  };
  const comeAgain = (left: readonly Message[], visibleAtMs: number): void => {
    for (const { receives } of left) if (receives >= receivesMax) outcome.dead += 1;
    const again = left.filter(({ receives }) => receives < receivesMax);
    if (again.length > 0) at(visibleAtMs, () => again.forEach((message) => arrive(message, visibleAtMs)));
  };

  const take = (poller: Poller, now: number): void => {
    const { open: batch, sinceMs, busy } = poller;
    if (busy || batch.length === 0 || (batch.length < batchMax && now < sinceMs + windowMs)) return;
    [poller.open, poller.busy] = [[], true];
    const crashes = random.share(crashShare) ? (random.share(0.5) ? 'before' : 'after') : 'never';
    const visibleAgainAtMs = Math.max(now, sinceMs + visibilityMs);
    if (crashes === 'before') {
      comeAgain(batch, visibleAgainAtMs);
      return free(poller, now);
    }
    const byClick = new Map(batch.map((message) => [message.click, message]));
    const shard = random.below(shardCount);
    const left: Message[] = [];
    const portions = [...portionsOf(batch.map(({ click }) => click))];

    const next = (from: number): void => {
      const portion = portions.shift();
      if (portion === undefined) {
        comeAgain(crashes === 'after' ? batch : left, Math.max(from, visibleAgainAtMs));
        return free(poller, from);
      }
      attempt(portion, 1, from);
    };
    const attempt = (portion: readonly Click[], number: number, from: number): void => {
      const seen = new Map(windowsOf(portion).map((window) => [window, windows.get(window) ?? nothing]));
      at(from + readMs, () => write(portion, seen, number, from + readMs));
    };
    const write = (portion: readonly Click[], seen: ReadonlyMap<string, Seen>, number: number, from: number): void => {
      const tally = tallyOf(portion, seen);
      const done = from + writeMs;
      const isOver = (now: number): void => {
        // Those of full windows come again, for as long as their queue lets them.
        left.push(...tally.full.map((click) => byClick.get(click)!));
        next(now);
      };
      if (tally.segments.length === 0) return isOver(from);
      const written = itemsOf(tally, shard);
      outcome.writeUnits += written.reduce((sum, { units }) => sum + units, 0);
      const moved = tally.segments.some((segment) => (windows.get(segment.window)?.segments ?? 0) !== segment.number);
      const meets = (table: string) => written.some(({ item }) => item.startsWith(table) && inFlight.has(item));
      const lostAt = moved || meets('seen') ? 'marks' : meets('counters') ? 'counters' : undefined;
      const throttled =
        lostAt === undefined && !written.every(({ partition, units }) => partitions.admit(partition, from, units));
      if (lostAt === 'marks') outcome.lostAtMarks += 1;
      if (lostAt === 'counters') outcome.lostAtCounters += 1;
      if (lostAt !== undefined || throttled) {
        if (number < races.attemptsMax) {
          const againAtMs = done + backoffMs(races, number, random.fraction());
          at(againAtMs, () => attempt(portion, number + 1, againAtMs));
        } else {
          left.push(...portion.map((click) => byClick.get(click)!));
          at(done, () => next(done));
        }
        return;
      }
      for (const { item } of written) inFlight.add(item);
      at(done, () => {
        for (const { item } of written) inFlight.delete(item);
        for (const { window, marks } of tally.segments) {
          const before = windows.get(window) ?? nothing;
          windows.set(window, { marks: joined([before.marks, marks]), segments: before.segments + 1 });
        }
        for (const clicks of tally.added.values()) outcome.added += clicks;
        const full = new Set(tally.full);
        for (const click of portion) if (!full.has(click)) byClick.get(click)!.countedAtMs ??= done;
        isOver(done);
      });
    };
    const startMs = now + ownMs + ownMsPerClick * batch.length;
    at(startMs, () => next(startMs));
  };

  for (const poller of pollers) at(outageMs, () => free(poller, outageMs));
  let arrived = 0;
  for (;;) {
    let soonest = 0;
    for (let index = 1; index < ahead.length; index += 1)
      if (ahead[index]!.atMs < ahead[soonest]!.atMs) soonest = index;
    const message = messages[arrived];
    const next = ahead[soonest];
    if (message !== undefined && (next === undefined || message.sentAtMs <= next.atMs)) {
      arrived += 1;
      arrive(message, message.sentAtMs);
    } else if (next === undefined) {
      return outcome;
    } else {
      ahead.splice(soonest, 1);
      next.happens();
    }
  }
}

/** The items of a transaction: what they cost, and whose partition's share they use up. */
function itemsOf({ segments, added }: Tally, shard: number) {
  return [
    ...segments.map(({ window, number, marks }) => ({
      item: `seen ${window} ${number}`,
      partition: `seen ${window}`,
      units: writeUnitsOf(marks.length + otherBytes, true),
    })),
    ...[...added.keys()].map((page) => ({
      item: `counters ${page} ${shard}`,
      partition: `counters ${page}`,
      units: writeUnitsOf(otherBytes, true),
    })),
  ];
}
