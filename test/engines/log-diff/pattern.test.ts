import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { analysePattern } from '../../../engines/log-diff/analyse.ts';
import { latin1, latin1Bytes } from '../../../engines/log-diff/bytes.ts';
import { compilePattern, defaultPattern, type LogPattern, PatternError } from '../../../engines/log-diff/pattern.ts';

const id = '0b0e8c3e-1f2a-4b3c-8d4e-5f60718293a4';
const head = '2026-11-23T01:02:03.456Z srv-017 INFO ';

/** All IDs that the pattern offers for a line that stands between other bytes, refusing all but the last wanted one. */
function offers(pattern: LogPattern, line: string, refuse: (id: string) => boolean = () => false): string[] {
  const bytes = latin1Bytes(`doc=<${line}>doc=`);
  const found: string[] = [];
  pattern.find(bytes, 5, 5 + line.length, (start, end) => {
    expect(start).toBeGreaterThanOrEqual(5);
    expect(end).toBeLessThanOrEqual(5 + line.length);
    found.push(latin1(bytes, start, end));
    return !refuse(found.at(-1)!);
  });
  return found;
}

describe('the default pattern', () => {
  it.each([
    [`${head}notification.sent channel=email doc=${id} ms=12`, [id]],
    [`${head}notification.sent doc=${id}`, [id]],
    [`${head}notification.sent doc="${id}",ms=1`, [id]],
    [`${head}notification.sent via mail, doc='${id}';`, [id]],
    [`notification.sent\tdoc=${id}\t`, [id]],
    [`${head}notification.sent: doc=${id}`, [id]],
    [`${head}notification.sent at=2026-11-23T01:02:03Z doc=${id} INFO`, [id]],
    [`${head}notification.sent doc=any/ID\xff\0:7 ms=1`, ['any/ID\xff\0:7']],
    [`${head}notification.sent doc= doc=${id}`, [id]],
    [`${head}notification.sent doc=first doc=second`, ['first']],
    // A name or a token that only contains the right one.
    [`${head}notification.sent olddoc=${id}`, []],
    [`${head}notification.sent url=/x?doc=${id}`, []],
    [`${head}notification.sent doc=${id}suffix`, [`${id}suffix`]],
    [`${head}notification.sent.failed doc=${id}`, []],
    [`${head}notification.sentinel doc=${id}`, []],
    [`${head}pre-notification.sent doc=${id}`, []],
    [`${head}notification.queued doc=${id}`, []],
    [`${head}doc=${id} notification.sent`, []],
    [`${head}notification.sent doc=`, []],
    [`${head}notification.sent doc=""`, []],
    [`${head}notification.sent doc=${'x'.repeat(257)}`, []],
    [`${head}notification.sent doc=${'x'.repeat(256)}`, ['x'.repeat(256)]],
    // A torn record, and another one in the same line.
    [`${head}notification.sent chan${head}notification.queued doc=${id}`, []],
    [`${head}notification.sent channel=em${head}notification.sent doc=${id}`, [id]],
    [`${head}notification.sent ${head}GC doc=${id}`, []],
  ])('reads %j', (line, expected) => {
    expect(offers(defaultPattern, line)).toEqual(expected);
  });

  it('goes on to the record behind a torn one whose ID is refused', () => {
    const torn = `${head}notification.sent channel=email doc=0b0e8c3e-b5d`;
    expect(offers(defaultPattern, `${torn}${head}notification.sent doc=${id} ms=3`, (found) => found !== id)).toEqual([
      '0b0e8c3e-b5d2026-11-23T01:02:03.456Z',
      id,
    ]);
    expect(offers(defaultPattern, `${torn}${head}notification.queued doc=${id}`, () => true)).not.toContain(id);
  });

  it('means what its regular expression means', () => {
    const expression = new RegExp(defaultPattern.source);
    const markers = ['notification.sent', 'doc=', '.sent', 'doc', id, 'x', 'z'.repeat(256), '=', '.'];
    const gaps = [' ', ',', '"', "'", '\n', '\r', '\xa0', '2026-11-23T01:02:03Z', ' srv INFO ', head];
    const piece = fc.constantFrom(...markers, ...gaps);
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
        const line = pieces.join('');
        const first = expression.exec(line)?.[1];
        expect(offers(defaultPattern, line), line).toEqual(first === undefined ? [] : [first]);
      }),
      { numRuns: 3000, examples: [[[head, 'notification.sent', ' ', 'doc=', id]]] },
    );
  });

  it('takes linear time on a line full of markers, fields and heads', () => {
    for (const part of [
      'notification.sent doc=x ',
      'notification.sent ',
      'notification.sent doc= ',
      `notification.sent ${head}`,
      `${head}doc= notification.sent `,
    ]) {
      const line = latin1Bytes(`${part.repeat(Math.ceil(2_000_000 / part.length))} doc=x`);
      const started = performance.now();
      defaultPattern.find(line, 0, line.length, () => false);
      expect(performance.now() - started, part).toBeLessThan(3000);
    }
  });
});

