import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { network } from '../../lambdas/idempotent-apis/store.ts';

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
