import {
  GetFunctionConfigurationCommand,
  type LambdaClient,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionUpdatedV2,
} from '@aws-sdk/client-lambda';

export type Environment = Readonly<Record<string, string>>;

const updateMaxSeconds = 120;

/**
 * Changes a deployed function's environment variables, which works the same on an account; undefined leaves them.
 * Returns when the function runs with them: its environments are replaced, so that it starts cold.
 */
export async function changeEnvironment(
  lambda: LambdaClient,
  functionName: string,
  change: (variables: Environment) => Environment | undefined,
): Promise<void> {
  // An update under way, a deployment's for one, refuses another.
  await waitUntilUpdated(lambda, functionName);
  const { Environment } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName: functionName }));
  const variables = change(Environment?.Variables ?? {});
  if (variables === undefined) return;
  await lambda.send(
    new UpdateFunctionConfigurationCommand({ FunctionName: functionName, Environment: { Variables: variables } }),
  );
  await waitUntilUpdated(lambda, functionName);
}

async function waitUntilUpdated(lambda: LambdaClient, functionName: string): Promise<void> {
  await waitUntilFunctionUpdatedV2(
    { client: lambda, minDelay: 0.1, maxDelay: 2, maxWaitTime: updateMaxSeconds },
    { FunctionName: functionName },
  );
}
