import { describe, expect, it } from 'vitest';
import { XmlError } from '../../../engines/xml/error.ts';
import { defaultLimits, type XmlLimits } from '../../../engines/xml/limits.ts';
import { RecordReader } from '../../../engines/xml/reader.ts';
import { errorOf } from './errors.ts';

/** Pushes a beginning and then the same bytes for ever. Returns the error, and how many bytes it took to see it. */
function flood(beginning: string, repeated: string, limits?: Partial<XmlLimits>): { error: XmlError; bytes: number } {
  const reader = new RecordReader({ tag: 'item', ...(limits ? { limits } : {}), onRecord: () => {} });
  const chunk = Buffer.from(repeated.repeat(Math.ceil(32_768 / repeated.length)));
  let bytes = 0;
  try {
    reader.push(Buffer.from(beginning));
    for (; bytes < 256 * 1024 * 1024; bytes += chunk.length) reader.push(chunk);
  } catch (error) {
    if (error instanceof XmlError) return { error, bytes };
    throw error;
  }
  throw new Error('nothing was refused');
}

const mega = 1024 * 1024;

describe('what never ends is refused before it fills the memory', () => {
  it.each<[what: string, beginning: string, repeated: string, message: string, bytesMax: number, column: number]>([
    ['a DOCTYPE', '<!DOCTYPE r [', '<!ENTITY a "aaaaaaaaaaaa">', 'DOCTYPE is refused', mega, 1],
    ['nesting', '<r>', '<a>', 'nested deeper than 256', mega, 769],
    ['nesting inside a record', '<item>', '<a>', 'nested deeper than 256', mega, 772],
    ['attributes', '<r', ' a="1"', 'more than 256 attributes', mega, 1],
    ['a name', '<', 'a', 'a name is longer than 1024 characters', mega, 1],
    ['an attribute’s name', '<r ', 'a', 'a name is longer', mega, 1],
    ['an end tag’s name', '<r></', 'a', 'a name is longer', mega, 4],
    ['an instruction’s name', '<r><?', 'a', 'a name is longer', mega, 4],
    ['a reference', '<r>&', 'a', 'a name is longer', mega, 1],
    ['an attribute’s value', '<r a="', 'x', 'longer than 4194304 characters', 6 * mega, 1],
    ['text', '<item>', 'x', 'longer than 4194304 characters', 6 * mega, 1],
    ['text outside records', '<r>', 'x', 'longer than 4194304 characters', 6 * mega, 1],
    ['white space behind the root', '<r/>', ' ', 'longer than 4194304 characters', 6 * mega, 1],
    ['references in text', '<r>', '&amp;', 'longer than 4194304 characters', 24 * mega, 1],
    ['a comment', '<r><!--', 'x', 'longer than 4194304 characters', 6 * mega, 4],
    ['CDATA', '<r><![CDATA[', 'x', 'longer than 4194304 characters', 6 * mega, 4],
    ['an instruction', '<r><?a ', 'x', 'longer than 4194304 characters', 6 * mega, 4],
    ['a record', '<r><item>', '<a>text</a>', 'a record is longer than 16777216 characters', 18 * mega, 4],
  ])('%s', (_, beginning, repeated, message, bytesMax, column) => {
    const { error, bytes } = flood(beginning, repeated);
    expect(error.message).toContain(message);
    expect(bytes).toBeLessThan(bytesMax);
    expect(error).toMatchObject({ line: 1, column, byte: column - 1 });
  });
});

