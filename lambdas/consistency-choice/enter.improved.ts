import { readEnv } from '../kit/env.ts';
import { api, parseBody, parsed } from '../kit/http.ts';
import { enterVariables } from './env.ts';
import { entryBody, entryPath } from './input.ts';
import { enter } from './steps.ts';
import { accounts } from './store.ts';

const table = accounts(readEnv(enterVariables).accountsTable);

/** PUT /accounts/{account}/entries/{entry}: the entry and its balance in one transaction. */
export const handler = api(async (request) => {
  const { account, entry } = parsed(request.parameters, entryPath, 'the path');
  const { amount } = parseBody(request, entryBody);
  return enter({ account, id: entry, amount }, table);
});
