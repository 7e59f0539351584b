import { randomFrom, type Random } from '../../engines/simulation/random.ts';
import type { Manifest, Report, RunRequest, Unit } from '../../lambdas/missing-notifications/domain.ts';
import {
  choose,
  extract,
  type ExtractItem,
  mark,
  plan,
  reconcile,
  report,
  sign,
  type SignItem,
  subtractPartition,
  verify,
} from '../../lambdas/missing-notifications/steps.ts';
import { type Cloud, storesOf, type Wire } from './fakes.ts';

export interface WorkflowOptions {
  readonly wire?: Wire;
  /** Decides the order of the maps' children and the sizes of chunks. */
  readonly random?: Random;
  readonly nowMs?: number;
  /** Each log is a unit of its own. */
  readonly finer?: boolean;
}

/** What the state machine does with the steps, in this process; its maps' children come in any order. */
export async function runWorkflow(cloud: Cloud, request: RunRequest, options: WorkflowOptions = {}): Promise<Report> {
  const { random = randomFrom(1), nowMs = request.toMs + 60 * 60_000, finer = false } = options;
  const { files: filesOf, ...stores } = storesOf(cloud, { ...options, random });
  const worker = { ...stores, files: filesOf(request.runId), clock: () => nowMs, memoryMb: 1769 };
  await plan(request, worker);
  if (finer) cutFiner(cloud, request.runId);
  for (const { unit } of shuffled(itemsOf<SignItem>(cloud, request.runId, 'signed'), random)) await sign(unit, worker);
  const { mode, partitions } = await choose(request.runId, worker);
  if (mode === 'one worker') {
    await reconcile(request.runId, worker);
  } else {
    for (const { unit } of shuffled(itemsOf<ExtractItem>(cloud, request.runId, 'logs'), random)) {
      await (mode === 'broadcast' ? mark(unit, worker) : extract(unit, worker));
    }
    await verify(worker);
    for (const partition of shuffled(partitions, random)) await subtractPartition(partition, worker);
  }
  return report(worker);
}

/** Has each log be a unit of its own: what is planned for logs as small as a test's is one. */
function cutFiner(cloud: Cloud, runId: string): void {
  const manifest = JSON.parse(fileOf(cloud, runId, 'manifest.json')!.toString()) as Manifest;
  const units = manifest.units.flatMap((unit): Unit[] =>
    unit.kind === 'signed'
      ? [unit]
      : unit.objects.map((object, i) => ({
          ...unit,
          name: `${unit.name}-${i}`,
          bytes: object.bytes,
          objects: [object],
        })),
  );
  cloud.files.set(`runs/${runId}/manifest.json`, {
    body: Buffer.from(JSON.stringify({ ...manifest, units })),
    metadata: {},
  });
}

/** What the map's item reader reads. */
export function itemsOf<Item>(cloud: Cloud, runId: string, kind: Unit['kind']): readonly Item[] {
  return JSON.parse(fileOf(cloud, runId, `${kind}-units.json`)!.toString()) as readonly Item[];
}

export function fileOf(cloud: Cloud, runId: string, name: string): Buffer | undefined {
  return cloud.files.get(`runs/${runId}/${name}`)?.body;
}

/** Names and bytes of a run's files; the report's, which tells the time that it took, is left out. */
export function bytesOf(cloud: Cloud, runId: string): Readonly<Record<string, string>> {
  const prefix = `runs/${runId}/`;
  return Object.fromEntries(
    [...cloud.files]
      .filter(([key]) => key.startsWith(prefix) && key !== `${prefix}report.json`)
      .map(([key, { body }]) => [key.slice(prefix.length), body.toString('base64')] as const)
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
}

/** The lists of missed documents, joined and sorted. */
export function missedIn(cloud: Cloud, runId: string): readonly string[] {
  return [...cloud.files]
    .filter(([key]) => key.startsWith(`runs/${runId}/missed/`))
    .flatMap(([, { body }]) => body.toString().split('\n'))
    .filter((id) => id !== '')
    .toSorted();
}

export function shuffled<T>(items: readonly T[], random: Random): readonly T[] {
  const order = [...items];
  for (let index = order.length - 1; index > 0; index -= 1) {
    const other = random.below(index + 1);
    [order[index], order[other]] = [order[other]!, order[index]!];
  }
  return order;
}
