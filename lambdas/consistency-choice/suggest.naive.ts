import { readEnv } from '../kit/env.ts';
import { api, parsed } from '../kit/http.ts';
import { suggestAtOnceVariables } from './env.ts';
import { topicPath } from './input.ts';
import { currentRanking, suggestionsReply } from './steps.ts';
import { rankingService } from './store.ts';

const service = rankingService(readEnv(suggestAtOnceVariables).rankingService);

/** GET /suggestions/{topic}: asks the ranking service, however long it takes. */
export const handler = api(async ({ parameters }) => {
  const startMs = performance.now();
  const { topic } = parsed(parameters, topicPath, 'the path');
  const ranking = await service.rank(topic);
  return suggestionsReply(topic, currentRanking(ranking), performance.now() - startMs);
});
