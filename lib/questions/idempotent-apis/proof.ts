import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pMap from 'p-map';
import { books, type ChargeRow } from '../../../clients/idempotent-apis/books.ts';
import { atMost, untilFinal } from '../../../clients/idempotent-apis/cashier.ts';
import { randomFrom } from '../../../engines/simulation/random.ts';
import { type ChargeRequest, issuerSlowMs } from '../../../lambdas/idempotent-apis/domain.ts';
import type { HttpReply, Measured, Proof, Property, Scale, Target } from '../../kit/proof.ts';

const properties: readonly Property<'naive' | 'wrapped' | 'improved'>[] = [
  {
    name: 'charges per key under parallel duplicates',
    unit: 'charges',
    points: [1],
    tier: 'emulator',
    naive: { above: 1 },
    wrapped: { exactly: 1 },
    improved: { exactly: 1 },
  },
  {
    name: 'requests without a key, or with another payload under it, that are not refused',
    unit: 'requests of 10',
    points: [1],
    tier: 'emulator',
    naive: { above: 0 },
    wrapped: { exactly: 0 },
    improved: { exactly: 0 },
  },
  {
    name: 'items that GET changes',
    unit: 'items',
    points: [2],
    tier: 'emulator',
    naive: { above: 0 },
    wrapped: { exactly: 0 },
    improved: { exactly: 0 },
  },
  {
    name: 'refunds of a charge that is deleted three times',
    unit: 'refunds',
    points: [2],
    tier: 'emulator',
    naive: { above: 1 },
    wrapped: { exactly: 1 },
    improved: { exactly: 1 },
  },
  {
    name: 'charges per key under crashes and lost replies',
    unit: 'charges',
    points: [3],
    tier: 'emulator',
    naive: { above: 1 },
    wrapped: { above: 1 },
    improved: { exactly: 1 },
  },
  {
    name: 'replies to retries that differ from the first one',
    unit: 'replies',
    points: [3],
    tier: 'emulator',
    naive: { above: 0 },
    // The library replays what it stored; that it charged twice is the property above.
    wrapped: { any: true },
    improved: { exactly: 0 },
  },
  {
    name: 'customers who share an email after they came at once',
    unit: 'customers',
    points: [4],
    tier: 'emulator',
    naive: { above: 1 },
    wrapped: { exactly: 1 },
    improved: { exactly: 1 },
  },
  {
    name: 'charges per key when the card network is slower than the lock',
    unit: 'charges',
    points: [5],
    tier: 'emulator',
    naive: { above: 1 },
    wrapped: { above: 1 },
    improved: { exactly: 1 },
  },
  {
    name: 'cards charged after a reply that says they were not',
    unit: 'cards',
    points: [5],
    tier: 'emulator',
    naive: { above: 0 },
    wrapped: { above: 0 },
    improved: { exactly: 0 },
  },
];

/** Keys that meet crashes, each with one to eight duplicates; R2's 500 at full scale. */
const faultedKeys = { small: 24, default: 40, full: 500 } as const satisfies Record<Scale, number>;

/**
 * How often a function dies before, dies after and loses the reply of its call to the network, and of its nth AWS call,
 * for each n up to callsMax.
 */
const faultTimes = { small: 2, default: 3, full: 25 } as const satisfies Record<Scale, number>;
const callsMax = 6;
const kinds = ['crash-after', 'crash-before', 'lose-reply'] as const;

const duplicatesAtOnce = { small: 10, default: 50, full: 50 } as const satisfies Record<Scale, number>;
/** A process each, of three variants at once. */
const requestsAtOnce = 8;
const slowOrders = 2;
const sharedEmails = 5;
/** After this the network has done whatever it was still doing: nothing else tells. */
const networkQuietMs = issuerSlowMs + 3_000;

interface Order {
  readonly key: string;
  readonly body: ChargeRequest;
}

