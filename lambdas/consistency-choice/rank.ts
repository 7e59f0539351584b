import { setTimeout as sleep } from 'node:timers/promises';
import { readEnv } from '../kit/env.ts';
import { run } from '../kit/run.ts';
import type { Ranking } from './domain.ts';
import { rankVariables } from './env.ts';
import { parseRankRequest } from './input.ts';
import { rankings } from './store.ts';

const table = rankings(readEnv(rankVariables).rankingsTable);
/** Below the function's timeout. */
const delayMaxMs = 4_000;

/** The dependency: looks a ranking up, and then is as slow as the item says. */
export const handler = run(async (input: unknown): Promise<Ranking> => {
  const topic = parseRankRequest(input);
  const found = await table.get(topic);
  if (found === undefined) return { suggestions: [], version: 0 };
  const { suggestions, version, delayMs } = found;
  await sleep(Math.min(delayMs, delayMaxMs));
  return { suggestions, version };
});