/** What every match of the expression contains, as far as is known. */
function requiredLiteral(source: string): string {
  const { marker = new Uint8Array(0) } = analysePattern(source, '');
  return latin1(marker, 0, marker.length);
}

describe('a pattern of one’s own', () => {
  it('gives the first group of the first match, and nothing more', () => {
    const pattern = compilePattern('sent (?:to )?id=(\\w+)');
    expect(offers(pattern, 'sent id=a1 sent id=b2', () => true)).toEqual(['a1']);
    expect(offers(pattern, 'nothing')).toEqual([]);
    expect(offers(compilePattern('^a(b)?'), 'a')).toEqual(['']);
    expect(offers(compilePattern('(?<=x(..))y'), '..xabxcdy')).toEqual(['cd']);
    expect(offers(compilePattern('ID=(\\S+)', 'i'), 'id=\xe9\0')).toEqual(['\xe9\0']);
  });

  it.each([
    ['doc=\\S+', '', 'no group: put parentheses around the ID'],
    ['doc=(', '', 'is invalid'],
    ['(?:doc)', '', 'no group'],
    ['\\(doc\\)', '', 'no group'],
    ['doc→(.*)', '', 'contains "→", which is no single byte'],
    ['(x)', 'g', 'unknown flags "g"'],
  ])('is refused as /%s/%s', (source, flags, message) => {
    expect(() => compilePattern(source, flags)).toThrow(PatternError);
    expect(() => compilePattern(source, flags)).toThrow(message);
  });

  it.each([
    ['notification\\.sent .*doc=(\\S+)', 'notification.sent '],
    ['"doc":"([^"]+)"', '"doc":"'],
    ['{"id":"(.*)"', '{"id":"'],
    ['abc?d(.)', 'ab'],
    ['abc+d(.)', 'abc'],
    ['abc{2}d(.)', 'abccd'],
    ['abc{0}d(.)', 'abd'],
    ['a(?:b)c(?:d|e)(.)', 'abc'],
    ['(x|y)z|long literal', ''],
    ['(sent)ence (.)', 'sentence '],
    ['(sent|skipped)! (.)', '! '],
    ['[|(]ab(.)', 'ab'],
    ['a\\u0041bc(.)', 'aAbc'],
    ['a\\bbcd(.)', 'abcd'],
    ['[ab]cd(.)', 'cd'],
    ['ab.?c(?<d>.)\\1', 'ab'],
    ['\\x41\\x42(.)', 'AB'],
    ['(.)', ''],
  ])('of source %j requires %j', (source, literal) => {
    expect(requiredLiteral(source)).toBe(literal);
  });

  it('never requires what a match can do without', () => {
    const groups = ['(a)', '(?:b|a)', '[ab]', '(?=a)'];
    const atom = fc.constantFrom('a', 'b', '.', '\\.', '\\x61', '\\b', '$', '^', '|', '{', '}', ...groups);
    const quantifier = fc.constantFrom('', '', '', '*', '+', '?', '{0}', '{2}', '{0,1}', '+?', '*?');
    const sources = fc
      .array(fc.tuple(atom, quantifier), { maxLength: 5 })
      .map((parts) => `${parts.flat().join('')}(.?)`);
    fc.assert(
      fc.property(
        sources,
        fc.string({ unit: fc.constantFrom('a', 'b', '.', '{', '}'), maxLength: 8 }),
        (source, line) => {
          let expression: RegExp;
          try {
            expression = new RegExp(source);
          } catch {
            return;
          }
          const certain = !expression.test(line) || line.includes(requiredLiteral(source));
          expect(certain, `${source} on ${line}`).toBe(true);
        },
      ),
      { numRuns: 5000 },
    );
  });

  it.each([
    // What decides is right before the group, which takes all that it can, and what may follow is one character.
    [
      'notification\\.sent doc=(\\S+)',
      { marker: 'notification.sent doc=', uuid: 'perhaps', bytesMin: 1, bytesMax: 256 },
    ],
    ['doc=([0-9a-f-]{36})(?: |$)', { uuid: 'perhaps', bytesMin: 36, bytesMax: 36, lineEndFollowsId: true }],
    ['doc=([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})', { uuid: 'always' }],
    ['"id":"([^"]+)"', { marker: '"id":"', uuid: 'perhaps', lineEndFollowsId: false }],
    ['id=(\\d+)(?!\\w)', { uuid: 'never', lineEndFollowsId: true }],
    ['\\bid=(\\w*)', { bytesMin: 0 }],
    ['(?<![\\w.-])id=(.*)$', { bytesMax: 256 }],
    ['.*;id=([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})', { marker: ';id=', uuid: 'always' }],
    ['.*id=(\\w+).*', { marker: 'id=', uuid: 'never' }],
    ['.*?\\bid=([^ ]+)(?= |$).*', { marker: 'id=', uuid: 'perhaps' }],
    // Only a run can tell, of lines with the marker.
    ['id=(\\w+?)', { marker: 'id=', bytesMax: 0 }],
    ['id=(\\w+) ms=', { marker: ' ms=', bytesMax: 0 }],
    ['^id=(\\w+)', { marker: 'id=', bytesMax: 0 }],
    ['x?id=(\\w+)', { marker: 'id=', bytesMax: 256 }],
    ['x+id=(\\w+)', { marker: 'id=', bytesMax: 0 }],
    ['id=(\\w+).+', { marker: 'id=', bytesMax: 0 }],
    ['(?:xy)*id=(\\w+)', { marker: 'id=', bytesMax: 0 }],
    ['.*a([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})', { marker: 'a', bytesMax: 0 }],
    ['.*id=(\\S+)', { marker: 'id=', bytesMax: 0 }],
    ['^.*id=(\\w+)', { marker: 'id=', bytesMax: 0 }],
    ['(?:x?)id=(\\w+)', { marker: 'id=', bytesMax: 0 }],
    ['(id)=(\\w+)', { marker: 'id=', bytesMax: 0 }],
    ['id=(\\w+|-)', { marker: 'id=', bytesMax: 0 }],
    ['id=(a\\w+)', { marker: 'id=a', bytesMax: 0 }],
    ['id=(\\w+)(?=ab)', { marker: 'id=', bytesMax: 0 }],
    ['id=([0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12})', { marker: 'id=', bytesMax: 0 }],
    ['(\\w+)', undefined],
    [`${'x'.repeat(65)}(\\w+)`, { marker: 'x'.repeat(64), bytesMax: 0 }],
  ])('%j leaves to the core: %j', (source, expected) => {
    const { literal } = analysePattern(source, '');
    if (expected === undefined) return expect(literal).toBeUndefined();
    const { marker, ...others } = literal!;
    return expect({ ...others, marker: latin1(marker, 0, marker.length) }).toMatchObject(expected);
  });
});
