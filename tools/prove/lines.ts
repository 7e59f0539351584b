import {
  CloudWatchLogsClient,
  FilterLogEventsCommand,
  ResourceNotFoundException,
  type FilteredLogEvent,
} from '@aws-sdk/client-cloudwatch-logs';
import { GetFunctionConfigurationCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AwsConfig } from '../../lib/kit/proof.ts';
import type { ProofLine } from '../bundle/proof/lines.ts';
import { RunError } from '../cli/errors.ts';

/** How long logs may take: none of it is a promise of CloudWatch's. */
export interface Arrival {
  /** Milliseconds without a new line after which the logs are taken to be complete. */
  readonly quietMs?: number;
  /** Milliseconds after which reading gives up with a RunError. */
  readonly maxMs?: number;
  /** Whether what has arrived by then will do: of a workload that was stopped, clients and retries may go on. */
  readonly partly?: boolean;
}

const defaultMaxMs = 120_000;

/** Events of one page, the service's maximum. */
const pageMax = 10_000;

/**
 * Every line that proof bundles printed into the logs of these functions since then (epoch ms), once no new one has
 * arrived for a while. Throws RunError when they keep arriving for longer than `maxMs`.
 */
export async function readProofLines(
  aws: AwsConfig,
  functionNames: readonly string[],
  sinceMs: number,
  arrival: Arrival = {},
): Promise<readonly ProofLine[]> {
  const logs = new CloudWatchLogsClient(aws);
  const groups = await logGroups(aws, functionNames);
  const wanted = new Set(functionNames);
  // What an endpoint of our own prints is there at once; CloudWatch takes seconds.
  const quietMs = arrival.quietMs ?? (aws.endpoint === undefined ? 10_000 : 400);
  const deadlineMs = Date.now() + (arrival.maxMs ?? defaultMaxMs);

  let lines = await readOnce();
  for (let quietSinceMs = Date.now(); Date.now() - quietSinceMs < quietMs;) {
    if (Date.now() > deadlineMs) {
      if (arrival.partly === true) return lines;
      throw new RunError(`log lines still arrive (${lines.length} so far): let the functions finish, then read again`);
    }
    await sleep(quietMs / 2);
    const again = await readOnce();
    if (again.length !== lines.length) quietSinceMs = Date.now();
    lines = again;
  }
  return lines;

  async function readOnce(): Promise<readonly ProofLine[]> {
    const events = await Promise.all(groups.map((group) => readEvents(logs, group, sinceMs)));
    return events
      .flat()
      .flatMap(({ message }) => parse(message))
      .filter((line) => wanted.has(line.function));
  }
}

async function logGroups(aws: AwsConfig, functionNames: readonly string[]): Promise<readonly string[]> {
  const lambda = new LambdaClient(aws);
  const groups = await Promise.all(
    functionNames.map(async (name) => {
      const { LoggingConfig } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName: name }));
      return LoggingConfig?.LogGroup ?? `/aws/lambda/${name}`;
    }),
  );
  return [...new Set(groups)];
}

async function readEvents(
  logs: CloudWatchLogsClient,
  logGroupName: string,
  sinceMs: number,
): Promise<FilteredLogEvent[]> {
  const events: FilteredLogEvent[] = [];
  let startTime = sinceMs;
  let nextToken: string | undefined;
  for (;;) {
    const page = await logs
      .send(
        new FilterLogEventsCommand({
          logGroupName,
          startTime,
          nextToken,
          limit: pageMax,
          filterPattern: '{ $.designs = "*" }',
        }),
      )
      .catch((error: unknown) => {
        // The group comes with the function's first line.
        if (error instanceof ResourceNotFoundException) return { events: [], nextToken: undefined };
        throw error;
      });
    const found = page.events ?? [];
    // Emulators end a full page without a token: go on at its last moment, without the events of it that are known.
    const known =
      nextToken === undefined && events.length > 0
        ? events.filter(({ timestamp }) => timestamp === startTime).length
        : 0;
    for (const event of found.slice(known)) events.push(event);
    nextToken = page.nextToken;
    if (nextToken !== undefined) continue;
    const last = found.at(-1)?.timestamp;
    if (found.length < pageMax || last === undefined || found.length === known) return events;
    startTime = last;
  }
}

/** The line in a log message; none when the handler itself printed it. */
function parse(message: string | undefined): readonly ProofLine[] {
  if (message === undefined || !message.startsWith('{"designs":')) return [];
  try {
    return [JSON.parse(message) as ProofLine];
  } catch {
    return [];
  }
}
