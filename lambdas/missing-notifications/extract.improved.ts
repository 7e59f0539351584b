import { systemClock } from '../kit/clock.ts';
import { readEnv } from '../kit/env.ts';
import { run } from '../kit/run.ts';
import { extractVariables } from './env.ts';
import { extract, type ExtractItem } from './steps.ts';
import { logs, runFiles } from './store.ts';

const env = readEnv(extractVariables);
const serverLogs = logs(env.logsBucket);
const files = runFiles(env.runsBucket);

/** A child of the extracting map: one unit of logs. */
export const handler = run(async ({ runId, unit }: ExtractItem, { memoryLimitInMB }): Promise<void> => {
  await extract(unit, {
    logs: serverLogs,
    files: files(runId),
    clock: systemClock,
    memoryMb: Number(memoryLimitInMB),
  });
});
