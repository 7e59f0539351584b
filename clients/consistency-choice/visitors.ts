import { setTimeout as sleep } from 'node:timers/promises';
import pMap from 'p-map';
import { exponential } from '../../engines/consistency/chance.ts';
import { type Patience, retry, type RetryPolicy } from '../../engines/retry/retry.ts';
import type { Random } from '../../engines/simulation/random.ts';
import type { Click } from '../../lambdas/consistency-choice/domain.ts';

/** A request to the API, and what came of it. Rejects when there is no reply. */
export type Send = (request: Request) => Promise<Reply>;

interface Request {
  readonly method: 'GET' | 'PUT';
  readonly path: string;
  readonly body?: unknown;
}

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Clicks on pages as browsers make them: IDs of version 7, whose times follow each other at this rate. */
export function makeClicks(
  random: Random,
  count: number,
  pages: readonly string[],
  sinceMs: number,
  perSecond: number,
) {
  let atMs = sinceMs;
  return Array.from({ length: count }, (_, index): Click => {
    atMs += exponential(random, 1000 / perSecond);
    return { page: pages[index % pages.length]!, id: clickId(random, Math.floor(atMs)) };
  });
}

/** A UUID of version 7 (RFC 9562, section 5.7). */
export function clickId(random: Random, atMs: number): string {
  const hex = (digits: number) => Array.from({ length: digits }, () => random.below(16).toString(16)).join('');
  const time = atMs.toString(16).padStart(12, '0');
  const variant = '89ab'[random.below(4)];
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex(3)}-${variant}${hex(3)}-${hex(12)}`;
}

const persistence: RetryPolicy = { attemptsMax: 10, baseMs: 50, maxMs: 1_000 };
const patience: Patience = { random: Math.random, wait: async (ms) => sleep(ms) };

/**
 * Sends until there is an answer that is one: a client whose request failed does not know whether it was done, and sends
 * the same again. @throws {Error} after so many attempts.
 */
export async function sendUntilAnswered(send: Send, request: Request): Promise<Reply> {
  let last: Reply | undefined;
  const reply = await retry(persistence, patience, async () => {
    last = await send(request).catch(() => undefined);
    return last === undefined || last.status >= 500 ? undefined : last;
  });
  if (reply !== undefined) return reply;
  const times = `${persistence.attemptsMax} times`;
  throw new Error(`${request.method} ${request.path} failed ${times}: ${last?.status} ${last?.body}`);
}

/** Sends each item, some of them twice at the same time, so many at once; the last reply to each. */
export async function sendAll<Item>(
  items: readonly Item[],
  requestOf: (item: Item) => Request,
  send: Send,
  { random, twiceShare, atOnce }: { readonly random: Random; readonly twiceShare: number; readonly atOnce: number },
): Promise<ReadonlyMap<Item, Reply>> {
  const sends = items.flatMap((item) => (random.share(twiceShare) ? [item, item] : [item]));
  const replies = await pMap(sends, async (item) => [item, await sendUntilAnswered(send, requestOf(item))] as const, {
    concurrency: atOnce,
  });
  // Of two replies to one item the better counts: it was done.
  const best = new Map<Item, Reply>();
  for (const [item, reply] of replies) if ((best.get(item)?.status ?? 999) > reply.status) best.set(item, reply);
  return best;
}
