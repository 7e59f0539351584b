import { randomUUID } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { atLeastOnce, type Fault } from '../../../lib/kit/proof.ts';
import { faultsOf, hitsInFiles } from '../../../tools/bundle/proof/faults.ts';

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

it('hits what changes something when the call is writes', () => {
  const changing = ['PutItem', 'TransactWriteItems', 'BatchWriteItem', 'SendMessageBatch', 'Invoke', 'DeleteObject'];
  const reading = ['GetItem', 'BatchGetItem', 'TransactGetItems', 'HeadObject', 'ListObjectsV2', 'Query', 'Scan'];
  const faults: readonly Fault[] = [{ call: 'writes', kind: 'lose-reply' }];
  expect(hits(faults, changing)).toEqual(changing.map((_, index) => index + 1));
  expect(hits(faults, reading)).toEqual(reading.map(() => 0));
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
    (_, { times }) => {
      taken.push(times!);
      return true;
    },
  );
  for (const operation of ['PutItem', 'GetItem', 'PutItem']) armed.next(operation);
  expect(taken).toEqual([3]);
});

it('hits once for certain what a small share might never hit', () => {
  const fault = { call: 'PutItem', kind: 'lose-reply', share: 0.001 } as const;
  const takeHit = hitsInFiles(arming());
  const hit = Array.from({ length: 50 }, (_, index) => {
    const armed = faultsOf(atLeastOnce(fault), 'seed', `request ${index}`, takeHit);
    return ['GetItem', 'PutItem', 'PutItem'].map((operation) => armed.next(operation)?.fault.kind);
  });
  expect(hit.flat().filter((kind) => kind !== undefined)).toEqual(['lose-reply']);
  expect(hit[0]).toEqual([undefined, 'lose-reply', undefined]);
  const behind = [{ call: 'PutItem', kind: 'crash-after', times: 1 } as const, ...atLeastOnce(fault)];
  const armed = faultsOf(behind, 'seed', 'request', hitsInFiles(arming()));
  expect(['PutItem', 'PutItem', 'PutItem'].map((operation) => armed.next(operation)?.fault.kind)).toEqual([
    'crash-after',
    'lose-reply',
    undefined,
  ]);
  const often = atLeastOnce({ ...fault, share: 0.3 });
  const later = Array.from({ length: 500 }, (_, index) =>
    faultsOf(often, 'seed', `request ${index}`, takeHit).next('PutItem'),
  );
  expect(later.filter((each) => each !== undefined).length).toBeGreaterThan(100);
});

/** The name of an arming whose marks are removed after the test. */
function arming(): string {
  const armed = randomUUID();
  onTestFinished(async () => {
    const markers = (await readdir(tmpdir())).filter((name) => name.includes(armed));
    await Promise.all(markers.map((name) => rm(join(tmpdir(), name))));
  });
  return armed;
}

const lose = { kind: 'lose-reply' } as const;

it('keeps the count of hits across processes, until it is used up', () => {
  const armed = arming();
  // What a restarted runtime does: it counts anew, over the same directory.
  const take = (faultIndex: number) => hitsInFiles(armed)(faultIndex, { ...lose, times: 2 });
  expect([take(0), take(0), take(0), take(1)]).toEqual([true, true, false, true]);
  expect(hitsInFiles(`${armed}-again`)(0, { ...lose, times: 2 })).toBe(true);
});

describe('hits counted by event', () => {
  const message = (id: string, receives: number) => ({
    messageId: id,
    receiptHandle: `${id}${receives}`,
    attributes: { ApproximateReceiveCount: String(receives) },
  });
  const batch = (...messages: readonly unknown[]) => ({ Records: messages });
  const request = (path: string, key: string, time: string) => ({
    rawPath: path,
    rawQueryString: '',
    headers: { 'idempotency-key': key, 'x-amz-date': time },
    requestContext: { requestId: time, http: { method: 'POST' } },
    body: '{"amount":5}',
  });

  it.each<[string, unknown, unknown, unknown]>([
    ['a task that a state machine retries', { cut: 1 }, { cut: 1 }, { cut: 2 }],
    ['a message of a queue', batch(message('a', 1)), batch(message('a', 2)), batch(message('b', 1))],
    [
      'a record of a stream',
      batch({ eventID: '1', dynamodb: { ApproximateCreationDateTime: 1 } }),
      batch({ eventID: '1' }),
      batch({ eventID: '2' }),
    ],
    ['a request', request('/charges', 'k', '1'), request('/charges', 'k', '2'), request('/charges', 'l', '2')],
    ['nothing', undefined, undefined, null],
  ])('know %s again', (_, event, again, other) => {
    const armed = arming();
    const take = (of: unknown) => hitsInFiles(armed, of)(0, { ...lose, timesPerEvent: 2 });
    expect([take(event), take(again), take(event), take(again)]).toEqual([true, true, false, false]);
    expect(take(other)).toBe(true);
    expect(hitsInFiles(armed, event)(1, { ...lose, timesPerEvent: 2 })).toBe(true);
  });

  it('spare a batch in which one message had its share, and take nothing from the others', () => {
    const armed = arming();
    const take = (...ids: readonly string[]) =>
      hitsInFiles(armed, batch(...ids.map((id) => message(id, 1))))(0, { ...lose, timesPerEvent: 1 });
    expect([take('a'), take('a', 'b'), take('b'), take('b', 'c'), take('c', 'c')]).toEqual([
      true,
      false,
      true,
      false,
      true,
    ]);
  });

  it('are those of crashes before and after a call together', () => {
    const armed = arming();
    const take = (faultIndex: number, kind: Fault['kind']) =>
      hitsInFiles(armed, 'event')(faultIndex, { kind, timesPerEvent: 1 });
    expect([take(0, 'crash-before'), take(1, 'crash-after'), take(2, 'lose-reply'), take(3, 'fail')]).toEqual([
      true,
      false,
      true,
      true,
    ]);
  });

  it('end with the sum of hits too', () => {
    const armed = arming();
    const take = (event: unknown) => hitsInFiles(armed, event)(0, { ...lose, times: 2, timesPerEvent: 1 });
    expect([take('a'), take('a'), take('b'), take('c')]).toEqual([true, false, true, false]);
  });
});
