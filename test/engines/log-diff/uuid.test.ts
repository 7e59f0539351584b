import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { latin1Bytes } from '../../../engines/log-diff/bytes.ts';
import { parseUuid, uuidText } from '../../../engines/log-diff/uuid.ts';

const parse = (text: string, ignoreCase = false): Uint8Array | undefined => {
  const key = new Uint8Array(16);
  return parseUuid(latin1Bytes(text), 0, text.length, key, ignoreCase) ? key : undefined;
};

describe('a UUID', () => {
  it('comes back as the text that it was, nil and max included', () => {
    const any = fc.uint8Array({ minLength: 16, maxLength: 16 });
    const edges = [new Uint8Array(16), new Uint8Array(16).fill(255)];
    const roundTrip = fc.property(any, (key) => {
      expect(parse(uuidText(key))).toEqual(key);
    });
    fc.assert(roundTrip, { examples: edges.map((key) => [key]) });
    expect(uuidText(edges[0]!)).toBe('00000000-0000-0000-0000-000000000000');
    expect(
      [...parse('01234567-89ab-cdef-0123-456789abcdef')!].map((byte) => byte.toString(16).padStart(2, '0')),
    ).toEqual([...'0123456789abcdef0123456789abcdef'.matchAll(/../g)].map(([pair]) => pair));
  });

  it('is refused when one character is anything but what the canonical form has there', () => {
    const good = '0b0e8c3e-1f2a-4b3c-8d4e-5f60718293a4';
    for (let at = 0; at < good.length; at++) {
      for (let byte = 0; byte < 256; byte++) {
        const character = String.fromCharCode(byte);
        const text = good.slice(0, at) + character + good.slice(at + 1);
        expect(parse(text) !== undefined, JSON.stringify(text)).toBe(
          good[at] === '-' ? character === '-' : /[0-9a-f]/.test(character),
        );
      }
    }
  });

  it('is not found in a text that is torn, padded by the next timestamp, or longer', () => {
    const torn = '0b0e8c3e-b5d2026-11-22T18:55:48.123Z';
    expect(torn.length).toBe(36);
    for (const text of [torn, '0b0e8c3e-1f2a-4b3c-8d4e-5f60718293a', '0b0e8c3e-1f2a-4b3c-8d4e-5f60718293a44', '']) {
      expect(parse(text), text).toBeUndefined();
    }
  });

  it('is taken in upper case only when case is ignored', () => {
    const upper = '0B0E8C3E-1F2A-4B3C-8D4E-5F60718293A4';
    expect(parse(upper)).toBeUndefined();
    expect(parse(upper, true)).toEqual(parse(upper.toLowerCase()));
  });
});
