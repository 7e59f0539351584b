import { systemClock } from '../kit/clock.ts';
import { readEnv } from '../kit/env.ts';
import { api, json, parsed, Problem } from '../kit/http.ts';
import { problemOfClick } from './domain.ts';
import { clickVariables } from './env.ts';
import { clickPath } from './input.ts';
import { clicksQueue } from './store.ts';

const queue = clicksQueue(readEnv(clickVariables).clicksQueue);

/** PUT /pages/{page}/clicks/{click}: accepted when it lies in the queue, counted a little later. */
export const handler = api(async ({ parameters }) => {
  const { page, click: id } = parsed(parameters, clickPath, 'the path');
  const click = { page, id };
  const problem = problemOfClick(click, systemClock());
  if (problem !== undefined) throw new Problem(422, problem);
  await queue.send(click);
  return json(202, { page, click: id });
});
