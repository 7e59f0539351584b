import { Client } from '@smithy/core/client';
import { fc, test } from '@fast-check/vitest';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { parsePath } from '../../engines/xml/path.ts';
import { checkTag } from '../../engines/xml/tag.ts';
import { limits, LoadRefused } from '../../lambdas/xml-processing/domain.ts';
import * as variables from '../../lambdas/xml-processing/env.ts';
import { parseCutItem, parseLoadInput, parseLoadItem, parseRangeItem } from '../../lambdas/xml-processing/input.ts';

/** Anything at all, kept small: what a parser looks at is the outermost shape. */
const anything = fc.anything({ maxDepth: 2, maxKeys: 3, withNullPrototype: true, withBigInt: true, withDate: true });

/** A body that is nearly right: fields that are good, bad, missing or strange. */
function nearly(fields: Readonly<Record<string, fc.Arbitrary<unknown>>>): fc.Arbitrary<unknown> {
  const strangeKey = fc.constantFrom('__proto__', 'constructor', 'toString', '', 'Key', 'then');
  const entries = Object.entries(fields).map(([key, value]) =>
    fc.option(fc.tuple(fc.constant(key), fc.oneof({ arbitrary: value, weight: 9 }, anything)), {
      freq: 12,
      nil: undefined,
    }),
  );
  const strange = fc.option(fc.tuple(strangeKey, anything), { freq: 1, nil: undefined });
  return fc.tuple(fc.tuple(...entries), strange).map(([known, other]) => {
    const body = {};
    for (const entry of [...known, other]) {
      if (entry === undefined) continue;
      // As JSON.parse does: `__proto__` too is a key like any other.
      Object.defineProperty(body, entry[0], { value: entry[1], enumerable: true, configurable: true, writable: true });
    }
    return body;
  });
}

const names = ['offer', 'shop:offer', 'größe', 'a b', '<a>', '', 'a:b:c', '-a', 'x'.repeat(257), '&a;', '1a'];
const paths = ['price', 'a/b', '@id', 'a/@b', '.', 'a/@b/c', '/a', 'a//b', '../a', '@', 'p:a/@q:b'];
const loadBody = nearly({
  key: fc.constantFrom('documents/a.xml', 'documents/', 'a.xml', 'documents/\n', `documents/${'x'.repeat(600)}`),
  versionId: fc.constantFrom('null', 'v1', ''),
  tag: fc.constantFrom(...names),
  sum: fc.constantFrom(...paths),
  by: fc.constantFrom(...paths),
  rangeBytes: fc.constantFrom(0, 65_536, 65_537, 131_072, 2 ** 30, -65_536, Number.NaN),
  oneWorkerBytesMax: fc.constantFrom(0, 1, -1, 0.5, 2 ** 24, 2 ** 24 + 1),
});
/** One that must be taken: the reverse of refusing too little is refusing too much. */
const goodBody = fc.record(
  {
    key: fc.constantFrom('documents/a.xml', 'documents/2026/b c.xml'),
    versionId: fc.constantFrom('null', 'v1'),
    tag: fc.constantFrom('offer', 'shop:offer', 'größe'),
    sum: fc.constantFrom('price', 'a/b', 'a/@b'),
    by: fc.constantFrom('@id', 'category'),
    rangeBytes: fc.constantFrom(65_536, 131_072),
    oneWorkerBytesMax: fc.constantFrom(0, 1, 2 ** 24),
  },
  { requiredKeys: ['key', 'tag'] },
);
const loadId = '0123456789abcdef0123456789abcdef';
const itemBody = nearly({
  loadId: fc.constantFrom(loadId, loadId.toUpperCase(), `${loadId}0`, '../../etc', ''),
  range: fc.constantFrom(0, 7, -1, 0.5, 1e9),
  cut: fc.constantFrom(0, 7, -1, 0.5, 1e9),
});

function outcomeOf<T>(parse: () => T): T | string {
  try {
    return parse();
  } catch (error) {
    expect(error).toBeInstanceOf(LoadRefused);
    const { message } = error as Error;
    expect(message.length).toBeGreaterThan(20);
    expect(message.length).toBeLessThan(1200);
    expect(message).not.toContain('\n');
    return message;
  }
}

