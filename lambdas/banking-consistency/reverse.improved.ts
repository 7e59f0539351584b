import { systemClock } from '../kit/clock.ts';
import { readEnv } from '../kit/env.ts';
import { api, parsed } from '../kit/http.ts';
import { patience } from '../kit/patience.ts';
import { reversalId, reversalOf } from './domain.ts';
import { bankVariables } from './env.ts';
import { reversalQuery, transferId } from './input.ts';
import { mayAttempt, reversible, transfer } from './steps.ts';
import { accounts, ledger } from './store.ts';

const env = readEnv(bankVariables);
const bank = {
  accounts: accounts(env.accountsTable),
  ledger: ledger(env),
  clock: systemClock,
  patience,
};

/**
 * `POST /transfers/{id}/reversal`: a transfer of its own, whose id follows from the first one's. One that was refused is
 * attempted again as `?attempt=2`.
 */
export const handler = api(async ({ parameters, query }) => {
  const id = parsed(parameters['id'], transferId, 'the id of the transfer');
  const { attempt } = parsed(query, reversalQuery, 'the query');
  const [record, before] = await Promise.all([
    bank.ledger.find(id),
    attempt === 1 ? undefined : bank.ledger.find(reversalId(id, attempt - 1)),
  ]);
  const made = reversible(id, record);
  mayAttempt(id, attempt, before);
  return transfer(reversalOf(made, attempt), bank);
});
