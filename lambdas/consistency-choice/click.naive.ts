import { systemClock } from '../kit/clock.ts';
import { readEnv } from '../kit/env.ts';
import { api, json, parsed, Problem } from '../kit/http.ts';
import { problemOfClick } from './domain.ts';
import { clickAtOnceVariables } from './env.ts';
import { clickPath } from './input.ts';
import { counters } from './store.ts';

const table = counters(readEnv(clickAtOnceVariables).countersTable);

/** PUT /pages/{page}/clicks/{click}: counted before it is answered, in the page's only item. */
export const handler = api(async ({ parameters }) => {
  const { page, click: id } = parsed(parameters, clickPath, 'the path');
  const problem = problemOfClick({ page, id }, systemClock());
  if (problem !== undefined) throw new Problem(422, problem);
  await table.addOne(page);
  return json(202, { page, click: id });
});