describe('the input of a load', () => {
  let accepted = 0;
  test.prop([fc.oneof(loadBody, anything, goodBody)], { numRuns: 10_000 })(
    'is a request that the engine takes, or a refusal that says why, whatever it is',
    (body) => {
      const request = outcomeOf(() => parseLoadInput(body));
      if (typeof request === 'string') return;
      accepted += 1;
      expect(request.key.startsWith('documents/')).toBe(true);
      expect(() => checkTag(request.tag)).not.toThrow();
      for (const path of [request.sum, request.by]) if (path !== undefined) expect(() => parsePath(path)).not.toThrow();
      expect((request.rangeBytes ?? 0) % limits.rangeBytesMin).toBe(0);
      expect(request.oneWorkerBytesMax).toBeLessThanOrEqual(limits.oneWorkerBytesMax);
    },
  );

  it('was taken often enough to mean something', () => {
    expect(accepted).toBeGreaterThan(1000);
  });

  test.prop([goodBody])('is taken when nothing is wrong with it', (body) => {
    expect(parseLoadInput(body)).toMatchObject(body);
  });

  it('is taken as a person gives it, with the safe choice for what is left out', () => {
    expect(parseLoadInput({ key: 'documents/2026/feed one.xml', tag: 'atom:entry' })).toEqual({
      key: 'documents/2026/feed one.xml',
      tag: 'atom:entry',
      oneWorkerBytesMax: limits.oneWorkerBytesMax,
    });
  });

  it.each([
    [{ tag: 'offer' }, 'key'],
    [{ key: 'documents/a.xml', tag: '<offer>' }, 'give an element’s name'],
    [{ key: 'documents/a.xml', tag: 'offer', sum: 'price/' }, 'give a path below the record'],
    [{ key: 'documents/\ud800.xml', tag: 'offer' }, 'give the key of an object below documents/'],
    [{ key: 'secrets/a.xml', tag: 'offer' }, 'give the key of an object below documents/'],
    [{ key: 'documents/a.xml', tag: 'offer', rangeBytes: 100_000 }, '65536'],
    [{ key: 'documents/a.xml', tag: 'offer', rangebytes: 65_536 }, 'rangebytes'],
  ])('that is wrong is refused with the field and the remedy: %j', (body, remedy) => {
    expect(outcomeOf(() => parseLoadInput(body))).toContain(remedy);
  });
});

describe('what the steps hand each other', () => {
  test.prop([fc.oneof(itemBody, anything)], { numRuns: 3000 })('is an item or a refusal, whatever it is', (body) => {
    for (const parse of [parseRangeItem, parseCutItem, parseLoadItem]) {
      const item = outcomeOf(() => parse(body));
      if (typeof item !== 'string') expect(item.loadId).toBe(loadId);
    }
  });
});

describe('a handler that is given what it should not be', () => {
  type Handler = (event: unknown, context: object) => Promise<unknown>;
  const handlers = [
    'plan.improved',
    'scan.improved',
    'resolve.improved',
    'load.improved',
    'report.improved',
    'load.naive',
  ];
  const loaded = new Map<string, Handler>();
  beforeAll(async () => {
    for (const name of Object.values(variables).flatMap((record) => Object.values(record))) vi.stubEnv(name, 'nowhere');
    vi.stubEnv('AWS_REGION', 'us-east-1');
    vi.stubEnv('POWERTOOLS_LOG_LEVEL', 'SILENT');
    for (const name of handlers) {
      const { handler } = (await import(`../../lambdas/xml-processing/${name}.ts`)) as { handler: Handler };
      loaded.set(name, handler);
    }
    vi.unstubAllEnvs();
  });
  afterEach(() => vi.restoreAllMocks());

  it.each(handlers)('%s: refuses it before any call of AWS', async (name) => {
    const send = vi.spyOn(Client.prototype, 'send').mockRejectedValue(new Error('AWS was called'));
    vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    vi.spyOn(console, 'error').mockReturnValue();
    const isGood = (body: unknown) =>
      [parseLoadInput, parseRangeItem, parseCutItem, parseLoadItem].some((parse) => {
        try {
          parse(body);
          return true;
        } catch {
          return false;
        }
      });
    const bodies = fc
      .sample(fc.oneof(loadBody, itemBody, anything), { numRuns: 400, seed: 1 })
      .filter((body) => !isGood(body));
    expect(bodies.length).toBeGreaterThan(300);
    for (const body of [...bodies, '<!DOCTYPE a [<!ENTITY b "c">]>', 'x'.repeat(6 * 2 ** 20)]) {
      const refused = await loaded.get(name)!(body, { awsRequestId: '1' }).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(refused).toBeInstanceOf(LoadRefused);
    }
    expect(send).not.toHaveBeenCalled();
  });
});
