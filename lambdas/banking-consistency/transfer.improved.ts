import { systemClock } from '../kit/clock.ts';
import { readEnv } from '../kit/env.ts';
import { api, parseBody } from '../kit/http.ts';
import { patience } from '../kit/patience.ts';
import { bankVariables } from './env.ts';
import { transferBody } from './input.ts';
import { transfer } from './steps.ts';
import { accounts, ledger } from './store.ts';

const env = readEnv(bankVariables);
const bank = {
  accounts: accounts(env.accountsTable),
  ledger: ledger(env),
  clock: systemClock,
  patience,
};

/** `POST /transfers` */
export const handler = api(async (request) => transfer(parseBody(request, transferBody), bank));
