import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../kit/clock.ts';
import { readEnv } from '../kit/env.ts';
import { api, parseBody } from '../kit/http.ts';
import { bankVariables } from './env.ts';
import { transferBody } from './input.ts';
import { transfer } from './steps.ts';
import { accounts, ledger } from './store.ts';

const env = readEnv(bankVariables);
const bank = {
  accounts: accounts(env.accountsTable),
  ledger: ledger(env),
  clock: systemClock,
  chance: { random: Math.random, wait: async (ms: number) => sleep(ms) },
};

/** `POST /transfers` */
export const handler = api(async (request) => transfer(parseBody(request, transferBody), bank));
