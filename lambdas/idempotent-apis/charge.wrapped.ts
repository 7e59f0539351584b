import { randomUUID } from 'node:crypto';
import {
  IdempotencyAlreadyInProgressError,
  IdempotencyConfig,
  IdempotencyValidationError,
  makeIdempotent,
} from '@aws-lambda-powertools/idempotency';
import { DynamoDBPersistenceLayer } from '@aws-lambda-powertools/idempotency/dynamodb';
import { bounded } from '../kit/clients.ts';
import { readEnv } from '../kit/env.ts';
import { api, parseBody, parsed, type Reply } from '../kit/http.ts';
import { type ChargeRequest, chargeOf, keyOf, rememberS } from './domain.ts';
import { chargeVariables } from './env.ts';
import { chargeBody, idempotencyKey } from './input.ts';
import { chargedReply, emailTaken, payloadDiffers, refusedReply, replayed, stillRunning } from './steps.ts';
import { network, separateWrites } from './store.ts';

const env = readEnv(chargeVariables);
const writes = separateWrites(env);
const cards = network(env.networkFunction);

/** The charge, written as if it ran once. */
async function charge({ payload }: { readonly key: string; readonly payload: ChargeRequest }): Promise<Reply> {
  if (!(await writes.addCustomerOnce(payload))) throw emailTaken();
  const charged = chargeOf(payload, `ch_${randomUUID()}`);
  if (payload.method === 'card') {
    const { orderId, amount, currency, card } = payload;
    const answer = await cards.ask({ action: 'charge', key: charged.id, orderId, amount, currency, card });
    if (answer.outcome !== 'charged') return refusedReply(answer);
  }
  await writes.addCharge(charged);
  return chargedReply(charged);
}

const config = new IdempotencyConfig({
  eventKeyJmesPath: 'key',
  payloadValidationJmesPath: 'payload',
  throwOnNoIdempotencyKey: true,
  expiresAfterSeconds: rememberS,
  responseHook: (reply) => replayed(reply as unknown as Reply) as never,
});
const chargeOnce = makeIdempotent(charge, {
  config,
  persistenceStore: new DynamoDBPersistenceLayer({
    tableName: env.keysTable,
    keyAttr: 'idempotencyKey',
    expiryAttr: 'expiresAt',
    clientConfig: bounded,
  }),
});

/** `POST /charges`: the library remembers the key before the charge, and the reply after it. */
export const handler = api(async (request, context) => {
  const key = parsed(request.headers['idempotency-key'], idempotencyKey, 'the header Idempotency-Key');
  const payload = parseBody(request, chargeBody);
  // By it, a key whose owner died is free again once that owner could not run any more.
  config.registerLambdaContext(context);
  try {
    return await chargeOnce({ key: keyOf(request, key), payload });
  } catch (error) {
    if (error instanceof IdempotencyAlreadyInProgressError) throw stillRunning();
    if (error instanceof IdempotencyValidationError) throw payloadDiffers();
    throw error;
  }
});
