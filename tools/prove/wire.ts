import {
  GetFunctionConfigurationCommand,
  LambdaClient,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionUpdatedV2,
} from '@aws-sdk/client-lambda';
import type { AwsConfig } from '../../lib/kit/proof.ts';

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
    functions.map(async (FunctionName) => {
      const { Environment } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
      await lambda.send(
        new UpdateFunctionConfigurationCommand({
          FunctionName,
          Environment: { Variables: { ...Environment?.Variables, AWS_ENDPOINT_URL: endpoint } },
        }),
      );
      await waitUntilFunctionUpdatedV2(
        { client: lambda, minDelay: 0.1, maxDelay: 1, maxWaitTime: 60 },
        { FunctionName },
      );
    }),
  );
}