/** The same workload for every variant: what differs is what its tables hold in the end, and what it answered. */
async function measure(target: Target): Promise<Measured> {
  const { seed, scale, outputs } = target;
  const output = (name: string): string => {
    if (outputs[name] === undefined) throw new Error(`the stack has no output ${name}`);
    return outputs[name];
  };
  const http = target.http(output('ApiId'));
  const ledger = books(target.aws, { charges: output('ChargesTable'), payments: output('PaymentsTable') });
  const random = randomFrom(seed);

  let orders = 0;
  const order = (method: 'invoice' | `tok_${string}`, email?: string): Order => {
    orders += 1;
    const common = {
      orderId: `order-${orders}`,
      customerId: `customer-${orders}`,
      email: email ?? `customer-${orders}@example.com`,
      amount: 100 + random.below(100_000),
      currency: 'EUR',
    };
    const body: ChargeRequest =
      method === 'invoice' ? { ...common, method } : { ...common, method: 'card', card: method };
    return { key: randomUUID(), body };
  };
  const post = (body: unknown, key?: string) =>
    http({ method: 'POST', path: '/charges', headers: key === undefined ? {} : { 'Idempotency-Key': key }, body });
  const ask = (send: () => Promise<HttpReply>) => untilFinal(send, { random, lostShare: 0 });
  const charge = ({ key, body }: Order) => ask(() => post(body, key));

  const burst = [order('invoice'), order('tok_visa')];
  const deleted = [order('invoice'), order('tok_visa')];
  const emails = Array.from({ length: sharedEmails }, (_, index) => `shared-${index}@example.com`);
  const duplicates = await inTurn(async () => {
    const atOnce = duplicatesAtOnce[scale];
    target.say(`requests without a key, then ${atOnce} duplicates at once`);
    // The first ones start the processes, so that the duplicates run at the same time.
    await inParallel(atOnce, () => ask(() => post({})));
    const replies = await inParallel(atOnce, () => charge(burst[0]!));
    // The network would need as many processes again.
    const byCard = await inParallel(requestsAtOnce, () => charge(burst[1]!));
    return [replies[0]!, byCard[0]!];
  });
  const undisturbed = async () => {
    const misused = await inParallel(5, (index) => {
      const { key, body } = burst[index % burst.length]!;
      return Promise.all([
        charge({ key, body: { ...body, amount: body.amount + 1 } }),
        ask(() => post(order('invoice').body)),
      ]);
    });

    target.say('customers who share an email, charges that are read, charges that are deleted three times');
    for (const email of emails) await inParallel(requestsAtOnce, () => charge(order('invoice', email)));
    const read = [...duplicates.map(idOf), `ch_${randomUUID()}`];
    const before = rowsOf(await ledger.charges());
    await pMap([...read, ...read, ...read], (id) => ask(() => http({ method: 'GET', path: `/charges/${id}` })), {
      concurrency: requestsAtOnce,
    });
    const after = rowsOf(await ledger.charges());
    for (const each of deleted) {
      const path = `/charges/${idOf(await charge(each))}`;
      await inParallel(2, () => ask(() => http({ method: 'DELETE', path })));
      await ask(() => http({ method: 'DELETE', path }));
    }
    return {
      notRefused: misused.flat().filter(({ status }) => status !== 400 && status !== 422).length,
      changed: read.filter((id) => before.get(id) !== after.get(id)).length,
    };
  };

  target.say('orders whose card network is slower than the function and its lock');
  const slowSinceMs = Date.now();
  const slow = Array.from({ length: slowOrders }, () => order('tok_slow_visa'));
  const unlucky = Array.from({ length: slowOrders }, () => order('tok_slow_down'));
  const [{ notRefused, changed }, unluckyReplies] = await Promise.all([
    undisturbed(),
    Promise.all(unlucky.map((each) => charge(each))),
    Promise.all(slow.map((each) => charge(each))),
  ]);

  target.say('keys whose functions die and whose replies are lost');
  const times = faultTimes[scale];
  await target.faults.arm(
    output('ChargeFunction'),
    // The network's call has faults of its own: replies that are lost before it make it another nth call.
    [
      ...kinds.map((kind) => ({ call: 'Invoke', kind, times })),
      ...kinds.flatMap((kind) =>
        Array.from({ length: callsMax }, (_, index) => ({ call: '*', kind, nth: index + 1, times })),
      ),
    ],
  );
  const faulted = Array.from({ length: faultedKeys[scale] }, (_, index) =>
    order(index === 0 || random.share(0.5) ? 'invoice' : 'tok_visa'),
  );
  // The first request of all dies after its first call: an invoice's, whose effect and record stand side by side.
  await post(faulted[0]!.body, faulted[0]!.key).catch(() => undefined);
  const answers = new Map(faulted.map(({ key }) => [key, [] as HttpReply[]]));
  const requests = faulted.flatMap((each) => Array.from({ length: 1 + random.below(8) }, () => each));
  // Requests are bounded, not clients: who waits for a dead owner's lease keeps nobody from asking.
  const slot = atMost(requestsAtOnce);
  await Promise.all(
    requests.map(({ key, body }) =>
      untilFinal(() => slot(() => post(body, key)), {
        random,
        lostShare: 0.1,
        onFinal: (reply) => answers.get(key)!.push(reply),
      }),
    ),
  );
  await target.faults.disarm();
  await sleep(Math.max(0, slowSinceMs + networkQuietMs - Date.now()));

  const charges = await ledger.charges();
  const payments = await ledger.payments('charged');
  const refunds = await ledger.payments('refunded');
  /** As the merchant's books have it or the network's, whichever charged more often. */
  const chargesOf = ({ body: { orderId, method } }: Order): number => {
    const ours = charges.get(orderId)?.length ?? 0;
    const theirs = method === 'card' ? (payments.get(orderId) ?? 0) : ours;
    return Math.min(ours, theirs) === 0 ? 0 : Math.max(ours, theirs);
  };
  const rows = [...charges.values()].flat();
  const customersOf = (email: string): number =>
    new Set(rows.filter((row) => row.email === email).map(({ customerId }) => customerId)).size;
  const deletions = deleted.map(
    ({ body: { orderId } }) =>
      refunds.get(orderId) ?? (charges.get(orderId) ?? []).reduce((sum, row) => sum + row.refunds, 0),
  );

  return {
    'charges per key under parallel duplicates': perKey(burst.map(chargesOf)),
    'requests without a key, or with another payload under it, that are not refused': notRefused,
    'items that GET changes': changed,
    'refunds of a charge that is deleted three times': perKey(deletions),
    'charges per key under crashes and lost replies': perKey(faulted.map(chargesOf)),
    'replies to retries that differ from the first one': [...answers.values()].reduce(
      (sum, replies) => sum + differing(replies),
      0,
    ),
    'customers who share an email after they came at once': perKey(emails.map(customersOf)),
    'charges per key when the card network is slower than the lock': perKey(slow.map(chargesOf)),
    'cards charged after a reply that says they were not': unlucky.filter(
      ({ body: { orderId } }, index) => unluckyReplies[index]!.status !== 201 && payments.has(orderId),
    ).length,
  };
}

