import { isDeepStrictEqual } from 'node:util';
import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import {
  type Attempt,
  canonical,
  decide,
  done,
  firstClaim,
  issuerAnswer,
  keyOf,
  leaseMs,
  nextClaim,
  rememberS,
} from '../../lambdas/idempotent-apis/domain.ts';

const first: Attempt = { key: 'k', payloadHash: 'h', owner: 'a', chargeId: 'ch_a' };
const second: Attempt = { key: 'k', payloadHash: 'h', owner: 'b', chargeId: 'ch_b' };
const reply = { status: 201, body: '{}' };
const atMs = 1_800_000_000_000;

it('keeps the keys of two callers and of two routes apart', () => {
  const key = { caller: 'arn:aws:iam::1:user/ann', route: 'POST /charges' };
  expect(keyOf(key, 'k')).toBe(keyOf({ ...key }, 'k'));
  const others = [{ caller: 'arn:aws:iam::1:user/bob' }, { route: 'POST /payouts' }, { route: 'PUT /charges' }];
  for (const other of others) expect(keyOf({ ...key, ...other }, 'k')).not.toBe(keyOf(key, 'k'));
  expect(keyOf({ caller: '', route: '$default' }, 'k')).not.toBe(keyOf({ caller: '$default', route: '' }, 'k'));
});

describe('the canonical text', () => {
  /** What JSON can say, at any order of members. */
  const value = fc.jsonValue({ maxDepth: 3 });
  const shuffledAgain = (one: unknown): unknown => {
    if (one === null || typeof one !== 'object') return one;
    if (Array.isArray(one)) return one.map(shuffledAgain);
    return Object.fromEntries(
      Object.entries(one)
        .map(([name, member]) => [name, shuffledAgain(member)] as const)
        .toReversed(),
    );
  };
  const plain = (one: unknown): unknown => JSON.parse(JSON.stringify(one)) as unknown;

  test.prop([value])('is the same in whatever order the members came', (one) => {
    expect(canonical(shuffledAgain(one))).toBe(canonical(one));
  });

  test.prop([value, value])('is the same for two values only if they are equal', (one, other) => {
    expect(canonical(one) === canonical(other)).toBe(isDeepStrictEqual(plain(one), plain(other)));
  });

  // The examples of RFC 8785, 3.2.2 and 3.2.3; ends of its numbers; names that an object would put first.
  it.each([
    [
      String.raw`{
        "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
        "literals": [null, true, false]
      }`,
      String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],` +
        String.raw`"string":"€$\u000f\nA'B\"\\\\\"/"}`,
    ],
    [
      String.raw`{
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\ud83d\ude00": "Emoji: Grinning Face",
        "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis"
      }`,
      String.raw`{"\r":"Carriage Return","1":"One",` +
        '"\u0080":"Control","ö":"Latin Small Letter O With Diaeresis","€":"Euro Sign",' +
        '"😀":"Emoji: Grinning Face","\ufb33":"Hebrew Letter Dalet With Dagesh"}',
    ],
    [
      '[-0, 5e-324, 9007199254740993, 1E21, 999999999999999999999, 1e-7]',
      '[0,5e-324,9007199254740992,1e+21,1e+21,1e-7]',
    ],
    ['{"9": 1, "10": 1, "a": {"2": [], "11": {}}}', '{"10":1,"9":1,"a":{"11":{},"2":[]}}'],
  ])('is that of RFC 8785: %s', (text, expected) => {
    expect(canonical(JSON.parse(text))).toBe(expected);
  });

  it('sorts by code units, at every depth, and keeps the order of lists', () => {
    expect(canonical({ b: [{ d: 1, c: 'é' }, 2], a: null, B: true })).toBe(
      '{"B":true,"a":null,"b":[{"c":"é","d":1},2]}',
    );
  });
});

describe('an attempt', () => {
  const running = firstClaim(first, atMs);
  const settled = done(running, reply);

  it('starts when nobody has the key', () => {
    expect(decide(undefined, first, atMs)).toEqual({ do: 'start' });
  });

  it('waits for an owner whose lease is not over, to the millisecond', () => {
    expect(decide(running, second, atMs + leaseMs - 1)).toEqual({ do: 'wait' });
    expect(decide(running, second, atMs + leaseMs)).toEqual({ do: 'take over', claim: running });
  });

  it('replays a reply, and answers with its own whose write it did not hear of', () => {
    expect(decide(settled, second, atMs)).toEqual({ do: 'replay', reply });
    expect(decide(settled, first, atMs)).toEqual({ do: 'answer', reply });
    expect(decide(running, first, atMs + 2 * leaseMs)).toEqual({ do: 'go on', claim: running });
  });

  it.each([running, settled])('refuses another payload, whether it is done or not', (found) => {
    expect(decide(found, { ...second, payloadHash: 'other' }, atMs)).toEqual({
      do: 'refuse',
      because: 'payload differs',
    });
  });

  it.each([running, settled])(
    'finds a key in use a second before its day is over, and free a second after',
    (found) => {
      const endMs = atMs + rememberS * 1000;
      expect(decide(found, { ...second, payloadHash: 'other' }, endMs - 1000).do).toBe('refuse');
      expect(decide(found, second, endMs - 1000).do).not.toBe('start');
      expect(decide(found, { ...second, payloadHash: 'other' }, endMs + 1000)).toEqual({ do: 'start' });
    },
  );

  test.prop([fc.integer({ min: atMs, max: atMs + 10_000 })])('is remembered for a day at least', (nowMs) => {
    const record = firstClaim(first, nowMs);
    expect(decide(record, second, nowMs + rememberS * 1000 - 1).do).not.toBe('start');
    expect(decide(record, second, nowMs + rememberS * 1000 + 1000).do).toBe('start');
  });

  it('that takes over has a higher token, a lease and a day of its own, for the same charge', () => {
    const nowMs = atMs + leaseMs;
    expect(nextClaim(running, second, nowMs)).toEqual({
      ...running,
      owner: 'b',
      fencingToken: 2,
      leaseUntilMs: nowMs + leaseMs,
      expiresAtS: Math.ceil(nowMs / 1000) + rememberS,
    });
  });

  it('taken over at the end of its day is not free while the network may still work on what was asked for', () => {
    const endMs = atMs + rememberS * 1000;
    const claim = nextClaim(running, second, endMs - 1);
    for (const laterMs of [1, leaseMs - 1, leaseMs + 1_000, 60_000, rememberS * 1000 - 2])
      expect(decide(claim, first, endMs + laterMs).do).not.toBe('start');
    expect(decide(claim, first, endMs + rememberS * 1000 + 1_000)).toEqual({ do: 'start' });
  });
});

describe('a test card', () => {
  it.each([
    ['tok_visa', 1, 'visa'],
    ['tok_declined', 9, 'declined'],
    ['tok_slow_down', 1, 'slow'],
    ['tok_slow_down', 2, 'down'],
    ['tok_slow_down', 3, 'down'],
    ['tok_1f3a', 1, 'visa'],
    ['tok__', 1, 'visa'],
  ])('%s at call %d is %s', (card, nth, issuer) => {
    expect(issuerAnswer(card, nth)).toBe(issuer);
  });
});
