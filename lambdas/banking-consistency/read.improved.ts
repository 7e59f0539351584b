import { readEnv } from '../kit/env.ts';
import { api, json, parsed } from '../kit/http.ts';
import { patience } from '../kit/patience.ts';
import { accountsVariables } from './env.ts';
import { accountId, accountsQuery } from './input.ts';
import { read, readOne, togetherFrom } from './steps.ts';
import { accounts } from './store.ts';

const env = readEnv(accountsVariables);
const bank = accounts(env.accountsTable);
const together = togetherFrom(bank, patience);

/** `GET /accounts/{id}`, and `GET /accounts?ids=a,b` for several as they were together. */
export const handler = api(async ({ parameters, query }) => {
  if (parameters['id'] === undefined)
    return json(200, { accounts: await read(parsed(query, accountsQuery, 'the query').ids, bank, together) });
  const id = parsed(parameters['id'], accountId, 'the id of the account');
  return json(200, await readOne(id, bank, together));
});
