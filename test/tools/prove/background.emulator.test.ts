import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Fault } from '../../../lib/kit/proof.ts';
import { armBackground, backgrounds, forget } from '../../../tools/prove/background.ts';
import { faultControl, readFaultLines, sumFired } from '../../../tools/prove/faults.ts';
import type { ProofResult } from '../../../tools/prove/prove.ts';
import { runDesigns } from '../run-designs.ts';
import type { Step } from './lambdas/probe/call.ts';
import { deployProbe, type Probe } from './probe.ts';

const aws = inject('aws');
const seed = 20261130;

describe('faults in the background', () => {
  let probe: Probe;
  beforeAll(async () => {
    probe = await deployProbe(aws);
  });
  afterAll(() => probe.remove());

  it('go on whatever the proof arms, and strike an event as often as they may', async () => {
    const functions = [probe.functionName];
    const sinceMs = Date.now();
    const kill: Fault = { call: 'PutItem', kind: 'crash-before', timesPerEvent: 1 };
    const run = await armBackground(aws, functions, { faults: [kill], seed });
    const faults = faultControl(aws, { functions, seed });
    const survives = async (id: string) => (await probe.invoke({ put: id })).failure === undefined;

    expect([await survives('a'), await survives('a'), await survives('b')]).toEqual([false, true, false]);
    const refuse: Fault = { call: 'PutItem', kind: 'fail', error: 'TransactionConflictException', nth: 1 };
    await faults.arm(probe.functionName, [refuse]);
    // The proof's own comes first, and what the background may do to this event is still to come.
    expect((await probe.invoke({ put: 'c' })).done).toMatchObject({ errors: ['TransactionConflictException'] });
    expect((await probe.invoke({ put: 'c' }, { put: 'd' })).failure).toBeDefined();
    await faults.disarm();
    // Neither arming nor disarming gives it another right to an event.
    expect([await survives('a'), await survives('c'), await survives('c')]).toEqual([true, false, true]);

    expect(await faults.fired()).toEqual([{ functionName: probe.functionName, fault: refuse, hits: 2 }]);
    expect(sumFired(await readFaultLines(aws, functions, sinceMs), () => 'Probe')).toEqual([
      { function: 'Probe', armedBy: 'background', kind: 'crash-before', call: 'PutItem', hits: 4 },
      {
        function: 'Probe',
        armedBy: 'proof',
        kind: 'fail',
        error: 'TransactionConflictException',
        call: 'PutItem',
        hits: 2,
      },
    ]);
    await forget(run);
    expect((await readdir(tmpdir())).filter((name) => name.includes(run))).toEqual([]);
  });

  it('make transactions conflict, until a handler that tries three times is through', async () => {
    const conflicts = backgrounds.conflicts.map((fault) => ({ ...fault, share: 1 }));
    const run = await armBackground(aws, [probe.functionName], { faults: conflicts, seed });
    const both: Step = { putBoth: ['e', 'f'] };
    const { done } = await probe.invoke(both, both, both);
    expect(done).toMatchObject({
      errors: ['TransactionCanceledException', 'TransactionCanceledException'],
      // The SDK leaves a conflict to the handler.
      attempts: [1, 1, 1],
    });
    expect([await probe.has('e'), await probe.has('f')]).toEqual([true, true]);
    const { done: single } = await probe.invoke({ put: 'g' }, { put: 'g' }, { put: 'g' });
    expect(single?.errors).toEqual(['TransactionConflictException', 'TransactionConflictException']);
    await forget(run);
  });
});

describe('designs prove --faults storm', () => {
  let result: ProofResult;
  beforeAll(async () => {
    // As the README shows it.
    const slug = 'idempotent-apis';
    const printed = await runDesigns(aws, 'prove', slug, '--scale', 'small', '--faults', 'storm', '--json');
    result = JSON.parse(printed) as ProofResult;
  }, 1_200_000);

  it('says what disturbed the run, and judges the improved variant', () => {
    expect(result).toMatchObject({ disturbedBy: 'storm', pass: true });
    expect(result.stopped ?? {}).not.toHaveProperty('improved');
    for (const { judged } of result.properties.filter(({ changedByFaults }) => changedByFaults === undefined)) {
      expect(judged).toEqual(['improved']);
    }
  });

  it.each([
    ['charges per key under crashes and lost replies', 1],
    ['charges per key when the card network is slower than the lock', 1],
    ['cards charged after a reply that says they were not', 0],
    ['replies to retries that differ from the first one', 0],
  ])('leaves this as it is: %s, %d', (name, improved) => {
    const property = result.properties.find((candidate) => candidate.name === name);
    expect(property).toMatchObject({ pass: true, measured: { improved }, judged: ['improved'] });
  });

  it('counts the faults that fired by function, those of the proof apart', () => {
    const fired = result.faults['improved']!;
    const of = (armedBy: string) => fired.filter((fault) => fault.armedBy === armedBy);
    const background = of('background');
    const all = Object.values(result.faults).flat();
    const kinds = all.filter(({ armedBy }) => armedBy === 'background').map(({ kind }) => kind);
    expect(new Set(kinds)).toEqual(new Set(['crash-before', 'crash-after', 'lose-reply', 'fail']));
    expect(new Set(background.map(({ function: name }) => name)).size).toBeGreaterThan(1);
    expect(background.reduce((sum, { hits }) => sum + hits, 0)).toBeGreaterThan(10);
    expect(of('proof')).toContainEqual(
      expect.objectContaining({ function: 'Charge', kind: 'crash-after', call: 'Invoke' }),
    );
  });
});
