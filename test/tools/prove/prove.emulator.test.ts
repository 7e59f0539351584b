import { expect, inject, it } from 'vitest';
import { proof } from '../../../lib/questions/xml-processing/proof.ts';
import { runDesigns } from '../run-designs.ts';

it('designs prove --json keeps its contract, and a small run proves what the default does', async () => {
  const slug = 'xml-processing';
  const printed = await runDesigns(inject('aws'), 'prove', slug, '--scale', 'small', '--seed', '3', '--json');
  const result = JSON.parse(printed) as Record<string, unknown>;
  const keyed = { naive: expect.anything(), improved: expect.anything() };
  expect(result).toEqual({
    slug,
    seed: 3,
    scale: 'small',
    target: 'emulator',
    properties: proof.properties.map(({ name, unit, points, tier, naive, improved }) => ({
      name,
      unit,
      points,
      tier,
      bars: { naive, improved },
      measured: { naive: expect.any(Number), improved: expect.any(Number) },
      pass: true,
    })),
    units: keyed,
    faults: keyed,
    unused: keyed,
    pass: true,
  });
});
