import { readEnv } from '../kit/env.ts';
import { run } from '../kit/run.ts';
import { resolveVariables } from './env.ts';
import { parseLoadItem } from './input.ts';
import { resolveCuts } from './steps.ts';
import { loadFiles } from './store.ts';

const env = readEnv(resolveVariables);
const files = loadFiles(env.loadsBucket);

/** Between the maps: what each range could be becomes what it is. */
export const handler = run(async (input: unknown): Promise<void> => resolveCuts(parseLoadItem(input), { files }));
