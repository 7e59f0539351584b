import { randomUUID } from 'node:crypto';
import { systemClock } from '../kit/clock.ts';
import { readEnv } from '../kit/env.ts';
import { api, parsed } from '../kit/http.ts';
import { reversalOf } from './domain.ts';
import { bankVariables } from './env.ts';
import { reversalQuery, transferId } from './input.ts';
import { reversible, transferPlainly } from './steps.ts';
import { accounts, plainLedger } from './store.ts';

const env = readEnv(bankVariables);
const bank = {
  accounts: accounts(env.accountsTable),
  ledger: plainLedger(env),
  clock: systemClock,
  uniqueId: randomUUID,
};

/** `POST /transfers/{id}/reversal`: as often as it is asked for, whatever the attempt. */
export const handler = api(async ({ parameters, query }) => {
  const id = parsed(parameters['id'], transferId, 'the id of the transfer');
  const { attempt } = parsed(query, reversalQuery, 'the query');
  return transferPlainly(reversalOf(reversible(id, await bank.ledger.find(id)), attempt), bank);
});
