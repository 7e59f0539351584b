import { test } from '@fast-check/vitest';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Encoding } from '../../../engines/xml/encoding.ts';
import { placeText, XmlError } from '../../../engines/xml/error.ts';
import { encode, trickyDocument } from './documents.ts';
import { errorOf } from './errors.ts';

/** A document with a fault: the message, and after a `^` the character at which it is, or the end of the file. */
const faults: readonly (readonly [what: string, document: string, message: string])[] = [
  ['an end tag of another element', '<r>\n <a><b>^</a></b></r>', '</a> closes nothing: <b> is open, and </b> is due'],
  ['an end tag too many', '<r/>^</r>', '</r> closes nothing: no element is open'],
  ['an element that does not end', '<r><a></a>^', '<r> is not closed when the document ends'],
  ['a second root', '<r/><r^>', 'a second root element'],
  ['text before the root', 'text^<r/>', 'text outside the root element'],
  ['text behind the root', '<r/>text^', 'text outside the root element'],
  ['no root', '<!-- nothing -->^', 'there is no root element'],
  ['an empty file', '^', 'there is no root element'],
  ['an attribute twice', '<r a="1"\n  b="2" a="3"^>', 'attribute a is given twice: give it once'],
  ['an attribute twice in a plain tag', '<r><a b="1" b="2"^></a></r>', 'attribute b is given twice'],
  ['an attribute without a value', '<r a^>', 'an attribute without a value'],
  ['an attribute without quotes', '<r a=^1>', 'an attribute’s value begins with "1"'],
  ['attributes without a space', '<r a="1"^b="2"/>', 'two attributes without a space'],
  ['< in an attribute', '<r>\r\n<a b="x^<y"/></r>', 'a < stands in an attribute value: write &lt;'],
  ['a name that begins with a digit', '<r><^1/></r>', '< is followed by "1" and begins no tag'],
  ['a name with what no name has', '<r><a^\u{f0000}/></r>', 'U+F0000 can be no part of a tag’s name'],
  ['a plain < at the end of a line', '<r>1 <\n^ 2</r>', '< is followed by U+000A and begins no tag'],
  ['a plain < at the end of another', '<r>1 <\r\n^ 2</r>', '< is followed by U+000A and begins no tag'],
  ['a plain <', '<r>1 <^ 2</r>', '< is followed by U+0020 and begins no tag'],
  ['a plain &', '<r>a &^ b;</r>', '& begins no reference'],
  ['a reference that does not end', '<r a="\u{1f600}&\u{1f600}amp^"/>', '& begins no reference'],
  ['an entity', '<r>&nbsp^;</r>', 'a reference to an undefined entity'],
  ['a character that no document may hold', '<r>&#x1^;</r>', 'a reference to a character that may stand in no'],
  ['a control character', '<r>\u20ac\u{1f600}^\u0001</r>', 'U+0001 may stand in no XML document'],
  ['a character beyond Unicode’s characters', '<r>^\uffff</r>', 'U+FFFF may stand in no XML document'],
  [']]> in text', '<r>a]]^></r>', ']]> stands in text: write ]]&gt;'],
  ['two dashes in a comment', '<r><!-- a --^ b --></r>', '-- stands inside a comment'],
  ['a comment that does not end', '<r><!-- a </r>^', '<r> is not closed when the document ends'],
  ['CDATA that does not end', '<r><![CDATA[ a </r>^', '<r> is not closed when the document ends'],
  ['an instruction without a name', '<r><?^ a?></r>', '<? is followed by no name'],
  [
    'an XML declaration inside',
    '<r>\n<?xml^ version="1.0"?></r>',
    'an XML declaration that is not at the very beginning',
  ],
  [
    'a space before the XML declaration',
    ' <?xml^ version="1.0"?><r/>',
    'an XML declaration that is not at the very beginning',
  ],
  ['XML 1.1', '^<?xml version="1.1"?><r/>', 'XML version 1.1 is not supported'],
  ['a DOCTYPE', '<!-- a -->\n^<!DOCTYPE r><r/>', 'DOCTYPE is refused'],
  ['an entity bomb', '^<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><r>&b;</r>', 'DOCTYPE is refused'],
  ['a DOCTYPE inside', '<r><!DOCTYP^E r></r>', 'DOCTYPE is refused'],
  ['a ? behind an instruction’s name', '<r><?a?^b?></r>', 'a ? stands behind the name of a processing instruction'],
  ['two ? behind an instruction’s name', '<r><?a?^?></r>', 'a ? stands behind the name of a processing instruction'],
  ['a reference to what is no character', '<r>&a^\uffff;</r>', 'no reference'],
  ['something else behind <!', '<r><!ELEMEN^T a></r>', '<! begins neither a comment nor CDATA'],
  ['a / that is not the end', '<r/^ >', 'a / inside a tag that does not end there'],
];

