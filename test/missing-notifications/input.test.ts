import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { modes, RunRefused } from '../../lambdas/missing-notifications/domain.ts';
import {
  InputRefused,
  parseDelivery,
  parseMissedMessage,
  parseRunInput,
} from '../../lambdas/missing-notifications/input.ts';

const bodies = 10_000;
const runIdShape = /^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$/;
const documentId = '6f1c9e52-3b7a-4d21-9c55-0a1b2c3d4e5f';

/** Anything at all, kept small: what a parser looks at is the outermost shape. */
const anything = fc.anything({
  maxDepth: 2,
  maxKeys: 3,
  withNullPrototype: true,
  withBigInt: true,
  withDate: true,
  withMap: true,
});

/** A body that is nearly right: fields that are good, bad, missing or strange, under any prototype. */
function nearly(fields: Readonly<Record<string, fc.Arbitrary<unknown>>>): fc.Arbitrary<unknown> {
  const strangeKey = fc.constantFrom('__proto__', 'constructor', 'toString', 'hasOwnProperty', '', 'RunId', 'then');
  const entries = Object.entries(fields).map(([key, value]) =>
    fc.option(fc.tuple(fc.constant(key), fc.oneof({ arbitrary: value, weight: 9 }, anything)), {
      freq: 12,
      nil: undefined,
    }),
  );
  const strange = fc.option(fc.tuple(strangeKey, anything), { freq: 1, nil: undefined });
  return fc.tuple(fc.tuple(...entries), strange, fc.boolean()).map(([known, other, bare]) => {
    const body = (bare ? Object.create(null) : {}) as object;
    for (const entry of [...known, other]) {
      if (entry === undefined) continue;
      // As JSON.parse does: `__proto__` too is a key like any other.
      Object.defineProperty(body, entry[0], { value: entry[1], enumerable: true, configurable: true, writable: true });
    }
    return body;
  });
}

/** What a parser makes of a body: its value, or its refusal; anything else that it throws fails the test. */
function outcomeOf<T>(parse: () => T, refusal: typeof RunRefused | typeof InputRefused): T | string {
  try {
    return parse();
  } catch (error) {
    expect(error).toBeInstanceOf(refusal);
    const { message } = error as Error;
    expect(message.length).toBeGreaterThan(20);
    expect(message.length).toBeLessThan(1500);
    expect(message).not.toContain('\n');
    return message;
  }
}

function keysOf(body: unknown): readonly string[] {
  return typeof body === 'object' && body !== null ? Object.keys(body) : [];
}

const asked = { runId: 'incident-42', from: '2026-03-02T00:00:00Z', to: '2026-03-02T12:00:00Z' };

describe('the input of a run', () => {
  const runBody = fc.oneof(
    nearly({
      runId: fc.constantFrom('incident-42', 'a'.repeat(80), 'a'.repeat(81), '../x', '.hidden', ''),
      from: fc.constantFrom('2026-03-02T00:00:00Z', '2026-03-02', '2026-03-02T00:00:00+01:00', 0),
      to: fc.constantFrom('2026-03-02T12:00:00.5Z', '2026-02-30T00:00:00Z', 'now'),
      allowPartial: fc.constantFrom(true, false, 'true', 1),
      mode: fc.constantFrom(...modes, 'maps', '', 1, null),
    }),
    nearly({ scheduledAt: fc.constantFrom('2026-03-03T02:00:00Z', '2026-03-03'), allowPartial: fc.boolean() }),
    anything,
  );

  test.prop([runBody], { numRuns: bodies })('is a request, or a refusal that says why, whatever it is', (body) => {
    const outcome = outcomeOf(() => parseRunInput(body), RunRefused);
    if (typeof outcome === 'string') return;
    const known = ['runId', 'from', 'to', 'scheduledAt', 'allowPartial', 'mode'];
    expect(known).toEqual(expect.arrayContaining([...keysOf(body)]));
    expect(outcome.runId).toMatch(runIdShape);
    expect([outcome.fromMs, outcome.toMs].every(Number.isSafeInteger)).toBe(true);
    expect(typeof outcome.allowPartial).toBe('boolean');
    expect([...modes, undefined]).toContain(outcome.mode);
  });

  it('is taken as a person gives it, with the safe choice for what is left out', () => {
    expect(parseRunInput(asked)).toEqual({
      runId: 'incident-42',
      fromMs: Date.parse(asked.from),
      toMs: Date.parse(asked.to),
      allowPartial: false,
    });
  });

  it('is the day before when the schedule gives it', () => {
    expect(parseRunInput({ scheduledAt: '2026-03-03T02:00:00Z' })).toMatchObject({
      runId: 'nightly-2026-03-02',
      fromMs: Date.parse('2026-03-02T00:00:00Z'),
      toMs: Date.parse('2026-03-03T00:00:00Z'),
    });
  });

  it.each(modes)('may ask for a mode: %s', (mode) => {
    expect(parseRunInput({ ...asked, mode }).mode).toBe(mode);
    expect(parseRunInput({ scheduledAt: '2026-03-03T02:00:00Z', mode }).mode).toBe(mode);
  });

  it('may have a run ID of 80 characters', () => {
    expect(parseRunInput({ ...asked, runId: 'r'.repeat(80) }).runId).toHaveLength(80);
  });

  it.each([
    ['runId', '../../logs'],
    ['runId', 'a/b'],
    ['runId', '..'],
    ['runId', 'r'.repeat(81)],
    ['runId', ''],
    ['runId', 'nightly\n'],
    ['runId', 'é'],
    ['runId', 7],
    ['from', '2026-03-02'],
    ['from', '2026-03-02T00:00:00'],
    ['from', '2026-03-02T00:00:00+01:00'],
    ['from', '2026-02-30T00:00:00Z'],
    ['to', 1_772_452_800_000],
    ['to', null],
    ['allowPartial', 'false'],
    ['mode', 'maps'],
    ['mode', 1],
    ['mode', null],
    ['force', true],
    ['RunId', 'a'],
    ['constructor', {}],
  ])('is refused for its %s %j, which the refusal names', (field, value) => {
    expect(() => parseRunInput({ ...asked, [field]: value })).toThrow(RunRefused);
    expect(() => parseRunInput({ ...asked, [field]: value })).toThrow(field);
  });

  it.each(['runId', 'from', 'to'])('is refused without its %s, which the refusal names', (field) => {
    const { [field]: _, ...rest } = asked as Record<string, string>;
    expect(() => parseRunInput(rest)).toThrow(field);
  });

  it('is refused with the prototype key that a parsed body can carry', () => {
    const body: unknown = JSON.parse(
      `{"runId":"a","from":"${asked.from}","to":"${asked.to}","__proto__":{"allowPartial":true}}`,
    );
    expect(() => parseRunInput(body)).toThrow('__proto__');
  });

  it('of the schedule takes no window beside it, as one of the two would be ignored', () => {
    expect(() => parseRunInput({ ...asked, scheduledAt: '2026-03-03T02:00:00Z' })).toThrow('runId');
  });

  it.each([undefined, null, 'incident-42', 42, [], [asked]])('is refused when it is no object: %j', (body) => {
    expect(() => parseRunInput(body)).toThrow(RunRefused);
  });
});

