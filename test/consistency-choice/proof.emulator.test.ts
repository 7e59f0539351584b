import { expect, it } from 'vitest';
import { proof } from '../../lib/questions/consistency-choice/proof.ts';
import { question } from '../../lib/questions/consistency-choice/question.ts';
import type { EditableTemplate } from '../../tools/deploy/deploy.ts';
import { edit, firedText, propertiesOf, setVariable, testProof, type ProofTests } from '../tools/prove/proof-tests.ts';

const waited = 'answers that waited for a dependency of 500 ms';
const writeUnits = 'write units of a click';
const balanceUnits = 'read units of a balance';
const lambdas = `lambdas/${question.slug}`;

function setWindow(seconds: number): (template: EditableTemplate) => void {
  return (template) => {
    propertiesOf(template, 'AWS::Lambda::EventSourceMapping', 'Count')['MaximumBatchingWindowInSeconds'] = seconds;
  };
}

const deployments: ProofTests['deployments'] = {
  'entry, marks, half a unit, window, race, age limit': [
    {
      properties: ['cents by which balances differ from their entries, after races and crashes'],
      without: 'the condition that the entry is not there',
      edits: edit(`${lambdas}/store.ts`, "ConditionExpression: 'attribute_not_exists(account)',", ''),
    },
    {
      properties: ['clicks that the count misses or has too often, after duplicates and crashes'],
      without: 'the marks of what was counted',
      edits: edit(
        `${lambdas}/steps.ts`,
        'addMarks(before.marks, group.clicks)',
        'addMarks(new Uint8Array(), group.clicks)',
      ),
      // A batch that comes again is written again.
      also: [writeUnits],
    },
    {
      properties: ['read units of a count'],
      without: 'the eventual read',
      template: setVariable('READ_CONSISTENCY', 'strong', 'ReadClicks'),
    },
    {
      properties: ['clicks that are refused at the peak of the hottest page'],
      without: 'the batching window',
      template: setWindow(0),
    },
    {
      properties: [waited],
      without: 'the race against the deadline',
      edits: edit(
        `${lambdas}/steps.ts`,
        'await Promise.race([refresh, after(plan.waitMaxMs, timeout.signal)]);',
        'void after; await refresh;',
      ),
    },
    {
      properties: ['age of the oldest answer while the dependency is away'],
      without: 'an age limit worth the name',
      template: setVariable('STALE_FOR_MS', '600000', 'Suggest'),
    },
  ],
  'the leader, batches, a short window, honest ages': [
    {
      properties: ['balances that a read finds older than an acknowledged entry'],
      without: 'the strong read',
      template: setVariable('READ_CONSISTENCY', 'eventual', 'ReadBalance'),
      also: [balanceUnits],
    },
    {
      properties: [writeUnits],
      without: 'groups of more than a few clicks',
      edits: edit(`${lambdas}/domain.ts`, 'export const shards = 2;', 'export const shards = 64;'),
    },
    {
      properties: ['longest time until a count shows a click, consumers crashing'],
      without: 'a batching window of seconds',
      template: setWindow(300),
    },
    {
      properties: ['answers that are older than they say'],
      without: 'ages that count from when the service was asked',
      edits: edit(
        `${lambdas}/steps.ts`,
        'cache.arrived(topic, askedAtMs, await service.rank(topic));',
        `const late = await service.rank(topic);
         cache.failed(topic, askedAtMs);
         cache.arrived(topic, clock(), late);`,
      ),
    },
  ],
  'the setting, the deadline': [
    {
      properties: [balanceUnits],
      without: 'ConsistentRead, which the stack asks for',
      edits: edit(`${lambdas}/store.ts`, "ConsistentRead: consistency === 'strong',", 'ConsistentRead: false,'),
    },
    {
      properties: ['99.9th percentile of the handler’s time, the dependency being heavy-tailed'],
      without: 'a deadline below 20 ms',
      template: setVariable('WAIT_MAX_MS', '5000', 'Suggest'),
      also: [waited],
    },
  ],
};

testProof({
  question,
  proof,
  deployments,
  // A killed consumer's batch comes again sooner than a person would have it; ten seconds are its timeout.
  template: (template) => {
    propertiesOf(template, 'AWS::SQS::Queue', 'ClicksQueue')['VisibilityTimeout'] = 10;
  },
  more: (result) => {
    it('meters what each variant used', () => {
      const { naive, improved } = result().units;
      expect(naive!.calls['dynamodb.UpdateItem']).toBeGreaterThanOrEqual(600);
      expect(naive!.calls['lambda.Invoke']).toBeGreaterThan(improved!.calls['lambda.Invoke']!);
      expect(improved!.messages.sent).toBeGreaterThanOrEqual(600);
      expect(improved!.writeUnits).toBeLessThan(naive!.writeUnits / 2);
    });

    it('injected the faults that it claims to survive', () => {
      const [naive, improved] = [firedText(result().faults['naive']), firedText(result().faults['improved'])];
      expect(naive).toMatch(/Enter: crash-after PutItem/);
      expect(naive).toMatch(/Click: crash-after UpdateItem/);
      expect(naive).toMatch(/Click: lose-reply UpdateItem/);
      expect(improved).toMatch(/Enter: crash-before TransactWriteItems/);
      expect(improved).toMatch(/Enter: crash-after TransactWriteItems/);
      expect(improved).toMatch(/Click: crash-after SendMessage/);
      expect(improved).toMatch(/Click: lose-reply SendMessage/);
      expect(improved).toMatch(/Count: crash-after TransactWriteItems/);
    });
  },
});
