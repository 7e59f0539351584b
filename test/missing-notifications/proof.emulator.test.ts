import { beforeAll, describe, expect, inject, it } from 'vitest';
import type { Scale } from '../../lib/kit/proof.ts';
import { proof } from '../../lib/questions/missing-notifications/proof.ts';
import { question } from '../../lib/questions/missing-notifications/question.ts';
import type { EditableTemplate } from '../../tools/deploy/deploy.ts';
import { firedText } from '../tools/prove/fired.ts';
import { prove, type ProofResult, type ProveOptions } from '../../tools/prove/prove.ts';

const aws = inject('aws');
const seed = Number(process.env['DESIGNS_SEED'] ?? 1);
const scale = (process.env['DESIGNS_SCALE'] ?? 'default') as Scale;
const say = (text: string) => {
  if (!/\d+\/\d+/.test(text)) console.error(text);
};

/** Starts when two that were asked for before have ended: while one waits for a message to be seen again, another computes. */
const inPairs = (() => {
  const ends: Promise<unknown>[] = [];
  return (options: ProveOptions): Promise<ProofResult> => {
    const turn = ends.at(-2) ?? Promise.resolve();
    const result = turn.then(() => prove(options));
    // Who asked for it hears of a failure; who comes next goes on.
    ends.push(result.catch(() => {}));
    return result;
  };
})();

const whole = inPairs({ question, aws, seed, scale, say });

describe(`the proof of ${question.slug} (seed ${seed}, scale ${scale})`, () => {
  let result: ProofResult;
  beforeAll(async () => {
    result = await whole;
  }, 3_000_000);

  it.each(proof.properties.map(({ name }) => name))('%s', (name) => {
    const { measured, bars, pass } = result.properties.find((property) => property.name === name)!;
    expect(pass, `measured ${JSON.stringify(measured)}, bars ${JSON.stringify(bars)}`).toBe(true);
  });

  it('meters what each variant used', () => {
    for (const usage of Object.values(result.units)) {
      expect(usage).toMatchObject({ invocations: expect.any(Number), handlerMs: expect.any(Number) });
      expect(usage.calls['s3.GetObject']).toBeGreaterThan(1000);
    }
    expect(result.units['improved']!.messages.sent).toBeGreaterThan(0);
  });

  it('injected the faults that it claims to survive', () => {
    const improved = firedText(result.faults['improved']);
    expect(improved).toContain('Notify: crash-after Invoke');
    expect(improved).toContain('Notify: crash-before UpdateItem');
    expect(improved).toContain('Extract: crash-before PutObject');
    expect(improved).toContain('Subtract: crash-before PutObject');
    expect(firedText(result.faults['naive'])).toContain('Find: crash-after Invoke');
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

const wrong = 'documents in the answer that should not be, and the reverse';
const leftBehind = 'missed documents left behind by a sender that died';
const memory = 'peak memory of a worker at ten times the logs';
const sentEarlier = 'calls of the notification service for documents that an earlier run sent';
const partitions = 'partitions that are subtracted independently';
const lambdas = `lambdas/${question.slug}`;

function edit(file: string, from: string, to: string): NonNullable<Ablation['edits']> {
  return { [file]: (source) => source.replace(from, to) };
}

function propertiesOf(template: EditableTemplate, type: string, pathPart: string): Record<string, unknown> {
  const found = Object.entries(template.Resources).find(([id, { Type }]) => Type === type && id.startsWith(pathPart));
  if (found === undefined) throw new Error(`no ${type} ${pathPart} in the template`);
  return found[1].Properties!;
}

const deployments: Readonly<Record<string, readonly Ablation[]>> = {
  'window, index, honesty, claim': [
    {
      property: 'sends for documents whose notification is still on its way',
      without: 'the end of the window',
      edits: edit(`${lambdas}/store.ts`, 'toMs - 1', 'toMs + 3_600_000'),
      also: [wrong],
    },
    {
      property: 'capacity read to find the signed documents',
      without: 'the projection of keys only',
      template: (template) => {
        const { GlobalSecondaryIndexes } = propertiesOf(template, 'AWS::DynamoDB::Table', 'Documents');
        (GlobalSecondaryIndexes as { Projection: { ProjectionType: string } }[])[0]!.Projection.ProjectionType = 'ALL';
      },
    },
    {
      property: 'results from 499 of 500 logs that pass for whole',
      without: 'the mark of a partial result',
      edits: edit(`${lambdas}/steps.ts`, 'complete: verified.gaps.length === 0', 'complete: true'),
    },
    {
      property: sentEarlier,
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
      property: 'workers that read at the same time',
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
      property: 'false sends when the log of one server in 500 is missing',
      without: 'the check of the logs against the servers',
      edits: edit(
        `${lambdas}/domain.ts`,
        'if (gaps.length === 0 || allowPartial)',
        'if (gaps.length >= 0 || allowPartial)',
      ),
    },
    {
      property: 'sends beyond one for a missed document, after crashes and repeated runs',
      without: 'the idempotency key',
      edits: edit(`${lambdas}/steps.ts`, 'service.notify(documentId, documentId)', 'service.notify(documentId)'),
    },
  ],
  'partitions, bounded units, pinning, redelivery': [
    {
      property: partitions,
      without: 'more than one partition',
      edits: edit(`${lambdas}/domain.ts`, 'const partitionsMin = 4;', 'const partitionsMin = 1;'),
    },
    {
      property: memory,
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
      property: 'difference that a killed worker makes to the repeated run’s result',
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
      property: leftBehind,
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
      property: wrong,
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

const ablated = Object.values(deployments).map((ablations) => ({
  ablations,
  without: ablations.map(({ without }) => without).join(', '),
  proved: inPairs({
    question,
    aws,
    seed,
    scale: 'small',
    variants: ['improved'],
    edits: merged(ablations),
    editTemplate: (_role, template) => {
      for (const { template: change } of ablations) change?.(template);
      // Failures come sooner than a person would have them.
      propertiesOf(template, 'AWS::SQS::Queue', 'MissedQueue')['VisibilityTimeout'] = 35;
    },
    say,
  }),
}));

describe.each(ablated)('without $without', ({ ablations, proved }) => {
  const broken = ablations.flatMap(({ property, also = [] }) => [property, ...also]);
  let result: ProofResult;
  beforeAll(async () => {
    result = await proved;
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
