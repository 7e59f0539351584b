import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Fault, FaultControl } from '../../../lib/kit/proof.ts';
import { faultControl } from '../../../tools/prove/faults.ts';
import { readUsage } from '../../../tools/prove/meter.ts';
import { deployProbe, type Probe } from './probe.ts';

const aws = inject('aws');
const seed = 20261124;

let probe: Probe;
let faults: FaultControl;

beforeAll(async () => {
  probe = await deployProbe(aws);
  faults = faultControl(aws, { functions: [probe.functionName], seed });
});
afterEach(() => faults.disarm());
afterAll(() => probe.remove());

async function arm(...armed: Fault[]): Promise<void> {
  await faults.arm(probe.functionName, armed);
}

async function hitsOf(fault: Fault): Promise<number> {
  const fired = await faults.fired();
  return fired.find((entry) => JSON.stringify(entry.fault) === JSON.stringify(fault))?.hits ?? 0;
}

describe('an armed function', () => {
  it('loses a reply after the call committed, and the SDK retries it', async () => {
    const fault: Fault = { call: 'PutItem', kind: 'lose-reply', nth: 1 };
    await arm(fault);
    const sinceMs = Date.now();
    const { done } = await probe.invoke({ put: 'lost', unless: 'exists' });
    // The retry meets the item that the first attempt wrote.
    expect(done).toMatchObject({ attempts: [2], errors: ['ConditionalCheckFailedException'] });
    expect(await probe.has('lost')).toBe(true);
    const { calls } = await readUsage(aws, { functions: [probe.functionName], sinceMs });
    expect(calls).toEqual({ 'dynamodb.PutItem': 2 });
    expect(await hitsOf(fault)).toBe(1);
  });

  it('loses the reply of a download, and the SDK retries it', async () => {
    await arm({ call: 'GetObject', kind: 'lose-reply', nth: 1 });
    const { done } = await probe.invoke({ upload: 'object', bytes: 10 }, { download: 'object' });
    expect(done).toMatchObject({ attempts: [1, 2], errors: [] });
  });

  it('crashes before the call leaves', async () => {
    const fault: Fault = { call: 'PutItem', kind: 'crash-before', nth: 2 };
    await arm(fault);
    const { failure } = await probe.invoke({ put: 'first' }, { put: 'never' }, { put: 'nor this' });
    expect(failure).toBeDefined();
    expect([await probe.has('first'), await probe.has('never'), await probe.has('nor this')]).toEqual([
      true,
      false,
      false,
    ]);
    expect(await hitsOf(fault)).toBe(1);
  });

  it('crashes after the call committed', async () => {
    const fault: Fault = { call: 'PutItem', kind: 'crash-after' };
    await arm(fault);
    const sinceMs = Date.now();
    const { failure } = await probe.invoke({ put: 'committed' }, { put: 'not reached' });
    expect(failure).toBeDefined();
    expect([await probe.has('committed'), await probe.has('not reached')]).toEqual([true, false]);
    expect(await hitsOf(fault)).toBe(1);
    // Nothing that was used is lost with the process.
    const usage = await readUsage(aws, { functions: [probe.functionName], sinceMs });
    expect(usage).toMatchObject({
      invocations: 1,
      failedInvocations: 1,
      calls: { 'dynamodb.PutItem': 1 },
      writeUnits: 2,
    });
  });

  it('remembers across its own crashes how often it may still be hit', async () => {
    const fault: Fault = { call: 'PutItem', kind: 'crash-before', times: 2 };
    await arm(fault);
    const outcomes = [];
    for (let n = 0; n < 4; n += 1) outcomes.push((await probe.invoke({ put: `times ${n}` })).failure === undefined);
    expect(outcomes).toEqual([false, false, true, true]);
    await arm(fault);
    expect((await probe.invoke({ put: 'armed anew' })).failure).toBeDefined();
    expect(await hitsOf(fault)).toBe(3);
  });

  it('is refused without the call, and the SDK retries what throttles', async () => {
    await arm(
      { call: 'PutItem', kind: 'fail', error: 'ThrottlingException', nth: 1 },
      { call: 'GetItem', kind: 'fail', error: 'ResourceNotFoundException' },
    );
    const sinceMs = Date.now();
    const { done } = await probe.invoke({ put: 'throttled once' }, { get: 'throttled once' });
    expect(done).toMatchObject({ attempts: [2, 1], errors: ['ResourceNotFoundException'] });
    const { calls } = await readUsage(aws, { functions: [probe.functionName], sinceMs });
    expect(calls).toEqual({ 'dynamodb.PutItem': 1 });
  });

  it('keeps its own variables, and is whole again when it is disarmed', async () => {
    await arm({ call: '*', kind: 'crash-before' });
    expect((await probe.invoke({ put: 'armed' })).failure).toBeDefined();
    await faults.disarm(probe.functionName);
    expect((await probe.invoke({ put: 'disarmed' })).done).toMatchObject({ attempts: [1], errors: [] });
  });
});
