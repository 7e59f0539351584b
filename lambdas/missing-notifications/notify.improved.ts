import { randomUUID } from 'node:crypto';
import { BatchProcessor, EventType, processPartialResponse } from '@aws-lambda-powertools/batch';
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { systemClock } from '../kit/clock.ts';
import { readEnv } from '../kit/env.ts';
import { run } from '../kit/run.ts';
import { notifyVariables } from './env.ts';
import { parseMissedMessage } from './input.ts';
import { notifyAgain } from './steps.ts';
import { claims, notificationService } from './store.ts';

const env = readEnv(notifyVariables);
const effects = {
  claims: claims(env.notificationsTable),
  service: notificationService(env.notificationService),
  clock: systemClock,
  newOwner: randomUUID,
};
const processor = new BatchProcessor(EventType.SQS);

/** Consumer of the queue of missed documents: a message that fails comes again, alone, until it is a dead letter. */
export const handler = run(async (event: SQSEvent, context): Promise<SQSBatchResponse> =>
  processPartialResponse(
    event,
    async ({ body }: SQSRecord) => notifyAgain(parseMissedMessage(body), effects),
    processor,
    { context, throwOnFullBatchFailure: false },
  ),
);
