import { randomUUID } from 'node:crypto';
import { systemClock } from '../kit/clock.ts';
import { readEnv } from '../kit/env.ts';
import { api, parseBody, parsed } from '../kit/http.ts';
import { chargeOf, keyOf, rememberS } from './domain.ts';
import { chargeVariables } from './env.ts';
import { chargeBody, idempotencyKey } from './input.ts';
import { chargedReply, emailTaken, refusedReply, replayed } from './steps.ts';
import { network, separateWrites } from './store.ts';

const env = readEnv(chargeVariables);
const writes = separateWrites(env);
const cards = network(env.networkFunction);

/** `POST /charges`: looks the key up, then charges, then stores the reply. */
export const handler = api(async (request) => {
  const header = request.headers['idempotency-key'];
  const sent = parsed(header, idempotencyKey.optional(), 'the header Idempotency-Key') ?? randomUUID();
  const key = keyOf(request, sent);
  const payload = parseBody(request, chargeBody);
  const known = await writes.findReply(key);
  if (known) return replayed(known);

  const owner = await writes.findCustomer(payload.email);
  if (owner !== undefined && owner !== payload.customerId) throw emailTaken();
  await writes.addCustomer(payload);

  if (payload.method === 'card') {
    const { orderId, amount, currency, card } = payload;
    const answer = await cards.ask({ action: 'charge', orderId, amount, currency, card });
    if (answer.outcome !== 'charged') return refusedReply(answer);
  }
  const charged = chargeOf(payload, `ch_${randomUUID()}`);
  await writes.addCharge(charged);
  const reply = chargedReply(charged);
  await writes.keepReply(key, reply, Math.ceil(systemClock() / 1000) + rememberS);
  return reply;
});
