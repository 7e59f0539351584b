import { beforeAll, describe, expect, inject, it } from 'vitest';
import type { Scale } from '../../lib/kit/proof.ts';
import { proof } from '../../lib/questions/friends-counter/proof.ts';
import { question } from '../../lib/questions/friends-counter/question.ts';
import { firedText } from '../tools/prove/fired.ts';
import { prove, type ProofResult, type ProveOptions } from '../../tools/prove/prove.ts';

const aws = inject('aws');
const seed = Number(process.env['DESIGNS_SEED'] ?? 1);
const scale = (process.env['DESIGNS_SCALE'] ?? 'small') as Scale;
const say = (text: string) => {
  if (!/\d+\/\d+/.test(text)) console.error(text);
};

describe(`the proof of ${question.slug} (seed ${seed}, scale ${scale})`, () => {
  let result: ProofResult;
  beforeAll(async () => {
    result = await prove({ question, aws, seed, scale, say });
  }, 3_000_000);

  it.each(proof.properties.map(({ name }) => name))('%s', (name) => {
    const { measured, bars, pass } = result.properties.find((property) => property.name === name)!;
    expect(pass, `measured ${JSON.stringify(measured)}, bars ${JSON.stringify(bars)}`).toBe(true);
  });

  it('meters what each variant used', () => {
    for (const usage of Object.values(result.units)) {
      expect(usage).toMatchObject({ invocations: expect.any(Number), handlerMs: expect.any(Number) });
      expect(usage.readUnits).toBeGreaterThan(50);
      expect(usage.writeUnits).toBeGreaterThan(50);
    }
    expect(result.units['improved']!.calls['dynamodb.TransactWriteItems']).toBeGreaterThan(50);
  });

  it('injected the faults that it claims to survive', () => {
    const improved = firedText(result.faults['improved']);
    expect(improved).toMatch(/Relate: crash-after TransactWriteItems/);
    expect(improved).toMatch(/Relate: lose-reply TransactWriteItems/);
    expect(improved).toMatch(/Relate: fail TransactWriteItems/);
    expect(improved).toMatch(/Settle: crash-(before|after) TransactWriteItems/);
    expect(firedText(result.faults['naive'])).toMatch(/Relate: crash-after PutItem/);
  });
});

type EditTemplate = NonNullable<ProveOptions['editTemplate']>;
type Template = Parameters<EditTemplate>[1];

/**
 * What properties rest on, taken away. Ablations that leave each other alone share a deployment; besides the properties
 * that each is aimed at, `also` names those that may suffer with them. Every other property must still hold.
 */
interface Ablation {
  readonly properties: readonly string[];
  readonly without: string;
  readonly edits?: NonNullable<ProveOptions['edits']>;
  readonly editTemplate?: (template: Template) => void;
  readonly also?: readonly string[];
}

const counted = 'friends counted wrongly after concurrent changes, retries and crashes';
const celebrity = 'friends of a celebrity counted wrongly after the switch to the stream and back, under traffic';
const halves = 'friendships that only one of the two has';
const ten = 'capacity that a post reads when its author has 10 friends';
const thousand = 'capacity that a post reads when its author has 1,000 friends';
const myriad = 'capacity that a post reads when its author has 5,000 friends';
const rows = 'rows that SQL visits for a post whose author has 5,000 friends';
const writes = 'writes of a celebrity’s counter for each new friend';
const repaired = 'friends that damaged counters are still wrong by after the repair job ran under traffic';
const again = 'capacity read for a view of a post that is viewed again and again';
const viral = 'capacity read from the hottest partition of a viral post';
const lambdas = `lambdas/${question.slug}`;

function edit(file: string, from: string, to: string): NonNullable<ProveOptions['edits']> {
  return { [file]: (source) => source.replace(from, to) };
}

function variablesOf({ Resources }: Template, name: string): readonly Record<string, unknown>[] {
  const found = Object.values(Resources)
    .map(({ Properties }) => (Properties?.['Environment'] as { Variables?: Record<string, unknown> })?.Variables ?? {})
    .filter((variables) => name in variables);
  if (found.length === 0) throw new Error(`no function has the variable ${name}: the ablation changes nothing`);
  return found;
}

function setVariable(name: string, value: string): (template: Template) => void {
  return (template) => {
    for (const variables of variablesOf(template, name)) variables[name] = value;
  };
}

