import { readEnv } from '../kit/env.ts';
import { run } from '../kit/run.ts';
import { chooseVariables } from './env.ts';
import { choose, type Chosen } from './steps.ts';
import { logs, runFiles } from './store.ts';

const env = readEnv(chooseVariables);
const serverLogs = logs(env.logsBucket);
const files = runFiles(env.runsBucket);

/** After A is extracted: one worker, broadcast or shuffle, by the sizes of A and of the logs. */
export const handler = run(async ({ runId }: { readonly runId: string }): Promise<Chosen> =>
  choose(runId, { logs: serverLogs, files: files(runId) }),
);
