import { readEnv } from '../kit/env.ts';
import { api, json, parsed, Problem } from '../kit/http.ts';
import { consistencyOf } from './domain.ts';
import { readBalanceVariables } from './env.ts';
import { accountPath } from './input.ts';
import { accounts } from './store.ts';

const env = readEnv(readBalanceVariables);
const table = accounts(env.accountsTable);
const consistency = consistencyOf(env.consistency);

/** GET /accounts/{account}/balance. */
export const handler = api(async ({ parameters }) => {
  const { account } = parsed(parameters, accountPath, 'the path');
  const balance = await table.balance(account, consistency);
  if (balance === undefined) throw new Problem(404, `no account "${account}": make its first entry`);
  return json(200, { account, balance, consistency });
});
