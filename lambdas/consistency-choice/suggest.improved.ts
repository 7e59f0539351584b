import { systemClock } from '../kit/clock.ts';
import { readEnv } from '../kit/env.ts';
import { api, parsed } from '../kit/http.ts';
import { policyOf } from './domain.ts';
import { suggestVariables } from './env.ts';
import { topicPath } from './input.ts';
import { suggesting, suggestionsReply } from './steps.ts';
import { rankingService } from './store.ts';

const env = readEnv(suggestVariables);
/** One cache a process: it lives as long as Lambda keeps the environment. */
const suggest = suggesting({ service: rankingService(env.rankingService), policy: policyOf(env), clock: systemClock });

/** GET /suggestions/{topic}: what is known now, with its age, and never a wait beyond the deadline. */
export const handler = api(async ({ parameters }) => {
  const startMs = performance.now();
  const { topic } = parsed(parameters, topicPath, 'the path');
  const answer = await suggest(topic);
  return suggestionsReply(topic, answer, performance.now() - startMs);
});
