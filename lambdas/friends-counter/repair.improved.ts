import { systemClock } from '../kit/clock.ts';
import { readEnv } from '../kit/env.ts';
import { parsed } from '../kit/http.ts';
import { patience } from '../kit/patience.ts';
import { logger, run } from '../kit/run.ts';
import { repairVariables } from './env.ts';
import { repairInput } from './input.ts';
import { repair, repairRound } from './steps.ts';
import { counters, ledger, repairs, users } from './store.ts';

const env = readEnv(repairVariables);
const stores = {
  users: users(env.usersTable),
  ledger: ledger({ friends: env.friendsTable, counters: env.countersTable }),
  counters: counters(env.countersTable),
  repairs: repairs(env.repairsTable),
};
const timing = { clock: systemClock, patience };

/**
 * The schedule's, for the members whose turn it is; a person's, for the one that they name. A run that leaves somebody
 * fails, whatever else it did: else nobody would look.
 */
export const handler = run(async (event: unknown, context) => {
  const { user } = parsed(event, repairInput, 'the input');
  if (user !== undefined) return repair(user, stores, timing);
  const round = await repairRound(stores, timing, () => context.getRemainingTimeInMillis());
  for (const failure of round.failed) logger.error('counter not repaired', { failure });
  for (const correction of round.corrected) logger.warn('counter corrected', { ...correction });
  if (round.left.length > 0)
    throw new Error(`not repaired yet, and first in the next run: ${round.left.join(', ')}; the log says why`);
  return round;
});
