import { readEnv } from '../kit/env.ts';
import { api } from '../kit/http.ts';
import { cancelVariables } from './env.ts';
import { chargeId } from './input.ts';
import { noSuchCharge } from './steps.ts';
import { charges, network } from './store.ts';

const env = readEnv(cancelVariables);
const rows = charges(env.chargesTable);
const cards = network(env.networkFunction);

/** `DELETE /charges/{id}`: gives the money back, and notes that it did. */
export const handler = api(async ({ parameters }) => {
  const { data: id } = chargeId.safeParse(parameters['id']);
  const found = id && (await rows.find(id));
  if (!found) throw noSuchCharge();
  if (found.method === 'card') await cards.ask({ action: 'refund', orderId: found.orderId });
  await rows.addRefund(found);
  return { status: 204, body: '' };
});
