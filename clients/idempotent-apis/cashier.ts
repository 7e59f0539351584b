import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../engines/simulation/random.ts';

export interface Reply {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Sends the request once. Rejects when there is no reply. */
export type Send = () => Promise<Reply>;

export interface Patience {
  readonly random: Random;
  /** Share of the replies that never reach the client, though the server sent them. */
  readonly lostShare: number;
  /** Hears every final reply, lost ones too. */
  readonly onFinal?: (reply: Reply) => void;
  /** Passes that time when absent. */
  readonly wait?: (ms: number) => Promise<unknown>;
}

/** Of waits that are minutes together: as attempts, since who is one of thousands waits for a turn as well. */
const attemptsMax = 100;
const firstDelayMs = 50;
const delayMaxMs = 5_000;

/**
 * What a client does that must not charge twice and must know how it ended: sends the same request, with the same key,
 * until it has a final reply. Waits as long as Retry-After says, otherwise with full jitter.
 *
 * @throws {Error} when none of a hundred replies was final.
 */
export async function untilFinal(send: Send, { random, lostShare, onFinal, wait = sleep }: Patience): Promise<Reply> {
  for (let attempt = 0; ; attempt += 1) {
    const reply = await send().catch(() => undefined);
    const final = reply !== undefined && isFinal(reply);
    if (final) onFinal?.(reply);
    if (final && !random.share(lostShare)) return reply;
    if (attempt + 1 === attemptsMax)
      throw new Error(
        `no final reply in ${attemptsMax} attempts, the last was ${JSON.stringify(reply)?.slice(0, 300)}`,
      );
    const retryAfterS = Number(reply?.headers['retry-after'] ?? 0);
    await wait(retryAfterS * 1000 + random.below(Math.min(delayMaxMs, firstDelayMs * 2 ** attempt)));
  }
}

/** A 5xx is final when it is the API's own and does not ask to come again; a gateway's says nothing of the effect. */
function isFinal({ status, headers }: Reply): boolean {
  if (status === 429 || headers['retry-after'] !== undefined) return false;
  if (status < 500) return true;
  return status !== 500 && headers['content-type'] === 'application/problem+json';
}

/** Lets so many pieces of work run at once, the others in the order of their coming. */
export function atMost(limit: number): <T>(work: () => Promise<T>) => Promise<T> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (running < limit) running += 1;
    else await new Promise<void>((goOn) => waiting.push(goOn));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}
