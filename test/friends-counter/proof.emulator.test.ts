import { expect, it } from 'vitest';
import { proof } from '../../lib/questions/friends-counter/proof.ts';
import { question } from '../../lib/questions/friends-counter/question.ts';
import type { EditableTemplate } from '../../tools/deploy/deploy.ts';
import { edit, firedText, setVariable, testProof, type ProofTests, variablesOf } from '../tools/prove/proof-tests.ts';

const counted = 'friends counted wrongly after concurrent changes, retries and crashes';
const celebrity = 'friends of a celebrity counted wrongly after the switch to the stream and back, under traffic';
const halves = 'friendships that only one of the two has';
const ten = 'capacity that a post reads when its author has 10 friends';
const thousand = 'capacity that a post reads when its author has 1,000 friends';
const myriad = 'capacity that a post reads when its author has 5,000 friends';
const rows = 'rows that SQL visits for a post whose author has 5,000 friends';
const writes = 'writes of a celebrity’s counter for each new friend';
const repaired = 'friends that damaged counters are still wrong by after the repair job ran under traffic';
const between = 'friends that a repaired counter is wrong by when friends come between its fence and its reading';
const across =
  'friends that a repaired counter is wrong by when its fence falls between a request’s reading and its writing';
const again = 'capacity read for a view of a post that is viewed again and again';
const viral = 'capacity read from the hottest partition of a viral post';
const lambdas = `lambdas/${question.slug}`;

/** Lets the view query the friends, as the naive one may. */
function grantJoin(template: EditableTemplate): void {
  const [idOfFriends] = Object.keys(template.Resources).filter((id) => /^Friends[0-9A-F]{8}$/.test(id));
  for (const variables of variablesOf(template, 'KEPT_MS')) variables['FRIENDS_TABLE'] = { Ref: idOfFriends };
  const [policy] = Object.entries(template.Resources).filter(([id]) => id.startsWith('ViewRoleDefaultPolicy'));
  const { PolicyDocument } = policy![1].Properties as { PolicyDocument: { Statement: unknown[] } };
  PolicyDocument.Statement.push({
    Effect: 'Allow',
    Action: 'dynamodb:Query',
    Resource: { 'Fn::GetAtt': [idOfFriends, 'Arn'] },
  });
}

