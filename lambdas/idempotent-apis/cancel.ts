import { readEnv } from '../kit/env.ts';
import { api } from '../kit/http.ts';
import { cancelVariables } from './env.ts';
import { chargeId } from './input.ts';
import { cancel, noSuchCharge } from './steps.ts';
import { charges, network } from './store.ts';

const env = readEnv(cancelVariables);
const effects = { charges: charges(env.chargesTable), network: network(env.networkFunction) };

/** `DELETE /charges/{id}`: idempotent as it is, without a key, since it sets a state. */
export const handler = api(async ({ parameters }) => {
  const { data: id } = chargeId.safeParse(parameters['id']);
  if (id === undefined || !(await cancel(id, effects))) throw noSuchCharge();
  return { status: 204, body: '' };
});
