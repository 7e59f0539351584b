import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { operator, type RunResult } from '../../clients/missing-notifications/operator.ts';
import { makeWorld } from '../../clients/missing-notifications/servers.ts';
import { modes } from '../../lambdas/missing-notifications/domain.ts';
import { deploy } from '../../tools/deploy/deploy.ts';
import { destroyStacks } from '../../tools/deploy/destroy.ts';
import { bruteForce } from './oracle.ts';

const aws = inject('aws');
const slug = 'missing-notifications';

describe('the deployed run, on the same documents and logs', () => {
  const world = makeWorld({ seed: 21, documents: 600, servers: 20, missedShare: 0.05, textShare: 0.3 });
  let stackNames: readonly string[] = [];
  let desk: ReturnType<typeof operator>;
  const results = new Map<string, { readonly run: RunResult; readonly missed: readonly string[] }>();

  beforeAll(async () => {
    const deployed = await deploy({ slug, variants: ['improved'], aws, run: 'modes', schedules: false });
    const { outputs, stackNames: names } = deployed['improved']!;
    stackNames = Object.values(names);
    desk = operator({ aws, outputs });
    await Promise.all([desk.storeDocuments(world), desk.storeServers(world), desk.storeLogs(world.logs)]);
    const window = { from: new Date(world.fromMs).toISOString(), to: new Date(world.toMs).toISOString() };
    // The state machine's own choice, for logs as small as these, is one worker.
    const inputs = [window, ...modes.map((mode) => ({ ...window, mode }))];
    for (const [n, input] of inputs.entries()) {
      const runId = `mode-${n}`;
      const run = await desk.run(runId, input);
      results.set(n === 0 ? 'chosen' : modes[n - 1]!, { run, missed: await desk.result(runId, new Map()) });
    }
    await desk.settle();
  }, 600_000);

  afterAll(async () => {
    await destroyStacks(stackNames, aws, () => {});
  });

  it.each(['chosen', ...modes])('finds what the slow and obvious way finds, with IAM enforced: %s', (name) => {
    const { run, missed } = results.get(name)!;
    const { missed: expected, ...counts } = bruteForce(world.documents, world.logs, world);
    expect(run.error).toBeUndefined();
    expect(run.output).toMatchObject({
      ...counts,
      missed: expected.length,
      mode: name === 'chosen' ? 'one worker' : name,
      complete: true,
    });
    expect(missed.map((line) => line.slice(line.indexOf(' ') + 1)).toSorted()).toEqual(expected);
  });

  it('has no map over logs for one worker, and one over partitions for the others', () => {
    const children = (name: string) => results.get(name)!.run.mapChildren.toSorted((a, b) => a - b);
    expect(children('one worker')).toEqual([8]);
    expect(children('broadcast')).toEqual([1, 4, 8]);
    expect(children('shuffle')).toEqual([1, 4, 8]);
  });

  it('notified each missed document once, whatever its ID', async () => {
    const sends = await desk.sends();
    expect([...sends.keys()].toSorted()).toEqual([...world.missed]);
    expect(Math.max(...sends.values())).toBe(1);
  });
});