let lastTurn: Promise<unknown> = Promise.resolve();
/** One variant after the other: an emulator has a process for each of the duplicates, and stalls at as many as all would need. */
function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const mine = lastTurn.then(work);
  // Who comes next goes on, whatever became of this one.
  lastTurn = mine.catch(() => {});
  return mine;
}

function inParallel<T>(times: number, of: (index: number) => Promise<T>): Promise<readonly T[]> {
  return Promise.all(Array.from({ length: times }, (_, index) => of(index)));
}

function idOf({ status, body }: HttpReply): string {
  if (status !== 201) throw new Error(`an undisturbed charge was answered with ${status}: ${body.slice(0, 200)}`);
  return (JSON.parse(body) as { readonly id: string }).id;
}

function rowsOf(charges: ReadonlyMap<string, readonly ChargeRow[]>): ReadonlyMap<string, string> {
  return new Map([...charges.values()].flat().map(({ id, text }) => [id, text]));
}

/** The most of any key; 0 when one has none, so that a lost charge never passes for one. */
function perKey(counts: readonly number[]): number {
  return counts.includes(0) ? 0 : Math.max(...counts);
}

/** Replies to one key that are not what the first one was, byte for byte, and first ones beyond the first. */
function differing(replies: readonly HttpReply[]): number {
  const textOf = ({ status, headers, body }: HttpReply) =>
    JSON.stringify([status, headers['content-type'], headers['location'], body]);
  const others = replies.filter((reply) => textOf(reply) !== textOf(replies[0]!)).length;
  const originals = replies.filter(({ headers }) => headers['idempotency-replayed'] !== 'true').length;
  return others + Math.max(0, originals - 1);
}

const unusedGrants: (typeof proof)['unusedGrants'] = {
  improved: { 'Charge dynamodb:GetItem': 'an owner that the network calls stale looks what became of its key' },
};

export const proof: Proof<'naive' | 'wrapped' | 'improved'> = { properties, unusedGrants, measure };
