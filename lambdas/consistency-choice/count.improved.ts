import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { systemClock } from '../kit/clock.ts';
import { readEnv } from '../kit/env.ts';
import { logger, run } from '../kit/run.ts';
import { countVariables } from './env.ts';
import { parseClickMessage } from './input.ts';
import { type ClickMessage, countClicks } from './steps.ts';
import { seenClicks } from './store.ts';

const env = readEnv(countVariables);
const counting = { seen: seenClicks(env.seenTable, env.countersTable), clock: systemClock };

/** Consumer of the queue of clicks: what it could not count comes again, until it is a dead letter. */
export const handler = run(async ({ Records }: SQSEvent): Promise<SQSBatchResponse> => {
  const unreadable: string[] = [];
  const messages = Records.flatMap(({ messageId, body }): ClickMessage[] => {
    try {
      return [{ messageId, click: parseClickMessage(body) }];
    } catch (error) {
      logger.error('a message is no click', error as Error);
      unreadable.push(messageId);
      return [];
    }
  });
  const failed = [...unreadable, ...(await countClicks(messages, counting))];
  return { batchItemFailures: failed.map((itemIdentifier) => ({ itemIdentifier })) };
});
