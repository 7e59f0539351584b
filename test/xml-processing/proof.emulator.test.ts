import { beforeAll, describe, expect, inject, it } from 'vitest';
import type { Scale } from '../../lib/kit/proof.ts';
import { proof } from '../../lib/questions/xml-processing/proof.ts';
import { question } from '../../lib/questions/xml-processing/question.ts';
import { prove, type ProofResult, type ProveOptions } from '../../tools/prove/prove.ts';

const aws = inject('aws');
const seed = Number(process.env['DESIGNS_SEED'] ?? 1);
const scale = (process.env['DESIGNS_SCALE'] ?? 'default') as Scale;
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
      expect(usage.bytesIn).toBeGreaterThan(10_000_000);
      expect(usage.writeUnits).toBeGreaterThan(1000);
    }
    expect(result.units['improved']!.calls['dynamodb.BatchWriteItem']).toBeGreaterThan(100);
  });

  it('injected the faults that it claims to survive', () => {
    const fired = (name: string, kind: string, call: string): unknown =>
      expect.objectContaining({ function: name, kind, call, armedBy: 'proof' });
    expect(result.faults['improved']).toContainEqual(fired('Load', 'crash-after', 'UpdateItem'));
    expect(result.faults['improved']).toContainEqual(fired('Load', 'crash-after', 'BatchWriteItem'));
    expect(result.faults['naive']).toContainEqual(fired('Load', 'crash-after', 'PutItem'));
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
  readonly also?: readonly string[];
}

const manyRecords = 'peak memory of a worker at ten times the records';
const largeDocument = 'peak memory of a worker at ten times the document, with as many records';
const counts = 'records that stored aggregates count wrongly after killed workers and repeated runs';
const readAgain = 'bytes that the run after a killed one reads again';
const lambdas = `lambdas/${question.slug}`;

function edit(file: string, from: string, to: string): Ablation['edits'] {
  return { [file]: (source) => source.replace(from, to) };
}

const deployments: Readonly<Record<string, readonly Ablation[]>> = {
  'a stream, a key': [
    {
      property: largeDocument,
      without: 'the stream: a tree of the whole document is built first',
      edits: {
        [`${lambdas}/steps.ts`]: (source) =>
          source.replace('import pMap', `import { DOMParser } from '@xmldom/xmldom';\nimport pMap`).replace(
            '  try {\n    for await (const chunk of documents.read(',
            `  const whole: Uint8Array[] = [];
               for await (const chunk of documents.read(document, cut.from, cut.to)) whole.push(chunk);
               const tree = cut.from === 0 && cut.to === document.bytes
                 ? new DOMParser({ onError: () => {} }).parseFromString(Buffer.concat(whole).toString(), 'text/xml')
                 : undefined;
               (globalThis as { tree?: unknown }).tree = tree;
               try {\n    for await (const chunk of documents.read(`,
          ),
      },
      // The tree holds the records too, and is read again from the cut's beginning.
      also: [manyRecords, readAgain],
    },
    {
      property: 'records stored more than once after killed workers and repeated runs',
      without: 'the record’s byte as its key',
      edits: edit(`${lambdas}/store.ts`, 'byteKey(byte)', 'byteKey(byte + Math.random())'),
    },
  ],
  'letting go, the aggregate in the checkpoint, errors that are kept': [
    {
      property: manyRecords,
      without: 'letting go of an element that is stored',
      edits: edit(
        `${lambdas}/steps.ts`,
        'aggregate.add(record);',
        `((globalThis as unknown as { held?: unknown[] }).held ??= []).push(record.element);
         aggregate.add(record);`,
      ),
    },
    {
      property: counts,
      without: 'the aggregate of the checkpoint from which a worker goes on',
      edits: edit(`${lambdas}/steps.ts`, 'if (last !== undefined) aggregate.merge(last.aggregate);', ''),
    },
    {
      property: 'complete records lost from a document that is cut off at 90 %',
      without: 'storing what stands before an error',
      edits: edit(`${lambdas}/steps.ts`, 'if (!(error instanceof XmlError)) throw error;', 'throw error;'),
    },
  ],
  'ranges, checkpoints': [
    {
      property: 'workers that parse one document at the same time',
      without: 'more than one range',
      edits: edit(
        `${lambdas}/domain.ts`,
        'const size = rangeBytes ?? plannedRangeBytes(bytes);',
        'const size = bytes;',
      ),
    },
    {
      property: readAgain,
      without: 'checkpoints before the end',
      edits: edit(
        `${lambdas}/domain.ts`,
        'return pending.records >= batch.recordsMax || pending.chars >= batch.charsMax;',
        'return pending.chars < 0;',
      ),
      // Nothing is stored before the end of the cut.
      also: [manyRecords],
    },
  ],
  'lexical states': [
    {
      property: 'records that differ from what a person sees in a document made to mislead a splitter',
      without: 'every state in which a range may begin',
      edits: edit(
        'engines/xml/resolve.ts',
        'summary.lanes[lexical]',
        '(summary.lanes.content ?? summary.lanes[lexical])',
      ),
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
