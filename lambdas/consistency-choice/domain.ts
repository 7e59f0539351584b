/**
 * What each endpoint decides. Nothing here reads a clock or makes an ID, so that the handlers and the seeded models of
 * the proof run the same code.
 */
import type { RetryPolicy } from '../../engines/retry/retry.ts';

/** How a read may relate to the writes that were acknowledged before it. */
export type Consistency = 'strong' | 'eventual';

/** @throws {Error} for what is neither. */
export function consistencyOf(text: string): Consistency {
  if (text === 'strong' || text === 'eventual') return text;
  throw new Error(`unknown consistency "${text.slice(0, 40)}": set strong or eventual`);
}

/* ------------------------------------------------------------------ the balance */

/** A deposit, or a withdrawal where the amount is negative. */
export interface Entry {
  readonly account: string;
  /** Made by the client: the same entry sent again is the same entry. */
  readonly id: string;
  /** Of minor units (cents), an integer. */
  readonly amount: number;
}

/** Of one entry, either way; and what an account may hold: sums of integers this large are exact. */
export const limits = { amountMax: 1_000_000_000_000, balanceMax: 9_000_000_000_000_000 } as const;

/** What became of an entry's transaction. */
export type Entered =
  | { readonly entered: 'now' | 'before' }
  | { readonly refused: 'another amount'; readonly amount: number }
  | { readonly refused: 'funds' }
  | { readonly refused: 'contended' };

/** Balances that may stand there before the entry, both included. */
export function balanceBefore({ amount }: Entry): { readonly least: number; readonly most: number } {
  return { least: Math.max(0, -amount), most: limits.balanceMax - Math.max(0, amount) };
}

/** Why DynamoDB cancelled the transaction: a code for each of its two writes, and the entry that was there already. */
export interface Cancelled {
  readonly entry: string;
  readonly balance: string;
  readonly amountBefore?: number;
}

/** An entry that is there decides first: its balance moved with it, whatever may stand there now. */
export function enteredOf({ amount }: Entry, cancelled: Cancelled): Entered {
  if (cancelled.entry === 'ConditionalCheckFailed' && cancelled.amountBefore !== undefined) {
    return cancelled.amountBefore === amount
      ? { entered: 'before' }
      : { refused: 'another amount', amount: cancelled.amountBefore };
  }
  return cancelled.balance === 'ConditionalCheckFailed' ? { refused: 'funds' } : { refused: 'contended' };
}

/* -------------------------------------------------------------- the click counter */

/**
 * A click on a page. The client makes its ID, a UUID of version 7, and keeps it when it sends the click again: an ID is
 * of one click, so that the same ID for another page is not another click.
 */
export interface Click {
  readonly page: string;
  readonly id: string;
}

/** How far the clock of a client may be off. */
export const clockSkewMaxMs = 5 * 60_000;
const dayMs = 86_400_000;
/** A click may wait so long before it is counted: 14 days as a dead letter, 4 more when it is redriven, one of room. */
export const countableForMs = 19 * dayMs;
/**
 * Of a page's counter. A batch adds to one that its invocation picks, so that batches of different times, which many
 * consumers count at the same moment after an outage, seldom meet there; those of one time meet at its marks anyway.
 * A query of half a unit reads this many.
 */
export const shards = 8;
/** Attempts at what another writer was faster at. */
export const races: RetryPolicy = { attemptsMax: 6, baseMs: 20, maxMs: 1_000 };
/** A window is 2 to the power of 12 ms: what is left of an ID's time when its last three hex digits are cut off. */
const windowDigits = 9;
const windowMs = 4_096;
/** Bytes of an ID within its window. */
const markBytes = 11;
/** Of a window, at 25 times the peak: all of them are read into memory, and clients choose the times of their IDs. */
const marksMax = 200_000;
/** Items of a transaction (DynamoDB, TransactWriteItems). */
const transactionItemsMax = 100;

/** When the client says that it clicked, in epoch milliseconds. */
export function clickedAtMs({ id }: Click): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

/** Why a click is not taken, or nothing. */
export function problemOfClick(click: Click, nowMs: number): string | undefined {
  const offMs = clickedAtMs(click) - nowMs;
  if (Math.abs(offMs) <= clockSkewMaxMs) return undefined;
  const minutes = Math.round(Math.abs(offMs) / 60_000);
  return `the click's id was made ${minutes} minutes ${offMs < 0 ? 'ago' : 'ahead'}: give a UUID of version 7 made now`;
}

/** False when the marks of its window may be gone: counted, it might count twice. */
export function isCountable(click: Click, nowMs: number): boolean {
  return nowMs - clickedAtMs(click) <= countableForMs;
}

/**
 * Clicks in portions whose windows and pages, an item each, fit in one transaction. Of these two the more numerous are
 * kept together where they fit, and the fewer are written once a portion: additions commute. Cut by page, a batch of 20
 * pages that spans 220 windows, as after an outage or by wrong clocks, would write each window 20 times.
 */
