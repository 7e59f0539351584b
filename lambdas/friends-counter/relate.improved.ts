import { systemClock } from '../kit/clock.ts';
import { api, parsed } from '../kit/http.ts';
import { readEnv } from '../kit/env.ts';
import { patience } from '../kit/patience.ts';
import { relateVariables } from './env.ts';
import { pairPath, verbOf } from './input.ts';
import { relate } from './steps.ts';
import { ledger } from './store.ts';

const env = readEnv(relateVariables);
const stores = { ledger: ledger({ users: env.usersTable, friends: env.friendsTable, counters: env.countersTable }) };
const how = { streamedFrom: Number(env.streamedFrom), clock: systemClock, patience };

/** PUT and DELETE of /users/{user}/friends/{other} and /users/{user}/blocks/{other}. */
export const handler = api(async ({ route, parameters }) =>
  relate({ verb: verbOf(route), ...parsed(parameters, pairPath, 'the path') }, stores, how),
);
