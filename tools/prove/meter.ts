import {
  paginateGetExecutionHistory,
  paginateListExecutions,
  paginateListMapRuns,
  SFNClient,
} from '@aws-sdk/client-sfn';
import pMap from 'p-map';
import type { AwsConfig, Usage } from '../../lib/kit/proof.ts';
import type { UsageLine } from '../bundle/proof/lines.ts';
import { readProofLines, type Arrival } from './lines.ts';

/** What to meter, and since when. */
export interface Metered extends Arrival {
  /** Physical names of functions that run proof bundles. */
  readonly functions: readonly string[];
  /** ARNs of Step Functions executions; none when absent. Children of their Map Runs are found. */
  readonly executions?: readonly string[];
  /** Epoch ms. */
  readonly sinceMs: number;
}

export interface MeteredUsage extends Usage {
  /** Invocations that threw, and that an injected crash ended. */
  readonly failedInvocations: number;
}

/**
 * Sums what the functions and executions used: the lines of their proof bundles, once they have all arrived, and the
 * executions' histories. An invocation that a timeout or lack of memory killed printed no line, and is not in the sum.
 */
export async function readUsage(aws: AwsConfig, metered: Metered): Promise<MeteredUsage> {
  const [lines, stateTransitions] = await Promise.all([
    readProofLines(aws, metered.functions, metered.sinceMs, metered),
    readStateTransitions(aws, metered.executions ?? []),
  ]);
  return { ...sumUsage(lines.filter((line) => line.designs === 'usage')), stateTransitions };
}

/**
 * IAM actions that the calls of each function needed, such as `s3:GetObject logs`; `nameOf` gives the names of functions
 * and of resources from their physical ones.
 */
export function actionsUsed(
  lines: readonly UsageLine[],
  nameOf: (physicalName: string) => string = (name) => name,
): ReadonlyMap<string, ReadonlySet<string>> {
  const byFunction = Map.groupBy(lines, (line) => nameOf(line.function));
  const named = (used: string) => {
    const [action, resource] = used.split(' ') as [string, string?];
    return resource === undefined ? action : `${action} ${nameOf(resource)}`;
  };
  return new Map(
    [...byFunction].map(([name, ofIt]) => [name, new Set(ofIt.flatMap(({ actions }) => actions).map(named))]),
  );
}

/** One sum of many invocations' lines, without state transitions. */
export function sumUsage(lines: readonly UsageLine[]): Omit<MeteredUsage, 'stateTransitions'> {
  const calls: Record<string, number> = {};
  const peakMemoryKb: Record<string, number> = {};
  for (const line of lines) {
    for (const [call, times] of Object.entries(line.calls)) calls[call] = (calls[call] ?? 0) + times;
    if (line.peakMemoryKb === undefined) continue;
    peakMemoryKb[line.function] = Math.max(peakMemoryKb[line.function] ?? 0, line.peakMemoryKb);
  }
  const sum = (of: (line: UsageLine) => number): number => lines.reduce((total, line) => total + of(line), 0);
  return {
    invocations: lines.length,
    failedInvocations: sum(({ outcome }) => (outcome === 'returned' ? 0 : 1)),
    handlerMs: sum(({ handlerMs }) => handlerMs),
    calls: Object.fromEntries(Object.entries(calls).toSorted(([a], [b]) => (a < b ? -1 : 1))),
    readUnits: sum(({ readUnits }) => readUnits),
    writeUnits: sum(({ writeUnits }) => writeUnits),
    messages: {
      sent: sum(({ sent }) => sent),
      received: sum(({ received }) => received),
      deleted: sum(({ deleted }) => deleted),
    },
    bytesIn: sum(({ bytesIn }) => bytesIn),
    bytesOut: sum(({ bytesOut }) => bytesOut),
    peakMemoryKb,
  };
}

/** Children of one Map Run whose histories are read; the others count as much as the mean of these. */
const childrenMax = 500;
const historiesAtOnce = 8;

/** State transitions as they are billed: every state entered, and every retry of a task. */
async function readStateTransitions(aws: AwsConfig, executions: readonly string[]): Promise<number> {
  const sfn = new SFNClient(aws);
  let transitions = await sumOf(executions, (execution) => readExecution(sfn, execution));
  for (const executionArn of executions) {
    for await (const { mapRuns = [] } of paginateListMapRuns({ client: sfn }, { executionArn })) {
      for (const { mapRunArn } of mapRuns) transitions += await readMapRun(sfn, mapRunArn ?? '');
    }
  }
  return transitions;
}

/** Children of a Map Run all go through the same states, so that a share of many tells enough. */
async function readMapRun(sfn: SFNClient, mapRunArn: string): Promise<number> {
  const children: string[] = [];
  for await (const { executions = [] } of paginateListExecutions({ client: sfn }, { mapRunArn })) {
    for (const { executionArn } of executions) children.push(executionArn ?? '');
  }
  const read = children.slice(0, childrenMax);
  const transitions = await sumOf(read, (child) => readExecution(sfn, child));
  return read.length === 0 ? 0 : Math.round((transitions * children.length) / read.length);
}

async function readExecution(sfn: SFNClient, executionArn: string): Promise<number> {
  let entered = 0;
  let tasks = 0;
  let attempts = 0;
  const pages = paginateGetExecutionHistory(
    { client: sfn, pageSize: 1000 },
    { executionArn, includeExecutionData: false },
  );
  for await (const { events = [] } of pages) {
    for (const { type = '' } of events) {
      if (type.endsWith('StateEntered')) entered += 1;
      if (type === 'TaskStateEntered') tasks += 1;
      if (type === 'TaskScheduled' || type === 'LambdaFunctionScheduled' || type === 'ActivityScheduled') attempts += 1;
    }
  }
  return entered + Math.max(0, attempts - tasks);
}

async function sumOf<Item>(items: readonly Item[], of: (item: Item) => Promise<number>): Promise<number> {
  const values = await pMap(items, of, { concurrency: historiesAtOnce });
  return values.reduce((sum, value) => sum + value, 0);
}
