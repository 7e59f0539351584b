import { expect, it } from 'vitest';
import { proof } from '../../lib/questions/banking-consistency/proof.ts';
import { question } from '../../lib/questions/banking-consistency/question.ts';
import { edit, firedText, type ProofTests, testProof } from '../tools/prove/proof-tests.ts';
import { oneAfterTheOther } from './edits.ts';

const overspent = 'spent beyond what an account had';
const sums = 'balances that are not the sum of their entries';
const archive = 'entries that the archive lacks or repeats after killed archivers';
const tampering = 'tampering that no audit names';
const histories = 'histories that no serial order explains';
const hot = 'transfers a second that one hot account takes and keeps';
const lambdas = `lambdas/${question.slug}`;

const condition = "'version = :version AND balanceMinor >= :needed'";
const anyFunds = '(balanceMinor >= :needed OR balanceMinor < :needed)';
const anyVersion = '(version >= :version OR version < :version)';

const deployments: ProofTests['deployments'] = {
  'funds, looking back, looking at once, parts': [
    {
      properties: [overspent],
      without: 'the check of funds, when it is decided and when it is written',
      edits: {
        ...edit(`${lambdas}/domain.ts`, 'Math.min(leftMinor, before.balanceMinor - floorMinor)', 'leftMinor'),
        ...edit(`${lambdas}/store.ts`, condition, `'version = :version AND ${anyFunds}'`),
      },
    },
    {
      properties: [archive],
      without: 'leaving out what the last slots hold already',
      edits: edit(
        `${lambdas}/domain.ts`,
        'changes.filter(({ sequence }) => !known.some(({ sequences }) => sequences.has(sequence)))',
        'known.length < 0 ? [] : changes',
      ),
    },
    {
      properties: [histories],
      without: 'reading the balances together',
      edits: oneAfterTheOther,
    },
    {
      properties: [hot],
      without: 'parts',
      edits: edit(
        `${lambdas}/open.improved.ts`,
        'parseBody(request, accountBody)',
        '{ ...parseBody(request, accountBody), parts: 1 }',
      ),
    },
  ],
  'the record, the hash': [
    {
      properties: ['effects of a transfer beyond one'],
      without: 'the record of the id',
      edits: {
        ...edit(`${lambdas}/steps.ts`, 'if (seen.record !== undefined) return replay(seen.record, request);', ''),
        ...edit(`${lambdas}/store.ts`, "'attribute_not_exists(transferId)'", "'attribute_not_exists(nothing)'"),
      },
      also: [histories],
    },
    {
      properties: [tampering],
      without: 'the hash of the slot before',
      edits: edit('engines/ledger/audit.ts', 'slot.previous !== lastHash', "slot.previous === 'never'"),
    },
  ],
  'the version': [
    {
      properties: ['money created or destroyed'],
      without: 'the version of the balance, and of its entry',
      edits: {
        [`${lambdas}/store.ts`]: (source) =>
          source
            .replace(condition, `'${anyVersion} AND ${anyFunds}'`)
            .replace(
              /(Item: entryItem\(entryOf\(record, one\)\),\s+ConditionExpression: )'attribute_not_exists\(part\)'/,
              "$1'attribute_not_exists(nothing)'",
            ),
      },
      also: [overspent, sums, archive, tampering, histories, hot],
    },
  ],
  'one transaction, the lock': [
    {
      properties: [sums],
      without: 'one transaction: the entries come after the balances',
      edits: edit(
        `${lambdas}/store.ts`,
        'await dynamo.send(new TransactWriteCommand({ TransactItems: items }));',
        `const cut = items.length - posted.length;
         await dynamo.send(new TransactWriteCommand({ TransactItems: items.slice(0, cut) }));
         await dynamo.send(new TransactWriteCommand({ TransactItems: items.slice(cut) }));`,
      ),
      also: [tampering],
    },
    {
      properties: ['transfers without a record after somebody deleted what can be deleted'],
      without: 'object lock',
      template: ({ Resources }) => {
        const bucket = Object.values(Resources).find(
          ({ Type, Properties }) => Type === 'AWS::S3::Bucket' && Properties?.['ObjectLockEnabled'] === true,
        );
        if (bucket === undefined) throw new Error('no bucket of the template is locked');
        delete bucket.Properties!['ObjectLockEnabled'];
        delete bucket.Properties!['ObjectLockConfiguration'];
      },
      also: [archive, tampering],
    },
  ],
};

testProof({
  question,
  proof,
  deployments,
  // Promise R1 is of three seeds, with throttles, 500s, resets and latency beside the proof's own faults.
  seedsAtFull: 3,
  faultsAtFull: { faults: 'everything', scale: 'full' },
  more: (result) => {
    it('meters what each variant used', () => {
      for (const usage of Object.values(result().units)) {
        expect(usage).toMatchObject({ invocations: expect.any(Number), handlerMs: expect.any(Number) });
        expect(usage.writeUnits).toBeGreaterThan(100);
      }
      expect(result().units['improved']!.calls['s3.PutObject']).toBeGreaterThan(5);
    });

    it('injected the faults that it claims to survive', () => {
      const fired = firedText(result().faults['improved']);
      for (const kind of ['crash-after', 'lose-reply', 'fail'])
        expect(fired).toMatch(new RegExp(`Transfer: ${kind} TransactWriteItems`));
      for (const fault of ['crash-after PutObject', 'crash-before UpdateItem'])
        expect(fired).toContain(`Archiver: ${fault}`);
      for (const fault of ['crash-after PutObject', 'crash-before PutMetricData'])
        expect(fired).toContain(`Audit: ${fault}`);
      expect(firedText(result().faults['naive'])).toMatch(/Transfer: crash-after UpdateItem/);
    });
  },
});
