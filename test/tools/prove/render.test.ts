import { expect, it } from 'vitest';
import type { Property } from '../../../lib/kit/proof.ts';
import { judge, type ProofResult } from '../../../tools/prove/prove.ts';
import { renderProof } from '../../../tools/prove/render.ts';

const exact: Property = {
  name: 'charges per key',
  unit: 'charges',
  points: [1],
  tier: 'emulator',
  naive: { above: 1 },
  improved: { exactly: 1 },
};
const memory: Property = {
  ...exact,
  name: 'peak memory',
  unit: 'MB',
  points: [2],
  improved: { below: 10 },
  changedByFaults: 'a killed worker begins anew',
};

function result(fields: Partial<ProofResult>): ProofResult {
  return {
    slug: 'demo',
    seed: 1,
    scale: 'small',
    target: 'emulator',
    properties: [judge(exact, { naive: 2, improved: 1 }, false)],
    units: {},
    faults: { naive: [], improved: [] },
    unused: { naive: [], improved: [] },
    pass: true,
    ...fields,
  };
}

const load = { function: 'Load', call: 'PutItem' } as const;
const fired = {
  naive: [],
  improved: [
    { ...load, armedBy: 'proof', kind: 'crash-after', hits: 3 },
    { ...load, armedBy: 'background', kind: 'crash-before', hits: 1200 },
    { ...load, armedBy: 'background', kind: 'fail', error: 'TransactionConflictException', hits: 1 },
  ],
} as const;

it('shows what was measured, and no faults where none fired', () => {
  expect(renderProof(result({}))).toBe(
    [
      'demo: every property holds (seed 1, scale small, on the emulator)',
      '',
      '| holds | point | property (unit)           | naive | improved | bars: naive, improved | tier     |',
      '|-------|-------|---------------------------|------:|---------:|-----------------------|----------|',
      '| yes   | 1     | charges per key (charges) |     2 |        1 | > 1, = 1              | emulator |',
      '',
    ].join('\n'),
  );
});

it('shows which faults fired, how often, in which variant and function, and who armed them', () => {
  const text = renderProof(
    result({
      faults: fired,
      disturbedBy: 'storm',
      properties: [
        judge(exact, { naive: undefined, improved: 1 }, true),
        judge(memory, { naive: undefined, improved: 30 }, true),
      ],
      stopped: { naive: 'an undisturbed run failed: Runtime.ExitError' },
    }),
  );
  expect(text).toBe(
    [
      'demo: every property holds (seed 1, scale small, on the emulator, under storm)',
      '',
      '| holds | point | property (unit)           |   naive | improved | bars: naive, improved | tier     |',
      '|-------|-------|---------------------------|--------:|---------:|-----------------------|----------|',
      '| yes   | 1     | charges per key (charges) | stopped |        1 | > 1, = 1              | emulator |',
      '| -     | 2     | peak memory (MB)          | stopped |       30 | > 1, < 10             | emulator |',
      '',
      'Faults struck everywhere, so that only the bars of the improved variant decide.',
      'Not judged: peak memory: a killed worker begins anew.',
      'The workload of naive stopped: an undisturbed run failed: Runtime.ExitError',
      '',
      'Faults that fired: naive 0 by the proof and 0 by storm, improved 3 by the proof and 1,201 by storm.',
      '',
      '| variant  | function | armed by  | fault                              | at the call |  hits |',
      '|----------|----------|-----------|------------------------------------|-------------|------:|',
      '| improved | Load     | the proof | crash-after                        | PutItem     |     3 |',
      '| improved | Load     | storm     | crash-before                       | PutItem     | 1,200 |',
      '| improved | Load     | storm     | fail: TransactionConflictException | PutItem     |     1 |',
      '',
    ].join('\n'),
  );
});

it('shows the faults of the wire, which all variants share', () => {
  const wire = [{ service: 'dynamodb', operation: 'PutItem', fault: 'error:InternalServerError', hits: 7 }];
  const text = renderProof(result({ disturbedBy: 'internal-errors', wire }));
  expect(text).toContain('Faults that fired: naive 0 by the proof, improved 0 by the proof.\n');
  expect(text).toContain(
    [
      'Faults on the wire that fired, of all variants together:',
      '',
      '| service  | operation | fault                     | hits |',
      '|----------|-----------|---------------------------|-----:|',
      '| dynamodb | PutItem   | error:InternalServerError |    7 |',
    ].join('\n'),
  );
});

it('shows what is granted and was not needed, and that a reason is missing', () => {
  const unused = {
    naive: [],
    improved: [
      {
        function: 'Load',
        actions: [
          { action: 's3:ListBucket', reason: 'a missing object is told from a refusal' },
          { action: 's3:PutObject', resource: 'Runs' },
        ],
      },
    ],
  };
  expect(renderProof(result({ unused }))).toContain(
    [
      'Granted, and needed by no call of this run:',
      '',
      '| variant  | function | action        | on   | granted because                         |',
      '|----------|----------|---------------|------|-----------------------------------------|',
      '| improved | Load     | s3:ListBucket | *    | a missing object is told from a refusal |',
      '| improved | Load     | s3:PutObject  | Runs | NO REASON: take the grant away          |',
      '',
    ].join('\n'),
  );
});
