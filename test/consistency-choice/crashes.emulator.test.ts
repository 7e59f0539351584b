import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { operator } from '../../clients/consistency-choice/operator.ts';
import { clickId, type Send, sendUntilAnswered } from '../../clients/consistency-choice/visitors.ts';
import { randomFrom } from '../../engines/simulation/random.ts';
import type { Fault, FaultControl } from '../../lib/kit/proof.ts';
import { buildBundles } from '../../tools/bundle/bundle.ts';
import { deploy, destroy, type DeployOptions } from '../../tools/deploy/deploy.ts';
import { faultControl } from '../../tools/prove/faults.ts';
import { httpClient } from '../../tools/prove/http.ts';
import { readUsage } from '../../tools/prove/meter.ts';

const aws = inject('aws');
const slug = 'consistency-choice';

let options: DeployOptions;
let outputs: Readonly<Record<string, string>>;
let faults: FaultControl;
let functions: readonly string[];
let http: Send;

beforeAll(async () => {
  const bundles = await buildBundles({ slugs: [slug], instrumented: true });
  options = { slug, variants: ['improved'], aws, bundles, run: 'crashes' };
  const deployed = await deploy({
    ...options,
    editTemplate: (_role, { Resources }) => {
      const [, queue] = Object.entries(Resources).find(([id]) => id.startsWith('ClicksQueue'))!;
      queue.Properties!['VisibilityTimeout'] = 10;
    },
  });
  ({ outputs } = deployed['improved']!);
  functions = [outputs['Enterers']!, ...outputs['ClickCounters']!.split(',')];
  faults = faultControl(aws, { functions, seed: 1 });
  http = httpClient(aws, outputs['ApiId']!);
}, 600_000);
afterEach(() => faults.disarm());
afterAll(() => destroy(options));

/** Every call of AWS that a handler makes which writes, and the handler's place among `functions`. */
const calls = [
  { handler: 0, name: 'enter', call: 'TransactWriteItems' },
  { handler: 1, name: 'click', call: 'SendMessage' },
  { handler: 2, name: 'count', call: 'Query' },
  { handler: 2, name: 'count', call: 'TransactWriteItems' },
] as const;
const kinds = ['crash-before', 'crash-after', 'lose-reply'] as const;
const points = calls.flatMap((call) => kinds.map((kind) => ({ ...call, kind })));

async function read(path: string): Promise<Readonly<Record<string, unknown>>> {
  return JSON.parse((await sendUntilAnswered(http, { method: 'GET', path })).body) as Record<string, unknown>;
}

async function hitsOf(fault: Fault): Promise<number> {
  const fired = await faults.fired();
  return fired
    .filter((entry) => JSON.stringify(entry.fault) === JSON.stringify(fault))
    .reduce((sum, { hits }) => sum + hits, 0);
}

describe('a crash anywhere', () => {
  let moneys = 0;
  let clicks = 0;

  it.each(points)('is safe: $name, $kind $call', async ({ handler, name, call, kind }) => {
    const fault: Fault = { call, kind, times: 1 };
    const before = await hitsOf(fault);
    await faults.arm(functions[handler]!, [fault]);
    if (name === 'enter') {
      moneys += 1;
      const entry = { method: 'PUT', path: `/accounts/alice/entries/e-${moneys}`, body: { amount: 100 } } as const;
      expect((await sendUntilAnswered(http, entry)).status).toBeLessThan(300);
    } else {
      clicks += 1;
      const path = `/pages/front/clicks/${clickId(randomFrom(clicks), Date.now())}`;
      expect((await sendUntilAnswered(http, { method: 'PUT', path })).status).toBe(202);
      await operator({ aws, outputs }).drained();
    }
    expect(await hitsOf(fault)).toBe(before + 1);
    if (moneys > 0) expect(await read('/accounts/alice/balance')).toMatchObject({ balance: 100 * moneys });
    expect(await read('/pages/front/clicks')).toMatchObject({ clicks });
  });

  it('has been tried at every call that these handlers make', async () => {
    const usage = await Promise.all(functions.map((name) => readUsage(aws, { functions: [name], sinceMs: 0 })));
    const made = usage.flatMap((ofOne, handler) =>
      Object.keys(ofOne.calls).map((call) => ({ handler, call: call.split('.')[1] })),
    );
    expect(made).toEqual(calls.map(({ handler, call }) => ({ handler, call })));
  });
});
