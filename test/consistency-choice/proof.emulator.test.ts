import { expect, it } from 'vitest';
import { proof } from '../../lib/questions/consistency-choice/proof.ts';
import { question } from '../../lib/questions/consistency-choice/question.ts';
import type { EditableTemplate } from '../../tools/deploy/deploy.ts';
import { edit, firedText, propertiesOf, setVariable, testProof, type ProofTests } from '../tools/prove/proof-tests.ts';

const waited = 'answers that waited for a dependency of 500 ms beyond the 20 ms that they may take';
const miscounted = 'clicks that the count misses or has too often, after duplicates and crashes';
const writeUnits = 'write units of a click';
const unitsAtLoad = 'write units of a click in two minutes of the load, on 20 pages';
const unitsAtPeak = 'write units of a click in half a minute of the peak, on one page';
const lateAtPeak = 'clicks of half a minute’s peak on one page that are refused, or not counted within a minute';
const behind = 'time that a count is behind its clicks where it is read, replicas lagging';
const balanceUnits = 'read units of a balance';
const lambdas = `lambdas/${question.slug}`;

function setWindow(seconds: number): (template: EditableTemplate) => void {
  return (template) => {
    propertiesOf(template, 'AWS::Lambda::EventSourceMapping', 'Count')['MaximumBatchingWindowInSeconds'] = seconds;
  };
}

const deployments: ProofTests['deployments'] = {
  'entry, marks, half a unit, large batches, race, age limit': [
    {
      properties: ['cents by which balances differ from their entries, after races and crashes'],
      without: 'the condition that the entry is not there',
      edits: edit(`${lambdas}/store.ts`, "ConditionExpression: 'attribute_not_exists(account)',", ''),
    },
    {
      properties: [miscounted],
      without: 'the marks of what was counted',
      edits: edit(`${lambdas}/domain.ts`, 'new Set(marksIn(before.marks))', 'new Set<string>()'),
    },
    {
      properties: ['read units of a count', 'counts that a read finds older than an acknowledged write'],
      without: 'the eventual read',
      template: setVariable('READ_CONSISTENCY', 'strong', 'ReadClicks'),
    },
    {
      properties: [unitsAtPeak, lateAtPeak, behind],
      without: 'batches of thousands of clicks, which few consumers get done',
      template: (template) => {
        propertiesOf(template, 'AWS::Lambda::EventSourceMapping', 'Count')['BatchSize'] = 10;
      },
      also: [writeUnits, unitsAtLoad],
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
  'the leader, windows, a short wait, honest ages': [
    {
      properties: ['balances that a read finds older than an acknowledged entry'],
      without: 'the strong read',
      template: setVariable('READ_CONSISTENCY', 'eventual', 'ReadBalance'),
      also: [balanceUnits],
    },
    {
      properties: [writeUnits],
      without: 'windows of more than a millisecond, so that each click has an item',
      edits: edit(`${lambdas}/domain.ts`, 'const windowDigits = 9;', 'const windowDigits = 12;'),
    },
    {
      properties: ['longest time until a count shows a click, consumers crashing'],
      without: 'a batching window of seconds',
      template: setWindow(300),
      // So do the last batch of the peak, and those of every count.
      also: [lateAtPeak, behind],
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
  'the setting, the deadline, the window, redeliveries': [
    {
      properties: [unitsAtLoad],
      without: 'a batching window in which clicks of each page gather',
      template: setWindow(1),
    },
    {
      properties: ['clicks that end as dead letters, consumers crashing'],
      without: 'receives after the first',
      template: (template) => {
        const queue = propertiesOf(template, 'AWS::SQS::Queue', 'ClicksQueue');
        (queue['RedrivePolicy'] as { maxReceiveCount: number }).maxReceiveCount = 1;
      },
      also: [miscounted],
    },
    {
      properties: [balanceUnits],
      without: 'ConsistentRead, which the stack asks for',
      edits: edit(`${lambdas}/store.ts`, "ConsistentRead: consistency === 'strong',", 'ConsistentRead: false,'),
    },
    {
      properties: ['99.9th percentile of the handler’s time, the dependency being heavy-tailed'],
      without: 'a deadline below 20 ms',
      // Far below the 500 ms of the slow dependency: an answer waits in vain, and too long.
      template: setVariable('WAIT_MAX_MS', '100', 'Suggest'),
      also: [waited],
    },
  ],
};

testProof({
  question,
  proof,
  deployments,
  faultsAtFull: { faults: 'storm', scale: 'small' },
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
