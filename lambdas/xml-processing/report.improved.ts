import { readEnv } from '../kit/env.ts';
import { run } from '../kit/run.ts';
import type { Summary } from './domain.ts';
import { reportVariables } from './env.ts';
import { parseLoadItem } from './input.ts';
import { report } from './steps.ts';
import { loadFiles, progress } from './store.ts';

const env = readEnv(reportVariables);
const effects = { files: loadFiles(env.loadsBucket), progress: progress(env.progressTable) };

/** Last step: the report is the execution's output too; its groups are in the file only. */
export const handler = run(async (input: unknown): Promise<Summary> => report(parseLoadItem(input), effects));