const deployments: ProofTests['deployments'] = {
  'cheap reads, a kept answer, a repair job': [
    {
      properties: [ten],
      without: 'the eventually consistent read of the counter',
      edits: edit(
        `${lambdas}/store.ts`,
        'new GetItemCommand({ TableName: table, Key: { user: { S: user } } }));\n      return counterOf(',
        'new GetItemCommand({ TableName: table, Key: { user: { S: user } }, ConsistentRead: true }));\n      return counterOf(',
      ),
      also: [thousand, myriad],
    },
    {
      properties: [again],
      without: 'the answer that an environment keeps',
      edits: edit(`${lambdas}/steps.ts`, 'answers.set(label, answer);', ''),
    },
    {
      properties: [repaired],
      without: 'what the repair job adds to the counter',
      edits: edit(
        `${lambdas}/store.ts`,
        "':add': number(add), ':one': number(1), ':epoch': number(epoch) }",
        "':add': number(0 * add), ':one': number(1), ':epoch': number(epoch) }",
      ),
      also: [between, across],
    },
  ],
  'the stream, the index, the fence': [
    {
      properties: [writes],
      without: 'a size from which a counter is left to the stream',
      template: setVariable('STREAMED_FROM', '1000000000'),
    },
    {
      properties: [rows],
      without: 'the key of the counters in SQL, which is their index',
      template: ({ Outputs = {} }) => {
        const schema = Outputs['SqlSchema'] as { Value: string };
        const keyless = schema.Value.replace(
          /counters \(user TEXT PRIMARY KEY (.*)\) WITHOUT ROWID/,
          'counters (user TEXT $1)',
        );
        if (keyless === schema.Value) throw new Error('the counters have no key: the ablation changes nothing');
        schema.Value = keyless;
      },
    },
    {
      properties: [across],
      without: 'the condition that the fence of a repair is the one that was read',
      edits: edit(
        `${lambdas}/store.ts`,
        "epoch === 0 ? 'attribute_not_exists(#epoch)' : '#epoch = :epoch'",
        `epoch === 0
          ? 'attribute_not_exists(#epoch) OR attribute_exists(#epoch)'
          : '#epoch = :epoch OR #epoch <> :epoch'`,
      ),
      also: [repaired, between],
    },
  ],
  'the revision of a side': [
    {
      properties: [counted],
      without: 'the condition that a side is written only over what was read',
      edits: {
        [`${lambdas}/store.ts`]: (source) =>
          source
            .replace('...onlyOver(side.revision - 1),', '')
            .replace('...writes.unchanged.map((side) => ({ ConditionCheck: checkOf(side) })),', ''),
      },
      also: [celebrity, halves, repaired, writes],
    },
  ],
  'the transaction, the counter': [
    // Among these, none of which must hold by a counter: a view that joins shows no counter, right or wrong.
    {
      properties: [thousand, myriad],
      without: 'the counter: the view joins',
      edits: {
        [`${lambdas}/view.improved.ts`]: (source) =>
          source
            .replace("import { counters, posts } from './store.ts'", "import { rows, posts } from './store.ts'")
            .replace('counters(env.countersTable).friends', "rows(process.env['FRIENDS_TABLE']!).countFriends"),
      },
      template: grantJoin,
      // The answer is kept, but each environment’s read is of the whole partition.
      also: [viral],
    },
    {
      properties: [halves],
      without: 'one transaction: side by side, then the counters',
      edits: edit(
        `${lambdas}/store.ts`,
        'return transact(transaction);',
        `for (const item of transaction) if (!(await transact([item])).applied) return { applied: false };
         return { applied: true };`,
      ),
      // A side without its count, when a fence comes between the two.
      also: [counted, celebrity, repaired, writes, between, across],
    },
  ],
  'what a side tells, now and before a fence, an answer kept for long enough': [
    {
      properties: [celebrity],
      without: 'the side’s word that it is not counted yet',
      edits: edit(
        `${lambdas}/domain.ts`,
        '{ side: moved, add: 0 }',
        '{ side: counted(moved, counter.epoch).side, add: 0 }',
      ),
      // Friends who came after the last recount are counted by nobody.
      also: [repaired],
    },
    {
      properties: [between],
      without: 'the side’s word of what was counted before a fence',
      edits: edit(`${lambdas}/domain.ts`, 'side.epoch >= epoch ? side.before : side.counted', 'side.counted'),
      also: [repaired, across],
    },
    {
      properties: [viral],
      without: 'an answer kept for longer than a view takes',
      template: setVariable('KEPT_MS', '5'),
      also: [again],
    },
  ],
};

testProof({
  question,
  proof,
  deployments,
  // Promise R3 is of every call of every function; conflicts and lost replies strike with the crashes.
  faultsAtFull: { faults: 'storm', scale: 'small' },
  more: (result) => {
    it('meters what each variant used', () => {
      for (const usage of Object.values(result().units)) {
        expect(usage).toMatchObject({ invocations: expect.any(Number), handlerMs: expect.any(Number) });
        expect(usage.readUnits).toBeGreaterThan(50);
        expect(usage.writeUnits).toBeGreaterThan(50);
      }
      expect(result().units['improved']!.calls['dynamodb.TransactWriteItems']).toBeGreaterThan(50);
    });

    it('injected the faults that it claims to survive', () => {
      const improved = firedText(result().faults['improved']);
      expect(improved).toMatch(/Relate: crash-after TransactWriteItems/);
      expect(improved).toMatch(/Relate: lose-reply TransactWriteItems/);
      expect(improved).toMatch(/Relate: fail TransactWriteItems/);
      expect(improved).toMatch(/Settle: crash-(before|after) TransactWriteItems/);
      expect(improved).toMatch(/Repair: fail Query/);
      expect(firedText(result().faults['naive'])).toMatch(/Relate: crash-after PutItem/);
    });
  },
});
