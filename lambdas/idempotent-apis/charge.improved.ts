import { randomUUID } from 'node:crypto';
import { systemClock } from '../kit/clock.ts';
import { readEnv } from '../kit/env.ts';
import { api, parseBody, parsed } from '../kit/http.ts';
import { keyOf } from './domain.ts';
import { chargeVariables } from './env.ts';
import { chargeBody, idempotencyKey } from './input.ts';
import { charge } from './steps.ts';
import { ledger, network } from './store.ts';

const env = readEnv(chargeVariables);
const effects = {
  ledger: ledger(env),
  network: network(env.networkFunction),
  clock: systemClock,
  newId: () => randomUUID(),
};

/** `POST /charges`: one effect for each key, and one reply. */
export const handler = api(async (request) => {
  const key = parsed(request.headers['idempotency-key'], idempotencyKey, 'the header Idempotency-Key');
  return charge(keyOf(request, key), parseBody(request, chargeBody), effects);
});
