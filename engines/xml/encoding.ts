import { XmlError } from './error.ts';

/** As IANA names them. */
export type Encoding = 'UTF-8' | 'UTF-16LE' | 'UTF-16BE' | 'US-ASCII' | 'ISO-8859-1';

export interface Sniffed {
  readonly encoding: Encoding;
  /** Length of the byte order mark: where the document begins. */
  readonly markBytes: number;
}

/** Bytes of a file's beginning that are enough for `sniff`; a file may be shorter. */
export const headBytes = 1024;

/**
 * The encoding of a document by its byte order mark or, without one, its XML declaration (XML 1.0, appendix F); UTF-8
 * when both are silent. `head`: the file's first `headBytes` bytes, or all that it has. Throws an XmlError that names
 * an encoding that is none of the five, or a declaration that contradicts the mark.
 */
export function sniff(head: Uint8Array): Sniffed {
  const [a, b, c, d] = head;
  if (a === 0xff && b === 0xfe && !(c === 0 && d === 0)) return declared(head, 'UTF-16LE', 2);
  if (a === 0xfe && b === 0xff) return declared(head, 'UTF-16BE', 2);
  if (a === 0xef && b === 0xbb && c === 0xbf) return declared(head, 'UTF-8', 3);
  if (a === 0 || b === 0 || (a === 0xff && b === 0xfe)) {
    const utf16 = (a === 0 && b === 0x3c) || (a === 0x3c && b === 0 && c !== 0);
    throw new XmlError(
      utf16
        ? 'looks like UTF-16 without its byte order mark: add the mark, or convert the file to UTF-8'
        : 'looks like UTF-32, or is no text: convert the file to UTF-8',
      { line: 1, column: 1, byte: 0 },
    );
  }
  return declared(head, undefined, 0);
}

/** Bytes of one code unit: a range or cut begins at a multiple of it. */
export function unitBytes(encoding: Encoding): 1 | 2 {
  return encoding === 'UTF-16LE' || encoding === 'UTF-16BE' ? 2 : 1;
}

const declaration = /^<\?xml[ \t\r\n][^>]*?[ \t\r\n]encoding[ \t\r\n]*=[ \t\r\n]*(?:"([^"<>?]*)"|'([^'<>?]*)')/;

const known: Readonly<Record<string, Encoding | 'UTF-16'>> = {
  'utf-8': 'UTF-8',
  utf8: 'UTF-8',
  'utf-16': 'UTF-16',
  'utf-16le': 'UTF-16LE',
  'utf-16be': 'UTF-16BE',
  'us-ascii': 'US-ASCII',
  ascii: 'US-ASCII',
  'iso-8859-1': 'ISO-8859-1',
  latin1: 'ISO-8859-1',
};

function declared(head: Uint8Array, marked: Encoding | undefined, markBytes: number): Sniffed {
  const width = marked === undefined ? 1 : unitBytes(marked);
  const match = declaration.exec(asciiOf(head.subarray(markBytes, headBytes), width, marked === 'UTF-16BE' ? 1 : 0));
  const name = match?.[1] ?? match?.[2];
  const fallback = { encoding: marked ?? 'UTF-8', markBytes } as const;
  if (match === null || name === undefined) return fallback;
  const at = match[0].length - name.length - 1;
  const place = { line: 1 + lineEnds(match[0].slice(0, at)), column: columnOf(match[0].slice(0, at)), byte: 0 };
  const refuse = (message: string) => new XmlError(message, { ...place, byte: markBytes + at * width });
  const encoding = Object.hasOwn(known, name.toLowerCase()) ? known[name.toLowerCase()] : undefined;
  if (encoding === undefined) {
    throw refuse(
      `encoding "${name}" is not supported: convert the file to UTF-8, or use UTF-16, US-ASCII or ISO-8859-1`,
    );
  }
  if (marked === undefined) {
    if (encoding.startsWith('UTF-16')) {
      throw refuse(`encoding "${name}" is declared and there is no byte order mark: the file is not what it says`);
    }
    return { encoding: encoding as Encoding, markBytes };
  }
  if (encoding !== marked && !(encoding === 'UTF-16' && width === 2)) {
    throw refuse(`encoding "${name}" is declared and the byte order mark says ${marked}: make them agree`);
  }
  return fallback;
}

/** Every `width`th byte as a character, up to the first `>`. */
function asciiOf(bytes: Uint8Array, width: 1 | 2, first: number): string {
  let text = '';
  for (let at = first; at < bytes.length && !text.endsWith('>'); at += width) text += String.fromCharCode(bytes[at]!);
  return text;
}

function lineEnds(text: string): number {
  return text.match(/\r\n|\r|\n/g)?.length ?? 0;
}

function columnOf(text: string): number {
  return text.length - Math.max(text.lastIndexOf('\n'), text.lastIndexOf('\r'));
}
