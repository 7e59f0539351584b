import { readEnv } from '../kit/env.ts';
import { run } from '../kit/run.ts';
import { planVariables } from './env.ts';
import { parseLoadInput } from './input.ts';
import { plan, type Plan } from './steps.ts';
import { documents, loadFiles } from './store.ts';

const env = readEnv(planVariables);
const effects = { documents: documents(env.documentsBucket), files: loadFiles(env.loadsBucket) };

/** First step of the state machine: its input is the execution's. */
export const handler = run(async (input: unknown): Promise<Plan> => plan(parseLoadInput(input), effects));
