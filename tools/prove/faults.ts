import { randomUUID } from 'node:crypto';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { z } from 'zod';
import type { AwsConfig, Fault, FaultControl } from '../../lib/kit/proof.ts';
import { faultVariables } from '../bundle/proof/faults.ts';
import type { ArmedBy, FaultLine } from '../bundle/proof/lines.ts';
import { UsageError } from '../cli/errors.ts';
import { changeEnvironment } from './environment.ts';
import { readProofLines, type Arrival } from './lines.ts';

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
    async fired() {
      const lines = await readFaultLines(aws, functions, sinceMs, arrival);
      return countFired(lines.filter(({ armedBy }) => armedBy === 'proof'));
    },
  };
}

/** A line for each fault that fired in these functions since then (epoch ms), whoever armed it. */
export async function readFaultLines(
  aws: AwsConfig,
  functions: readonly string[],
  sinceMs: number,
  arrival: Arrival = {},
): Promise<readonly FaultLine[]> {
  const lines = await readProofLines(aws, functions, sinceMs, arrival);
  return lines.filter((line) => line.designs === 'fault');
}

function countFired(lines: readonly FaultLine[]): Fired {
  const groups = Map.groupBy(lines, ({ function: functionName, fault }) => JSON.stringify([functionName, fault]));
  return [...groups.values()].flatMap(([line, ...others]) =>
    line === undefined ? [] : [{ functionName: line.function, fault: line.fault, hits: 1 + others.length }],
  );
}

/** Faults that fired in a function at one SDK operation. */
export interface FiredFaults {
  readonly function: string;
  readonly armedBy: ArmedBy;
  readonly kind: Fault['kind'];
  /** The error's name, for `fail`. */
  readonly error?: string;
  /** Such as `PutItem`. */
  readonly call: string;
  readonly hits: number;
}

/** Sums the lines by function, fault and call, in the order of these names; `nameOf` shortens a function's. */
export function sumFired(
  lines: readonly FaultLine[],
  nameOf: (functionName: string) => string = (name) => name,
): readonly FiredFaults[] {
  const fired = lines.map(({ function: functionName, armedBy, fault: { kind, error }, call }) => ({
    function: nameOf(functionName),
    armedBy,
    kind,
    ...(error === undefined ? {} : { error }),
    call: call.slice(call.indexOf('.') + 1),
  }));
  return [...Map.groupBy(fired, (fault) => JSON.stringify(fault))]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([, faults]) => ({ ...faults[0]!, hits: faults.length }));
}

const operationsOf: Readonly<Record<string, readonly string[]>> = {
  TransactionCanceledException: ['TransactWriteItems', 'TransactGetItems', 'ExecuteTransaction'],
  TransactionConflictException: ['PutItem', 'UpdateItem', 'DeleteItem', 'ExecuteStatement'],
};

const faultSchema = z
  .strictObject({
    call: z.string().regex(/^(?:\*|writes|[A-Z]\w+)$/, 'must be an SDK operation, such as PutItem, or writes, or *'),
    kind: z.enum(['crash-before', 'crash-after', 'lose-reply', 'fail']),
    error: z.string().min(1).optional(),
    reasons: z.array(z.string().regex(/^[A-Z][A-Za-z]+$/, 'must be a code, such as TransactionConflict')).optional(),
    nth: z.int().min(1).optional(),
    share: z.number().gt(0).lte(1).optional(),
    times: z.int().min(1).max(10_000).optional(),
    timesPerEvent: z.int().min(1).max(1000).optional(),
  })
  .refine(({ kind, error }) => (kind === 'fail') === (error !== undefined), {
    path: ['error'],
    message: 'names what "fail" answers, and belongs to no other kind',
  })
  .refine(({ call, error = '' }) => operationsOf[error]?.includes(call) ?? true, {
    path: ['call'],
    message: `must be an operation that answers it: ${Object.entries(operationsOf)
      .map(([error, operations]) => `${error} comes from ${operations.join(', ')}`)
      .join('; ')}`,
  })
  .refine(({ error, reasons }) => reasons === undefined || error === 'TransactionCanceledException', {
    path: ['reasons'],
    message: 'are those of TransactionCanceledException, and belong to no other error',
  });

function checkFault(fault: Fault): Fault {
  const { success, error } = faultSchema.safeParse(fault);
  if (success) return fault;
  const issues = error.issues.map(({ path, message }) => `${path.join('.')} ${message}`);
  throw new UsageError(`bad fault ${JSON.stringify(fault)}: ${issues.join('; ')}`);
}

/** Replaces the proof's variables of a function and leaves its own, those of the background among them. */
async function setVariables(
  lambda: LambdaClient,
  functionName: string,
  variables: Readonly<Record<string, string>>,
): Promise<void> {
  const ours: readonly string[] = Object.values(faultVariables);
  await changeEnvironment(lambda, functionName, (before) => {
    if (Object.keys(variables).length === 0 && !ours.some((name) => name in before)) return undefined;
    return { ...Object.fromEntries(Object.entries(before).filter(([name]) => !ours.includes(name))), ...variables };
  });
}
