import { describe, expect, it } from 'vitest';
import { headBytes, sniff } from '../../../engines/xml/encoding.ts';
import { XmlError } from '../../../engines/xml/error.ts';
import { encode } from './documents.ts';
import { read } from './split.ts';

const declaration = (name: string): string => `<?xml version='1.0'\n encoding = '${name}' standalone="yes"?>\n<r/>`;

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
    [
      'not what the root says',
      Buffer.from('<?xml version="1.0"?><r encoding="x"/>'),
      { encoding: 'UTF-8', markBytes: 0 },
    ],
  ])('is %s', (_, file, expected) => {
    expect(sniff(file.subarray(0, headBytes))).toEqual(expected);
  });

  it.each<[string, Uint8Array, string, number]>([
    ['another one', Buffer.from(declaration('windows-1252')), 'encoding "windows-1252" is not supported', 33],
    ['one called like a method', Buffer.from(declaration('toString')), 'encoding "toString" is not supported', 33],
    ['UTF-16 without a mark', encode('<r/>', 'UTF-16LE', false), 'UTF-16 without its byte order mark', 0],
    ['UTF-16 declared in bytes', Buffer.from(declaration('UTF-16')), 'there is no byte order mark', 33],
    ['UTF-32', Buffer.from([0xff, 0xfe, 0, 0, 0x3c, 0, 0, 0]), 'UTF-32', 0],
    ['UTF-32, big-endian', Buffer.from([0, 0, 0xfe, 0xff]), 'UTF-32', 0],
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

  it('decides what bytes mean: ISO-8859-1 is not Windows-1252', () => {
    const file = Buffer.from('<?xml version="1.0" encoding="ISO-8859-1"?><r>\xe9\x80\xff</r>', 'latin1');
    expect(read(file, 'r')[0]!.element.children).toEqual(['\u00e9\u0080\u00ff']);
  });
});
