import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DynamoDBClient, TransactionConflictException } from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { done, firstClaim, nextClaim } from '../../lambdas/idempotent-apis/domain.ts';
import { charges, ledger, network } from '../../lambdas/idempotent-apis/store.ts';

const atMs = 1_800_000_000_000;

/** Answers so often that a transaction has the item, then that all was written. */
function conflicting(times: number) {
  const client = new DynamoDBClient({});
  let calls = 0;
  client.send = (async () => {
    calls += 1;
    if (calls <= times)
      throw new TransactionConflictException({ $metadata: {}, message: 'a transaction is under way' });
    return { Attributes: {} };
  }) as typeof client.send;
  return { client, calls: () => calls };
}

describe('a single write that meets a transaction on its item', () => {
  const tables = { chargesTable: 'charges', keysTable: 'keys', customersTable: 'customers' };
  const claim = firstClaim({ key: 'k', payloadHash: 'h', owner: 'a', chargeId: 'ch_a' }, atMs);
  const next = nextClaim(claim, { ...claim, owner: 'b' }, atMs);
  const refused = done(claim, { status: 402, body: '{}' });
  const waits: number[] = [];
  const waiting = { random: () => 0.5, wait: async (ms: number) => void waits.push(ms) };
  const writes = {
    takeOver: (dynamo: DynamoDBClient) => ledger(tables, dynamo, waiting).takeOver(next, claim, atMs),
    settle: (dynamo: DynamoDBClient) => ledger(tables, dynamo, waiting).settle(refused, undefined),
    keep: (dynamo: DynamoDBClient) => ledger(tables, dynamo, waiting).keep(refused, atMs),
    cancel: async (dynamo: DynamoDBClient) => {
      const cancelled = await charges('charges', dynamo, waiting).cancel({ id: 'ch_a', amount: 1 });
      return cancelled === true ? { written: true } : { written: false, because: cancelled };
    },
  };

  it.each(Object.entries(writes))('is tried again, and is contention in the end: %s', async (_, write) => {
    waits.length = 0;
    const few = conflicting(3);
    expect(await write(few.client)).toEqual({ written: true });
    expect([few.calls(), waits]).toEqual([4, [20, 40, 80]]);
    const many = conflicting(Infinity);
    expect(await write(many.client)).toEqual({ written: false, because: 'contention' });
    expect(many.calls()).toBe(5);
  });
});

describe('a call to the network whose connection breaks', () => {
  let calls = 0;
  const server = createServer((request) => {
    calls += 1;
    request.socket.destroy();
  });
  beforeEach(async () => {
    calls = 0;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    vi.stubEnv('AWS_ENDPOINT_URL', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    vi.stubEnv('AWS_REGION', 'us-east-1');
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'nobody');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'nothing');
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await new Promise((resolve) => server.close(resolve));
  });

  it('is not repeated by the SDK: it may still run, and a second one would have the same token', async () => {
    const purchase = { orderId: 'o', amount: 1, currency: 'EUR', card: 'tok_visa' };
    const asked = network('network').ask({ action: 'charge', key: 'k', fencingToken: 1, ...purchase });
    await expect(asked).rejects.toThrow('socket hang up');
    expect(calls).toBe(1);
  });
});
