import { expect, it } from 'vitest';
import { proof } from '../../lib/questions/idempotent-apis/proof.ts';
import { question } from '../../lib/questions/idempotent-apis/question.ts';
import { edit, firedText, testProof, type ProofTests } from '../tools/prove/proof-tests.ts';

const lambdas = `lambdas/${question.slug}`;
const duplicates = 'charges per key under parallel duplicates';
const crashes = 'charges per key under crashes and lost replies';
const replies = 'replies to retries that differ from the first one';
const afterRefusal = 'cards charged after a reply that says they were not';
const slower = 'charges per key when the card network is slower than the lock';
const misused = 'requests without a key, or with another payload under it, that are not refused';

const deployments: ProofTests['deployments'] = {
  'a condition on the key': [
    {
      properties: [duplicates],
      without: 'the condition that the key is free',
      edits: edit(`${lambdas}/store.ts`, 'OR expiresAt <= :now', 'OR expiresAt <> :now'),
      // Nothing under a key is ever found then.
      also: [crashes, replies, misused, slower, afterRefusal],
    },
  ],
  'hash, role, stored headers, the network’s key': [
    {
      properties: [misused],
      without: 'the hash of the payload',
      edits: edit(`${lambdas}/domain.ts`, 'found.payloadHash !== attempt.payloadHash', "found.payloadHash === ''"),
    },
    {
      properties: ['items that GET changes'],
      without: 'a role that may only read',
      edits: edit(`${lambdas}/read.ts`, 'rows.find(id)', 'rows.findAndCount(id)'),
      template: ({ Resources }) => {
        const policy = Object.entries(Resources).find(([id]) => id.startsWith('ReadRoleDefaultPolicy'))![1];
        const { Statement } = policy.Properties!['PolicyDocument'] as { Statement: { Action: string | string[] }[] };
        for (const statement of Statement)
          if (statement.Action === 'dynamodb:GetItem') statement.Action = 'dynamodb:UpdateItem';
      },
    },
    {
      properties: [replies],
      without: 'the stored headers',
      edits: edit(
        `${lambdas}/store.ts`,
        "reply: JSON.parse(item['reply']!.S!) as Reply }",
        "reply: { ...(JSON.parse(item['reply']!.S!) as Reply), headers: {} } }",
      ),
    },
    {
      properties: [slower],
      without: 'the charge’s ID, the same for every owner, as the network’s key',
      edits: edit(
        `${lambdas}/steps.ts`,
        'const { chargeId: key, fencingToken } = claim;',
        'const { fencingToken } = claim;\n  const key = effects.newId();',
      ),
      // Without it a repeated call and a late one are both new ones.
      also: [crashes, afterRefusal],
    },
  ],
  'a key for refunds, one transaction, an item for each email, fencing': [
    {
      properties: ['refunds of a charge that is deleted three times'],
      without: 'the charge’s ID as the refund’s key',
      edits: edit(`${lambdas}/steps.ts`, "action: 'refund', key: id,", "action: 'refund',"),
    },
    {
      properties: [crashes],
      without: 'one transaction: the charge is written after the key’s record',
      edits: {
        [`${lambdas}/store.ts`]: (source) =>
          source
            .replace(
              'charge: (record: DoneKey, charge: Charge, nowMs: number): Promise<Written> =>\n      transaction([',
              'charge: async (record: DoneKey, charge: Charge, nowMs: number): Promise<Written> => {\n      const outcome = await transaction([',
            )
            .replace(
              'registration(tables.customersTable, charge),\n        { Put: newCharge(tables.chargesTable, charge) },\n      ]),',
              `registration(tables.customersTable, charge),
              ]);
              if (outcome.written) await dynamo.send(new PutItemCommand(newCharge(tables.chargesTable, charge)));
              return outcome;
            },`,
            ),
      },
    },
    {
      properties: ['customers who share an email after they came at once'],
      without: 'the condition that the email is free or theirs',
      edits: edit(
        `${lambdas}/store.ts`,
        "'attribute_not_exists(email) OR customerId = :customer'",
        "'attribute_not_exists(email) OR attribute_exists(customerId)'",
      ),
    },
    {
      properties: [afterRefusal],
      without: 'the fencing token',
      edits: edit(
        `${lambdas}/store.ts`,
        'AND fencingToken <= :token',
        'AND (fencingToken <= :token OR attribute_exists(fencingToken))',
      ),
    },
  ],
};

testProof({
  question,
  proof,
  deployments,
  faultsAtFull: { faults: 'storm', scale: 'small' },
  more: (result) => {
    it('meters what each variant used', () => {
      for (const usage of Object.values(result().units)) {
        expect(usage.invocations).toBeGreaterThan(100);
        expect(usage.writeUnits).toBeGreaterThan(100);
      }
      expect(result().units['improved']!.calls['dynamodb.TransactWriteItems']).toBeGreaterThan(100);
      expect(result().units['naive']!.calls['dynamodb.TransactWriteItems']).toBeUndefined();
    });

    it('injected the deaths and lost replies that it claims to survive', () => {
      const calls = {
        naive: ['GetItem', 'PutItem', 'Invoke'],
        wrapped: ['PutItem', 'UpdateItem', 'Invoke'],
        improved: ['TransactWriteItems', 'Invoke'],
      };
      for (const variant of question.variants) {
        const fired = firedText(result().faults[variant]).split('\n');
        const kinds = ['crash-before', 'crash-after', 'lose-reply'];
        const armed = kinds.flatMap((kind) => calls[variant].map((call) => `Charge: ${kind} ${call}`));
        expect(fired, variant).toEqual(expect.arrayContaining(armed));
      }
    });
  },
});
