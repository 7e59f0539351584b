import { randomUUID } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { Fault } from '../../../lib/kit/proof.ts';
import { faultsOf, hitsInFiles, serviceError } from '../../../tools/bundle/proof/faults.ts';

const always = () => true;

function hits(
  faults: readonly Fault[],
  operations: readonly string[],
  seed = 'seed',
  requestId = 'request',
): readonly unknown[] {
  const armed = faultsOf(faults, seed, requestId, always);
  return operations.map((operation) => armed.next(operation)?.nth ?? 0);
}

it('hits every call of the named operation and no other', () => {
  expect(hits([{ call: 'PutItem', kind: 'lose-reply' }], ['PutItem', 'GetItem', 'PutItem'])).toEqual([1, 0, 2]);
});

it('hits any operation when the call is *', () => {
  expect(hits([{ call: '*', kind: 'lose-reply' }], ['PutItem', 'GetItem'])).toEqual([1, 2]);
});

it('hits the nth matching call of an invocation only', () => {
  const faults: readonly Fault[] = [{ call: 'PutItem', kind: 'lose-reply', nth: 2 }];
  expect(hits(faults, ['PutItem', 'GetItem', 'PutItem', 'PutItem'])).toEqual([0, 0, 2, 0]);
});

it('lets the first fault that applies act, and counts the call for the others too', () => {
  const armed = faultsOf(
    [
      { call: 'PutItem', kind: 'lose-reply', nth: 1 },
      { call: '*', kind: 'crash-after', nth: 2 },
    ],
    'seed',
    'request',
    always,
  );
  expect(armed.next('PutItem')?.fault.kind).toBe('lose-reply');
  expect(armed.next('GetItem')?.fault.kind).toBe('crash-after');
});

it('hits about the given share of the calls, the same for the same seed, request and call', () => {
  const faults: readonly Fault[] = [{ call: '*', kind: 'lose-reply', share: 0.3 }];
  const calls = Array.from({ length: 2000 }, () => 'PutItem');
  const first = hits(faults, calls, '1');
  const share = first.filter((nth) => nth !== 0).length / calls.length;
  expect(share).toBeGreaterThan(0.25);
  expect(share).toBeLessThan(0.35);
  expect(hits(faults, calls, '1')).toEqual(first);
  expect(hits(faults, calls, '2')).not.toEqual(first);
  expect(hits(faults, calls, '1', 'another request')).not.toEqual(first);
});

it('counts a fault with times only where its other conditions hold', () => {
  const taken: number[] = [];
  const armed = faultsOf(
    [{ call: 'PutItem', kind: 'crash-after', nth: 2, times: 3 }],
    'seed',
    'request',
    (_, times) => {
      taken.push(times);
      return true;
    },
  );
  for (const operation of ['PutItem', 'GetItem', 'PutItem']) armed.next(operation);
  expect(taken).toEqual([3]);
});

it('keeps the count of hits across processes, until it is used up', async () => {
  const armed = randomUUID();
  onTestFinished(async () => {
    const markers = (await readdir(tmpdir())).filter((name) => name.includes(armed));
    await Promise.all(markers.map((name) => rm(join(tmpdir(), name))));
  });
  // What a restarted runtime does: it counts anew, over the same directory.
  const take = (faultIndex: number) => hitsInFiles(armed)(faultIndex, 2);
  expect([take(0), take(0), take(0), take(1)]).toEqual([true, true, false, true]);
  expect(hitsInFiles(`${armed}-again`)(0, 2)).toBe(true);
});

it("knows throttles as retryable and server errors as the server's", () => {
  expect(serviceError('ThrottlingException')).toMatchObject({
    status: 400,
    fault: 'client',
    retryable: { throttling: true },
  });
  expect(serviceError('SlowDown')).toMatchObject({ status: 503, fault: 'server', retryable: { throttling: true } });
  expect(serviceError('InternalServerError')).toEqual({ name: 'InternalServerError', status: 500, fault: 'server' });
  expect(serviceError('ConditionalCheckFailedException')).toEqual({
    name: 'ConditionalCheckFailedException',
    status: 400,
    fault: 'client',
  });
});
