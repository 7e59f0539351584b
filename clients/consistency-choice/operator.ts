import { setTimeout as sleep } from 'node:timers/promises';
import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import {
  GetEventSourceMappingCommand,
  LambdaClient,
  type LambdaClientConfig,
  ListEventSourceMappingsCommand,
  UpdateEventSourceMappingCommand,
} from '@aws-sdk/client-lambda';
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { Ranking } from '../../lambdas/consistency-choice/domain.ts';

/** What an operator needs to know of a deployed variant. */
export interface Console {
  /** Constructor argument of the SDK's clients. */
  readonly aws: Pick<LambdaClientConfig, 'region' | 'credentials'> & { readonly endpoint?: string };
  /** CloudFormation outputs, by output key. */
  readonly outputs: Readonly<Record<string, string>>;
}

const pollMs = 200;
const emptyReadsMin = 3;
/** Longer than a message that was never deleted takes to be seen again, so many times. */
const drainedMaxMs = 240_000;

/** What a person at the console does with a variant, by its outputs: where there is no queue, nothing waits. */
export function operator({ aws, outputs }: Console) {
  const [dynamo, lambda, sqs] = [new DynamoDBClient(aws), new LambdaClient(aws), new SQSClient(aws)];
  const output = (name: string): string => {
    const value = outputs[name];
    if (value === undefined)
      throw new Error(`the stack has no output "${name}": outputs are ${Object.keys(outputs).join(', ')}`);
    return value;
  };

  const setConsumer = async (enabled: boolean): Promise<void> => {
    const consumer = outputs['Consumer'];
    if (consumer === undefined) return;
    const { EventSourceMappings = [] } = await lambda.send(
      new ListEventSourceMappingsCommand({ FunctionName: consumer }),
    );
    for (const { UUID } of EventSourceMappings) {
      await lambda.send(new UpdateEventSourceMappingCommand({ UUID, Enabled: enabled }));
      const state = enabled ? 'Enabled' : 'Disabled';
      while ((await lambda.send(new GetEventSourceMappingCommand({ UUID }))).State !== state) await sleep(pollMs);
    }
  };

  return {
    output,

    /** Lets clicks gather, as they do in a batching window at the question's load; an emulator has no such window. */
    pauseConsumer: () => setConsumer(false),
    resumeConsumer: () => setConsumer(true),

    /** Returns when the queue of clicks is empty: each time of several, since its numbers are approximate. */
    async drained(): Promise<void> {
      const queue = outputs['ClicksQueue'];
      if (queue === undefined) return;
      const deadlineMs = Date.now() + drainedMaxMs;
      for (let empty = 0; empty < emptyReadsMin;) {
        const { Attributes = {} } = await sqs.send(
          new GetQueueAttributesCommand({
            QueueUrl: queue,
            AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
          }),
        );
        const left = Object.values(Attributes).reduce((sum, count) => sum + Number(count), 0);
        empty = left === 0 ? empty + 1 : 0;
        if (Date.now() > deadlineMs) throw new Error(`${left} clicks are still in ${queue} after ${drainedMaxMs} ms`);
        await sleep(pollMs);
      }
    },

    /** Says what the ranking service answers from now on, and how slowly. */
    async setRanking(topic: string, { suggestions, version }: Ranking, delayMs: number): Promise<void> {
      await dynamo.send(
        new PutItemCommand({
          TableName: output('RankingsTable'),
          Item: {
            topic: { S: topic },
            suggestions: { L: suggestions.map((suggestion) => ({ S: suggestion })) },
            version: { N: String(version) },
            delayMs: { N: String(delayMs) },
          },
        }),
      );
    },
  };
}
