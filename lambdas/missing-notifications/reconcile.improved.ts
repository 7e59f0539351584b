import { systemClock } from '../kit/clock.ts';
import { readEnv } from '../kit/env.ts';
import { run } from '../kit/run.ts';
import { reconcileVariables } from './env.ts';
import { reconcile } from './steps.ts';
import { logs, missedQueue, runFiles } from './store.ts';

const env = readEnv(reconcileVariables);
const stores = {
  logs: logs(env.logsBucket),
  queue: missedQueue(env.missedQueue),
};
const files = runFiles(env.runsBucket);

/** All that is left to do once A is extracted, in one worker, instead of the maps. */
export const handler = run(async ({ runId }: { readonly runId: string }, { memoryLimitInMB }): Promise<void> => {
  await reconcile(runId, { ...stores, files: files(runId), clock: systemClock, memoryMb: Number(memoryLimitInMB) });
});
