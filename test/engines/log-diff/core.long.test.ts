import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { latin1, latin1Bytes } from '../../../engines/log-diff/bytes.ts';
import { IdFeed, LogFeed, LongIdError } from '../../../engines/log-diff/feed.ts';
import { compilePattern, defaultPattern, type LogPattern } from '../../../engines/log-diff/pattern.ts';
import { emptyStats } from '../../../engines/log-diff/scan.ts';
import { compileCore, compiledFile } from '../../../tools/engine/build.ts';
import { read } from '../../house/files.ts';
import { cores, coreWithBlocks, difference, feedText } from './difference.ts';
import { randomFrom } from './random.ts';

const nil = '00000000-0000-0000-0000-000000000000';
const uuids = [
  nil,
  '00000000-0000-0000-0000-000000000001',
  '0b0e8c3e-1f2a-4b3c-8d4e-5f60718293a4',
  '0b0e8c3e-1f2a-4b3c-8d4e-5f60718293a5',
  'ffffffff-ffff-ffff-ffff-ffffffffffff',
];
/** IDs of one length that begin alike, one that contains the marker, UUIDs in other cases and almost UUIDs. */
const texts = [
  ...Array.from({ length: 8 }, (_, n) => `${'p'.repeat(40)}${n}`),
  ...uuids.map((uuid) => uuid.toUpperCase()),
  ...uuids.map((uuid) => `${uuid}0`),
  uuids[2]!.replaceAll('-', '_'),
  `g${uuids[2]!.slice(1)}`,
  'notification.sent',
  'x'.repeat(256),
  'x'.repeat(255),
  'X'.repeat(256),
  'a',
  'A',
  '\0',
  '\0\0',
  '\xff\xfe',
  '1',
  'a\rb',
];
const idText = fc.oneof(
  fc.constantFrom(...uuids, ...texts),
  fc.uuid(),
  fc.string({ unit: fc.constantFrom('a', 'A', 'b', '\0', '\xff', '\r'), minLength: 1, maxLength: 20 }),
);
const head = '2026-11-23T01:02:03.456Z srv-017 INFO ';
const noise = fc.oneof(
  fc.constantFrom(
    '',
    'x',
    'Z',
    '=',
    'doc=',
    ' doc=',
    ' doc="',
    'notification.sent',
    'notification.sent ',
    '\r',
    '\0',
    head,
  ),
  fc.string({ unit: fc.constantFrom('n', ' ', '.', '=', '"', '\xff', '-'), maxLength: 30 }),
  fc.constant('y'.repeat(1500)),
);
const line = fc.oneof(
  fc
    .tuple(fc.constantFrom(head, ''), idText, fc.constantFrom('', ' ms=12', '"', ',x', 'suffix'))
    .map(([before, id, after]) => `${before}notification.sent doc=${id}${after}`),
  fc
    .tuple(idText, fc.constantFrom('', ' channel=email', ' a\tb', ' by=Z'))
    .map(([id, gap]) => `${head}notification.sent${gap} doc="${id}" ms=1`),
  fc
    .tuple(noise, idText, noise, idText, noise)
    .map(([a, one, b, two, c]) => `${a}notification.sent doc=${one}${b}notification.sent doc=${two}${c}`),
  fc
    .tuple(idText, fc.nat(40), idText)
    .map(
      ([one, cut, two]) => `${head}notification.sent doc=${one.slice(0, cut)}${head}notification.sent doc=${two} ms=3`,
    ),
  fc.array(noise, { maxLength: 6 }).map((parts) => parts.join('')),
);
const lines = (of: fc.Arbitrary<string>, maxLength: number) =>
  fc
    .tuple(fc.array(fc.tuple(of, fc.constantFrom('\n', '\n', '\r\n')), { maxLength }), fc.boolean())
    .map(([all, ended]) => {
      const text = all.map(([line, end]) => line + end).join('');
      return ended ? text : text.replace(/\r?\n$/, '');
    });

const lower = (text: string): string => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

