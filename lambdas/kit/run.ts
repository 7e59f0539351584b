import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy, { type MiddyfiedHandler } from '@middy/core';
import type { Context } from 'aws-lambda';

/** JSON lines with the request id of the invocation; level by POWERTOOLS_LOG_LEVEL, `INFO` when it is not set. */
export const logger = new Logger();

/**
 * The middleware under every handler: `export const handler = run(extract({ … }))`. Logs what the handler throws, with
 * the request id, and throws it on, so that Lambda, the queue or the state machine sees the failure. More middleware
 * goes on with `.use`.
 */
export function run<Event, Result>(
  handler: (event: Event, context: Context) => Promise<Result>,
): MiddyfiedHandler<Event, Result> {
  return middy<Event, Result>({
    // Middy would answer a few milliseconds before the timeout and leave the work running into the next invocation.
    timeoutEarlyInMillis: 0,
  })
    .use(injectLambdaContext(logger, { resetKeys: true }))
    .use({
      onError: ({ error }) => {
        logger.error('handler failed', error instanceof Error ? error : new Error(String(error)));
      },
    })
    .handler(handler) as MiddyfiedHandler<Event, Result>;
}
