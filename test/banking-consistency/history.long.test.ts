import pMap from 'p-map';
import { describe, expect, it } from 'vitest';
import { type Http, teller } from '../../clients/banking-consistency/teller.ts';
import {
  customers,
  deposit,
  depositMinor,
  makeTasks,
  perform,
  vault,
} from '../../clients/banking-consistency/workload.ts';
import { checkStrictSerializability } from '../../engines/history/check.ts';
import { randomFrom } from '../../engines/simulation/random.ts';
import { reversalOf, type TransferRequest } from '../../lambdas/banking-consistency/domain.ts';
import { type Ledger, read, reversible, togetherFrom, transfer } from '../../lambdas/banking-consistency/steps.ts';
import { Problem } from '../../lambdas/kit/http.ts';
import { bank, Crash, impatient, stormy } from './fakes.ts';

/** Promise R1: three seeds of so many, the first two accounts being hot. */
const size = { transfers: 2_000, looks: 500, clients: 32 };
const seeds = [1, 2, 3];

type Bank = ReturnType<typeof bank>;
/** Does something to the tables that it should not do. */
type Mistake = (world: Bank, ledger: Ledger) => Ledger;

const mistakes: Readonly<Record<string, Mistake>> = {
  'writes on whatever version is there': (world, ledger) => ({
    ...ledger,
    post: async (request, postings, atMs) =>
      ledger.post(
        request,
        postings.map((one) => {
          const { part, version } = world.balances.get(one.before.part)!;
          return { ...one, before: { ...one.before, part, version } };
        }),
        atMs,
      ),
  }),
  'reads one balance after the other, and looks at the version of the last': (world, ledger) => ({
    ...ledger,
    snapshot: async (transferId, parts) => {
      const all = await Promise.all(parts.map(async (part) => ledger.snapshot(transferId, [part])));
      if (all.some((one) => one === undefined)) return undefined;
      const { version } = world.balances.get(parts.at(-1)!)!;
      return {
        record: all.at(-1)!.record,
        balances: all.map((one, index) => ({
          ...one!.balances[0]!,
          ...(index === parts.length - 1 ? { version } : {}),
        })),
      };
    },
  }),
  'makes a transfer of every repeat': (world, ledger) => {
    let repeats = 0;
    return {
      ...ledger,
      find: async (transferId) =>
        Promise.resolve(
          [...world.records].find(([id, { state }]) => state === 'posted' && id.split(' ')[0] === transferId)?.[1],
        ),
      snapshot: async (transferId, parts) => {
        const seen = await ledger.snapshot(transferId, parts);
        return seen && { ...seen, record: undefined };
      },
      refuse: async (record) => (await ledger.refuse(record)) || true,
      post: async (request, postings, atMs) =>
        ledger.post({ ...request, transferId: `${request.transferId} ${(repeats += 1)}` }, postings, atMs),
    };
  },
};

/**
 * The steps of the handlers over tables in memory, by the clients of the proof: calls take turns at random; of a hundred
 * five break off before they take effect, five are committed and nobody hears of it, and six meet a conflict or a throttle.
 */
async function run(seed: number, { transfers, looks, clients } = size, mistake: Mistake = (_, ledger) => ledger) {
  const world = bank([vault, ...customers], stormy(seed, 0.05));
  const random = randomFrom(seed);
  const inTheWay = async <T>(call: () => Promise<T>): Promise<T | undefined> =>
    random.share(0.06) ? undefined : call();
  const sound: Ledger = {
    ...world.ledger,
    snapshot: async (...args) => inTheWay(async () => world.ledger.snapshot(...args)),
    post: async (...args) => inTheWay(async () => world.ledger.post(...args)),
  };
  const ledger = mistake(world, sound);
  const accounts: Bank['accounts'] = {
    ...world.accounts,
    snapshot: async (parts) => inTheWay(async () => world.accounts.snapshot(parts)),
  };
  const effects = { accounts, ledger, clock: () => 1, patience: impatient(seed) };
  const http: Http = async ({ path, body }) => {
    try {
      const [, , transferId] = /^\/transfers(\/(.+)\/reversal)?$/.exec(path) ?? [];
      if (transferId !== undefined) {
        const made = reversible(transferId, await ledger.find(transferId));
        return { headers: {}, ...(await transfer(reversalOf(made, 1), effects)) };
      }
      if (path === '/transfers') return { headers: {}, ...(await transfer(body as TransferRequest, effects)) };
      const ids = new URL(path, 'http://bank').searchParams.get('ids')!.split(',');
      const shown = await read(ids, accounts, togetherFrom(accounts, effects.patience));
      return { status: 200, headers: {}, body: JSON.stringify({ accounts: shown }) };
    } catch (error) {
      if (error instanceof Problem) return { headers: {}, ...error.reply };
      if (error instanceof Crash) return { status: 500, headers: {}, body: '' };
      throw error;
    }
  };
  const clerk = teller(http, randomFrom(seed));
  for (const { accountId } of customers) await clerk.transfer(deposit(accountId));
  await pMap(makeTasks(seed, transfers, looks), async (task) => perform(clerk, task), { concurrency: clients });

  const balances = [...world.balances.values()];
  const credits = world.entries.filter(({ deltaMinor }) => deltaMinor > 0);
  return {
    transactions: clerk.history().length,
    posted: world.entries.length / 2,
    sumMinor: balances.reduce((sum, { balanceMinor }) => sum + balanceMinor, 0),
    vaultMinor: world.balances.get(vault.accountId)!.balanceMinor,
    negative: balances.filter(({ part, balanceMinor }) => part !== vault.accountId && balanceMinor < 0).length,
    surplus: credits.length - new Set(credits.map(({ transferId }) => transferId.split(' ')[0])).size,
    verdict: checkStrictSerializability(clerk.history()),
  };
}

describe('2,000 transfers and 500 looks at all accounts by 32 clients', () => {
  it.each(seeds)('create no money, overdraw nothing, happen once and in one order (seed %i)', async (seed) => {
    const { transactions, posted, ...found } = await run(seed);
    expect(transactions).toBeGreaterThanOrEqual(size.transfers + size.looks + customers.length);
    expect(posted).toBeGreaterThan(size.transfers / 2);
    expect(found).toEqual({
      sumMinor: 0,
      vaultMinor: -customers.length * depositMinor,
      negative: 0,
      surplus: 0,
      verdict: { ok: true },
    });
  });

  it.each(Object.entries(mistakes))('show a bank that %s, within three seeds', async (_, mistake) => {
    for (const seed of seeds) {
      const { sumMinor, negative, surplus, verdict } = await run(seed, { ...size, transfers: 200, looks: 50 }, mistake);
      if (sumMinor !== 0 || negative > 0 || surplus > 0 || !verdict.ok) return;
    }
    expect.unreachable('no seed of the three shows it');
  });
});
