import { readEnv } from '../kit/env.ts';
import { api, json, parseBody, parsed, Problem } from '../kit/http.ts';
import { balanceBefore } from './domain.ts';
import { enterVariables } from './env.ts';
import { entryBody, entryPath } from './input.ts';
import { accounts } from './store.ts';

const table = accounts(readEnv(enterVariables).accountsTable);

/** PUT /accounts/{account}/entries/{entry}: strong reads, then writes that know nothing of each other. */
export const handler = api(async (request) => {
  const { account, entry: id } = parsed(request.parameters, entryPath, 'the path');
  const { amount } = parseBody(request, entryBody);
  const entry = { account, id, amount };
  if (await table.hasEntry(entry)) return json(200, { account, entry: id, amount });
  const balance = (await table.balance(account, 'strong')) ?? 0;
  const { least, most } = balanceBefore(entry);
  if (balance < least || balance > most)
    throw new Problem(409, `an entry of ${amount} does not fit the balance of ${account}: read it, enter less`);
  await table.putBalance(account, balance + amount);
  await table.putEntry(entry);
  return json(201, { account, entry: id, amount });
});
