import { createHash } from 'node:crypto';
import type { Clock } from '../kit/clock.ts';
import { json, Problem, type Reply } from '../kit/http.ts';
import {
  type Attempt,
  canonical,
  type Charge,
  chargeOf,
  type ChargeRequest,
  decide,
  done,
  firstClaim,
  issuerAnswer,
  issuerSlowMs,
  type KeyRecord,
  type NetworkAnswer,
  type NetworkRequest,
  nextClaim,
  retryAfterS,
  type RunningKey,
} from './domain.ts';
import type { charges, Ledger, network, payments, Written } from './store.ts';

type Charges = ReturnType<typeof charges>;
type Network = ReturnType<typeof network>;
type Payments = ReturnType<typeof payments>;

export interface Effects {
  readonly ledger: Ledger;
  readonly network: Network;
  readonly clock: Clock;
  readonly newId: () => string;
}

/** Charges once for each key, and answers every other request of that key with the reply of that once. */
export async function charge(key: string, request: ChargeRequest, effects: Effects): Promise<Reply> {
  const attempt: Attempt = {
    key,
    payloadHash: createHash('sha256').update(canonical(request)).digest('hex'),
    owner: effects.newId(),
    chargeId: `ch_${effects.newId()}`,
  };
  return request.method === 'invoice'
    ? chargeInvoice(attempt, request, effects)
    : chargeCard(attempt, request, effects);
}

/** All of the effect is ours: it and the reply are one write. */
async function chargeInvoice(attempt: Attempt, request: ChargeRequest, effects: Effects): Promise<Reply> {
  const nowMs = effects.clock();
  const charged = chargeOf(request, attempt.chargeId);
  const reply = chargedReply(charged);
  const claim = firstClaim(attempt, nowMs);
  const written = await effects.ledger.charge(done(claim, reply), charged, nowMs);
  return written.written ? reply : withoutCharge(written, claim, effects);
}

/** The network's part cannot join our write: claim the key, ask with a key and a fencing token of our own, settle. */
async function chargeCard(
  attempt: Attempt,
  request: ChargeRequest & { method: 'card' },
  effects: Effects,
): Promise<Reply> {
  const { ledger, network, clock } = effects;
  const nowMs = clock();
  let claim = firstClaim(attempt, nowMs);
  const claimed = await ledger.claim(claim, request, nowMs);
  if (!claimed.written) {
    if (claimed.because !== 'key') return withoutCharge(claimed, claim, effects);
    const decision = decide(claimed.found, attempt, nowMs);
    if (decision.do === 'take over') {
      const takenMs = clock();
      claim = nextClaim(decision.claim, attempt, takenMs);
      const taken = await ledger.takeOver(claim, decision.claim, takenMs);
      if (!taken.written && !isMine(taken, claim)) return withoutCharge(taken, claim, effects);
    } else if (decision.do === 'go on') claim = decision.claim;
    else return withoutCharge(claimed, claim, effects);
  }
  const { orderId, amount, currency, card } = request;
  const { chargeId: key, fencingToken } = claim;
  const answer = await network.ask({ action: 'charge', key, fencingToken, orderId, amount, currency, card });
  if (answer.outcome === 'stale') return afterOther(await ledger.find(attempt.key), attempt, clock());
  const charged = answer.outcome === 'charged' ? chargeOf(request, claim.chargeId) : undefined;
  const reply = charged === undefined ? refusedReply(answer) : chargedReply(charged);
  const settled = await ledger.settle(done(claim, reply), charged);
  return settled.written ? reply : withoutCharge(settled, claim, effects);
}

/** A repeated call finds what the lost one wrote. */
function isMine(lost: Written, { owner, fencingToken }: RunningKey): boolean {
  return (
    !lost.written && lost.because === 'key' && lost.found.owner === owner && lost.found.fencingToken === fencingToken
  );
}

/** The reply of an attempt whose write did not happen. */
async function withoutCharge(
  lost: Written & { written: false },
  claim: RunningKey,
  effects: Pick<Effects, 'ledger' | 'clock'>,
): Promise<Reply> {
  const { ledger, clock } = effects;
  switch (lost.because) {
    case 'key':
      return afterOther(lost.found, claim, clock());
    case 'contention':
      throw contended();
    case 'email': {
      const reply = emailTaken().reply;
      const kept = await ledger.keep(done(claim, reply), clock());
      return kept.written ? reply : withoutCharge(kept, claim, effects);
    }
  }
}

