import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkStrictSerializability } from '../../../engines/history/check.ts';
import { bugs, runBank, type Plan, type Run } from './bank.ts';
import { buildPorcupine, whyNoPorcupine } from './porcupine.ts';

const missing = await whyNoPorcupine();
if (missing !== undefined) console.warn(`porcupine, the independent oracle, is skipped: ${missing}`);

const size = { clients: 8, operationsPerClient: 25, accounts: 5 };
const seeds = Array.from({ length: 20 }, (_, index) => index + 1);

/** Porcupine searches for an order of balances and knows no versions; ours knows versions, and no balances. */
describe.skipIf(missing !== undefined)('porcupine and the version-order check agree', () => {
  let directory: string;
  let porcupine: Awaited<ReturnType<typeof buildPorcupine>>;
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'designs-porcupine-'));
    porcupine = await buildPorcupine(directory);
  }, 300_000);
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  const runs = (plan: Omit<Plan, 'seed'>) => seeds.map((seed) => runBank({ ...plan, seed }));
  const ours = (all: readonly Run[]) =>
    all.map(({ transactions }) => (checkStrictSerializability(transactions).ok ? 'Ok' : 'Illegal'));

  it.each(['versions', 'locks'] as const)('on a bank that guards its writes with %s', async (guard) => {
    const right = runs({ ...size, guard });
    expect(ours(right)).toEqual(seeds.map(() => 'Ok'));
    expect(await porcupine(right)).toEqual(ours(right));
  });

  it.each(bugs)('when %s', async (bug) => {
    const wrong = runs({ ...size, bug, guard: bug.includes('lock') ? 'locks' : 'versions' });
    expect(ours(wrong).slice(0, 3)).toContain('Illegal');
    expect(await porcupine(wrong)).toEqual(ours(wrong));
  });

  it('on 8 clients of 2,000 operations each, who repeat until a reply comes', async () => {
    const plan = { seed: 1, clients: 8, operationsPerClient: 2000, accounts: 20, giveUp: false } as const;
    const large = [runBank({ ...plan, guard: 'versions' })];
    expect(large[0]!.transactions.length).toBe(16_000);
    expect(ours(large)).toEqual(['Ok']);
    expect(await porcupine(large)).toEqual(['Ok']);
  }, 120_000);
});
