import { api, json, parseBody, parsed } from '../kit/http.ts';
import { readEnv } from '../kit/env.ts';
import { registerVariables } from './env.ts';
import { userBody, userPath } from './input.ts';
import { users } from './store.ts';

const env = readEnv(registerVariables);
const members = users(env.usersTable);

/** PUT /users/{user}: registers a member, or gives them another name. */
export const handler = api(async (request) => {
  const { user } = parsed(request.parameters, userPath, 'the path');
  const { name } = parseBody(request, userBody);
  await members.put(user, name);
  return json(200, { user, name });
});
