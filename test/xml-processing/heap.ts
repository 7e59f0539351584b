/**
 * Runs a handler over a document of so many bytes, with an AWS that answers at once and keeps nothing, in a process of
 * its own, so that its heap can be bounded: `node --max-old-space-size=64 heap.ts load.improved 256000000`.
 */
import { readFileSync } from 'node:fs';
import { Client } from '@smithy/core/client';
import { makeCatalogue } from '../../clients/xml-processing/documents.ts';
import type { Manifest } from '../../lambdas/xml-processing/domain.ts';
import * as variables from '../../lambdas/xml-processing/env.ts';

const [name = '', size = ''] = process.argv.slice(2);
for (const names of Object.values(variables))
  for (const variable of Object.values(names)) process.env[variable] = 'here';
process.env['AWS_REGION'] = 'us-east-1';
process.env['POWERTOOLS_LOG_LEVEL'] = 'SILENT';

const head = Buffer.from('<catalogue>');
const tail = Buffer.from('</catalogue>');
const { body } = makeCatalogue({ seed: 1, offers: 100, linesPerOffer: 20 });
/** The offers of a catalogue, over and over: a period of the document. */
const period = body.subarray(body.indexOf('<offer'), body.lastIndexOf('</catalogue>'));
const periods = Math.ceil((Number(size) - head.length - tail.length) / period.length);
const bytes = head.length + periods * period.length + tail.length;

function* document(): Generator<Buffer> {
  yield head;
  for (let index = 0; index < periods; index += 1) yield period;
  yield tail;
}

const key = 'documents/large.xml';
const loadId = '0'.repeat(32);
const manifest: Manifest = {
  loadId,
  document: { key, versionId: 'v', bytes },
  tag: 'offer',
  sum: 'price',
  by: 'category',
  mode: 'one worker',
  encoding: 'UTF-8',
  markBytes: 0,
  ranges: [{ from: 0, to: bytes }],
};
const cuts = [{ from: 0, line: 1, column: 1, encoding: 'UTF-8', open: [], rootSeen: false, to: bytes }];
let stored = 0;

function answer(operation: string, input: Record<string, unknown>): object {
  if (operation === 'BatchWriteItemCommand') stored += (input['RequestItems'] as { here: unknown[] }).here.length;
  if (operation === 'PutItemCommand') stored += 1;
  if (operation !== 'GetObjectCommand') return {};
  const object = String(input['Key']);
  if (object.startsWith('loads/')) {
    const json = JSON.stringify(object.endsWith('manifest.json') ? manifest : cuts);
    return { Body: { transformToString: () => Promise.resolve(json) } };
  }
  const text = () => Promise.resolve([...document()].join(''));
  return {
    ContentRange: `bytes 0-${bytes - 1}/${bytes}`,
    Body: Object.assign(document(), { transformToString: text }),
  };
}

Client.prototype.send = ((command: { constructor: { name: string }; input: Record<string, unknown> }) =>
  Promise.resolve(answer(command.constructor.name, command.input))) as typeof Client.prototype.send;

const { handler } = (await import(`../../lambdas/xml-processing/${name}.ts`)) as {
  handler: (event: object, context: object) => Promise<unknown>;
};
const event = name === 'load.naive' ? { key, tag: 'offer', sum: 'price', by: 'category' } : { loadId, cut: 0 };
const outcome = await handler(event, { awsRequestId: '1', getRemainingTimeInMillis: () => 900_000 });
const peakKb = Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
console.log(JSON.stringify({ outcome, records: stored, expected: periods * 100, peakKb }));
