import type { Context } from 'aws-lambda';
import { afterEach, expect, it, vi } from 'vitest';
import { logger, run } from '../../../lambdas/kit/run.ts';

const context = { functionName: 'extract', awsRequestId: 'request-1', getRemainingTimeInMillis: () => 40 } as Context;

afterEach(() => vi.restoreAllMocks());

it('returns what the handler returns', async () => {
  const handler = run(async (event: { n: number }) => ({ twice: 2 * event.n }));
  expect(await handler({ n: 4 }, context)).toEqual({ twice: 8 });
});

it('logs what the handler throws with the request id, and throws it on', async () => {
  const thrown = new RangeError('no such unit');
  const logged: string[] = [];
  vi.spyOn((logger as unknown as { console: Console }).console, 'error').mockImplementation((line: string) =>
    logged.push(line),
  );
  const handler = run(async () => {
    throw thrown;
  });
  await expect(handler({}, context)).rejects.toBe(thrown);
  expect(logged).toHaveLength(1);
  expect(JSON.parse(logged[0] ?? '')).toMatchObject({
    level: 'ERROR',
    message: 'handler failed',
    function_request_id: 'request-1',
    error: { name: 'RangeError', message: 'no such unit' },
  });
});

it('leaves the timeout to Lambda, so that no work goes on behind an answer', async () => {
  const handler = run(async () => {
    await new Promise((resolve) => setTimeout(resolve, 60));
    return 'done';
  });
  expect(await handler({}, context)).toBe('done');
});
