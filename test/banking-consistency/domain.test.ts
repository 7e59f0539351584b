import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import {
  type Account,
  anyPart,
  attemptOf,
  after,
  type Balance,
  decideTransfer,
  isSame,
  limits,
  mayHold,
  nextSlot,
  objectionTo,
  partsOf,
  reversalId,
  reversalOf,
  type TransferRecord,
  type TransferRequest,
  viewOf,
} from '../../lambdas/banking-consistency/domain.ts';

const request = (amountMinor: number): TransferRequest => ({
  transferId: 't',
  from: 'payer',
  to: 'payee',
  amountMinor,
  currency: 'EUR',
});
const account = (accountId: string, more: Partial<Account> = {}): Account => ({
  accountId,
  currency: 'EUR',
  overdraftMinor: 0,
  parts: 1,
  ...more,
});
const money = fc.integer({ min: 0, max: 1000 });

describe('a transfer', () => {
  const payers = fc
    .array(money, { minLength: 1, maxLength: limits.partsMax })
    .chain((balances) => fc.record({ balances: fc.constant(balances), overdraftMinor: money }));

  test.prop([payers, fc.integer({ min: 1, max: 3000 }), money], { numRuns: 1000 })(
    'is posted exactly when the payer’s parts have enough together, moves the amount, and takes no part below its floor',
    ({ balances, overdraftMinor }, amountMinor, had) => {
      const payer = account('payer', { parts: balances.length, overdraftMinor });
      const floor = -Math.floor(overdraftMinor / balances.length);
      const payerBalances = partsOf(payer).map((part, index): Balance => ({
        part,
        version: index,
        balanceMinor: balances[index]!,
      }));
      const payee: Balance = { part: 'payee', version: 3, balanceMinor: had };
      const decision = decideTransfer(request(amountMinor), payer, payerBalances, payee);
      const available = balances.reduce((sum, balance) => sum + balance - floor, 0);
      expect(decision.do).toBe(available >= amountMinor ? 'post' : 'refuse');
      if (decision.do === 'refuse') {
        expect(decision).toEqual({ do: 'refuse', because: 'insufficient-funds', seen: payerBalances });
        return;
      }
      const posted = decision.postings.map(after);
      expect(posted.reduce((sum, { deltaMinor }) => sum + deltaMinor, 0)).toBe(0);
      expect(posted.filter(({ deltaMinor }) => deltaMinor > 0)).toEqual([
        { part: 'payee', version: 4, balanceMinor: had + amountMinor, deltaMinor: amountMinor },
      ]);
      for (const { part, balanceMinor } of posted) expect(balanceMinor, part).toBeGreaterThanOrEqual(floor);
      expect(new Set(posted.map(({ part }) => part)).size).toBe(posted.length);
      // In one transaction, with an entry for each and the record.
      expect(2 * posted.length + 1).toBeLessThanOrEqual(100);
    },
  );

  it('is refused before a balance exceeds what is counted exactly', () => {
    const payer: Balance = { part: 'payer', version: 0, balanceMinor: limits.balanceMinorMax };
    const payee: Balance = { part: 'payee', version: 0, balanceMinor: limits.balanceMinorMax - 4 };
    expect(decideTransfer(request(5), account('payer'), [payer], payee)).toEqual({
      do: 'refuse',
      because: 'balance-overflow',
      seen: [payee],
    });
    expect(decideTransfer(request(4), account('payer'), [payer], payee).do).toBe('post');
    expect(Number.isSafeInteger(limits.balanceMinorMax * limits.snapshotMax)).toBe(true);
  });

  it('makes no sense without its accounts, or in another currency', () => {
    const yen = account('payee', { currency: 'JPY' });
    expect(objectionTo(request(1), undefined, yen)).toEqual({ because: 'no such account', accountId: 'payer' });
    expect(objectionTo(request(1), account('payer'), undefined)).toEqual({
      because: 'no such account',
      accountId: 'payee',
    });
    expect(objectionTo(request(1), account('payer'), yen)).toEqual({
      because: 'currency differs',
      accountId: 'payee',
      currency: 'JPY',
    });
    expect(objectionTo(request(1), account('payer'), account('payee'))).toBeUndefined();
  });

  it('is the same only when all of it is', () => {
    const record: TransferRecord = { ...request(5), atMs: 1, state: 'posted', posted: [] };
    expect(isSame(record, request(5))).toBe(true);
    for (const other of [{ amountMinor: 6 }, { from: 'x' }, { to: 'x' }, { currency: 'USD' }, { reverses: 'x' }])
      expect(isSame(record, { ...request(5), ...other })).toBe(false);
  });

  it('is taken back by one other, whose id no client can give', () => {
    const made: TransferRecord = { ...request(5), atMs: 1, state: 'posted', posted: [] };
    const back = reversalOf(made, 1);
    expect(back).toEqual({
      transferId: 't~reversal',
      from: 'payee',
      to: 'payer',
      amountMinor: 5,
      currency: 'EUR',
      reverses: 't',
    });
    expect(reversalOf(made, 12)).toEqual({ ...back, transferId: 't~reversal~12' });
    for (const attempt of [1, 2, 12]) expect(attemptOf(reversalId('t', attempt))).toBe(attempt);
  });
});

describe('an account in parts', () => {
  test.prop([
    fc.integer({ min: 1, max: limits.partsMax }),
    fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  ])('is paid into one of them, whatever the chance', (parts, random) => {
    expect(partsOf(account('a', { parts }))).toContain(anyPart(account('a', { parts }), random));
  });

  it('has names that no account has, and shows the sum', () => {
    expect(partsOf(account('a'))).toEqual(['a']);
    expect(partsOf(account('a', { parts: 2 }))).toEqual(['a~0', 'a~1']);
    const parts = [
      { part: 'a~0', version: 1, balanceMinor: 5 },
      { part: 'a~1', version: 4, balanceMinor: 7 },
    ];
    expect(viewOf(account('a', { parts: 2 }), parts)).toEqual({
      accountId: 'a',
      currency: 'EUR',
      balanceMinor: 12,
      parts,
    });
  });
});

describe('the next slot', () => {
  const entry = { part: 'a', version: 1, transferId: 't', deltaMinor: 1, balanceMinor: 1, currency: 'EUR', atMs: 1 };
  const change = (sequence: string) => ({ sequence, change: 'insert' as const, entry });
  const seen = (...sequences: string[]) => ({ hash: 'h', writtenAtMs: 0, sequences: new Set(sequences) });

  it('holds what none of the seen ones does, and names the hash before it', () => {
    expect(nextSlot({ slot: 4, hash: 'h4' }, ['1', '2', '3'].map(change), [seen('1'), seen('3', '9')], 7)).toEqual({
      slot: 5,
      previous: 'h4',
      writtenAtMs: 7,
      changes: [change('2')],
    });
    expect(nextSlot({ slot: 4, hash: 'h4' }, [change('1')], [seen('1')], 7)).toBeUndefined();
  });

  it('is looked for behind every slot that was written after the changes, clocks differing', () => {
    expect(mayHold({ writtenAtMs: 100_000 }, 100_000)).toBe(true);
    expect(mayHold({ writtenAtMs: 100_000 }, 159_000)).toBe(true);
    expect(mayHold({ writtenAtMs: 100_000 }, 161_000)).toBe(false);
  });
});
