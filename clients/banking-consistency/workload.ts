import { randomFrom } from '../../engines/simulation/random.ts';
import type { Account, TransferRequest } from '../../lambdas/banking-consistency/domain.ts';
import type { Teller } from './teller.ts';

/** One thing that a client does. */
export type Task =
  | {
      readonly do: 'transfer';
      readonly request: TransferRequest;
      /** At the same time, under the same id. */ readonly times: number;
      readonly thenReverse: boolean;
    }
  | { readonly do: 'look' };

const currency = 'EUR';
const account = (accountId: string, more: Partial<Account> = {}): Account => ({
  accountId,
  currency,
  overdraftMinor: 0,
  parts: 1,
  ...more,
});

/** What the bank pays deposits out of: all other money is owed to it, so that all balances add up to zero. */
export const vault = account('vault', { overdraftMinor: 1_000_000_000 });

/** Twenty accounts, of which the first two are hot, and the second is to be kept in parts. */
export const customers: readonly Account[] = Array.from({ length: 20 }, (_, index) =>
  account(`customer-${index}`, index === 1 ? { parts: 4 } : {}),
);

/** Each is about to spend all that it has, several times at once. */
export const spenders: readonly Account[] = Array.from({ length: 3 }, (_, index) => account(`spender-${index}`));
export const shops: readonly Account[] = Array.from({ length: 8 }, (_, index) => account(`shop-${index}`));

/** Whose entries will be tampered with. */
export const victims: readonly Account[] = Array.from({ length: 7 }, (_, index) => account(`victim-${index}`));

/** An account that so many pay into that one balance would not do. */
export const hotAccount = account('hot', { parts: 48 });

export const depositMinor = 1_000;

export function deposit(to: string, number = 0): TransferRequest {
  return { transferId: `deposit-${to}-${number}`, from: vault.accountId, to, amountMinor: depositMinor, currency };
}

/** All that a spender has, to each shop. */
export function spending(from: string): readonly TransferRequest[] {
  return shops.map(({ accountId: to }) => ({
    transferId: `${from}-${to}`,
    from,
    to,
    amountMinor: depositMinor,
    currency,
  }));
}

/** The same for the same seed: every third transfer is hot on one side at least, one in ten is sent twice at once, one in ten is taken back. */
export function makeTasks(seed: number, transfers: number, looks: number): readonly Task[] {
  const random = randomFrom(seed);
  const tasks: Task[] = [];
  for (let number = 0; number < transfers; number += 1) {
    const payer = random.share(0.25) ? random.below(2) : random.below(customers.length);
    const others = customers.filter((_, index) => index !== payer);
    const payee = random.share(0.25) ? others[random.below(2)]! : others[random.below(others.length)]!;
    tasks.push({
      do: 'transfer',
      request: {
        transferId: `transfer-${seed}-${number}`,
        from: customers[payer]!.accountId,
        to: payee.accountId,
        // Now and then more than there is.
        amountMinor: 1 + random.below(random.share(0.1) ? 5_000 : 300),
        currency,
      },
      times: random.share(0.1) ? 2 : 1,
      thenReverse: random.share(0.1),
    });
  }
  for (let number = 0; number < looks; number += 1) tasks.splice(random.below(tasks.length + 1), 0, { do: 'look' });
  return tasks;
}

/** Does a task, its repeats at the same time; takes back what was posted. */
export async function perform(bank: Teller, task: Task): Promise<void> {
  if (task.do === 'look') {
    await bank.look(customers.map(({ accountId }) => accountId));
    return;
  }
  const outcomes = await Promise.all(Array.from({ length: task.times }, async () => bank.transfer(task.request)));
  if (!task.thenReverse || outcomes.every(({ is }) => is !== 'posted')) return;
  await Promise.all(Array.from({ length: task.times }, async () => bank.reverse(task.request.transferId)));
}