/** Lets the view query the friends, as the naive one may. */
function grantJoin(template: Template): void {
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

const deployments: Readonly<Record<string, readonly Ablation[]>> = {
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
      edits: edit(`${lambdas}/steps.ts`, 'answers.set(label, { value, atMs });', ''),
    },
    {
      properties: [repaired],
      without: 'the repair job',
      editTemplate: ({ Outputs = {} }) => delete Outputs['RepairFunction'],
    },
  ],
  'the counter, the stream, the counter’s row': [
    {
      properties: [thousand, myriad],
      without: 'the counter: the view joins',
      edits: {
        [`${lambdas}/view.improved.ts`]: (source) =>
          source
            .replace("import { counters, posts } from './store.ts'", "import { rows, posts } from './store.ts'")
            .replace('counters(env.countersTable).friends', "rows(process.env['FRIENDS_TABLE']!).countFriends"),
      },
      editTemplate: grantJoin,
      // The answer is kept, but each environment’s read is of the whole partition.
      also: [viral],
    },
    {
      properties: [writes],
      without: 'a size from which a counter is left to the stream',
      editTemplate: setVariable('STREAMED_FROM', '1000000000'),
    },
    {
      properties: [rows],
      without: 'the counter’s row in SQL',
      editTemplate: ({ Outputs = {} }) => {
        (Outputs['Sql'] as { Value: string }).Value = 'join';
      },
    },
  ],
  'the revision of a side': [
    {
      properties: [counted],
      without: 'the condition that a side is written only over what was read',
      edits: {
        [`${lambdas}/store.ts`]: (source) =>
          source
            .replace(
              "{ ConditionExpression: 'attribute_not_exists(#revision)', ExpressionAttributeNames: names('revision') }",
              '{}',
            )
            .replace(/\{\s*ConditionExpression: '#revision = :seen',[\s\S]*?side\.revision - 1\) \},\s*\}/, '{}'),
      },
      also: [celebrity, halves, repaired, writes],
    },
  ],
  'the transaction': [
    {
      properties: [halves],
      without: 'one transaction: side by side, then the counters',
      edits: edit(
        `${lambdas}/store.ts`,
        'return transact(transaction);',
        `for (const item of transaction) if (!(await transact([item])).applied) return { applied: false };
         return { applied: true };`,
      ),
      also: [counted, celebrity, repaired, writes],
    },
  ],
  'what a side tells, an answer kept for long enough': [
    {
      properties: [celebrity],
      without: 'the side’s word that it is not counted yet',
      edits: edit(
        `${lambdas}/domain.ts`,
        '{ side: moved, add: 0, counter }',
        '{ side: counted(moved, counter.epoch).side, add: 0, counter }',
      ),
      // Friends who came after the last recount are counted by nobody.
      also: [repaired],
    },
    {
      properties: [viral],
      without: 'an answer kept for longer than a view takes',
      editTemplate: setVariable('KEPT_MS', '5'),
      also: [again],
    },
  ],
};

/** Several edits of one file, one after the other; each must change something. */
function merged(ablations: readonly Ablation[]): NonNullable<ProveOptions['edits']> {
  const all: Record<string, (source: string) => string> = {};
  for (const [file, change] of ablations.flatMap(({ edits = {} }) => Object.entries(edits))) {
    const before = all[file] ?? ((source: string) => source);
    all[file] = (source) => {
      const [from, to] = [before(source), change(before(source))];
      if (from === to) throw new Error(`an ablation changes nothing in ${file}: it must match the source`);
      return to;
    };
  }
  return all;
}

describe.each(Object.entries(deployments))('without %s', (_, ablations) => {
  const aimed = ablations.flatMap(({ properties }) => properties);
  const broken = [...aimed, ...ablations.flatMap(({ also = [] }) => also)];
  let result: ProofResult;
  beforeAll(async () => {
    result = await prove({
      question,
      aws,
      seed,
      scale: 'small',
      variants: ['improved'],
      edits: merged(ablations),
      editTemplate: (_role, template) => {
        for (const { editTemplate } of ablations) editTemplate?.(template);
      },
      say,
    });
  }, 1_200_000);

  it.each(ablations.flatMap(({ properties, without }) => properties.map((property) => [without, property] as const)))(
    '%s, this fails: %s',
    (_without, name) => {
      expect(result.properties.find((property) => property.name === name)).toMatchObject({ name, pass: false });
    },
  );

  it.each(proof.properties.map(({ name }) => name).filter((name) => !broken.includes(name)))(
    'still holds: %s',
    (name) => {
      const { pass, measured } = result.properties.find((property) => property.name === name)!;
      expect(pass, JSON.stringify(measured)).toBe(true);
    },
  );
});

it('has an ablation for every property', () => {
  const aimed = Object.values(deployments).flatMap((ablations) => ablations.flatMap(({ properties }) => properties));
  expect(aimed.toSorted()).toEqual(proof.properties.map(({ name }) => name).toSorted());
});
