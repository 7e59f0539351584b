import { describe, expect, it } from 'vitest';
import { headBytes, sniff } from '../../../engines/xml/encoding.ts';
import { XmlError } from '../../../engines/xml/error.ts';
import { encode } from './documents.ts';
import { errorOf } from './errors.ts';
import { read } from './split.ts';

const declaration = (name: string): string => `<?xml version='1.0'\n encoding = '${name}' standalone="yes"?>\n<r/>`;

const plain = { encoding: 'UTF-8', markBytes: 0 };
const ascii = { encoding: 'US-ASCII', markBytes: 0 };

describe('the encoding of a file', () => {
  it.each<[string, Uint8Array, unknown]>([
    ['UTF-8 when nothing says otherwise', Buffer.from('<r/>'), { encoding: 'UTF-8', markBytes: 0 }],
    ['UTF-8 of an empty file', Buffer.from(''), { encoding: 'UTF-8', markBytes: 0 }],
    ['UTF-8 with its mark', encode('<r/>', 'UTF-8', true), { encoding: 'UTF-8', markBytes: 3 }],
    ['UTF-16 by its mark', encode('<r/>', 'UTF-16LE'), { encoding: 'UTF-16LE', markBytes: 2 }],
    ['UTF-16 that says so', encode(declaration('utf-16'), 'UTF-16BE'), { encoding: 'UTF-16BE', markBytes: 2 }],
    ['what is declared', Buffer.from(declaration('ISO-8859-1')), { encoding: 'ISO-8859-1', markBytes: 0 }],
    ['in any case', Buffer.from(declaration('us-Ascii')), { encoding: 'US-ASCII', markBytes: 0 }],
    ['not what a comment says', Buffer.from(`<!-- ${declaration('x')} -->`), { encoding: 'UTF-8', markBytes: 0 }],
    ['not what the root says', Buffer.from('<?xml version="1.0"?><r encoding="x"/>'), plain],
    ['not what an instruction says', Buffer.from('<?xml-stylesheet href="" encoding="x"?><r/>'), plain],
    ['not what another word says', Buffer.from('<?xml version="1.0" noencoding="x"?><r/>'), plain],
    ['what is declared in double quotes', Buffer.from('<?xml version="1.0" encoding="ASCII" standalone="no"?>'), ascii],
    ['what is declared in single ones', Buffer.from("<?xml version='1.0' encoding='ASCII' standalone='no'?>"), ascii],
    ['by another name', Buffer.from(declaration('utf8')), plain],
    ['by yet another', Buffer.from(declaration('latin1')), { encoding: 'ISO-8859-1', markBytes: 0 }],
    ['UTF-16LE that says so', encode(declaration('UTF-16LE'), 'UTF-16LE'), { encoding: 'UTF-16LE', markBytes: 2 }],
    ['UTF-16BE that says so', encode(declaration('UTF-16BE'), 'UTF-16BE'), { encoding: 'UTF-16BE', markBytes: 2 }],
    ['UTF-16 before any character', encode('\u0100<r/>', 'UTF-16LE'), { encoding: 'UTF-16LE', markBytes: 2 }],
    ['UTF-8 with a third of its mark', Buffer.from([0xef, 0x3c]), plain],
    ['UTF-8 with two thirds of it', Buffer.from([0xef, 0xbb, 0x3c]), plain],
    ['UTF-8 with half a mark of UTF-16', Buffer.from([0xfe, 0x3c]), plain],
    ['UTF-8 with the other half', Buffer.from([0xff, 0x3c]), plain],
  ])('is %s', (_, file, expected) => {
    expect(sniff(file.subarray(0, headBytes))).toEqual(expected);
  });

  it.each<[string, Uint8Array, string, number]>([
    ['another one', Buffer.from(declaration('windows-1252')), 'encoding "windows-1252" is not supported', 33],
    [
      'one called like a method',
      Buffer.from(declaration('constructor')),
      'encoding "constructor" is not supported',
      33,
    ],
    ['UTF-16 without a mark', encode('<r/>', 'UTF-16LE', false), 'UTF-16 without its byte order mark', 0],
    ['UTF-16 without a mark, big-endian', encode('<r/>', 'UTF-16BE', false), 'UTF-16 without its byte order mark', 0],
    ['UTF-16LE declared in bytes', Buffer.from(declaration('UTF-16LE')), 'there is no byte order mark', 33],
    ['UTF-16 declared in bytes', Buffer.from(declaration('UTF-16')), 'there is no byte order mark', 33],
    ['UTF-32', Buffer.from([0xff, 0xfe, 0, 0, 0x3c, 0, 0, 0]), 'UTF-32', 0],
    ['UTF-32, big-endian', Buffer.from([0, 0, 0xfe, 0xff]), 'UTF-32', 0],
    ['UTF-32 without a mark', Buffer.from([0x3c, 0, 0, 0]), 'UTF-32', 0],
    ['UTF-32 without a mark, big-endian', Buffer.from([0, 0, 0, 0x3c]), 'UTF-32', 0],
    ['a NUL', Buffer.from([0, 0x41]), 'or is no text', 0],
    ['a NUL behind a character', Buffer.from([0x41, 0]), 'or is no text', 0],
    [
      'UTF-16 with the mark of UTF-8',
      encode(declaration('utf-16'), 'UTF-8', true),
      'the byte order mark says UTF-8',
      36,
    ],
    ['the other end', encode(declaration('UTF-16BE'), 'UTF-16LE'), 'the byte order mark says UTF-16LE', 2 + 2 * 33],
    ['the other end yet', encode(declaration('UTF-16LE'), 'UTF-16BE'), 'the byte order mark says UTF-16BE', 2 + 2 * 33],
    ['a contradiction, big-endian', encode(declaration('UTF-8'), 'UTF-16BE'), 'mark says UTF-16BE', 2 + 2 * 33],
    ['a contradiction', encode(declaration('UTF-8'), 'UTF-16LE'), 'the byte order mark says UTF-16LE', 2 + 2 * 33],
  ])('is refused by name: %s', (_, file, message, byte) => {
    const refuse = (): unknown => read(file, 'r');
    expect(refuse).toThrow(XmlError);
    expect(refuse).toThrow(message);
    try {
      refuse();
    } catch (error) {
      expect(error).toMatchObject(byte === 0 ? { line: 1, column: 1, byte } : { line: 2, column: 14, byte });
    }
  });

  it.each([
    ['\r\n', 2, 11],
    ['\r', 2, 11],
    ['\n', 2, 11],
    ['\r\r\n', 3, 11],
    ['\t', 1, 31],
  ])('is refused where it is declared, behind %j', (space, line, column) => {
    const before = `<?xml version='1.0'${space}encoding='`;
    expect(errorOf(Buffer.from(`${before}x'?><r/>`), 'r', [])).toMatchObject({ line, column, byte: before.length });
  });

  it('is not looked for further than a splitter does', () => {
    const file = Buffer.from(`<?xml version="1.0"${' '.repeat(headBytes)}encoding="x"?><r/>`);
    expect(sniff(file)).toEqual(sniff(file.subarray(0, headBytes)));
  });

  it('decides what bytes mean: ISO-8859-1 is not Windows-1252', () => {
    const file = Buffer.from('<?xml version="1.0" encoding="ISO-8859-1"?><r>\xe9\x80\xff</r>', 'latin1');
    expect(read(file, 'r')[0]!.element.children).toEqual(['\u00e9\u0080\u00ff']);
  });
});