/** The reply to an attempt at a key that another attempt has, or had. */
function afterOther(found: KeyRecord | undefined, attempt: Attempt, nowMs: number): Reply {
  const decision = decide(found, attempt, nowMs);
  switch (decision.do) {
    case 'answer':
      return decision.reply;
    case 'replay':
      return replayed(decision.reply);
    case 'refuse':
      throw payloadDiffers();
    case 'start':
    case 'take over':
    case 'go on':
    case 'wait':
      throw stillRunning();
  }
}

/** The first reply, marked as Stripe and the IETF's draft mark it; status and body are those of the first. */
export function replayed({ status, headers, body }: Reply): Reply {
  return { status, headers: { ...headers, 'idempotency-replayed': 'true' }, body };
}

export function payloadDiffers(): Problem {
  return new Problem(422, 'the Idempotency-Key was used with another payload: take a new key for another request');
}

export function stillRunning(): Problem {
  return new Problem(409, 'a request with this Idempotency-Key is still running: try again with the same key', {
    headers: { 'retry-after': String(retryAfterS) },
  });
}

function contended(): Problem {
  return new Problem(503, 'too many requests write the same items at this moment: try again', {
    headers: { 'retry-after': String(retryAfterS) },
  });
}

export function emailTaken(): Problem {
  return new Problem(409, 'the email belongs to another customer: charge that one, or take another email');
}

export function noSuchCharge(): Problem {
  return new Problem(404, 'there is no such charge: use the id that POST /charges answered');
}

export function chargedReply(charged: Charge): Reply {
  return json(201, charged, { location: `/charges/${charged.id}` });
}

/** The reply to a charge that the network did not make, and never will under this key. */
export function refusedReply({ outcome }: NetworkAnswer): Reply {
  return outcome === 'declined'
    ? new Problem(402, 'the card was declined: take a new Idempotency-Key and another card').reply
    : new Problem(502, 'the card’s issuer does not answer, nothing was charged: take a new Idempotency-Key').reply;
}

/** Gives the money back and marks the charge; both set a state, so that doing it again changes nothing. False when there is none. */
export async function cancel(
  id: string,
  { charges: rows, network }: { readonly charges: Pick<Charges, 'find' | 'cancel'>; readonly network: Network },
): Promise<boolean> {
  const found = await rows.find(id);
  if (found === undefined) return false;
  // First the money: what reads as cancelled is given back.
  if (found.method === 'card') await network.ask({ action: 'refund', key: id, orderId: found.orderId });
  const cancelled = await rows.cancel(found);
  if (cancelled === 'contention') throw contended();
  return cancelled;
}

/** The card network: once for each key, and never for a call after one with a higher fencing token was answered. */
export async function answer(
  request: NetworkRequest,
  {
    payments,
    newId,
    sleep,
  }: { readonly payments: Payments; readonly newId: () => string; readonly sleep: (ms: number) => Promise<unknown> },
): Promise<NetworkAnswer> {
  const { orderId, key = newId() } = request;
  if (request.action === 'refund') {
    await payments.refund(key, orderId);
    return { outcome: 'refunded' };
  }
  const { fencingToken = 1, card } = request;
  const opened = await payments.open(key, fencingToken, orderId);
  if (!opened.written) return { outcome: 'stale' };
  if (opened.payment.outcome !== undefined) return { outcome: opened.payment.outcome };
  const issuer = issuerAnswer(card, await payments.countCall(orderId));
  if (issuer === 'slow') await sleep(issuerSlowMs);
  const ended =
    issuer === 'down'
      ? await payments.fence(key, fencingToken)
      : await payments.close(key, fencingToken, issuer === 'declined' ? 'declined' : 'charged');
  if (!ended.written && ended.payment.fencingToken > fencingToken) return { outcome: 'stale' };
  return { outcome: ended.payment.outcome ?? 'down' };
}