describe('a malformed document', () => {
  it.each(faults)('is refused at its first fault: %s', (_, marked, message) => {
    const document = marked.replace('^', '');
    const before = marked.slice(0, marked.indexOf('^'));
    const lines = before.split(/\r\n|\r|\n/);
    for (const encoding of ['UTF-8', 'UTF-16LE', 'UTF-16BE'] as const) {
      const file = encode(document, encoding);
      const place = {
        line: lines.length,
        column: [...lines.at(-1)!].length + 1,
        byte: encode(before, encoding).length,
      };
      const error = errorOf(file, 'item', []);
      expect(error, encoding).toMatchObject(place);
      expect(error!.message).toContain(message);
      for (const pushBytes of [1, 2, 3]) expect(errorOf(file, 'item', [], { pushBytes })).toEqual(error);
    }
  });

  it('is refused for a second byte order mark, which is a character as any other', () => {
    for (const encoding of ['UTF-8', 'UTF-16LE', 'UTF-16BE'] as const) {
      const file = encode('\ufeff<r/>', encoding, true);
      const error = errorOf(file, 'item', []);
      expect(error).toMatchObject({ line: 1, column: 2, byte: encode('\ufeff', encoding, true).length });
      expect(error!.message).toContain('text outside the root element');
    }
  });

  it.each<[string, Uint8Array, number, number, string]>([
    ['half a character at the end', Buffer.from('<r>\n\xe2\x82', 'latin1'), 4, 1, 'the file ends inside a character'],
    [
      'a byte that begins none',
      Buffer.from('<r>\u20acab\xff</r>'.replace('\u20ac', '\xe2\x82\xac'), 'latin1'),
      8,
      7,
      '0xff',
    ],
    ['a character cut short', Buffer.from('<r>\xe2\x82</r>', 'latin1'), 3, 4, '0xe2'],
    ['a longer form of a character', Buffer.from('<r>\xc0\x80</r>', 'latin1'), 3, 4, '0xc0'],
    ['the other half', encode('<r>\udc00\udc00</r>', 'UTF-16LE'), 8, 4, 'a lone surrogate 0xdc00'],
    ['half a surrogate pair', encode('<r>\ud83d</r>', 'UTF-16LE'), 8, 4, 'a lone surrogate 0xd83d'],
    ['an odd byte at the end', Buffer.concat([encode('<r/>', 'UTF-16BE'), Buffer.from([0])]), 10, 5, 'ends inside'],
    [
      'the first beyond US-ASCII',
      Buffer.from('<?xml version="1.0" encoding="US-ASCII"?><r>\x80</r>', 'latin1'),
      44,
      45,
      '0x80',
    ],
    ['é in US-ASCII', Buffer.from('<?xml version="1.0" encoding="US-ASCII"?><r>\xe9</r>', 'latin1'), 44, 45, '0xe9'],
  ])('is refused at the first byte that is no character: %s', (_, file, byte, column, message) => {
    const error = errorOf(file, 'item', []);
    expect(error).toMatchObject({ byte, column });
    expect(error!.message).toContain(message);
    expect(errorOf(file, 'item', [], { pushBytes: 1 })).toEqual(error);
  });

  it.each<[Encoding, Uint8Array]>([
    ['UTF-8', Buffer.from([0xff])],
    ['UTF-16LE', Buffer.from([0x00, 0xdc])],
    ['UTF-16BE', Buffer.from([0xdc, 0x00])],
  ])('is read up to the first byte that is no character, in a later piece too: %s', (encoding, bad) => {
    const begin = encode(`<r>${'<item a="b">text&amp;\u20ac</item>\n'.repeat(5000)}<!-- x --><item/>`, encoding);
    const file = Buffer.concat([begin, bad, encode('<item/></r>', encoding, false)]);
    expect(errorOf(file, 'item', [])).toMatchObject({ records: 5001, byte: begin.length, line: 5001 });
  });

  const encodings: readonly Encoding[] = ['UTF-8', 'UTF-16LE', 'UTF-16BE'];

  test.prop(
    [
      fc.nat(),
      fc.constantFrom(...encodings),
      fc.nat(),
      fc.constantFrom(
        '<',
        '>',
        '&',
        '"',
        "'",
        '</x>',
        '<item>',
        '</item>',
        '-->',
        '<!--',
        ']]>',
        '\u0001',
        '<!DOCTYPE x>',
        '',
      ),
      fc.nat({ max: 40 }),
      fc.array(fc.nat(), { minLength: 1, maxLength: 10 }),
      fc.constantFrom(1, 7, 100, 1 << 20),
    ],
    { numRuns: 300 },
  )(
    'has the same error at the same place, after the same records, however it is split and read',
    (seed, encoding, where, inserted, removed, splits, pushBytes) => {
      const text = trickyDocument(seed, 1500);
      const at = where % text.length;
      const file = encode(text.slice(0, at) + inserted + text.slice(at + removed), encoding);
      const whole = errorOf(file, 'item', []);
      const offsets = [...new Set(splits.map((split) => 1 + (split % (file.length - 1))))].sort((a, b) => a - b);
      expect(errorOf(file, 'item', offsets, { pushBytes })).toEqual(whole);
      expect(errorOf(file, 'item', [], { pushBytes })).toEqual(whole);
    },
  );

  it.each([
    '<item/>\n<item/>',
    '<item><a/></item><!-- --><item>\n</item>',
    '<a/><item/>',
    '<!-- --><a/><item/>',
    '<item/></item><item/>',
  ])('has one root, wherever it is split: %s', (text) => {
    const file = Buffer.from(text);
    const whole = errorOf(file, 'item', []);
    expect(whole).toBeDefined();
    for (let at = 1; at < file.length; at++) expect({ at, ...errorOf(file, 'item', [at]) }).toEqual({ at, ...whole });
  });

  it('is named with its place by whoever knows the file', () => {
    expect(placeText(new XmlError('x', { line: 3, column: 14, byte: 159 }))).toBe('line 3, column 14, byte 159');
  });
});
