import { systemClock } from '../kit/clock.ts';
import { api, json, parsed } from '../kit/http.ts';
import { readEnv } from '../kit/env.ts';
import { freshForS } from './domain.ts';
import { keptViewVariables } from './env.ts';
import { postPath } from './input.ts';
import { keeping, view } from './steps.ts';
import { counters, posts } from './store.ts';

const env = readEnv(keptViewVariables);
const stores = { posts: posts(env.postsTable), friends: counters(env.countersTable).friends };
const keptMs = Number(env.keptMs);
const show = keeping((key) => view(key, stores), { keptMs, clock: systemClock });

/** GET /users/{user}/posts/{post}: the post and its author's counter, read again when what was read is `keptMs` old. */
export const handler = api(async ({ parameters }) => {
  const answer = await show(parsed(parameters, postPath, 'the path'));
  return json(200, answer.value, { 'cache-control': `max-age=${freshForS(answer, systemClock(), keptMs)}` });
});
