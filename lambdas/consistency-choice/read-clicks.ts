import { readEnv } from '../kit/env.ts';
import { api, json, parsed } from '../kit/http.ts';
import { consistencyOf } from './domain.ts';
import { readClicksVariables } from './env.ts';
import { pagePath } from './input.ts';
import { counters } from './store.ts';

const env = readEnv(readClicksVariables);
const table = counters(env.countersTable);
const consistency = consistencyOf(env.consistency);

/** GET /pages/{page}/clicks. */
export const handler = api(async ({ parameters }) => {
  const { page } = parsed(parameters, pagePath, 'the path');
  return json(200, { page, clicks: await table.clicks(page, consistency), consistency });
});
