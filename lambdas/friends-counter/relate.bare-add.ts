import { api, parsed } from '../kit/http.ts';
import { readEnv } from '../kit/env.ts';
import { relateCountedVariables } from './env.ts';
import { pairPath, verbOf } from './input.ts';
import { relateBlindly } from './steps.ts';
import { ledger } from './store.ts';

const env = readEnv(relateCountedVariables);
const stores = {
  ledger: ledger({ users: env.usersTable, friends: env.friendsTable, counters: env.countersTable }),
};

/** PUT and DELETE of /users/{user}/friends/{other} and /users/{user}/blocks/{other}. */
export const handler = api(async ({ route, parameters }) =>
  relateBlindly({ verb: verbOf(route), ...parsed(parameters, pairPath, 'the path') }, stores),
);
