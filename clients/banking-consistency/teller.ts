import { setTimeout as sleep } from 'node:timers/promises';
import type { Access, Transaction } from '../../engines/history/check.ts';
import type { Entry } from '../../engines/ledger/chain.ts';
import { retry, type RetryPolicy } from '../../engines/retry/retry.ts';
import type { Random } from '../../engines/simulation/random.ts';
import {
  type Account,
  type AccountView,
  type Posted,
  type TransferRequest,
} from '../../lambdas/banking-consistency/domain.ts';

/** A signed client of the bank's API, which rejects when there is no reply. */
export type Http = (request: {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: unknown;
}) => Promise<{ readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: string }>;

/** What a client of the bank learns of a transfer. */
export type Outcome =
  | { readonly is: 'posted'; readonly posted: readonly Posted[] }
  | { readonly is: 'refused'; readonly seen: readonly Access[] }
  /** No answer that says what became of it, however often it was asked. */
  | { readonly is: 'unknown' };

/** How a client insists: half a minute. */
const persistence: RetryPolicy = { attemptsMax: 40, baseMs: 20, maxMs: 1_000 };

/**
 * A client that keeps a history: of each transfer, sent again under the same id until an answer says what became of it,
 * and of each look at several accounts. Its clock is one for all that it does.
 */
export function teller(http: Http, random: Random) {
  const history = new Map<string, Transaction>();
  let looks = 0;

  /** Sends until there is a reply that is final. */
  async function insist(send: () => ReturnType<Http>): Promise<Awaited<ReturnType<Http>> | undefined> {
    return retry(persistence, { random: random.fraction, wait: async (ms) => sleep(ms) }, async () => {
      const reply = await send().catch(() => undefined);
      // These ask to come again; a 5xx or a broken connection leaves open what became of it.
      return reply === undefined || reply.status >= 500 || [409, 429].includes(reply.status) ? undefined : reply;
    });
  }

  async function move(id: string, send: () => ReturnType<Http>): Promise<Outcome> {
    const invokedAt = performance.now();
    const reply = await insist(send);
    const outcome = reply === undefined ? ({ is: 'unknown' } as const) : outcomeOf(id, reply);
    remember(transactionOf(id, invokedAt, performance.now(), outcome));
    return outcome;
  }

  /** Repeats under one id are one transaction: its effect was there when the first answer came. */
  function remember(next: Transaction): void {
    const other = history.get(next.id);
    if (other === undefined) return void history.set(next.id, next);
    const [known, unknown] = other.outcome === 'unknown' ? [next, other] : [other, next];
    const answers = [known, unknown].flatMap(({ outcome, returnedAt }) =>
      outcome === 'unknown' || returnedAt === undefined ? [] : [returnedAt],
    );
    history.set(next.id, {
      ...known,
      invokedAt: Math.min(known.invokedAt, unknown.invokedAt),
      returnedAt: answers.length === 0 ? undefined : Math.min(...answers),
    });
  }

  return {
    /** Everything that was done, for the checker. */
    history: (): readonly Transaction[] => [...history.values()],

    async open(account: Account): Promise<void> {
      const reply = await insist(async () => http({ method: 'POST', path: '/accounts', body: account }));
      if (reply?.status !== 201) throw new Error(`${account.accountId} is not opened: ${reply?.status} ${reply?.body}`);
    },

    async transfer(request: TransferRequest): Promise<Outcome> {
      return move(request.transferId, async () => http({ method: 'POST', path: '/transfers', body: request }));
    },

    async reverse(transferId: string): Promise<Outcome> {
      return move(`${transferId}~reversal`, async () =>
        http({ method: 'POST', path: `/transfers/${transferId}/reversal` }),
      );
    },

    /** The entries of an account, of all its parts. */
    async statement(accountId: string): Promise<readonly Entry[]> {
      const entries: Entry[] = [];
      // Small pages, so that every workload turns some.
      const query = new URLSearchParams({ limit: '10' });
      for (;;) {
        const path = `/accounts/${accountId}/statement?${query.toString()}`;
        const reply = await insist(async () => http({ method: 'GET', path }));
        if (reply?.status !== 200) throw new Error(`no statement of ${accountId}: ${reply?.status} ${reply?.body}`);
        const page = JSON.parse(reply.body) as { readonly entries: readonly Entry[]; readonly next?: string };
        entries.push(...page.entries);
        if (page.next === undefined) return entries;
        query.set('cursor', page.next);
      }
    },

    /** Several accounts at one moment, or so the bank says. */
    async look(accountIds: readonly string[]): Promise<readonly AccountView[]> {
      const invokedAt = performance.now();
      const reply = await insist(async () => http({ method: 'GET', path: `/accounts?ids=${accountIds.join(',')}` }));
      if (reply?.status !== 200) throw new Error(`the accounts are not shown: ${reply?.status} ${reply?.body}`);
      const { accounts } = JSON.parse(reply.body) as { readonly accounts: readonly AccountView[] };
      remember({
        id: `look ${(looks += 1)}`,
        invokedAt,
        returnedAt: performance.now(),
        outcome: 'committed',
        reads: accounts.flatMap(({ parts }) => parts.map(({ part, version }) => ({ key: part, version }))),
        writes: [],
      });
      return accounts;
    },
  };
}

export type Teller = ReturnType<typeof teller>;

function outcomeOf(id: string, { status, body }: { readonly status: number; readonly body: string }): Outcome {
  const reply = JSON.parse(body) as {
    readonly posted?: readonly Posted[];
    readonly seen?: readonly { part: string; version: number }[];
  };
  if (status === 201 && reply.posted !== undefined) return { is: 'posted', posted: reply.posted };
  if (status === 422 && reply.seen !== undefined)
    return { is: 'refused', seen: reply.seen.map(({ part, version }) => ({ key: part, version })) };
  throw new Error(`${id} is neither posted nor refused: ${status} ${body}`);
}

/** A refusal saw something, and says what: it is a transaction that only reads. */
function transactionOf(id: string, invokedAt: number, returnedAt: number, outcome: Outcome): Transaction {
  if (outcome.is === 'unknown')
    return { id, invokedAt, returnedAt: undefined, outcome: 'unknown', reads: [], writes: [] };
  const known = { id, invokedAt, returnedAt, outcome: 'committed' } as const;
  return outcome.is === 'refused'
    ? { ...known, reads: outcome.seen, writes: [] }
    : { ...known, ...accessesOf(outcome.posted) };
}

/** What a posted transfer saw and made. */
export function accessesOf(posted: readonly Posted[]): Pick<Transaction, 'reads' | 'writes'> {
  return {
    reads: posted.map(({ part, version }) => ({ key: part, version: version - 1 })),
    writes: posted.map(({ part, version }) => ({ key: part, version })),
  };
}
