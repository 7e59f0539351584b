import { systemClock } from '../kit/clock.ts';
import { readEnv } from '../kit/env.ts';
import { patience } from '../kit/patience.ts';
import { run } from '../kit/run.ts';
import { settleVariables } from './env.ts';
import { changedSides } from './input.ts';
import { settle } from './steps.ts';
import { ledger } from './store.ts';

const env = readEnv(settleVariables);
const stores = { ledger: ledger({ friends: env.friendsTable, counters: env.countersTable }) };
const timing = { clock: systemClock, patience };

/**
 * The stream's batches of sides that their writer left to be counted. A batch that comes again, or late, finds its sides
 * counted and does nothing.
 */
export const handler = run(async (event: unknown): Promise<void> => {
  for (const [user, others] of changedSides(event)) await settle(user, others, stores, timing);
});
