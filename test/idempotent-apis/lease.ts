import { untilFinal } from '../../clients/idempotent-apis/cashier.ts';
import type { Random } from '../../engines/simulation/random.ts';
import { issuerSlowMs, leaseMs } from '../../lambdas/idempotent-apis/domain.ts';
import type { Reply } from '../../lambdas/kit/http.ts';
import { byCard, isFinal, Killed, newId, processOf, type Stores, textOf, type Wire } from './fakes.ts';

export interface Race {
  /** What must not be: empty when all is well. */
  readonly wrong: readonly string[];
  /** The call before which the first owner was paused. */
  readonly pausedAt: string;
  /** True when another owner ran while it was. */
  readonly overtaken: boolean;
  /** How many calls of the network arrived a second time, with the same token, while the first one still ran. */
  readonly repeated: number;
}

const calls = [
  'ledger.claim',
  'network.ask',
  'payments.open',
  'payments.countCall',
  'payments.close',
  'payments.fence',
  'ledger.settle',
] as const;

/** The issuer’s words for the first owner’s call and those after it. */
const cards = ['tok_visa', 'tok_visa_down', 'tok_visa_declined', 'tok_declined_visa', 'tok_down_visa'];

/**
 * R4: one owner of a key is paused before one of its calls, until its lease is over; one or two others ask meanwhile, of
 * whom the first may be paused as well; then all go on, in any order. Some calls of the network arrive twice: their
 * connection broke, and what lies between us and the network asked again.
 */
export async function raceForLease(random: Random, stores: Stores): Promise<Race> {
  let nowMs = 1_800_000_000_000;
  const clock = () => nowMs;
  const key = newId();
  const body = byCard(cards[random.below(cards.length)], { orderId: `race-${key}` });
  const paused: (() => void)[] = [];
  const repeated: Promise<unknown>[] = [];
  /** Resolves when the process is paused or has ended, with the process's end. */
  const start = async (at: string | undefined) => {
    let stopped = () => {};
    const isStopped = new Promise<void>((resolve) => (stopped = resolve));
    const wire: Wire = async (call, commit) => {
      if (call === at) {
        at = undefined;
        const goOn = new Promise<void>((resolve) => paused.push(resolve));
        stopped();
        await goOn;
      }
      // The owner hears the answer to the second one only.
      if (call === 'network.ask' && random.share(0.3)) repeated.push(commit());
      return commit();
    };
    const end = processOf({ stores, clock, wire })
      .post(key, body)
      .finally(() => stopped());
    await isStopped;
    // What it asked a second time goes on, and may end before others come.
    if (random.share(0.5)) await turns();
    return { end };
  };

  const pausedAt = calls[random.below(calls.length)]!;
  const processes = [await start(pausedAt)];
  const others = 1 + random.below(2);
  for (let n = 0; n < others; n += 1) {
    nowMs += leaseMs;
    processes.push(await start(n === 0 && random.share(0.3) ? calls[random.below(calls.length)] : undefined));
  }
  const record = await stores.ledger.find(key);
  while (paused.length > 0) {
    paused.splice(random.below(paused.length), 1)[0]!();
    // Others that stay paused see what this one has done, or go on at the same time.
    if (random.share(0.7)) await turns();
  }
  const replies = await Promise.all(processes.map(({ end }) => end));
  await Promise.all(repeated);
  nowMs += leaseMs;
  const last = await processOf({ stores, clock }).post(key, body);
  return {
    wrong: await wrongIn(stores, key, [...replies, last]),
    pausedAt,
    overtaken: (record?.fencingToken ?? 1) > 1,
    repeated: repeated.length,
  };
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
}

async function wrongIn(stores: Stores, key: string, replies: readonly Reply[]): Promise<readonly string[]> {
  const finals = replies.filter(isFinal);
  const settled = await stores.ledger.find(key);
  const wrong: string[] = [];
  if (finals.length === 0) wrong.push('no final reply');
  if (new Set(finals.map(textOf)).size > 1) wrong.push(`replies differ: ${finals.map(textOf).join(' and ')}`);
  if (finals.filter(({ headers = {} }) => headers['idempotency-replayed'] === undefined).length > 1)
    wrong.push('two processes think that they were first');
  if (settled?.state !== 'done') return [...wrong, 'the key is not settled'];
  const isCharged = settled.reply.status === 201;
  const row = await stores.charges.find(settled.chargeId);
  if ((row !== undefined) !== isCharged)
    wrong.push(`reply ${settled.reply.status}, charge ${String(row !== undefined)}`);
  // Asked again under its key, with a token above all, the network says what it did.
  const { payment } = await stores.payments.open(settled.chargeId, settled.fencingToken + 1, 'audit');
  if ((payment.outcome === 'charged') !== isCharged)
    wrong.push(`reply ${settled.reply.status}, card ${payment.outcome ?? 'not charged'}`);
  return wrong;
}

/** What the stacks let the function that charges run. */
const functionMs = 10_000;

/**
 * Liveness: one to three clients that wait as they are told ask for a card whose issuer can be slower than the lease. The
 * function that charges ends before such an issuer answers; the network that it asked goes on.
 *
 * @throws {Error} when a client gives up.
 */
export async function askSlowIssuer(
  card: string,
  random: Random,
  stores: Stores,
  { clock, sleep }: { readonly clock: () => number; readonly sleep: (ms: number) => Promise<unknown> },
): Promise<{ readonly status: number; readonly wrong: readonly string[] }> {
  const key = newId();
  const body = byCard(card, { orderId: `slow-${key}` });
  const send = async () => {
    const endMs = clock() + functionMs;
    const wire: Wire = async (call, commit) => {
      if (call.startsWith('ledger.') && clock() >= endMs) throw new Killed('its time was up');
      return commit();
    };
    const timeout = sleep(functionMs).then(() => {
      throw new Killed('its time is up');
    });
    const reply = await Promise.race([processOf({ stores, clock, wire, sleep }).post(key, body), timeout]);
    return { ...reply, headers: reply.headers ?? {} };
  };
  const clients = Array.from({ length: 1 + random.below(3) }, () =>
    untilFinal(send, { random, lostShare: 0, wait: sleep }),
  );
  const replies = await Promise.all(clients);
  // Calls that others overtook end as well.
  await sleep(issuerSlowMs);
  return { status: replies[0]!.status, wrong: await wrongIn(stores, key, replies) };
}
