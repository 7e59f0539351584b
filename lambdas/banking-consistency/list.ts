import { readEnv } from '../kit/env.ts';
import { api, json, parsed, Problem } from '../kit/http.ts';
import { cursorText, partsOf } from './domain.ts';
import { listVariables } from './env.ts';
import { accountId, statementQuery } from './input.ts';
import { accounts, entries } from './store.ts';

const env = readEnv(listVariables);
const bank = accounts(env.accountsTable);
const ledger = entries(env.entriesTable);

/** `GET /accounts/{id}/statement?limit=50&cursor=…`: the entries, the oldest first, of one part after the other. */
export const handler = api(async ({ parameters, query }) => {
  const id = parsed(parameters['id'], accountId, 'the id of the account');
  const { limit, cursor } = parsed(query, statementQuery, 'the query');
  const [account] = await bank.find(id);
  if (account === undefined) throw new Problem(404, `there is no account "${id}": give the id of one`);
  const part = partsOf(account)[cursor.index];
  if (part === undefined)
    throw new Problem(400, `account "${id}" has no part ${cursor.index}: give the "next" of a page`);
  const { entries, next } = await ledger.page(part, limit, cursor);
  const { index } = cursor;
  const following =
    next !== undefined ? { index, after: next } : index + 1 < account.parts ? { index: index + 1 } : undefined;
  return json(200, { entries, ...(following === undefined ? {} : { next: cursorText(following) }) });
});
