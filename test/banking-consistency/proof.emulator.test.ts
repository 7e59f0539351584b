import { beforeAll, describe, expect, inject, it } from 'vitest';
import type { Scale } from '../../lib/kit/proof.ts';
import { proof } from '../../lib/questions/banking-consistency/proof.ts';
import { question } from '../../lib/questions/banking-consistency/question.ts';
import type { EditableTemplate } from '../../tools/deploy/deploy.ts';
import { firedText } from '../tools/prove/fired.ts';
import { prove, type ProofResult, type ProveOptions } from '../../tools/prove/prove.ts';

const aws = inject('aws');
const seed = Number(process.env['DESIGNS_SEED'] ?? 1);
const scale = (process.env['DESIGNS_SCALE'] ?? 'small') as Scale;
/** Promise R1 is of three seeds. */
const seeds = scale === 'full' ? [seed, seed + 1, seed + 2] : [seed];
const say = (text: string) => {
  if (!/\d+\/\d+/.test(text)) console.error(text);
};

describe.each(seeds)(`the proof of ${question.slug} (seed %d, scale ${scale})`, (seed) => {
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
      expect(usage.writeUnits).toBeGreaterThan(100);
    }
    expect(result.units['improved']!.calls['s3.PutObject']).toBeGreaterThan(5);
  });

  it('injected the faults that it claims to survive', () => {
    const fired = firedText(result.faults['improved']);
    for (const kind of ['crash-after', 'lose-reply', 'fail'])
      expect(fired).toMatch(new RegExp(`Transfer: ${kind} TransactWriteItems`));
    expect(fired).toMatch(/Archiver: crash-after PutObject/);
    expect(firedText(result.faults['naive'])).toMatch(/Transfer: crash-after UpdateItem/);
  });
});

/**
 * What a property rests on, taken away. Ablations that leave each other alone share a deployment; besides the property
 * that each is aimed at, `also` names those that cannot but suffer with it. Every other property must still hold.
 */
interface Ablation {
  readonly property: string;
  readonly without: string;
  readonly edits?: NonNullable<ProveOptions['edits']>;
  readonly template?: (template: EditableTemplate) => void;
  readonly also?: readonly string[];
}

const overspent = 'spent beyond what an account had';
const sums = 'balances that are not the sum of their entries';
const archive = 'entries that the archive lacks or repeats after killed archivers';
const tampering = 'tampering that no audit names';
const histories = 'histories that no serial order explains';
const lambdas = `lambdas/${question.slug}`;

function edit(
  file: string,
  ...changes: readonly (readonly [from: string, to: string])[]
): NonNullable<Ablation['edits']> {
  return { [file]: (source) => changes.reduce((text, [from, to]) => text.replace(from, () => to), source) };
}

const condition = "'version = :version AND balanceMinor >= :needed'";
const anyFunds = '(balanceMinor >= :needed OR balanceMinor < :needed)';
const anyVersion = '(version >= :version OR version < :version)';

const deployments: Readonly<Record<string, readonly Ablation[]>> = {
  'funds, looking back, looking at once, parts': [
    {
      property: overspent,
      without: 'the check of funds, when it is decided and when it is written',
      edits: {
        ...edit(`${lambdas}/domain.ts`, ['Math.min(leftMinor, before.balanceMinor - floorMinor)', 'leftMinor']),
        ...edit(`${lambdas}/store.ts`, [condition, `'version = :version AND ${anyFunds}'`]),
      },
    },
    {
      property: archive,
      without: 'leaving out what the last slots hold already',
      edits: edit(`${lambdas}/domain.ts`, [
        'changes.filter(({ sequence }) => !known.some(({ sequences }) => sequences.has(sequence)))',
        'known.length < 0 ? [] : changes',
      ]),
    },
    {
      property: histories,
      without: 'reading the balances together',
      edits: edit(`${lambdas}/steps.ts`, [
        'const balances = await accounts.snapshot(parts);',
        `const balances: Balance[] = [];
         for (const part of parts) balances.push(...(await accounts.anyBalances([part])));`,
      ]),
    },
    {
      property: 'transfers a second that one hot account takes',
      without: 'parts',
      edits: edit(`${lambdas}/open.improved.ts`, [
        'parseBody(request, accountBody)',
        '{ ...parseBody(request, accountBody), parts: 1 }',
      ]),
    },
  ],
  'the record, the hash': [
    {
      property: 'effects of a transfer beyond one',
      without: 'the record of the id',
      edits: {
        ...edit(`${lambdas}/steps.ts`, ['if (seen.record !== undefined) return replay(seen.record, request);', '']),
        ...edit(`${lambdas}/store.ts`, ["'attribute_not_exists(transferId)'", "'attribute_not_exists(nothing)'"]),
      },
      also: [histories],
    },
    {
      property: tampering,
      without: 'the hash of the slot before',
      edits: edit('engines/ledger/audit.ts', ['slot.previous !== lastHash', "slot.previous === 'never'"]),
    },
  ],
  'the version': [
    {
      property: 'money created or destroyed',
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
      also: [overspent, sums, archive, tampering, histories],
    },
  ],
  'one transaction, the lock': [
    {
      property: sums,
      without: 'one transaction: the entries come after the balances',
      edits: edit(`${lambdas}/store.ts`, [
        'await dynamo.send(new TransactWriteCommand({ TransactItems: items }));',
        `const cut = items.length - posted.length;
         await dynamo.send(new TransactWriteCommand({ TransactItems: items.slice(0, cut) }));
         await dynamo.send(new TransactWriteCommand({ TransactItems: items.slice(cut) }));`,
      ]),
      also: [tampering],
    },
    {
      property: 'transfers without a record after somebody deleted what can be deleted',
      without: 'object lock',
      template: (template) => {
        const bucket = Object.values(template.Resources).find(
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
    expect(result.properties.find((property) => property.name === name)).toMatchObject({ name, pass: false });
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