export function portionsOf(clicks: readonly Click[]): readonly (readonly Click[])[] {
  const portions: Click[][] = [];
  const items = new Set<string>();
  const [byPage, byWindow] = [Map.groupBy(clicks, ({ page }) => page), Map.groupBy(clicks, windowOf)];
  const groups = byWindow.size > byPage.size ? byWindow : byPage;
  for (const click of [...groups.values()].flat()) {
    const written = [`page ${click.page}`, `window ${windowOf(click)}`];
    if (portions.length === 0 || new Set([...items, ...written]).size > transactionItemsMax) {
      portions.push([]);
      items.clear();
    }
    for (const item of written) items.add(item);
    portions.at(-1)!.push(click);
  }
  return portions;
}

/** The windows of clicks, each once: keys of the marks that tell which clicks are counted. */
export function windowsOf(clicks: readonly Click[]): readonly string[] {
  return [...new Set(clicks.map(windowOf))];
}

/** The marks of a window, as they were read. */
export interface Seen {
  readonly marks: Uint8Array;
  /** Each write of marks has an item of its own: the next one's number, from 0. */
  readonly segments: number;
}

/** What is written in one transaction. */
export interface Tally {
  /** Marks that are new, and where they go: an item that is not there unless somebody was faster. */
  readonly segments: readonly Segment[];
  /** Clicks to add, by page. */
  readonly added: ReadonlyMap<string, number>;
  /** Not counted, since their windows have as many marks as a consumer reads: one such window holds up no other. */
  readonly full: readonly Click[];
}

export interface Segment {
  readonly window: string;
  readonly number: number;
  readonly marks: Uint8Array;
  /** When the marks may be deleted, in epoch seconds: a day after the last click of the window is countable. */
  readonly expiresAt: number;
}

/**
 * Clicks that are not counted yet, each once. Their marks go beside those that are there: written whole again with each
 * batch, the marks of a window would cost more than its counts.
 *
 * @param seen by window, of all of the clicks'
 */
export function tallyOf(clicks: readonly Click[], seen: ReadonlyMap<string, Seen>): Tally {
  const added = new Map<string, number>();
  const full: Click[] = [];
  const segments = [...Map.groupBy(clicks, windowOf)].flatMap(([window, members]): readonly Segment[] => {
    const before = seen.get(window)!;
    const known = new Set(marksIn(before.marks));
    if (known.size > marksMax) {
      full.push(...members.filter((click) => !known.has(marksIn(markOf(click))[0]!)));
      return [];
    }
    const marks: Uint8Array[] = [];
    for (const click of members) {
      const mark = markOf(click);
      const [text] = marksIn(mark) as [string];
      if (known.has(text)) continue;
      known.add(text);
      marks.push(mark);
      added.set(click.page, (added.get(click.page) ?? 0) + 1);
    }
    if (marks.length === 0) return [];
    const lastMs = Number.parseInt(window, 16) * windowMs + windowMs;
    const expiresAt = Math.ceil((lastMs + countableForMs + dayMs) / 1000);
    return [{ window, number: before.segments, marks: joined(marks), expiresAt }];
  });
  return { segments, added, full };
}

/** Bytes one after the other. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** A text for each mark, a byte a character: what a set can hold. */
function marksIn(bytes: Uint8Array): readonly string[] {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  return Array.from({ length: bytes.length / markBytes }, (_, index) =>
    text.slice(index * markBytes, (index + 1) * markBytes),
  );
}

function windowOf(click: Click): string {
  return digitsOf(click).slice(0, windowDigits);
}

function digitsOf({ id }: Click): string {
  return id.replaceAll('-', '');
}

/** All of the ID that its window does not say; the digit between is the version, which is 7. */
function markOf(click: Click): Uint8Array {
  const digits = digitsOf(click);
  const rest = digits.slice(windowDigits, 12) + digits.slice(13);
  return Uint8Array.from({ length: markBytes }, (_, index) =>
    Number.parseInt(rest.slice(2 * index, 2 * index + 2), 16),
  );
}

/* ------------------------------------------------- the answer within 20 milliseconds */

/** What the ranking service says of a topic. */
export interface Ranking {
  readonly suggestions: readonly string[];
  /** Counts up with each change of the ranking. */
  readonly version: number;
}

export interface CachePolicy {
  /** Up to this age a ranking is current, and nobody asks for it again. */
  readonly freshForMs: number;
  /** Up to this age it may be given as stale; beyond, the declared fallback is given. */
  readonly staleForMs: number;
  /** How long the request that begins a refresh waits for it. */
  readonly waitMaxMs: number;
  /**
   * How long a request waits that finds a refresh begun by an earlier one: a turn of the event loop, in which a reply
   * that arrived while the environment was frozen is read.
   */
  readonly landMaxMs: number;
  /** A refresh that has not arrived so long after it began is given up: its connection may have died in a freeze. */
  readonly refreshMaxMs: number;
  /** Between the beginnings of two refreshes of a topic, so that a dependency that fails is not asked by every request. */
  readonly refreshGapMs: number;
}

