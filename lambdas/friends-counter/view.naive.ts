import { api, json, parsed } from '../kit/http.ts';
import { readEnv } from '../kit/env.ts';
import { joinVariables } from './env.ts';
import { postPath } from './input.ts';
import { view } from './steps.ts';
import { posts, rows } from './store.ts';

const env = readEnv(joinVariables);
const stores = { posts: posts(env.postsTable), friends: rows(env.friendsTable).countFriends };

/** GET /users/{user}/posts/{post}: the post, joined with its author's friends to count them. */
export const handler = api(async ({ parameters }) =>
  json(200, await view(parsed(parameters, postPath, 'the path'), stores)),
);
