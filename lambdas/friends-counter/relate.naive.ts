import { api, parsed } from '../kit/http.ts';
import { readEnv } from '../kit/env.ts';
import { relateJoinedVariables } from './env.ts';
import { pairPath, verbOf } from './input.ts';
import { relateRows } from './steps.ts';
import { rows, users } from './store.ts';

const env = readEnv(relateJoinedVariables);
const stores = { users: users(env.usersTable), rows: rows(env.friendsTable) };

/** PUT and DELETE of /users/{user}/friends/{other} and /users/{user}/blocks/{other}. */
export const handler = api(async ({ route, parameters }) =>
  relateRows({ verb: verbOf(route), ...parsed(parameters, pairPath, 'the path') }, stores),
);
