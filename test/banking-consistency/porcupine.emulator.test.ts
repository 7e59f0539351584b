import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pMap from 'p-map';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type Outcome, type Teller, teller } from '../../clients/banking-consistency/teller.ts';
import {
  customers,
  deposit,
  depositMinor,
  makeTasks,
  type Task,
  vault,
} from '../../clients/banking-consistency/workload.ts';
import { checkStrictSerializability, type Transaction } from '../../engines/history/check.ts';
import { randomFrom } from '../../engines/simulation/random.ts';
import type { Fault } from '../../lib/kit/proof.ts';
import { buildBundles } from '../../tools/bundle/bundle.ts';
import { deploy, destroy, type DeployOptions } from '../../tools/deploy/deploy.ts';
import { faultControl } from '../../tools/prove/faults.ts';
import { httpClient } from '../../tools/prove/http.ts';
import type { Operation } from '../engines/history/bank.ts';
import { buildPorcupine, whyNoPorcupine } from '../engines/history/porcupine.ts';
import { proofSeed } from '../tools/prove/proof-tests.ts';
import { type Edits, oneAfterTheOther } from './edits.ts';

const aws = inject('aws');
const missing = await whyNoPorcupine();
if (missing !== undefined) console.warn(`porcupine, the independent oracle, is skipped: ${missing}`);

/** Promise R1 gives porcupine 8 clients of 2,000 operations each, which full is. */
const clients = 8;
const few = { transfers: 240, looks: 80 } as const;
const many = process.env['DESIGNS_SCALE'] === 'full' ? { transfers: 14_000, looks: 2_000 } : few;
type Size = typeof few | typeof many;

const moverFaults: readonly Fault[] = [
  { call: 'TransactWriteItems', kind: 'crash-after', share: 0.02 },
  { call: 'TransactWriteItems', kind: 'lose-reply', share: 0.05 },
  { call: 'TransactWriteItems', kind: 'fail', error: 'TransactionCanceledException', share: 0.03 },
];

/** The bank as it is, and with a mistake that both checkers must find. */
const banks = [
  { bank: 'the bank', verdict: 'Ok', size: many, edits: {} },
  {
    bank: 'a bank that looks at one balance after the other',
    verdict: 'Illegal',
    size: few,
    edits: oneAfterTheOther,
  },
] as const;

/** Porcupine searches for an order that explains the balances, and knows no versions; ours knows no balances. */
describe.skipIf(missing !== undefined)(`of the deployed bank’s own history (seed ${proofSeed})`, () => {
  let directory: string;
  let porcupine: Awaited<ReturnType<typeof buildPorcupine>>;
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'designs-porcupine-'));
    porcupine = await buildPorcupine(directory);
  }, 300_000);
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it.each(banks)(
    'porcupine and the version-order check say the same: $bank is $verdict',
    async ({ edits, size, verdict }) => {
      const { transactions, operations } = await runDeployed(size, edits);
      expect(operations.length).toBeGreaterThanOrEqual(size.transfers + size.looks);
      expect(checkStrictSerializability(transactions).ok ? 'Ok' : 'Illegal').toBe(verdict);
      const initial = customers.map(() => depositMinor);
      expect(await porcupine([{ initial, operations }])).toEqual([verdict]);
    },
    3_000_000,
  );
});

interface Run {
  readonly transactions: readonly Transaction[];
  readonly operations: readonly Operation[];
}

async function runDeployed({ transfers, looks }: Size, edits: Edits): Promise<Run> {
  const bundles = await buildBundles({ slugs: ['banking-consistency'], instrumented: true, edits });
  const run = `porcupine-${Object.keys(edits).length}`;
  const variants = ['improved'];
  const options: DeployOptions = { slug: 'banking-consistency', variants, aws, bundles, run, schedules: false };
  try {
    const { outputs } = (await deploy(options))['improved']!;
    const bank = teller(httpClient(aws, outputs['ApiId']!), randomFrom(proofSeed));
    await pMap([vault, ...customers], bank.open, { concurrency: clients });
    for (const { accountId } of customers) await bank.transfer(deposit(accountId));
    const movers = outputs['Movers']!.split(',');
    const faults = faultControl(aws, { functions: movers, seed: proofSeed });
    for (const name of movers) await faults.arm(name, moverFaults);
    const clerk = recorder(bank);
    await pMap(makeTasks(proofSeed, transfers, looks), clerk.perform, { concurrency: clients });
    expect((await faults.fired()).map(({ fault: { kind } }) => kind)).toContain('lose-reply');
    return { transactions: bank.history(), operations: clerk.operations() };
  } finally {
    await destroy(options);
  }
}

/** Keeps what clients saw in balances, where the teller keeps versions. */
function recorder(bank: Teller) {
  const transfersById = new Map<string, Operation>();
  const seen: Operation[] = [];
  let client = 0;

  /** Repeats under one id are one operation, which had happened when the first answer came. */
  async function move(id: string, transfer: NonNullable<Operation['transfer']>, send: () => Promise<Outcome>) {
    const call = nowNs();
    const outcome = await send();
    const before = transfersById.get(id);
    const returned = outcome.is === 'unknown' ? null : nowNs();
    const known = [before?.return ?? null, returned].filter((at) => at !== null);
    const results = { posted: 'done', refused: 'insufficient', unknown: 'unknown' } as const;
    transfersById.set(id, {
      client: before?.client ?? client++,
      call: Math.min(before?.call ?? call, call),
      return: known.length === 0 ? null : Math.min(...known),
      transfer,
      result: outcome.is === 'unknown' ? (before?.result ?? 'unknown') : results[outcome.is],
    });
    return outcome;
  }

  return {
    operations: (): readonly Operation[] => [...seen, ...transfersById.values()],

    async perform(task: Task): Promise<void> {
      if (task.do === 'look') {
        const call = nowNs();
        const views = await bank.look(customers.map(({ accountId }) => accountId));
        const balances = customers.map(
          ({ accountId }) => views.find((view) => view.accountId === accountId)!.balanceMinor,
        );
        seen.push({ client: client++, call, return: nowNs(), balances });
        return;
      }
      const { transferId, amountMinor: amount } = task.request;
      const [from, to] = [indexOf(task.request.from), indexOf(task.request.to)];
      const twice = <T>(send: () => Promise<T>) => Promise.all(Array.from({ length: task.times }, send));
      const outcomes = await twice(() => move(transferId, { from, to, amount }, () => bank.transfer(task.request)));
      if (!task.thenReverse || outcomes.every(({ is }) => is !== 'posted')) return;
      const back = { from: to, to: from, amount };
      await twice(() => move(`${transferId}~reversal`, back, () => bank.reverse(transferId)));
    },
  };
}

function indexOf(accountId: string): number {
  return customers.findIndex((customer) => customer.accountId === accountId);
}

/** A whole number, as porcupine wants it, and fine enough that what comes later has a larger one. */
function nowNs(): number {
  return Math.round(performance.now() * 1e6);
}
