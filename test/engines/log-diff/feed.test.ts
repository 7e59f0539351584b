import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { latin1Bytes } from '../../../engines/log-diff/bytes.ts';
import { EvenFeed, LogFeed } from '../../../engines/log-diff/feed.ts';
import { compilePattern, defaultPattern } from '../../../engines/log-diff/pattern.ts';
import { createScanner, emptyStats } from '../../../engines/log-diff/scan.ts';
import { cores, coreWithBlocks, feedText } from './difference.ts';

const time = fc.oneof(
  fc
    .tuple(
      fc.constantFrom('2026-11-22', '2026-11-23', '2025-01-01', '2026-02-30', '9999-99-99', '1970-01-01', '0000-01-01'),
      fc.constantFrom('00:00', '01:02', '23:59', '24:00', '9x:00'),
      fc.constantFrom(':00', ':03', ':59', ':60', ':61'),
      fc.constantFrom('', '.0', '.4', '.45', '.456', '.5', '.500', '.501', '.4569', '.', '.0000000001'),
      fc.constantFrom('Z ', 'Z ', 'Z ', 'Z', 'Z\t', 'Zx', '+00:00 ', ' '),
    )
    .map((parts) => `${parts[0]}T${parts.slice(1).join('')}`),
  fc.constantFrom('', ' ', '\tat x', '{"a":1}', '\xff\xff', '2026-11-23', 'Z', '\0'),
);
const lines = fc.array(
  fc.tuple(time, fc.constantFrom('x', '', 'notification.sent doc=a1', 'y'.repeat(1100)), fc.constantFrom('\n', '\r\n')),
  {
    maxLength: 60,
  },
);

describe.each(Object.entries(cores))('a feed of logs to the core in %s', (_, CoreClass) => {
  const feedOf = (stats = emptyStats(), pattern = defaultPattern) => {
    const { core, of } = coreWithBlocks(CoreClass, {
      ...(pattern.literal ? { literal: pattern.literal } : {}),
      seed: 7n,
    });
    core.addSigned(latin1Bytes('a0123456789'), 0, 11);
    for (let n = 0; n < 10; n++) core.addSigned(latin1Bytes(`a${n}`), 0, 2);
    return { core, of, feed: new LogFeed(core, pattern, stats, { timestamps: true }), stats };
  };

  it('knows the latest time of a complete line, as reading every line does', () => {
    fc.assert(
      fc.property(
        lines,
        fc.boolean(),
        fc.constantFrom(1, 7, 100, Infinity),
        fc.constantFrom(defaultPattern, compilePattern('doc=([a-z0-9]+)'), compilePattern('(\\d+) ms')),
        (all, ended, pieceBytes, pattern) => {
          const text = all.map((parts) => parts.join('')).join('');
          const given = ended ? text : text.replace(/\r?\n$/, '');
          const scanner = createScanner({ pattern, timestamps: true, onId: () => true });
          scanner.push(latin1Bytes(given));
          scanner.finish();
          const { feed, stats } = feedOf(emptyStats(), pattern);
          feedText(feed, given, pieceBytes);
          expect(stats.lastTimestampMs).toBe(scanner.stats.lastTimestampMs);
          expect(stats.lines).toBe(scanner.stats.lines);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it.each([
    [
      'a second later',
      ['2026-11-23T00:00:02Z', '2026-11-23T00:00:03Z', '2026-11-23T00:00:02Z'],
      '2026-11-23T00:00:03Z',
    ],
    [
      'a minute later',
      ['2026-11-23T00:00:59Z', '2026-11-23T00:01:00Z', '2026-11-23T00:00:59Z'],
      '2026-11-23T00:01:00Z',
    ],
    ['a day later', ['2026-11-23T00:00:59Z', '2026-11-24T00:00:00Z', '2026-11-23T00:00:59Z'], '2026-11-24T00:00:00Z'],
    [
      'by a millisecond',
      ['2026-11-23T00:00:02.5Z', '2026-11-23T00:00:02.501Z', '2026-11-23T00:00:02.5Z'],
      '2026-11-23T00:00:02.501Z',
    ],
    [
      'with a fraction',
      ['2026-11-23T00:00:02Z', '2026-11-23T00:00:02.1Z', '2026-11-23T00:00:02Z'],
      '2026-11-23T00:00:02.100Z',
    ],
    [
      'in a shorter fraction',
      ['2026-11-23T00:00:02.499Z', '2026-11-23T00:00:02.5Z', '2026-11-23T00:00:02.499Z'],
      '2026-11-23T00:00:02.500Z',
    ],
    [
      'in a leap second',
      ['2026-11-22T23:59:60.1Z', '2026-11-22T23:59:60.5Z', '2026-11-23T00:00:00.400Z'],
      '2026-11-23T00:00:00.500Z',
    ],
  ])('knows what is later %s, although no later line comes last', (_, times, latest) => {
    const { feed, stats } = feedOf();
    feedText(feed, times.map((text) => `${text} x\n`).join(''));
    expect(stats.lastTimestampMs).toBe(Date.parse(latest));
  });

  it('knows it among more lines than the core tells at once', () => {
    // The last is undated, so that no line is known to be late; each is later than the one before.
    const from = Date.parse('2026-11-23T00:00:00Z');
    const stats = emptyStats();
    const { core } = coreWithBlocks(CoreClass, { literal: defaultPattern.literal!, inputBytes: 2 ** 20 });
    const text = Array.from({ length: 20_000 }, (_, n) => `${new Date(from + n).toISOString()} x\n`).join('');
    const feed = new LogFeed(core, defaultPattern, stats, { timestamps: true });
    feedText(feed, `${text}undated\n`);
    expect(stats.lastTimestampMs).toBe(from + 19_999);
  });

  it('has the core spill the same blocks however the bytes come', () => {
    const text = Array.from(
      { length: 900 },
      (_, n) => `2026-11-23T01:02:03Z s INFO notification.sent doc=a${n % 10} y\n`,
    );
    // Lines that the pattern itself has to read come later than others, and so do not keep their place.
    const odd = text.map((line, n) => (n % 7 === 0 ? line.replace('sent', 'sent notification.sent') : line));
    const bytes = latin1Bytes(odd.join('').slice(0, -30));
    const spilled = (pieces: readonly number[]): string => {
      const { core, of, feed } = feedOf();
      const even = new EvenFeed(feed);
      for (let at = 0, i = 0; at < bytes.length; i++) {
        even.push(bytes.subarray(at, at + pieces[i % pieces.length]!));
        at += pieces[i % pieces.length]!;
      }
      even.finish();
      core.flush();
      const { keys, texts } = of(0).signed;
      return [...keys, ...texts]
        .map((block) => {
          const target = new Uint8Array(block.bytes);
          block.copyTo(target);
          return Buffer.from(target).toString('hex');
        })
        .join(' ');
    };
    const whole = spilled([bytes.length]);
    expect(whole.length).toBeGreaterThan(1000);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 5 }), (pieces) => {
        expect(spilled(pieces)).toBe(whole);
      }),
      { numRuns: 30 },
    );
  });
});