/** What a log line can give as an ID. */
const idShape = /^[^ \t,;"'\r\n]{1,256}$/;

describe('a message of the queue of missed documents', () => {
  const messageBody = fc.oneof(
    nearly({
      runId: fc.constantFrom('incident-42', 'r'.repeat(81)),
      documentId: fc.constantFrom(documentId, documentId.toUpperCase(), `${documentId} `, '', '../x'),
    }).map((body) => stringify(body)),
    fc.json({ maxDepth: 3 }),
    fc.string({ unit: 'binary' }),
  );

  test.prop([messageBody], { numRuns: bodies })('is a document, or a refusal that says why, whatever it is', (body) => {
    const outcome = outcomeOf(() => parseMissedMessage(body), InputRefused);
    if (typeof outcome === 'string') return;
    expect(outcome.documentId).toMatch(idShape);
    expect(outcome.runId).toMatch(runIdShape);
    expect(keysOf(JSON.parse(body)).toSorted()).toEqual(['documentId', 'runId']);
  });

  it('is what the queue sends', () => {
    const body = JSON.stringify({ runId: 'incident-42', documentId });
    expect(parseMissedMessage(body)).toEqual({ runId: 'incident-42', documentId });
  });

  it.each([
    ['no JSON', '{"runId":', 'JSON'],
    ['empty', '', 'JSON'],
    ['a document ID with a space', JSON.stringify({ runId: 'r', documentId: `${documentId} ` }), 'documentId'],
    ['a document ID of 257 bytes', JSON.stringify({ runId: 'r', documentId: 'x'.repeat(257) }), '1 to 256'],
    ['no document ID', '{"runId":"r"}', 'documentId'],
    ['an unknown key', JSON.stringify({ runId: 'r', documentId, force: true }), 'force'],
    ['deep nesting', `${'['.repeat(100_000)}${']'.repeat(100_000)}`, 'object'],
    ['a line end', JSON.stringify({ runId: 'r', documentId: `${documentId}\n` }), 'documentId'],
    ['1 MiB of nothing', JSON.stringify({ runId: 'r', documentId, [' '.repeat(2 ** 20)]: 1 }), 'unrecognized'],
  ])('is refused for %s, in a line', (_, body, named) => {
    const outcome = outcomeOf(() => parseMissedMessage(body), InputRefused);
    expect(outcome).toMatch(new RegExp(named, 'i'));
  });
});

describe('a request to deliver', () => {
  const deliveryBody = fc.oneof(
    nearly({
      documentId: fc.constantFrom(documentId, documentId.toUpperCase(), ''),
      idempotencyKey: fc.constantFrom(documentId, '', 'k'.repeat(256), 'k'.repeat(257), undefined, null),
    }),
    anything,
  );

  test.prop([deliveryBody], { numRuns: bodies })('is taken or refused with the reason, whatever it is', (body) => {
    const outcome = outcomeOf(() => parseDelivery(body), InputRefused);
    if (typeof outcome === 'string') return;
    expect(outcome.documentId).toMatch(idShape);
    expect(['documentId', 'idempotencyKey']).toEqual(expect.arrayContaining([...keysOf(body)]));
    if ('idempotencyKey' in outcome) expect(outcome.idempotencyKey).toMatch(/^.{1,256}$/);
  });

  it('may have no idempotency key', () => {
    expect(parseDelivery({ documentId })).toEqual({ documentId });
  });

  it.each([[{ documentId, idempotencyKey: '' }], [{ documentId, idempotencyKey: 'k'.repeat(257) }]])(
    'is refused for a key that is none: %#',
    (body) => {
      expect(() => parseDelivery(body)).toThrow('idempotencyKey');
    },
  );
});

/** As JSON, in which some of what `anything` makes cannot be written. */
function stringify(body: unknown): string {
  try {
    return (
      JSON.stringify(body, (_, value: unknown) => (typeof value === 'bigint' ? Number(value) : value)) ?? 'undefined'
    );
  } catch {
    return 'undefined';
  }
}
