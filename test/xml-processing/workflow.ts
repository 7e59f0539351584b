import { randomFrom, type Random } from '../../engines/simulation/random.ts';
import {
  type CutItem,
  type LoadRequest,
  type RangeItem,
  stopBeforeMs,
  type Summary,
} from '../../lambdas/xml-processing/domain.ts';
import { load, plan, report, resolveCuts, scan } from '../../lambdas/xml-processing/steps.ts';
import { type Cloud, storesOf, type Wire } from './fakes.ts';

export interface WorkflowOptions {
  readonly wire?: Wire;
  /** Decides the order of the maps' children and the sizes of chunks. */
  readonly random?: Random;
  /** Milliseconds that are left of an invocation, asked after each chunk; plenty when absent. */
  readonly remainingMs?: () => number;
}

/** What the state machine does with the steps, in this process; its maps' children come in any order. */
export async function runWorkflow(cloud: Cloud, request: LoadRequest, options: WorkflowOptions = {}): Promise<Summary> {
  const { random = randomFrom(1), remainingMs = () => stopBeforeMs } = options;
  const worker = { ...storesOf(cloud, { ...options, random }), remainingMs };
  const { loadId, mode, ranges, cuts } = await plan(request, worker);
  const loadAll = async (item: CutItem) => {
    while ((await load(item, worker)) === 'go on');
  };
  if (mode === 'one worker') {
    await loadAll({ loadId, cut: 0 });
  } else {
    for (const item of shuffled(itemsOf<RangeItem>(cloud, ranges.key), random)) await scan(item, worker);
    await resolveCuts({ loadId }, worker);
    for (const item of shuffled(itemsOf<CutItem>(cloud, cuts.key), random)) await loadAll(item);
  }
  return report({ loadId }, worker);
}

/** What a map's item reader reads. */
export function itemsOf<Item>(cloud: Cloud, key: string): readonly Item[] {
  return JSON.parse(cloud.files.get(key)!) as readonly Item[];
}

function shuffled<T>(items: readonly T[], random: Random): readonly T[] {
  const order = [...items];
  for (let index = order.length - 1; index > 0; index -= 1) {
    const other = random.below(index + 1);
    [order[index], order[other]] = [order[other]!, order[index]!];
  }
  return order;
}
