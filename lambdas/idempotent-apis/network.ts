import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { readEnv } from '../kit/env.ts';
import { run } from '../kit/run.ts';
import { networkVariables } from './env.ts';
import { parseNetworkRequest } from './input.ts';
import { answer } from './steps.ts';
import { payments } from './store.ts';

const effects = {
  payments: payments(readEnv(networkVariables).paymentsTable),
  newId: () => randomUUID(),
  /** A slow issuer is one of the test cards. */
  sleep,
};

/** The outside world: the card network, with books of its own. */
export const handler = run(async (event: unknown) => answer(parseNetworkRequest(event), effects));
