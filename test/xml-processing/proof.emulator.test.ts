import { expect, it } from 'vitest';
import { proof } from '../../lib/questions/xml-processing/proof.ts';
import { question } from '../../lib/questions/xml-processing/question.ts';
import { edit, testProof, type ProofTests } from '../tools/prove/proof-tests.ts';

const manyRecords = 'peak memory of a worker at ten times the records';
const largeDocument = 'peak memory of a worker at ten times the document, with as many records';
const counts = 'records that stored aggregates count wrongly after killed workers and repeated runs';
const readAgain = 'bytes that the run after a killed one reads again';
const lambdas = `lambdas/${question.slug}`;

const deployments: ProofTests['deployments'] = {
  'a stream, a key': [
    {
      properties: [largeDocument],
      without: 'the stream: a tree of the whole document is built first',
      edits: {
        [`${lambdas}/steps.ts`]: (source) =>
          source.replace('import pMap', `import { DOMParser } from '@xmldom/xmldom';\nimport pMap`).replace(
            '  try {\n    for await (const chunk of documents.read(',
            `  const whole: Uint8Array[] = [];
               for await (const chunk of documents.read(document, cut.from, cut.to)) whole.push(chunk);
               const tree = cut.from === 0 && cut.to === document.bytes
                 ? new DOMParser({ onError: () => {} }).parseFromString(Buffer.concat(whole).toString(), 'text/xml')
                 : undefined;
               (globalThis as { tree?: unknown }).tree = tree;
               try {\n    for await (const chunk of documents.read(`,
          ),
      },
      // The tree holds the records too, and is read again from the cut's beginning.
      also: [manyRecords, readAgain],
    },
    {
      properties: ['records stored more than once after killed workers and repeated runs'],
      without: 'the record’s byte as its key',
      edits: edit(`${lambdas}/store.ts`, 'byteKey(byte)', 'byteKey(byte + Math.random())'),
    },
  ],
  'letting go, the aggregate in the checkpoint, errors that are kept': [
    {
      properties: [manyRecords],
      without: 'letting go of an element that is stored',
      edits: edit(
        `${lambdas}/steps.ts`,
        'aggregate.add(record);',
        `((globalThis as unknown as { held?: unknown[] }).held ??= []).push(record.element);
         aggregate.add(record);`,
      ),
    },
    {
      properties: [counts],
      without: 'the aggregate of the checkpoint from which a worker goes on',
      edits: edit(`${lambdas}/steps.ts`, 'if (last !== undefined) aggregate.merge(last.aggregate);', ''),
    },
    {
      properties: ['complete records lost from a document that is cut off at 90 %'],
      without: 'storing what stands before an error',
      edits: edit(`${lambdas}/steps.ts`, 'if (!(error instanceof XmlError)) throw error;', 'throw error;'),
    },
  ],
  'ranges, checkpoints': [
    {
      properties: ['workers that parse one document at the same time'],
      without: 'more than one range',
      edits: edit(
        `${lambdas}/domain.ts`,
        'const size = rangeBytes ?? plannedRangeBytes(bytes);',
        'const size = bytes;',
      ),
    },
    {
      properties: [readAgain],
      without: 'checkpoints before the end',
      edits: edit(
        `${lambdas}/domain.ts`,
        'return pending.records >= batch.recordsMax || pending.chars >= batch.charsMax;',
        'return pending.chars < 0;',
      ),
      // Nothing is stored before the end of the cut.
      also: [manyRecords],
    },
  ],
  'lexical states': [
    {
      properties: ['records that differ from what a person sees in a document made to mislead a splitter'],
      without: 'every state in which a range may begin',
      edits: edit(
        'engines/xml/resolve.ts',
        'summary.lanes[lexical]',
        '(summary.lanes.content ?? summary.lanes[lexical])',
      ),
    },
  ],
};

testProof({
  question,
  proof,
  deployments,
  scale: 'default',
  faultsAtFull: { faults: 'storm', scale: 'small' },
  more: (result) => {
    it('meters what each variant used', () => {
      for (const usage of Object.values(result().units)) {
        expect(usage).toMatchObject({ invocations: expect.any(Number), handlerMs: expect.any(Number) });
        expect(usage.bytesIn).toBeGreaterThan(10_000_000);
        expect(usage.writeUnits).toBeGreaterThan(1000);
      }
      expect(result().units['improved']!.calls['dynamodb.BatchWriteItem']).toBeGreaterThan(100);
    });

    it('injected the faults that it claims to survive', () => {
      const fired = (name: string, kind: string, call: string): unknown =>
        expect.objectContaining({ function: name, kind, call, armedBy: 'proof' });
      expect(result().faults['improved']).toContainEqual(fired('Load', 'crash-after', 'UpdateItem'));
      expect(result().faults['improved']).toContainEqual(fired('Load', 'crash-after', 'BatchWriteItem'));
      expect(result().faults['naive']).toContainEqual(fired('Load', 'crash-after', 'PutItem'));
    });
  },
});
