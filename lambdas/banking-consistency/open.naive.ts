import { systemClock } from '../kit/clock.ts';
import { readEnv } from '../kit/env.ts';
import { api, parseBody } from '../kit/http.ts';
import { patience } from '../kit/patience.ts';
import { accountsVariables } from './env.ts';
import { accountBody } from './input.ts';
import { open } from './steps.ts';
import { accounts } from './store.ts';

const env = readEnv(accountsVariables);
const bank = { accounts: accounts(env.accountsTable), clock: systemClock, patience };

/** `POST /accounts`: an account is one balance, however many pay into it. */
export const handler = api(async (request) => open({ ...parseBody(request, accountBody), parts: 1 }, bank));
