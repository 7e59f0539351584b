import { beforeAll, describe, expect, inject, it } from 'vitest';
import type { Scale } from '../../lib/kit/proof.ts';
import { proof } from '../../lib/questions/consistency-choice/proof.ts';
import { question } from '../../lib/questions/consistency-choice/question.ts';
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
    const { naive, improved } = result.units;
    expect(naive!.calls['dynamodb.UpdateItem']).toBeGreaterThanOrEqual(600);
    expect(naive!.calls['lambda.Invoke']).toBeGreaterThan(improved!.calls['lambda.Invoke']!);
    expect(improved!.messages.sent).toBeGreaterThanOrEqual(600);
    expect(improved!.writeUnits).toBeLessThan(naive!.writeUnits / 2);
  });

  it('injected the faults that it claims to survive', () => {
    const [naive, improved] = [firedText(result.faults['naive']), firedText(result.faults['improved'])];
    expect(naive).toMatch(/Enter: crash-after PutItem/);
    expect(naive).toMatch(/Click: crash-after UpdateItem/);
    expect(naive).toMatch(/Click: lose-reply UpdateItem/);
    expect(improved).toMatch(/Enter: crash-before TransactWriteItems/);
    expect(improved).toMatch(/Enter: crash-after TransactWriteItems/);
    expect(improved).toMatch(/Click: crash-after SendMessage/);
    expect(improved).toMatch(/Click: lose-reply SendMessage/);
    expect(improved).toMatch(/Count: crash-after TransactWriteItems/);
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

const waited = 'answers that waited for a dependency of 500 ms';
const writeUnits = 'write units of a click';
const balanceUnits = 'read units of a balance';
const lambdas = `lambdas/${question.slug}`;

function edit(file: string, from: string, to: string): NonNullable<Ablation['edits']> {
  return { [file]: (source) => source.replace(from, to) };
}

function propertiesOf(template: EditableTemplate, type: string, pathPart: string): Record<string, unknown> {
  const found = Object.entries(template.Resources).find(([id, { Type }]) => Type === type && id.startsWith(pathPart));
  if (found === undefined) throw new Error(`no ${type} ${pathPart} in the template`);
  return found[1].Properties!;
}

function setVariable(handler: string, name: string, value: string): NonNullable<Ablation['template']> {
  return (template) => {
    const { Environment } = propertiesOf(template, 'AWS::Lambda::Function', `${handler}Function`);
    const { Variables } = Environment as { Variables: Record<string, string> };
    if (Variables[name] === undefined || Variables[name] === value) throw new Error(`${handler} has no other ${name}`);
    Variables[name] = value;
  };
}

function setWindow(seconds: number): NonNullable<Ablation['template']> {
  return (template) => {
    propertiesOf(template, 'AWS::Lambda::EventSourceMapping', 'Count')['MaximumBatchingWindowInSeconds'] = seconds;
  };
}

const deployments: Readonly<Record<string, readonly Ablation[]>> = {
  'entry, marks, half a unit, window, race, age limit': [
    {
      property: 'cents by which balances differ from their entries, after races and crashes',
      without: 'the condition that the entry is not there',
      edits: edit(`${lambdas}/store.ts`, "ConditionExpression: 'attribute_not_exists(account)',", ''),
    },
    {
      property: 'clicks that the count misses or has too often, after duplicates and crashes',
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
      property: 'read units of a count',
      without: 'the eventual read',
      template: setVariable('ReadClicks', 'READ_CONSISTENCY', 'strong'),
    },
    {
      property: 'clicks that are refused at the peak of the hottest page',
      without: 'the batching window',
      template: setWindow(0),
    },
    {
      property: waited,
      without: 'the race against the deadline',
      edits: edit(
        `${lambdas}/steps.ts`,
        'await Promise.race([refresh, after(plan.waitMaxMs, timeout.signal)]);',
        'void after; await refresh;',
      ),
    },
    {
      property: 'age of the oldest answer while the dependency is away',
      without: 'an age limit worth the name',
      template: setVariable('Suggest', 'STALE_FOR_MS', '600000'),
    },
  ],
  'the leader, batches, a short window, honest ages': [
    {
      property: 'balances that a read finds older than an acknowledged entry',
      without: 'the strong read',
      template: setVariable('ReadBalance', 'READ_CONSISTENCY', 'eventual'),
      also: [balanceUnits],
    },
    {
      property: writeUnits,
      without: 'groups of more than a few clicks',
      edits: edit(`${lambdas}/domain.ts`, 'export const shards = 2;', 'export const shards = 64;'),
    },
    {
      property: 'longest time until a count shows a click, consumers crashing',
      without: 'a batching window of seconds',
      template: setWindow(300),
    },
    {
      property: 'answers that are older than they say',
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
      property: balanceUnits,
      without: 'ConsistentRead, which the stack asks for',
      edits: edit(`${lambdas}/store.ts`, "ConsistentRead: consistency === 'strong',", 'ConsistentRead: false,'),
    },
    {
      property: '99.9th percentile of the handler’s time, the dependency being heavy-tailed',
      without: 'a deadline below 20 ms',
      template: setVariable('Suggest', 'WAIT_MAX_MS', '5000'),
      also: [waited],
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
        // A killed consumer's batch comes again sooner than a person would have it; ten seconds are its timeout.
        propertiesOf(template, 'AWS::SQS::Queue', 'ClicksQueue')['VisibilityTimeout'] = 10;
      },
      say,
    });
  }, 3_000_000);

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
