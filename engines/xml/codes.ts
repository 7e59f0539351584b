import { unitBytes, type Encoding } from './encoding.ts';

const [slash, colon, less, greater] = [0x2f, 0x3a, 0x3c, 0x3e] as const;

/**
 * UTF-16 as one byte for each code unit: ASCII as it is, what continues a character 0x80, anything else 0xc0; so the
 * bytes below 0x80 and those of the form 10xxxxxx mean what they mean in UTF-8.
 */
export function narrowed(bytes: Uint8Array, encoding: Encoding): Uint8Array {
  const codes = new Uint8Array(bytes.length >>> 1);
  const [low, high] = encoding === 'UTF-16LE' ? [0, 1] : [1, 0];
  for (let i = 0; i < codes.length; i++) {
    const top = bytes[2 * i + high]!;
    const bottom = bytes[2 * i + low]!;
    codes[i] = top === 0 && bottom < 0x80 ? bottom : (top & 0xfc) === 0xdc ? 0x80 : 0xc0;
  }
  return codes;
}

/** Whether each byte is a character. */
export function isSingleByte(encoding: Encoding): boolean {
  return encoding === 'US-ASCII' || encoding === 'ISO-8859-1';
}

/** Bytes that are a name in this encoding, narrowed; undefined when it cannot be written in it. */
export function encodedName(name: string, encoding: Encoding): Uint8Array | undefined {
  if (encoding === 'UTF-8') return new TextEncoder().encode(name);
  const units = Uint16Array.from({ length: name.length }, (_, i) => name.charCodeAt(i));
  if (unitBytes(encoding) === 2) return narrowed(new Uint8Array(units.buffer), 'UTF-16LE');
  const most = encoding === 'US-ASCII' ? 0x7f : 0xff;
  return units.every((unit) => unit <= most) ? Uint8Array.from(units) : undefined;
}

/** Some whole characters as text. What is no character becomes U+FFFD: the reader of these bytes refuses them. */
export function decoded(bytes: Uint8Array, encoding: Encoding): string {
  switch (encoding) {
    case 'UTF-8':
    case 'US-ASCII':
      return utf8.decode(bytes);
    case 'ISO-8859-1':
      return String.fromCharCode(...bytes);
    case 'UTF-16LE':
      return utf16le.decode(bytes);
    case 'UTF-16BE':
      return utf16le.decode(bytes.map((_, i) => bytes[i ^ 1]!));
  }
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
const utf16le = new TextDecoder('utf-16le', { ignoreBOM: true });

export function joined(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}

/** Index behind the name that begins at `from`; the codes' length when it may go on. */
export function endOfName(codes: Uint8Array, from: number): number {
  const { length } = codes;
  for (let i = from; i < length; i++) {
    const code = codes[i]!;
    if (code <= 0x20 || code === slash || code === greater || code === less) return i;
  }
  return length;
}

/** Whether a name, [from, to), is `key` or ends with it behind a prefix; as `matchesName`, but for what narrowing makes alike. */
export function isNamed(codes: Uint8Array, from: number, to: number, key: Uint8Array): boolean {
  const start = to - key.length;
  if (start < from) return false;
  if (start > from && (start === from + 1 || codes[start - 1] !== colon || key.includes(colon))) return false;
  for (let i = 0; i < key.length; i++) if (codes[start + i] !== key[i]) return false;
  return true;
}
