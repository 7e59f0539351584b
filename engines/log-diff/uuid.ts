/** Characters of a UUID's text, and bytes of its key. */
export const uuidTextBytes = 36;
export const uuidKeyBytes = 16;

const dash = 45;
const digits = new TextEncoder().encode('0123456789abcdef');
/** Where the text of each key byte begins: 8-4-4-4-12. */
const places = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

const notHex = 0xff;
const canonical = new Uint8Array(256).fill(notHex);
digits.forEach((digit, value) => (canonical[digit] = value));
const anyCase = canonical.slice();
for (let value = 10; value < 16; value++) anyCase[digits[value]! - 32] = value;

/**
 * Reads the UUID (RFC 9562, section 4: 8-4-4-4-12 hexadecimal digits of any version) that is the whole of
 * bytes[start, end) into key[0, 16). Canonical means lower case; with `ignoreCase` either. Returns false, with the key
 * undefined, for anything else, so that two texts have the same key only when they are the same UUID.
 */
export function parseUuid(bytes: Uint8Array, start: number, end: number, key: Uint8Array, ignoreCase = false): boolean {
  if (end - start !== uuidTextBytes) return false;
  if (bytes[start + 8] !== dash || bytes[start + 13] !== dash) return false;
  if (bytes[start + 18] !== dash || bytes[start + 23] !== dash) return false;
  const values = ignoreCase ? anyCase : canonical;
  for (let i = 0; i < uuidKeyBytes; i++) {
    const at = start + places[i]!;
    const high = values[bytes[at]!]!;
    const low = values[bytes[at + 1]!]!;
    if (high === notHex || low === notHex) return false;
    key[i] = (high << 4) | low;
  }
  return true;
}

/** Writes the canonical text of key[at, at + 16) to out[outAt, outAt + 36). */
export function formatUuid(key: Uint8Array, at: number, out: Uint8Array, outAt: number): void {
  for (let i = 0; i < uuidKeyBytes; i++) {
    const value = key[at + i]!;
    out[outAt + places[i]!] = digits[value >>> 4]!;
    out[outAt + places[i]! + 1] = digits[value & 15]!;
  }
  out[outAt + 8] = out[outAt + 13] = out[outAt + 18] = out[outAt + 23] = dash;
}

/** The key's canonical text. */
export function uuidText(key: Uint8Array, at = 0): string {
  const text = new Uint8Array(uuidTextBytes);
  formatUuid(key, at, text, 0);
  return new TextDecoder().decode(text);
}
