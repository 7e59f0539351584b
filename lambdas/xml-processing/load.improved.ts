import { readEnv } from '../kit/env.ts';
import { run } from '../kit/run.ts';
import { loadVariables } from './env.ts';
import { parseCutItem } from './input.ts';
import { load, type Outcome } from './steps.ts';
import { documents, loadFiles, progress, records } from './store.ts';

const env = readEnv(loadVariables);
const effects = {
  documents: documents(env.documentsBucket),
  files: loadFiles(env.loadsBucket),
  records: records(env.recordsTable),
  progress: progress(env.progressTable),
};

/** Loads one cut, or as much of it as the function's time allows: the state machine asks again for the rest. */
export const handler = run(async (input: unknown, context): Promise<Outcome> =>
  load(parseCutItem(input), { ...effects, remainingMs: () => context.getRemainingTimeInMillis() }),
);