describe('what is held of open elements', () => {
  const value = 'v'.repeat(64 * 1024);

  it.each<[what: string, pieces: (i: number) => string, message: string, line: number]>([
    ['attributes of one', (i) => `${i === 0 ? '<r>\n<a' : ''} a${i}="${value}"`, 'the attributes of an element', 2],
    ['attributes of a record', (i) => `${i === 0 ? '<r>\n<item' : ''} a${i}="${value}"`, 'the attributes of', 2],
    ['with references', (i) => `${i === 0 ? '<r>\n<a' : ''} a${i}="${value}&amp;"`, 'the attributes of', 2],
    ['attributes of many', () => `<a a="${value}">\n`, 'the start tags of the open elements', 16],
  ])('is refused before it fills the memory: %s', (_, piece, message, line) => {
    const reader = new RecordReader({ tag: 'item', limits: { recordCharsMax: mega }, onRecord: () => {} });
    let error: unknown;
    let pieces = 0;
    try {
      while (pieces < 100) reader.push(Buffer.from(piece(pieces++)));
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ line, column: 1, message: expect.stringContaining(message) });
    expect(pieces).toBeLessThan(18);
  });
});

describe('a limit', () => {
  const limits = { depthMax: 3, attributesMax: 2, nameCharsMax: 5, textCharsMax: 10, recordCharsMax: 60 };
  const refused = (text: string): string | undefined => errorOf(Buffer.from(text), 'item', [], { limits })?.message;

  it.each<[what: string, allowed: string, tooMuch: string, message: string]>([
    ['of depth', '<r><a><b/></a></r>', '<r><a><b><c/></b></a></r>', 'deeper than 3'],
    ['of attributes', '<r a="" b=""/>', '<r a="" b="" c=""/>', 'more than 2 attributes'],
    ['of attributes inside', '<r><c a="" b=""/></r>', '<r><c a="" b="" c=""/></r>', 'more than 2 attributes'],
    ['of a name', '<abcde/>', '<abcdef/>', 'a name is longer than 5'],
    ['of a name inside', '<r><abcde/></r>', '<r><abcdef/></r>', 'a name is longer than 5'],
    ['of a long name inside', '<r><abcde/></r>', '<r><abcdefghi/></r>', 'a name is longer than 5'],
    ['of an attribute’s name', '<r abcde=""/>', '<r abcdef=""/>', 'a name is longer than 5'],
    ['of an attribute’s name inside', '<r><c abcde=""/></r>', '<r><c abcdef=""/></r>', 'a name is longer than 5'],
    ['of an end tag’s name', '<abcde></abcde>', '<a></abcdef>', 'a name is longer than 5'],
    ['of a text', '<r>0123456789</r>', '<r>0123456789a</r>', 'longer than 10'],
    ['of a value', '<r a="0123456789"/>', '<r a="0123456789a"/>', 'longer than 10'],
    ['of a value inside', '<r><c a="0123456789"/></r>', '<r><c a="0123456789a"/></r>', 'longer than 10'],
    ['of a value with references', '<r a="012345678&amp;"/>', '<r a="0123456789&amp;"/>', 'longer than 10'],
    ['of a text with references', '<r>012345678&amp;</r>', '<r>0123456789&amp;</r>', 'longer than 10'],
    ['of CDATA', '<r><![CDATA[0123456789]]></r>', '<r><![CDATA[0123456789a]]></r>', 'longer than 10'],
    ['of a record', `<item>${'<a/>'.repeat(11)}   </item>`, `<item>${'<a/>'.repeat(12)}</item>`, 'longer than 60'],
  ])('%s is met exactly', (_, allowed, tooMuch, message) => {
    expect(refused(allowed)).toBeUndefined();
    expect(refused(tooMuch)).toContain(message);
  });

  it.each<[what: string, allowed: string, tooMuch: string, message: string]>([
    [
      'of one',
      '<r><b c="vvvvvvvvvvvvvvvvv"/></r>',
      '<r><b c="vvvvvvvvvvvvvvvvvv"/></r>',
      'the start tags of the open elements',
    ],
    [
      'of one beyond ASCII',
      '<r é="vvvvvvvvvvvvvvvvvv"/>',
      '<r é="vvvvvvvvvvvvvvvvvvv"/>',
      'the start tags of the open elements',
    ],
    ['of attributes', '<r é="vvvvvvvvvvvvvvvvvv"/>', '<r é="vvvvvvvvvvvvvvvvvvvv"/>', 'the attributes of an element'],
    [
      'of many',
      '<r a="vvvvvvv"><b/><b c="vvvvvvvvv"/></r>',
      '<r a="vvvvvvv"><b><b c="vvvvvvvvv"/></b></r>',
      'the start tags',
    ],
    [
      'around records',
      '<r a="vvvvvvv"><b c="vvvvvvvvv"><item/></b></r>',
      '<r a="vvvvvvv"><b c="vvvvvvvvvv"/></r>',
      'the start tags',
    ],
  ])('of what is held is met exactly, wherever the file is split: %s', (_, allowed, tooMuch, message) => {
    const held = { ...limits, textCharsMax: 100, recordCharsMax: 20 };
    expect(errorOf(Buffer.from(allowed), 'item', [], { limits: held })).toBeUndefined();
    const file = Buffer.from(tooMuch);
    const error = errorOf(file, 'item', [], { limits: held });
    expect(error?.message).toContain(message);
    for (let at = 1; at < file.length; at++) expect(errorOf(file, 'item', [at], { limits: held })).toEqual(error);
  });

  it.each([
    ['<r><a></a>', 7],
    ['<r><a></a >', 7],
    ['<r><a/>', 4],
    ['<r><a x="1" />', 4],
    ['<r>\u20ac<!-- -->', 5],
    ['<r><é:item></é:item>', 12],
  ])('of a text is said at the tag or other markup before it: %s', (before, column) => {
    const byte = Buffer.byteLength(before.slice(0, column - 1));
    const file = Buffer.from(`${before}01234567890</r>`);
    expect(errorOf(file, 'item', [], { limits: { textCharsMax: 10 } })).toMatchObject({ line: 1, column, byte });
  });

  it('of none allows none', () => {
    const none = (text: string) => errorOf(Buffer.from(text), 'item', [], { limits: { attributesMax: 0 } })?.message;
    expect(none('<r><c/></r>')).toBeUndefined();
    expect(none('<r a=""/>')).toContain('more than 0 attributes');
    expect(none('<r><c a=""/></r>')).toContain('more than 0 attributes');
  });

  it('is met at the same place wherever the file is split and however it is read', () => {
    const small = { ...limits, nameCharsMax: 100, textCharsMax: 70_000, recordCharsMax: 100_000 };
    const documents = [
      `<r><item/>${'<item>x</item>'.repeat(9000)}<item>${'<a>x</a>'.repeat(13_000)}</item></r>`,
      `<r>${'<item>x</item>'.repeat(5000)}${'x'.repeat(70_001)}<item/></r>`,
      `<r>${'<item>x</item>'.repeat(5000)}<item>${'x'.repeat(70_001)}</item></r>`,
      `<r>${'<item>x</item>'.repeat(5000)}<!--${'x'.repeat(140_000)}--><item/></r>`,
    ];
    for (const document of documents) {
      const file = Buffer.from(document);
      const whole = errorOf(file, 'item', [], { limits: small });
      expect(whole?.message).toContain('is longer than');
      for (const offsets of [[40_000], [63_000, 65_000, 66_000], [file.length - 60_000, file.length - 10]]) {
        for (const pushBytes of [1000, 65_536]) {
          expect(errorOf(file, 'item', offsets, { limits: small, pushBytes })).toEqual(whole);
        }
      }
    }
  });

  it('that is not given is the default', () => {
    expect(defaultLimits.depthMax).toBe(256);
    const deep = (depth: number) => Buffer.from('<a>'.repeat(depth) + '</a>'.repeat(depth));
    expect(errorOf(deep(256), 'item', [], { limits: { attributesMax: 1 } })).toBeUndefined();
    expect(errorOf(deep(257), 'item', [], { limits: { attributesMax: 1 } })?.message).toContain('deeper than 256');
  });
});
