import { randomUUID } from 'node:crypto';
import { systemClock } from '../kit/clock.ts';
import { readEnv } from '../kit/env.ts';
import { api, parseBody } from '../kit/http.ts';
import { bankVariables } from './env.ts';
import { transferBody } from './input.ts';
import { transferPlainly } from './steps.ts';
import { accounts, plainLedger } from './store.ts';

const env = readEnv(bankVariables);
const bank = {
  accounts: accounts(env.accountsTable),
  ledger: plainLedger(env),
  clock: systemClock,
  uniqueId: randomUUID,
};

/** `POST /transfers` */
export const handler = api(async (request) => transferPlainly(parseBody(request, transferBody), bank));
