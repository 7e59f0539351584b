import { readEnv } from '../kit/env.ts';
import { run } from '../kit/run.ts';
import { verifyVariables } from './env.ts';
import { verify } from './steps.ts';
import { runFiles } from './store.ts';

const env = readEnv(verifyVariables);
const files = runFiles(env.runsBucket);

/** Between the maps: nothing is subtracted before every unit and every log has been found to be whole. */
export const handler = run(async ({ runId }: { readonly runId: string }): Promise<void> => {
  await verify({ files: files(runId) });
});
