import { systemClock } from '../kit/clock.ts';
import { readEnv } from '../kit/env.ts';
import { run } from '../kit/run.ts';
import { signVariables } from './env.ts';
import { sign, type SignItem } from './steps.ts';
import { documents, runFiles } from './store.ts';

const env = readEnv(signVariables);
const signed = documents(env.documentsTable);
const files = runFiles(env.runsBucket);

/** A child of the map over A: one shard of the signed documents. */
export const handler = run(async ({ runId, unit }: SignItem, { memoryLimitInMB }): Promise<void> => {
  await sign(unit, {
    documents: signed,
    files: files(runId),
    clock: systemClock,
    memoryMb: Number(memoryLimitInMB),
  });
});
