import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { withEndpoint } from '../../../tools/deploy/endpoint.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

const named = () => process.env['AWS_ENDPOINT_URL'];

describe('withEndpoint', () => {
  it('names the endpoint while the work runs, and what it was afterwards, even when the work fails', async () => {
    vi.stubEnv('AWS_ENDPOINT_URL', 'http://before');
    expect(await withEndpoint('http://now', async () => named())).toBe('http://now');
    expect(named()).toBe('http://before');
    await expect(withEndpoint(undefined, async () => Promise.reject(new Error(`${named()}`)))).rejects.toThrow(
      'undefined',
    );
    expect(named()).toBe('http://before');
  });

  it('runs work for one endpoint together, and for another one after it', async () => {
    const order: string[] = [];
    const work = (endpoint: string, name: string) =>
      withEndpoint(endpoint, async () => {
        order.push(`${name} starts`);
        await delay(5);
        expect(named()).toBe(endpoint);
        await delay(5);
        order.push(`${name} ends`);
      });
    await Promise.all([work('http://a', 'a1'), work('http://b', 'b1'), work('http://a', 'a2'), work('http://b', 'b2')]);
    expect(order.slice(0, 4).toSorted()).toEqual(['a1 ends', 'a1 starts', 'a2 ends', 'a2 starts']);
    expect(order.slice(4, 6)).toEqual(['b1 starts', 'b2 starts']);
    expect(named()).toBeUndefined();
  });
});
