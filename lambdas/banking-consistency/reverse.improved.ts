import { systemClock } from '../kit/clock.ts';
import { readEnv } from '../kit/env.ts';
import { api, parsed } from '../kit/http.ts';
import { patience } from '../kit/patience.ts';
import { reversalOf } from './domain.ts';
import { bankVariables } from './env.ts';
import { transferId } from './input.ts';
import { reversible, transfer } from './steps.ts';
import { accounts, ledger } from './store.ts';

const env = readEnv(bankVariables);
const bank = {
  accounts: accounts(env.accountsTable),
  ledger: ledger(env),
  clock: systemClock,
  patience,
};

/** `POST /transfers/{id}/reversal`: a transfer of its own, whose id follows from the first one's. */
export const handler = api(async ({ parameters }) => {
  const id = parsed(parameters['id'], transferId, 'the id of the transfer');
  return transfer(reversalOf(reversible(id, await bank.ledger.find(id))), bank);
});
