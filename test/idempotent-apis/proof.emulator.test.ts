import { beforeAll, describe, expect, inject, it } from 'vitest';
import type { Scale } from '../../lib/kit/proof.ts';
import { proof } from '../../lib/questions/idempotent-apis/proof.ts';
import { question } from '../../lib/questions/idempotent-apis/question.ts';
import type { EditableTemplate } from '../../tools/deploy/deploy.ts';
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
      expect(usage.invocations).toBeGreaterThan(100);
      expect(usage.writeUnits).toBeGreaterThan(100);
    }
    expect(result.units['improved']!.calls['dynamodb.TransactWriteItems']).toBeGreaterThan(100);
    expect(result.units['naive']!.calls['dynamodb.TransactWriteItems']).toBeUndefined();
  });

  it('injected the deaths and lost replies that it claims to survive', () => {
    for (const variant of question.variants)
      for (const kind of ['crash-before', 'crash-after', 'lose-reply'])
        expect(firedText(result.faults[variant]), variant).toContain(`Charge: ${kind} `);
  });
});

/**
 * What a property rests on, taken away. Ablations that leave each other alone share a deployment; besides the property
 * that each is aimed at, `also` names those that cannot but suffer with it. Every other property must still hold.
 */
interface Ablation {
  readonly property: string;
  readonly without: string;
  readonly edits: NonNullable<ProveOptions['edits']>;
  readonly template?: (template: EditableTemplate) => void;
  readonly also?: readonly string[];
}

const lambdas = `lambdas/${question.slug}`;
const duplicates = 'charges per key under parallel duplicates';
const crashes = 'charges per key under crashes and lost replies';
const replies = 'replies to retries that differ from the first one';
const afterRefusal = 'cards charged after a reply that says they were not';
const slower = 'charges per key when the card network is slower than the lock';
const misused = 'requests without a key, or with another payload under it, that are not refused';

function edit(file: string, from: string, to: string): Ablation['edits'] {
  return { [`${lambdas}/${file}`]: (source) => source.replace(from, to) };
}

const deployments: Readonly<Record<string, readonly Ablation[]>> = {
  'a condition on the key': [
    {
      property: duplicates,
      without: 'the condition that the key is free',
      edits: edit('store.ts', 'OR expiresAt <= :now', 'OR expiresAt <> :now'),
      // Nothing under a key is ever found then.
      also: [crashes, replies, misused, slower, afterRefusal],
    },
  ],
  'hash, role, stored headers, the network’s key': [
    {
      property: misused,
      without: 'the hash of the payload',
      edits: edit('domain.ts', 'found.payloadHash !== attempt.payloadHash', "found.payloadHash === ''"),
    },
    {
      property: 'items that GET changes',
      without: 'a role that may only read',
      edits: edit('read.ts', 'rows.find(id)', 'rows.findAndCount(id)'),
      template: ({ Resources }) => {
        const policy = Object.entries(Resources).find(([id]) => id.startsWith('ReadRoleDefaultPolicy'))![1];
        const { Statement } = policy.Properties!['PolicyDocument'] as { Statement: { Action: string | string[] }[] };
        for (const statement of Statement)
          if (statement.Action === 'dynamodb:GetItem') statement.Action = 'dynamodb:UpdateItem';
      },
    },
    {
      property: replies,
      without: 'the stored headers',
      edits: edit(
        'store.ts',
        "reply: JSON.parse(item['reply']!.S!) as Reply }",
        "reply: { ...(JSON.parse(item['reply']!.S!) as Reply), headers: {} } }",
      ),
    },
    {
      property: slower,
      without: 'the charge’s ID, the same for every owner, as the network’s key',
      edits: edit(
        'steps.ts',
        'const { chargeId: key, fencingToken } = claim;',
        'const { fencingToken } = claim;\n  const key = effects.newId();',
      ),
      // Without it a repeated call and a late one are both new ones.
      also: [crashes, afterRefusal],
    },
  ],
  'a key for refunds, one transaction, an item for each email, fencing': [
    {
      property: 'refunds of a charge that is deleted three times',
      without: 'the charge’s ID as the refund’s key',
      edits: edit('steps.ts', "action: 'refund', key: id,", "action: 'refund',"),
    },
    {
      property: crashes,
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
      property: 'customers who share an email after they came at once',
      without: 'the condition that the email is free or theirs',
      edits: edit(
        'store.ts',
        "'attribute_not_exists(email) OR customerId = :customer'",
        "'attribute_not_exists(email) OR attribute_exists(customerId)'",
      ),
    },
    {
      property: afterRefusal,
      without: 'the fencing token',
      edits: edit('store.ts', 'AND fencingToken = :token', 'AND fencingToken >= :token'),
    },
  ],
};

/** Several edits of one file, one after the other; each must change something. */
function merged(ablations: readonly Ablation[]): NonNullable<ProveOptions['edits']> {
  const all: Record<string, (source: string) => string> = {};
  for (const [file, change] of ablations.flatMap(({ edits }) => Object.entries(edits))) {
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
  const broken = ablations.flatMap(({ property, also = [] }) => [property, ...also]);
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
        for (const { template: change } of ablations) change?.(template);
      },
      say,
    });
  }, 1_200_000);

  it.each(ablations.map(({ property, without }) => [without, property]))('%s, this fails: %s', (_without, name) => {
    const { pass, measured } = result.properties.find((property) => property.name === name)!;
    expect(pass, JSON.stringify(measured)).toBe(false);
  });

  it.each(proof.properties.map(({ name }) => name).filter((name) => !broken.includes(name)))(
    'still holds: %s',
    (name) => {
      const { pass, measured } = result.properties.find((property) => property.name === name)!;
      expect(pass, JSON.stringify(measured)).toBe(true);
    },
  );
});

it('has an ablation for every property', () => {
  const aimed = Object.values(deployments).flatMap((ablations) => ablations.map(({ property }) => property));
  expect(aimed.toSorted()).toEqual(proof.properties.map(({ name }) => name).toSorted());
});
