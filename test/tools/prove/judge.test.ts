import { describe, expect, it } from 'vitest';
import type { Property } from '../../../lib/kit/proof.ts';
import { judge } from '../../../tools/prove/prove.ts';

type Three = Property<'naive' | 'wrapped' | 'improved'>;

const property: Three = {
  name: 'charges per key',
  unit: 'charges',
  points: [1],
  tier: 'emulator',
  naive: { above: 1 },
  wrapped: { exactly: 1 },
  improved: { exactly: 1 },
};
const changed: Three = { ...property, changedByFaults: 'retries are calls too' };
const good = { naive: 3, wrapped: 1, improved: 1 };

describe('an undisturbed run', () => {
  it('is judged by the bars of every variant', () => {
    expect(judge(property, good, false)).toMatchObject({ pass: true, measured: good });
    for (const bad of [{ naive: 1 }, { wrapped: 2 }, { improved: 2 }]) {
      expect(judge(property, { ...good, ...bad }, false).pass).toBe(false);
    }
  });

  it('has nothing that only a disturbed one has', () => {
    const plain = judge(changed, { ...good, improved: 2 }, false);
    expect(plain.pass).toBe(false);
    expect(Object.keys(plain)).not.toContain('judged');
    expect(Object.keys(plain)).not.toContain('changedByFaults');
  });
});

describe('a disturbed run', () => {
  it('is judged by the bars of the improved variant alone', () => {
    expect(judge(property, { ...good, naive: 1, wrapped: 9 }, true)).toMatchObject({
      pass: true,
      judged: ['improved'],
    });
    expect(judge(property, { ...good, improved: 2 }, true).pass).toBe(false);
  });

  it('fails where the workload of the improved variant stopped, and not where another one did', () => {
    expect(judge(property, { ...good, naive: undefined }, true)).toMatchObject({
      pass: true,
      measured: { wrapped: 1, improved: 1 },
    });
    expect(judge(property, { ...good, improved: undefined }, true).pass).toBe(false);
  });

  it('measures without judging what faults rightly change', () => {
    expect(judge(changed, { ...good, improved: 2 }, true)).toMatchObject({
      pass: true,
      judged: [],
      changedByFaults: 'retries are calls too',
      measured: { improved: 2 },
    });
  });
});
