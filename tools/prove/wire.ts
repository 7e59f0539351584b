import { LambdaClient } from '@aws-sdk/client-lambda';
import type { AwsConfig } from '../../lib/kit/proof.ts';
import { changeEnvironment } from './environment.ts';

/** A proxy that makes faults on the wire, before the endpoint that the functions would call. */
export interface WireFaults {
  readonly endpoint: string;
}

/** Sends what the functions call through the proxy; what the proof itself calls goes straight. */
export async function sendThrough(
  { endpoint }: WireFaults,
  aws: AwsConfig,
  functions: readonly string[],
): Promise<void> {
  const lambda = new LambdaClient(aws);
  await Promise.all(
    functions.map((name) =>
      changeEnvironment(lambda, name, (variables) => ({ ...variables, AWS_ENDPOINT_URL: endpoint })),
    ),
  );
}
