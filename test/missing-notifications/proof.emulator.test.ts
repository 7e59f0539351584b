import { expect, it } from 'vitest';
import { proof } from '../../lib/questions/missing-notifications/proof.ts';
import { question } from '../../lib/questions/missing-notifications/question.ts';
import { edit, firedText, propertiesOf, testProof, type ProofTests } from '../tools/prove/proof-tests.ts';

const wrong = 'documents in the answer that should not be, and the reverse';
const leftBehind = 'missed documents left behind by a sender that died';
const memory = 'peak memory of a worker at ten times the logs';
const sentEarlier = 'calls of the notification service for documents that an earlier run sent';
const partitions = 'partitions that are subtracted independently';
const lambdas = `lambdas/${question.slug}`;

const deployments: ProofTests['deployments'] = {
  'window, index, honesty, claim': [
    {
      properties: ['sends for documents whose notification is still on its way'],
      without: 'the end of the window',
      edits: edit(`${lambdas}/store.ts`, 'toMs - 1', 'toMs + 3_600_000'),
      also: [wrong],
    },
    {
      properties: ['capacity read to find the signed documents'],
      without: 'the projection of keys only',
      template: (template) => {
        const { GlobalSecondaryIndexes } = propertiesOf(template, 'AWS::DynamoDB::Table', 'Documents');
        (GlobalSecondaryIndexes as { Projection: { ProjectionType: string } }[])[0]!.Projection.ProjectionType = 'ALL';
      },
    },
    {
      properties: ['results from 499 of 500 logs that pass for whole'],
      without: 'the mark of a partial result',
      edits: edit(`${lambdas}/steps.ts`, 'complete: verified.gaps.length === 0', 'complete: true'),
    },
    {
      properties: [sentEarlier],
      without: 'the condition of the claim',
      edits: edit(
        `${lambdas}/store.ts`,
        "'attribute_not_exists(documentId) OR (#state = :claimed AND leaseUntilMs < :now)'",
        "'attribute_not_exists(documentId) OR leaseUntilMs <> :now'",
      ),
    },
  ],
  'maps, completeness, key': [
    {
      properties: ['workers that read at the same time'],
      without: 'the maps',
      template: (template) => {
        const machine = propertiesOf(template, 'AWS::StepFunctions::StateMachine', 'RunMachine');
        const text = JSON.stringify(machine['DefinitionString']);
        machine['DefinitionString'] = JSON.parse(
          text.replace('StringEquals\\":\\"one worker', 'StringEquals\\":\\"shuffle'),
        );
      },
      // One reader of A too; and the memory of the maps' workers, of whom there are none.
      edits: edit(
        `${lambdas}/domain.ts`,
        "...signedShards.map((shard) => ({ name: `signed-${shard}`, kind: 'signed' as const, shards: [shard] })),",
        "{ name: 'signed', kind: 'signed' as const, shards: signedShards },",
      ),
      also: [partitions, memory],
    },
    {
      properties: ['false sends when the log of one server in 500 is missing'],
      without: 'the check of the logs against the servers',
      edits: edit(
        `${lambdas}/domain.ts`,
        'if (gaps.length === 0 || allowPartial)',
        'if (gaps.length >= 0 || allowPartial)',
      ),
    },
    {
      properties: ['sends beyond one for a missed document, after crashes and repeated runs'],
      without: 'the idempotency key',
      edits: edit(`${lambdas}/steps.ts`, 'service.notify(documentId, documentId)', 'service.notify(documentId)'),
    },
  ],
  'partitions, bounded units, pinning, redelivery': [
    {
      properties: [partitions],
      without: 'more than one partition',
      edits: edit(`${lambdas}/domain.ts`, 'const partitionsMin = 4;', 'const partitionsMin = 1;'),
    },
    {
      properties: [memory],
      without: 'letting go of what was read',
      // One worker after the other, so that the same process reads all.
      template: (template) => {
        const machine = propertiesOf(template, 'AWS::StepFunctions::StateMachine', 'RunMachine');
        const text = JSON.stringify(machine['DefinitionString']);
        machine['DefinitionString'] = JSON.parse(text.replaceAll(/(\\"MaxConcurrency\\":)\d+/g, '$11'));
      },
      edits: edit(
        `${lambdas}/steps.ts`,
        'feed.push(chunk);\n        for (let one',
        `((globalThis as unknown as { held?: Uint8Array[] }).held ??= []).push(chunk.slice());
        feed.push(chunk);
        for (let one`,
      ),
    },
    {
      properties: ['difference that a killed worker makes to the repeated run’s result'],
      without: 'the manifest that pins what is read',
      edits: {
        ...edit(
          `${lambdas}/steps.ts`,
          "(await files.exists('manifest.json'))",
          '((await Promise.resolve(false)) as boolean)',
        ),
        ...edit(`${lambdas}/store.ts`, "IfNoneMatch: '*',", ''),
      },
    },
    {
      properties: [leftBehind],
      without: 'a second delivery',
      template: (template) => {
        const queue = propertiesOf(template, 'AWS::SQS::Queue', 'MissedQueue');
        (queue['RedrivePolicy'] as { maxReceiveCount: number }).maxReceiveCount = 1;
      },
      also: [wrong, sentEarlier],
    },
  ],
  marker: [
    {
      properties: [wrong],
      without: 'the success marker',
      edits: {
        [`${lambdas}/steps.ts`]: (source) =>
          source
            .replace('import { defaultPattern,', 'import { compilePattern,')
            .replace('LogPattern = defaultPattern', "LogPattern = compilePattern('[ ]doc=([0-9a-f-]{36})')"),
      },
      also: [leftBehind],
    },
  ],
};

testProof({
  question,
  proof,
  deployments,
  scale: 'default',
  inPairs: true,
  // Failures come sooner than a person would have them, and twenty processes send at once, not a hundred.
  template: (template) => {
    propertiesOf(template, 'AWS::SQS::Queue', 'MissedQueue')['VisibilityTimeout'] = 35;
    propertiesOf(template, 'AWS::Lambda::EventSourceMapping', 'NotifyFunction')['ScalingConfig'] = {
      MaximumConcurrency: 2,
    };
  },
  more: (result) => {
    it('meters what each variant used', () => {
      for (const usage of Object.values(result().units)) {
        expect(usage).toMatchObject({ invocations: expect.any(Number), handlerMs: expect.any(Number) });
        expect(usage.calls['s3.GetObject']).toBeGreaterThan(1000);
      }
      expect(result().units['improved']!.messages.sent).toBeGreaterThan(0);
    });

    it('injected the faults that it claims to survive', () => {
      const improved = firedText(result().faults['improved']);
      expect(improved).toContain('Notify: crash-after Invoke');
      expect(improved).toContain('Notify: crash-before UpdateItem');
      expect(improved).toContain('Extract: crash-before PutObject');
      expect(improved).toContain('Subtract: crash-before PutObject');
      expect(firedText(result().faults['naive'])).toContain('Find: crash-after Invoke');
    });
  },
});
