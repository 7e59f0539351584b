import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import type { AwsConfig } from '../../../lib/kit/proof.ts';
import { readProofLines } from '../../../tools/prove/lines.ts';

let server: Server | undefined;
afterEach(() => server?.close());

/** An endpoint whose log has a line more each time that it is read, so many times. */
async function growing(times: number): Promise<AwsConfig> {
  let reads = 0;
  server = createServer((request, reply) => {
    request.resume();
    reply.setHeader('content-type', 'application/x-amz-json-1.1');
    if (request.url!.endsWith('/configuration')) return void reply.end('{}');
    reads = Math.min(reads + 1, times);
    const message = JSON.stringify({ designs: 'usage', function: 'load' });
    const events = Array.from({ length: reads }, (_, index) => ({ timestamp: index, message }));
    reply.end(JSON.stringify({ events }));
  });
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { region: 'us-east-1', endpoint, credentials: { accessKeyId: 'test', secretAccessKey: 'test' } };
}

it('reads the logs until no line has come for a while', async () => {
  const lines = await readProofLines(await growing(5), ['load'], 0, { quietMs: 50, maxMs: 60_000 });
  expect(lines).toHaveLength(5);
});

it('gives up on logs that grow without end, and takes what there is of a workload that was stopped', async () => {
  const endless = await growing(Infinity);
  const arrival = { quietMs: 50, maxMs: 500 };
  await expect(readProofLines(endless, ['load'], 0, arrival)).rejects.toThrow('log lines still arrive');
  const lines = await readProofLines(endless, ['load'], 0, { ...arrival, partly: true });
  expect(lines.length).toBeGreaterThan(5);
});
