import { beforeAll, describe, expect, it } from 'vitest';
import { catalogue } from '../../../lib/catalogue.ts';
import { isBuilt } from '../../../lib/kit/question.ts';
import { diffText, jsonOf } from '../../../tools/diff/diff.ts';
import { type DiffInput, diffModel } from '../../../tools/diff/model.ts';
import { fixtureInput } from './fixture/synthesised.ts';

describe('designs diff', () => {
  it('suggests the nearest question for a misspelt one', async () => {
    await expect(diffText('idempotent-api')).rejects.toMatchObject({
      exitCode: 2,
      message: 'unknown question "idempotent-api": did you mean idempotent-apis?',
    });
  });

  const planned = catalogue.find((question) => !isBuilt(question));

  it.skipIf(planned === undefined)('says that a planned question is not built yet', async () => {
    await expect(diffText(planned?.slug ?? '')).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining('not built yet'),
    });
  });
});

describe('designs diff --json', () => {
  let input: DiffInput;

  beforeAll(async () => {
    input = await fixtureInput();
  }, 60_000);

  it('has points with their changes, the rest and the cost', () => {
    const json = jsonOf([diffModel(input)]) as { points: { n: number; changes: unknown[] }[]; rest: unknown[] };
    expect(json).toMatchObject({ slug: 'diff-fixture', from: 'naive', to: 'improved', cost: { toUsd: 5.85 } });
    expect(json.points.map(({ n, changes }) => [n, changes.length])).toEqual([
      [1, 3],
      [2, 5],
      [3, 0],
      [4, 0],
    ]);
    expect(json.points[0]?.changes[0]).toMatchObject({
      action: 'replaced',
      rank: 'replace or destroy',
      stack: 'main',
      path: 'Documents',
      type: 'AWS::DynamoDB::Table',
      stateful: true,
      because: ['KeySchema'],
      points: [1],
    });
    expect(json.rest).toMatchObject([
      { action: 'renamed', path: 'Ledger' },
      { action: 'renamed', path: 'Ledger/Policy' },
      { action: 'changed', path: 'Slow', stack: 'extras' },
    ]);
  });

  it('is a list when the question has more than two variants', () => {
    const model = diffModel(input);
    expect(jsonOf([model, model])).toHaveLength(2);
  });

  it('has no logical id', () => {
    expect(JSON.stringify(jsonOf([diffModel(input)]))).not.toMatch(/\b[A-Za-z]+[0-9A-F]{8}\b/);
  });
});
