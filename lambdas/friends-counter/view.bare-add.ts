import { api, json, parsed } from '../kit/http.ts';
import { readEnv } from '../kit/env.ts';
import { viewVariables } from './env.ts';
import { postPath } from './input.ts';
import { view } from './steps.ts';
import { counters, posts } from './store.ts';

const env = readEnv(viewVariables);
const stores = { posts: posts(env.postsTable), friends: counters(env.countersTable).friends };

/** GET /users/{user}/posts/{post}: the post, and its author's counter. */
export const handler = api(async ({ parameters }) =>
  json(200, await view(parsed(parameters, postPath, 'the path'), stores)),
);
