import { Client } from '@smithy/core/client';
import type { APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { afterEach, expect, it, vi } from 'vitest';
import { keptViewVariables } from '../../lambdas/friends-counter/env.ts';

afterEach(() => {
  vi.unstubAllEnvs();
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** What a read takes. */
const readMs = 5;

it.each([
  [1_000, [0, 20, 500, 999, 1_000], [0, 0, 0, 0, 0]],
  [5_000, [0, 999, 1_000, 1_001, 4_000, 4_999, 5_000], [4, 4, 4, 3, 1, 0, 4]],
])(
  'a view that is kept for %s ms is kept by a browser for the whole seconds that are left of them',
  async (keptMs, agesMs, maxAgesS) => {
    for (const name of Object.values(keptViewVariables)) vi.stubEnv(name, 'nowhere');
    vi.stubEnv(keptViewVariables.keptMs, String(keptMs));
    vi.stubEnv('AWS_REGION', 'us-east-1');
    vi.stubEnv('POWERTOOLS_LOG_LEVEL', 'SILENT');
    vi.resetModules();
    vi.useFakeTimers({ toFake: ['Date'] });
    const send = async () => {
      vi.setSystemTime(Date.now() + readMs);
      return { Item: { text: { S: 'hello' } } };
    };
    vi.spyOn(Client.prototype, 'send').mockImplementation(send as never);
    const { handler } = (await import('../../lambdas/friends-counter/view.improved.ts')) as unknown as {
      handler: (event: unknown, context: object) => Promise<APIGatewayProxyStructuredResultV2>;
    };
    const event = {
      routeKey: 'GET /users/{user}/posts/{post}',
      pathParameters: { user: 'ann', post: 'p' },
      headers: {},
    };
    const sent = [];
    for (const ageMs of agesMs) {
      vi.setSystemTime(1_800_000_000_000 + ageMs);
      const { headers } = await handler(event, { awsRequestId: '1' });
      sent.push(headers?.['cache-control']);
    }
    expect(sent).toEqual(maxAgesS.map((s) => `max-age=${s}`));
  },
);