/** A - B line by line, over sets of strings: the pattern says what an ID of a line is, everything else is done again. */
function oracle(signedText: string, logs: readonly string[], pattern: LogPattern, ignoreCase: boolean) {
  const split = (text: string): string[] => {
    const all = text
      .split('\n')
      .map((line, i, { length }) => (i < length - 1 || line.endsWith('\r') ? line.replace(/\r$/, '') : line));
    return text === '' || text.endsWith('\n') ? all.slice(0, -1) : all;
  };
  const name = ignoreCase ? lower : (text: string): string => text;
  const added = split(signedText).filter((id) => id !== '');
  const signed = new Map<string, string>();
  for (const id of added.toSorted()) if (!signed.has(name(id))) signed.set(name(id), id);
  const sizes = new Set(added.map((id) => id.length));
  // Who has one UUID may have any.
  const hasUuid =
    !ignoreCase && added.some((id) => id !== nil && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id));
  const letters = new Set(lower(added.join('')) + (hasUuid ? '0123456789abcdef-' : ''));
  const found = new Set<string>();
  const inLower = new Set<string>();
  const stats = { lines: 0, matched: 0, unreadableLines: 0 };
  let hits = 0;
  for (const text of logs.flatMap(split)) {
    const bytes = latin1Bytes(text);
    stats.lines++;
    let [offered, usable] = [false, false];
    pattern.find(bytes, 0, bytes.length, (start, end) => {
      offered = true;
      if (start === end || end - start > 256) return false;
      usable = true;
      const id = latin1(bytes, start, end);
      if (!sizes.has(id.length) || [...lower(id)].some((letter) => !letters.has(letter))) return false;
      if (signed.has(name(id))) {
        hits++;
        found.add(name(id));
      } else inLower.add(lower(id));
      return true;
    });
    if (usable) stats.matched++;
    else if (offered || (pattern.marker && text.includes(latin1(pattern.marker, 0, pattern.marker.length)))) {
      stats.unreadableLines++;
    }
  }
  const missed = [...signed].filter(([key]) => !found.has(key)).map(([, id]) => id);
  return {
    missed: missed.sort(),
    missedByCase: missed.filter((id) => inLower.has(lower(id))).length,
    ids: added.length,
    signed: signed.size,
    found: hits,
    stats: { ...stats, bytes: logs.join('').length },
  };
}

