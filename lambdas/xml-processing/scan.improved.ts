import { readEnv } from '../kit/env.ts';
import { run } from '../kit/run.ts';
import { scanVariables } from './env.ts';
import { parseRangeItem } from './input.ts';
import { scan } from './steps.ts';
import { documents, loadFiles } from './store.ts';

const env = readEnv(scanVariables);
const effects = { documents: documents(env.documentsBucket), files: loadFiles(env.loadsBucket) };

/** A child of the scanning map: one range. */
export const handler = run(async (input: unknown): Promise<void> => scan(parseRangeItem(input), effects));