/** An answer always says what it is. Ages are counted from when the service was asked, which is before it looked. */
export type Suggestions =
  | { readonly source: 'current' | 'stale'; readonly ageMs: number; readonly ranking: Ranking }
  | { readonly source: 'fallback'; readonly ranking: Ranking };

/** Declared, not computed: what a topic gets of which nothing is known that is recent enough. */
export const fallback: Ranking = { suggestions: ['new this week', 'most read', 'editors’ choice'], version: 0 };

/** What a request does before it answers. */
export type Plan =
  | { readonly do: 'answer' }
  /** Ask the service now, wait so long for its reply, then answer. */
  | { readonly do: 'ask'; readonly waitMaxMs: number }
  /** An earlier request asked: wait so long for its reply, then answer. */
  | { readonly do: 'land'; readonly waitMaxMs: number };

interface Topic {
  ranking?: Ranking;
  /** When the service was asked for the ranking that is held. */
  askedAtMs: number;
  /** When the refresh that is under way began. */
  refreshSinceMs?: number;
  lastRefreshMs: number;
}

/** A process keeps so many topics; the one that was added first goes first. */
const topicsMax = 1_000;

/**
 * A cache in one process that answers in bounded time: stale while it revalidates (RFC 5861), with a deadline.
 *
 * Lambda freezes a process when it has answered, so nothing may count on running between two requests. A refresh is
 * raced within the request that begins it. If it loses, it stays under way and lands in a later request, or is given up
 * by the clock. Its age is counted from when it was asked for: one that was frozen for a minute is a minute old.
 */
export class SuggestionCache {
  readonly #policy: CachePolicy;
  readonly #topics = new Map<string, Topic>();

  constructor(policy: CachePolicy) {
    this.#policy = policy;
  }

  plan(topic: string, nowMs: number): Plan {
    const { freshForMs, refreshMaxMs, refreshGapMs, waitMaxMs, landMaxMs } = this.#policy;
    const held = this.#topics.get(topic);
    if (held === undefined) return { do: 'ask', waitMaxMs };
    if (held.ranking !== undefined && nowMs - held.askedAtMs <= freshForMs) return { do: 'answer' };
    if (held.refreshSinceMs !== undefined && nowMs - held.refreshSinceMs <= refreshMaxMs)
      return { do: 'land', waitMaxMs: landMaxMs };
    if (nowMs - held.lastRefreshMs < refreshGapMs) return { do: 'answer' };
    return { do: 'ask', waitMaxMs };
  }

  /** A refresh begins; the time is its name from here on. */
  asked(topic: string, nowMs: number): void {
    const held = this.#topics.get(topic) ?? this.#add(topic);
    held.refreshSinceMs = nowMs;
    held.lastRefreshMs = nowMs;
  }

  /** What was asked for then has arrived, however late: it is kept unless something newer is held. */
  arrived(topic: string, askedAtMs: number, ranking: Ranking): void {
    const held = this.#topics.get(topic);
    if (held === undefined) return;
    if (held.ranking === undefined || askedAtMs > held.askedAtMs) Object.assign(held, { ranking, askedAtMs });
    this.#end(held, askedAtMs);
  }

  /** What was asked for then will not arrive. */
  failed(topic: string, askedAtMs: number): void {
    const held = this.#topics.get(topic);
    if (held !== undefined) this.#end(held, askedAtMs);
  }

  answer(topic: string, nowMs: number): Suggestions {
    const held = this.#topics.get(topic);
    const ageMs = Math.max(0, nowMs - (held?.askedAtMs ?? 0));
    if (held?.ranking === undefined || ageMs > this.#policy.staleForMs)
      return { source: 'fallback', ranking: fallback };
    return { source: ageMs <= this.#policy.freshForMs ? 'current' : 'stale', ageMs, ranking: held.ranking };
  }

  /** A refresh that was given up does not end the one that took its place. */
  #end(held: Topic, askedAtMs: number): void {
    if (held.refreshSinceMs === askedAtMs) delete held.refreshSinceMs;
  }

  #add(topic: string): Topic {
    if (this.#topics.size >= topicsMax) this.#topics.delete(this.#topics.keys().next().value!);
    const added: Topic = { askedAtMs: 0, lastRefreshMs: 0 };
    this.#topics.set(topic, added);
    return added;
  }
}

/** @throws {Error} naming what is no number of milliseconds. */
export function policyOf(texts: Readonly<Record<keyof CachePolicy, string>>): CachePolicy {
  const ms = (name: keyof CachePolicy): number => {
    const value = Number(texts[name]);
    if (texts[name].trim() !== '' && value >= 0 && Number.isFinite(value)) return value;
    throw new Error(`${name} is "${texts[name]}": set a number of milliseconds`);
  };
  return {
    freshForMs: ms('freshForMs'),
    staleForMs: ms('staleForMs'),
    waitMaxMs: ms('waitMaxMs'),
    landMaxMs: ms('landMaxMs'),
    refreshMaxMs: ms('refreshMaxMs'),
    refreshGapMs: ms('refreshGapMs'),
  };
}