describe.each(Object.entries(cores))('A - B in %s', (_, CoreClass) => {
  it.each([
    { pattern: 'default', ignoreCase: false },
    { pattern: 'default', ignoreCase: true },
    { pattern: 'sent id=([a-z0-9-]+)', ignoreCase: false },
    { pattern: 'doc=([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})', ignoreCase: false },
    { pattern: 'doc=([^ ]*) ms', ignoreCase: false },
  ])('equals sets of strings: $pattern, ignoring case: $ignoreCase', ({ pattern: source, ignoreCase }) => {
    const pattern = source === 'default' ? defaultPattern : compilePattern(source);
    fc.assert(
      fc.property(
        lines(idText, 60),
        fc.array(lines(line, 30), { maxLength: 3 }),
        fc.constantFrom(1, 7, 100, Infinity),
        fc.constantFrom(0, 1, 3),
        (signed, logs, pieceBytes, partitionBits) => {
          const options = { ignoreCase, partitionBits, seed: 7n };
          const result = difference(CoreClass, { signed, logs, pattern, pieceBytes }, options);
          expect(result).toEqual(oracle(signed, logs, pattern, ignoreCase));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('equals sets of strings for any pattern, whether the core or the expression itself finds its ID', () => {
    const before = fc.constantFrom(
      '',
      '\\b',
      '\\B',
      '(?<![\\w.-])',
      '(?<!x)',
      '(?<! )',
      '.*',
      '[ x]*?',
      'x+',
      '.?',
      '^.*',
      '(?:^|.* )',
    );
    const marker = fc.constantFrom('doc=', 'sent doc=', '"', 'n', ' ', '\\.sent ', '\\x2e');
    const group = fc.constantFrom(
      '\\S+',
      '\\w+',
      '[^ ]*',
      '[^"]+',
      '.*',
      '[a-fA-F0-9-]{36}',
      '[0-9a-f-]{36}',
      '\\d{1,3}',
      '[a-z]+?',
      'a|b',
      '\\s+',
      '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}',
    );
    const after = fc.constantFrom(
      '',
      '$',
      ' ',
      '(?: |$)',
      '(?=\\s|$)',
      '(?!\\w)',
      '(?![\\w-])',
      '"',
      '[ "]',
      '\\s',
      '\\r',
      '(?=\\r|$)',
      '(?!\\r)',
      '.*',
      '(?!\\w).*',
      '\\b',
      ' ms',
    );
    const source = fc.tuple(before, marker, group, after).map(([b, m, g, a]) => `${b}${m}(${g})${a}`);
    // Few IDs that differ little, so that what is read wrongly is another one of them.
    const uuid = uuids[2]!;
    const id = fc.constantFrom(uuid, `${uuid}0`, uuid.slice(1), uuid.toUpperCase(), '12', '123', '1234', 'a', 'b"', '');
    const parts = fc.tuple(
      fc.constantFrom('', '', ' ', 'x', '.', '"', 'doc=', '\r'),
      fc.constantFrom('doc=', 'doc=', 'sent doc=', '.sent ', '"'),
      id,
      fc.constantFrom('', '', ' ', '"', '0', '-', '\r', ' ms', ' doc=12'),
    );
    const close = parts.map((all) => all.join(''));
    const ways = new Set<string>();
    fc.assert(
      fc.property(
        source,
        lines(id, 4),
        lines(close, 12),
        fc.constantFrom(7, Infinity),
        fc.boolean(),
        (source, signed, log, pieceBytes, ignoreCase) => {
          const pattern = compilePattern(source);
          ways.add(pattern.literal!.bytesMax > 0 ? 'by the core' : 'by the expression');
          const input = { signed, logs: [log], pattern, pieceBytes };
          const result = difference(CoreClass, input, { ignoreCase, partitionBits: 1, seed: 7n });
          expect(result, source).toEqual(oracle(signed, [log], pattern, ignoreCase));
        },
      ),
      { numRuns: 5000 },
    );
    expect(ways.size).toBe(2);
  });

  it('is exact when thousands of IDs share partitions, blocks and buckets', () => {
    const random = randomFrom(3);
    const ids = Array.from({ length: 20_000 }, (_, n) => (n % 3 === 0 ? `doc-${n}` : random.uuid()));
    const logged = ids.filter(() => random.below(50) > 0);
    const log = logged.map((id) => `${head}notification.sent doc=${id} ms=${random.below(99)}\n`).join('');
    const names = new Set(logged);
    const input = { signed: ids.join('\n'), logs: [log, log.slice(0, log.length / 3)], pattern: defaultPattern };
    const result = difference(CoreClass, input, { partitionBits: 2, inputBytes: 65_536, blockBytes: 32_768 });
    expect(result.missed).toEqual(ids.filter((id) => !names.has(id)).sort());
    expect(result).toMatchObject({ signed: ids.length, ids: ids.length });
  });

  it.each([1, 15, 16, 17, 32, 47, 256])('keeps of a log no ID of %i bytes with a byte that A lacks', (bytes) => {
    const id = 'aé'.repeat(bytes).slice(0, bytes);
    const others = Array.from(id, (_, i) =>
      ['b', '\xff', '\x6a', 'H'].map((byte) => id.slice(0, i) + byte + id.slice(i + 1)),
    );
    const blocks = coreWithBlocks(CoreClass, {
      literal: defaultPattern.literal!,
      inputBytes: 65_536,
      blockBytes: 4096,
    });
    const [signed, log] = [new IdFeed(blocks.core), new LogFeed(blocks.core, defaultPattern, emptyStats())];
    feedText(signed, `${id}\n`);
    blocks.core.flush();
    blocks.side = 'logged';
    for (const ids of others) feedText(log, ids.map((other) => `notification.sent doc=${other}\n`).join(''));
    feedText(log, `notification.sent doc=${id}\nnotification.sent doc=${id} ms=1\r\n`);
    blocks.core.flush();
    expect(blocks.of(0).logged.texts.map((block) => block.bytes)).toEqual([2 * (bytes + 1)]);
  });

  it('names the line of an ID that is too long', () => {
    for (const bytes of [257, 5000]) {
      const signed = `a\n\nb\n${'x'.repeat(bytes)}\nc\n`;
      expect(() => difference(CoreClass, { signed, logs: [], pattern: defaultPattern })).toThrow(LongIdError);
      expect(() => difference(CoreClass, { signed, logs: [], pattern: defaultPattern })).toThrow('line 4: an ID of');
    }
  });
});

it('has a compiled core that is that of its source', async () => {
  expect(read(compiledFile), 'run: npm run build:core').toBe(await compileCore());
}, 60_000);
