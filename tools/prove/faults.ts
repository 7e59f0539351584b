import { randomUUID } from 'node:crypto';
import {
  GetFunctionConfigurationCommand,
  LambdaClient,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionUpdatedV2,
} from '@aws-sdk/client-lambda';
import { z } from 'zod';
import type { AwsConfig, Fault, FaultControl } from '../../lib/kit/proof.ts';
import { faultVariables } from '../bundle/proof/faults.ts';
import type { FaultLine } from '../bundle/proof/lines.ts';
import { UsageError } from '../cli/errors.ts';
import { readProofLines, type Arrival } from './lines.ts';

const updateMaxSeconds = 120;

type Fired = Awaited<ReturnType<FaultControl['fired']>>;

interface Faulted extends Arrival {
  /** Physical names of functions that run proof bundles: nothing else can be armed. */
  readonly functions: readonly string[];
  /** Decides which calls a `share` hits. */
  readonly seed: number;
}

/**
 * Arms faults by the functions' environment variables, which works the same on an account. A change of variables
 * replaces a function's environments, so every arming starts cold, and an emulator ends what is running: arm between
 * workloads. Throws UsageError on an unknown function or a fault that makes no sense.
 */
export function faultControl(aws: AwsConfig, { functions, seed, ...arrival }: Faulted): FaultControl {
  const lambda = new LambdaClient(aws);
  const armed = new Set<string>();
  const sinceMs = Date.now();

  return {
    async arm(functionName, faults) {
      if (!functions.includes(functionName)) {
        throw new UsageError(`unknown function "${functionName}": use one of ${functions.join(', ')}`);
      }
      armed.add(functionName);
      await setVariables(lambda, functionName, {
        [faultVariables.faults]: JSON.stringify(faults.map(checkFault)),
        [faultVariables.seed]: String(seed),
        [faultVariables.armed]: randomUUID(),
      });
    },
    async disarm(functionName) {
      const names = functionName === undefined ? [...armed] : [functionName];
      await Promise.all(names.map((name) => setVariables(lambda, name, {})));
      for (const name of names) armed.delete(name);
    },
    fired: () => readFired(aws, functions, sinceMs, arrival),
  };
}

/** How often each fault fired in these functions since then (epoch ms): their log lines, counted. */
export async function readFired(
  aws: AwsConfig,
  functions: readonly string[],
  sinceMs: number,
  arrival: Arrival = {},
): Promise<Fired> {
  const lines = await readProofLines(aws, functions, sinceMs, arrival);
  return countFired(lines.filter((line) => line.designs === 'fault'));
}

export function countFired(lines: readonly FaultLine[]): Fired {
  const groups = Map.groupBy(lines, ({ function: functionName, fault }) => JSON.stringify([functionName, fault]));
  return [...groups.values()].flatMap(([line, ...others]) =>
    line === undefined ? [] : [{ functionName: line.function, fault: line.fault, hits: 1 + others.length }],
  );
}

const faultSchema = z
  .strictObject({
    call: z.string().regex(/^(?:\*|[A-Z][A-Za-z0-9]+)$/, 'must be an SDK operation, such as PutItem, or *'),
    kind: z.enum(['crash-before', 'crash-after', 'lose-reply', 'fail']),
    error: z.string().min(1).optional(),
    nth: z.int().min(1).optional(),
    share: z.number().gt(0).lte(1).optional(),
    times: z.int().min(1).max(10_000).optional(),
  })
  .refine(({ kind, error }) => (kind === 'fail') === (error !== undefined), {
    path: ['error'],
    message: 'names what "fail" answers, and belongs to no other kind',
  });

function checkFault(fault: Fault): Fault {
  const { success, error } = faultSchema.safeParse(fault);
  if (success) return fault;
  const issues = error.issues.map(({ path, message }) => `${path.join('.')} ${message}`);
  throw new UsageError(`bad fault ${JSON.stringify(fault)}: ${issues.join('; ')}`);
}

/** Replaces the proof's variables of a function and leaves its own. Returns when the function runs with them. */
async function setVariables(
  lambda: LambdaClient,
  functionName: string,
  variables: Record<string, string>,
): Promise<void> {
  // An update under way, a deployment's for one, refuses another.
  await waitUntilUpdated(lambda, functionName);
  const { Environment } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName: functionName }));
  const ours: readonly string[] = Object.values(faultVariables);
  const before = Environment?.Variables ?? {};
  if (Object.keys(variables).length === 0 && !ours.some((name) => name in before)) return;
  const own = Object.fromEntries(Object.entries(before).filter(([name]) => !ours.includes(name)));
  await lambda.send(
    new UpdateFunctionConfigurationCommand({
      FunctionName: functionName,
      Environment: { Variables: { ...own, ...variables } },
    }),
  );
  await waitUntilUpdated(lambda, functionName);
}

async function waitUntilUpdated(lambda: LambdaClient, functionName: string): Promise<void> {
  await waitUntilFunctionUpdatedV2(
    { client: lambda, minDelay: 0.1, maxDelay: 2, maxWaitTime: updateMaxSeconds },
    { FunctionName: functionName },
  );
}
