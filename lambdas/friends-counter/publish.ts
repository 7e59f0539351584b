import { api, parseBody, parsed } from '../kit/http.ts';
import { readEnv } from '../kit/env.ts';
import { publishVariables } from './env.ts';
import { postBody, postPath } from './input.ts';
import { publish } from './steps.ts';
import { posts, users } from './store.ts';

const env = readEnv(publishVariables);
const stores = { users: users(env.usersTable), posts: posts(env.postsTable) };

/** PUT /users/{user}/posts/{post}. */
export const handler = api(async (request) => {
  const key = parsed(request.parameters, postPath, 'the path');
  return publish({ ...key, ...parseBody(request, postBody) }, stores);
});
