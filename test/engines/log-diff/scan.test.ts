import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { latin1, latin1Bytes } from '../../../engines/log-diff/bytes.ts';
import { compilePattern, defaultPattern } from '../../../engines/log-diff/pattern.ts';
import { createScanner, type ScanOptions, type ScanStats } from '../../../engines/log-diff/scan.ts';
import { parseUuid } from '../../../engines/log-diff/uuid.ts';

const id = '0b0e8c3e-1f2a-4b3c-8d4e-5f60718293a4';
const id2 = '1b0e8c3e-1f2a-4b3c-8d4e-5f60718293a4';
const head = '2026-11-23T01:02:03.456Z srv-017 INFO ';
const sent = (doc: string): string => `${head}notification.sent channel=email doc=${doc} ms=12`;

interface Found extends ScanStats {
  ids: string[];
}

/** Scans the text in pieces, all of them read into the same memory, as a file reader does. */
function scan(text: string, options: Partial<ScanOptions> = {}, pieces: readonly number[] = [text.length]): Found {
  const bytes = latin1Bytes(text);
  const ids: string[] = [];
  const scanner = createScanner({
    pattern: defaultPattern,
    onId: (b, start, end) => void ids.push(latin1(b, start, end)),
    ...options,
  });
  const buffer = new Uint8Array(Math.max(1, ...pieces));
  let at = 0;
  for (const piece of [...pieces, Infinity]) {
    const part = bytes.subarray(at, Math.min(at + piece, bytes.length));
    if (part.length > buffer.length) scanner.push(part);
    else {
      buffer.fill(120).set(part);
      scanner.push(buffer.subarray(0, part.length));
    }
    at += part.length;
  }
  scanner.finish();
  return { ...scanner.stats, ids };
}

const oddities = [
  sent(id),
  `${sent(id2)}\r`,
  '',
  '\r',
  `    at com.example.Dispatcher.send(Dispatcher.java:17) doc=${id}`,
  `${head}notification.queued doc=${id}`,
  `${head}notification.sent doc=0b0e8c3e-1f2a`,
  `${sent('0b0e8c3e-b5d').slice(0, -6)}${sent(id)}`,
  `\0\0\xff\xfe${sent(id)}\0`,
  `${head}notification.sent doc=${id}z`,
  `${head}GC pause`,
  sent('other-ID/7'),
];

