import type { ApiRequest, Reply } from '../kit/http.ts';

/** How long a key is remembered: the same as Stripe's. The table's TTL deletes later, up to days, so conditions check it. */
export const rememberS = 24 * 60 * 60;

/**
 * How long a claim belongs to its owner. Longer than the function may run, so that an owner that is only slow is never
 * overtaken; what it leaves behind in the card network may be, and is refused there by its fencing token once a later
 * call was answered.
 */
export const leaseMs = 12_000;

/** What the caller of a key that is still running is told to wait. */
export const retryAfterS = 1;

/**
 * Under what a key's record lies: two callers who choose the same key are none of each other's business, and nobody is
 * shown the reply to another, nor one route's reply by another route. `caller` and `key` have no spaces.
 */
export function keyOf({ caller, route }: Pick<ApiRequest, 'caller' | 'route'>, key: string): string {
  return `${caller} ${route} ${key}`;
}

interface Purchase {
  /** The merchant's order: what a person would call the same purchase. */
  readonly orderId: string;
  readonly customerId: string;
  readonly email: string;
  /** Of the currency's minor unit. */
  readonly amount: number;
  readonly currency: string;
}

/** `invoice` has its whole effect in our own tables, `card` has one in the network, where no transaction of ours reaches. */
export type ChargeRequest = Purchase &
  ({ readonly method: 'invoice' } | { readonly method: 'card'; readonly card: string });

export interface Charge extends Purchase {
  readonly id: string;
  readonly method: ChargeRequest['method'];
  readonly state: 'charged' | 'cancelled';
  readonly refunded: number;
}

interface KeyHead {
  readonly key: string;
  /** Of the canonical payload. */
  readonly payloadHash: string;
  /** The invocation that wrote the record last: by it, who lost the reply to a write knows the write for its own. */
  readonly owner: string;
  /** The charge to be: the same for every owner, and the network's key. */
  readonly chargeId: string;
  /** Grows by one with each owner. */
  readonly fencingToken: number;
  /** Epoch seconds, as TTL wants them. */
  readonly expiresAtS: number;
}

export interface RunningKey extends KeyHead {
  readonly state: 'running';
  readonly leaseUntilMs: number;
}

export interface DoneKey extends KeyHead {
  readonly state: 'done';
  readonly reply: Reply;
}

export type KeyRecord = RunningKey | DoneKey;

/** One invocation's try at one key. */
export interface Attempt {
  readonly key: string;
  readonly payloadHash: string;
  readonly owner: string;
  /** Used if no record of the key has one. */
  readonly chargeId: string;
}

export type Decision =
  | { readonly do: 'start' }
  | { readonly do: 'take over'; readonly claim: RunningKey }
  | { readonly do: 'go on'; readonly claim: RunningKey }
  | { readonly do: 'answer'; readonly reply: Reply }
  | { readonly do: 'replay'; readonly reply: Reply }
  | { readonly do: 'wait' }
  | { readonly do: 'refuse'; readonly because: 'payload differs' };

/** What an attempt does about the record that it found under its key. */
export function decide(found: KeyRecord | undefined, attempt: Attempt, nowMs: number): Decision {
  if (found === undefined || isExpired(found, nowMs)) return { do: 'start' };
  if (found.payloadHash !== attempt.payloadHash) return { do: 'refuse', because: 'payload differs' };
  const isMine = found.owner === attempt.owner;
  if (found.state === 'done') return { do: isMine ? 'answer' : 'replay', reply: found.reply };
  if (isMine) return { do: 'go on', claim: found };
  if (found.leaseUntilMs > nowMs) return { do: 'wait' };
  return { do: 'take over', claim: found };
}

/** True from the second on at which the record ends: the conditions of store.ts compare whole seconds too. */
export function isExpired({ expiresAtS }: KeyRecord, nowMs: number): boolean {
  return expiresAtS <= Math.floor(nowMs / 1000);
}

/** The record of a key that nobody holds. */
export function firstClaim(attempt: Attempt, nowMs: number): RunningKey {
  return {
    ...attempt,
    fencingToken: 1,
    expiresAtS: Math.ceil(nowMs / 1000) + rememberS,
    state: 'running',
    leaseUntilMs: nowMs + leaseMs,
  };
}

/**
 * The record of a key whose owner has let its lease lapse: the same charge, a higher token, and a day of its own. Would
 * it end when the first one's day does, the key could be free while the network still works on what its owner asked
 * for, and another one would ask for another charge.
 */
export function nextClaim(last: RunningKey, { owner }: Attempt, nowMs: number): RunningKey {
  const expiresAtS = Math.ceil(nowMs / 1000) + rememberS;
  return { ...last, owner, fencingToken: last.fencingToken + 1, expiresAtS, leaseUntilMs: nowMs + leaseMs };
}

export function done({ leaseUntilMs: _, ...head }: RunningKey, reply: Reply): DoneKey {
  return { ...head, state: 'done', reply };
}

export function chargeOf(request: ChargeRequest, id: string): Charge {
  const { orderId, customerId, email, amount, currency, method } = request;
  return { id, orderId, customerId, email, amount, currency, method, state: 'charged', refunded: 0 };
}

/**
 * The one text of a parsed JSON value, whatever the order in which its members and its spaces came (RFC 8785, whose rules
 * for strings and numbers are those of JSON.stringify). Names are sorted by code units and written in that order: an
 * object would bring those that are integers to its front.
 */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const members = Object.entries(value)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`);
  return `{${members.join(',')}}`;
}

/** What the card network is asked. One that is asked without a key takes each call for a new one. */
export type NetworkRequest =
  | {
      readonly action: 'charge';
      readonly key?: string;
      readonly fencingToken?: number;
      readonly orderId: string;
      readonly amount: number;
      readonly currency: string;
      readonly card: string;
    }
  | { readonly action: 'refund'; readonly key?: string; readonly orderId: string };

export type NetworkAnswer =
  | { readonly outcome: 'charged' | 'declined' | 'refunded' }
  /** The issuer does not answer; nothing was charged, nor will be under this fencing token. */
  | { readonly outcome: 'down' }
  /** A call with a higher fencing token was answered first, or one with this token was answered `down`. */
  | { readonly outcome: 'stale' };

/** How long a slow issuer takes: longer than a lease, shorter than the network function may run. */
export const issuerSlowMs = 22_000;

const issuers = ['visa', 'declined', 'down', 'slow'] as const;

/**
 * How the issuer answers the nth call (from 1) about an order: test cards say it word by word, and the last word stays.
 * `tok_slow_down` is slow at first and not there afterwards; a word that is none of these is a card like any other.
 */
export function issuerAnswer(card: string, nth: number): (typeof issuers)[number] {
  const words = card.split('_').slice(1);
  const word = words[Math.min(nth, words.length) - 1];
  return issuers.find((issuer) => issuer === word) ?? 'visa';
}
