import { readEnv } from '../kit/env.ts';
import { api, json } from '../kit/http.ts';
import { readVariables } from './env.ts';
import { chargeId } from './input.ts';
import { noSuchCharge } from './steps.ts';
import { charges } from './store.ts';

const rows = charges(readEnv(readVariables).chargesTable);

/** `GET /charges/{id}`: counts how often a charge is read, in the same call that reads it. */
export const handler = api(async ({ parameters }) => {
  const { data: id } = chargeId.safeParse(parameters['id']);
  const found = id && (await rows.findAndCount(id));
  if (!found) throw noSuchCharge();
  return json(200, found);
});