describe('a scan', () => {
  it('counts lines, successes and unreadable lines', () => {
    expect(scan(`${oddities.join('\n')}\n`)).toEqual({
      ids: [id, id2, '0b0e8c3e-1f2a', '0b0e8c3e-b5d2026-11-23T01:02:03.456Z', id, `${id}z`, 'other-ID/7'],
      bytes: oddities.join('\n').length + 1,
      lines: oddities.length,
      matched: 7,
      unreadableLines: 0,
    });
  });

  it('finds the same wherever the chunks are cut', () => {
    const text = oddities.join('\n');
    const whole = scan(text, { timestamps: true });
    for (let cut = 0; cut <= text.length; cut++) {
      expect(scan(text, { timestamps: true }, [cut]), `cut at ${cut}`).toEqual(whole);
    }
    expect(scan(text, { timestamps: true }, Array<number>(text.length).fill(1))).toEqual(whole);
  });

  it('finds what a split into lines finds, for any lines and chunks', () => {
    const line = fc.oneof(
      fc.constantFrom(...oddities),
      fc.uint8Array({ maxLength: 60 }).map((bytes) => latin1(bytes, 0, bytes.length).replaceAll('\n', ' ')),
    );
    const pattern = compilePattern('doc=([^ ]*)');
    fc.assert(
      fc.property(
        fc.array(line, { maxLength: 12 }),
        fc.boolean(),
        fc.array(fc.nat({ max: 90 })),
        (lines, ended, pieces) => {
          const text = lines.join('\n') + (ended ? '\n' : '');
          const parts = text.split('\n');
          if (parts.at(-1) === '') parts.pop();
          const matches = parts
            .map((part) => /doc=([^ ]*)/.exec(part.replace(/\r$/, ''))?.[1])
            .filter((m) => m !== undefined);
          const ids = matches.filter((match) => match !== '');
          expect(scan(text, { pattern }, pieces)).toEqual({
            ids,
            bytes: text.length,
            lines: parts.length,
            matched: ids.length,
            unreadableLines: matches.length - ids.length,
          });
        },
      ),
      { numRuns: 500 },
    );
  });

  it('forgets where the marker was when the next bytes come in the same Buffer', () => {
    const ids: string[] = [];
    const onId = (b: Uint8Array, start: number, end: number): void => void ids.push(latin1(b, start, end));
    const scanner = createScanner({ pattern: defaultPattern, onId });
    const buffer = Buffer.alloc(300);
    for (const line of ['nothing', sent(id), 'nothing', `${' '.repeat(150)}${sent(id2)}`, sent(id)]) {
      scanner.push(buffer.fill(0, 0).fill('\n', 299).fill(line, 0, line.length, 'latin1'));
    }
    expect(ids).toEqual([id, id2, id]);
  });

  it('works without a Buffer, as in a browser', () => {
    const text = oddities.join('\n');
    const expected = [7, 50, 4096].map((piece) => scan(text, { timestamps: true }, Array<number>(40).fill(piece)));
    const kept = globalThis.Buffer;
    try {
      Reflect.deleteProperty(globalThis, 'Buffer');
      expect([7, 50, 4096].map((piece) => scan(text, { timestamps: true }, Array<number>(40).fill(piece)))).toEqual(
        expected,
      );
    } finally {
      globalThis.Buffer = kept;
    }
  });

  it('reads a last line without its end, LF or CRLF', () => {
    expect(scan(`${head}notification.sent doc=${id}`)).toMatchObject({ ids: [id], lines: 1 });
    expect(scan(`${head}notification.sent doc=${id}\r`)).toMatchObject({ ids: [id], lines: 1 });
    expect(scan('')).toMatchObject({ ids: [], lines: 0 });
    expect(scan('\n')).toMatchObject({ lines: 1 });
  });

  it('never gives a UUID for a record that is torn anywhere, alone or before another record', () => {
    /** As whoever knows that A has UUIDs only. */
    const uuidsIn = (text: string): string[] => {
      const found: string[] = [];
      const onId = (bytes: Uint8Array, start: number, end: number): boolean => {
        const isUuid = parseUuid(bytes, start, end, new Uint8Array(16));
        if (isUuid) found.push(latin1(bytes, start, end));
        return isUuid;
      };
      scan(text, { onId });
      return found;
    };
    const record = sent(id);
    const idEnd = record.indexOf(id) + id.length;
    for (let cut = 0; cut < record.length; cut++) {
      const torn = record.slice(0, cut);
      expect(uuidsIn(torn), torn).toEqual(cut >= idEnd ? [id] : []);
      expect(uuidsIn(`${torn}${head}notification.queued doc=${id2}`), torn).not.toContain(id2);
      if (cut < idEnd) expect(uuidsIn(`${torn}${sent(id2)}\n`), torn).toEqual([id2]);
    }
  });

  it('asks for the next record when the first ID is unknown, whatever the shape', () => {
    const asked: string[] = [];
    const onId = (bytes: Uint8Array, start: number, end: number): boolean => asked.push(latin1(bytes, start, end)) > 1;
    const glued = `${sent('order/7').slice(0, -7)}${sent('order/78')}`;
    expect(scan(glued, { onId })).toMatchObject({ matched: 1, unreadableLines: 0 });
    expect(asked).toEqual(['order/2026-11-23T01:02:03.456Z', 'order/78']);
  });

  it('skips a line that is too long, however it is cut, and goes on with the next', () => {
    const text = `${sent(id)}\n${sent('x'.repeat(200))}\n${sent(id2)}\n${'y'.repeat(300)}`;
    const whole = scan(text, { lineBytesMax: 150 });
    expect(whole).toMatchObject({ ids: [id, id2], lines: 4, matched: 2, unreadableLines: 2 });
    for (const piece of [1, 7, 149, 150, 151, 400]) {
      expect(scan(text, { lineBytesMax: 150 }, Array<number>(1000).fill(piece))).toEqual(whole);
    }
    expect(scan(`${'z'.repeat(150)}\n`, { lineBytesMax: 150 }).unreadableLines).toBe(0);
    expect(scan(`${'z'.repeat(151)}\n`, { lineBytesMax: 150 }).unreadableLines).toBe(1);
  });

  it('reads a line of a megabyte, and an ID of up to 256 bytes', () => {
    const long = `${head}notification.sent pad=${'\0'.repeat(1_000_000)} doc=${id} ${'\xff'.repeat(1_000_000)}`;
    expect(scan(`${long}\n${sent(id2)}`, {}, Array<number>(40).fill(65_536)).ids).toEqual([id, id2]);
    const wide = compilePattern('doc=(\\S+)');
    expect(scan(`doc=${'x'.repeat(256)}\ndoc=${'x'.repeat(257)}\n`, { pattern: wide })).toMatchObject({
      matched: 1,
      unreadableLines: 1,
    });
  });

  it('tries every line when the pattern requires no text', () => {
    expect(scan('1\nx2\n\n', { pattern: compilePattern('^(\\d)|x()') })).toMatchObject({
      ids: ['1'],
      matched: 1,
      unreadableLines: 1,
      lines: 3,
    });
  });
});

describe('timestamps', () => {
  const latest = (...lines: string[]): number | undefined =>
    scan(lines.join('\n'), { timestamps: true }).lastTimestampMs;

  it('are the latest of the complete lines', () => {
    const at = Date.parse('2026-11-23T01:02:03.456Z');
    expect(latest(`${head}x`, '2026-11-22T23:59:59Z y', '  at z', '2026-11-24T00:00:00Z torn')).toBe(at);
    expect(latest('', 'no time', '')).toBeUndefined();
    expect(scan(`${head}x\n`).lastTimestampMs).toBeUndefined();
  });

  it('are read with any fraction, and refused when they are no time', () => {
    const valid = [
      '2024-02-29T23:59:60Z',
      '2026-01-01T00:00:00.1Z',
      '2026-01-01T00:00:00.123456789Z',
      '1970-01-01T00:00:00.009Z',
    ];
    const ms = [Date.UTC(2024, 2, 1), Date.UTC(2026, 0, 1) + 100, Date.UTC(2026, 0, 1) + 123, 9];
    expect(valid.map((time) => latest(time, ''))).toEqual(ms);
    for (const time of [
      '2026-02-30T00:00:00Z',
      '2026-13-01T00:00:00Z',
      '2026-01-01T24:00:00Z',
      '2026-01-01T00:60:00Z',
      '2026-01-01T00:00:61Z',
      '2026-01-01T00:00:00.Z',
      '2026-01-01T00:00:00.1234567890Z',
      '2026-01-01T00:00:00',
      '2026-01-01T00:00:0xZ',
      '2026-01-01T00:00:00Zx',
      '2026-01-01T00:00:00+01:00',
      ' 2026-01-01T00:00:00Z',
    ]) {
      expect(latest(time, ''), time).toBeUndefined();
    }
  });
});
