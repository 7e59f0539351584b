import { systemClock } from '../kit/clock.ts';
import { readEnv } from '../kit/env.ts';
import { run } from '../kit/run.ts';
import { markVariables } from './env.ts';
import { type ExtractItem, mark } from './steps.ts';
import { logs, runFiles } from './store.ts';

const env = readEnv(markVariables);
const serverLogs = logs(env.logsBucket);
const files = runFiles(env.runsBucket);

/** A child of the marking map, which broadcast has instead of the extracting one: one unit of logs. */
export const handler = run(async ({ runId, unit }: ExtractItem, { memoryLimitInMB }): Promise<void> => {
  await mark(unit, {
    logs: serverLogs,
    files: files(runId),
    clock: systemClock,
    memoryMb: Number(memoryLimitInMB),
  });
});
