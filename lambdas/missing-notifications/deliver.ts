import { randomUUID } from 'node:crypto';
import { systemClock } from '../kit/clock.ts';
import { readEnv } from '../kit/env.ts';
import { run } from '../kit/run.ts';
import { deliverVariables } from './env.ts';
import { parseDelivery } from './input.ts';
import { deliveries } from './store.ts';

const env = readEnv(deliverVariables);
const sent = deliveries(env.deliveriesTable);

/** The outside world: sends a notification, once for each idempotency key, and each time when it is given none. */
export const handler = run(async (event: unknown): Promise<{ readonly sent: boolean }> => {
  const { documentId, idempotencyKey = randomUUID() } = parseDelivery(event);
  return { sent: await sent.add(idempotencyKey, documentId, systemClock()) };
});
