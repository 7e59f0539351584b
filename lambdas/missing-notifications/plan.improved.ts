import { systemClock } from '../kit/clock.ts';
import { readEnv } from '../kit/env.ts';
import { run } from '../kit/run.ts';
import { planVariables } from './env.ts';
import { parseRunInput } from './input.ts';
import { plan, type Plan } from './steps.ts';
import { expectedServers, logs, runFiles } from './store.ts';

const env = readEnv(planVariables);
const servers = expectedServers(env.serversTable);
const serverLogs = logs(env.logsBucket);
const files = runFiles(env.runsBucket);

/** First step of the state machine: its input is the execution's. */
export const handler = run(async (input: unknown): Promise<Plan> => {
  const request = parseRunInput(input);
  return plan(request, { servers, logs: serverLogs, files: files(request.runId), clock: systemClock });
});
