import { systemClock } from '../kit/clock.ts';
import { readEnv } from '../kit/env.ts';
import { run } from '../kit/run.ts';
import { subtractVariables } from './env.ts';
import { type SubtractItem, subtractPartition } from './steps.ts';
import { missedQueue, runFiles } from './store.ts';

const env = readEnv(subtractVariables);
const queue = missedQueue(env.missedQueue);
const files = runFiles(env.runsBucket);

/** A child of the subtracting map: one partition. */
export const handler = run(async (item: SubtractItem, { memoryLimitInMB }): Promise<void> => {
  await subtractPartition(item, {
    files: files(item.runId),
    queue,
    clock: systemClock,
    memoryMb: Number(memoryLimitInMB),
  });
});
