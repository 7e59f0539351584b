/**
 * Byte searches. In Node a Buffer's native search is some ten times faster than a loop, in a browser there is none: the
 * one place that knows the difference.
 */

/** The same memory, as a Buffer where there is one, so that the searches below are native. */
export function searchable(bytes: Uint8Array): Uint8Array {
  if (typeof Buffer === 'undefined' || bytes instanceof Buffer) return bytes;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Position of `needle` in `bytes` at or after `from`, or -1. The needle is not empty. */
export function indexOfBytes(bytes: Uint8Array, needle: Uint8Array, from: number): number {
  if (typeof Buffer !== 'undefined' && bytes instanceof Buffer) return bytes.indexOf(needle, from);
  const first = needle[0]!;
  for (let at = bytes.indexOf(first, from); at !== -1; at = bytes.indexOf(first, at + 1)) {
    if (startsWith(bytes, at, bytes.length, needle)) return at;
  }
  return -1;
}

/** Whether bytes[at, end) starts with `prefix`. */
export function startsWith(bytes: Uint8Array, at: number, end: number, prefix: Uint8Array): boolean {
  if (at + prefix.length > end) return false;
  for (let i = 0; i < prefix.length; i++) if (bytes[at + i] !== prefix[i]) return false;
  return true;
}

/** bytes[start, end) as a string of one character a byte. TextDecoder will not do: its `latin1` is windows-1252. */
export function latin1(bytes: Uint8Array, start: number, end: number): string {
  if (typeof Buffer !== 'undefined' && bytes instanceof Buffer) return bytes.toString('latin1', start, end);
  let text = '';
  // fromCharCode takes its characters as arguments, and a call's arguments are limited.
  for (let at = start; at < end; at += 8192) {
    text += String.fromCharCode(...bytes.subarray(at, Math.min(at + 8192, end)));
  }
  return text;
}

/** Inverse of latin1(); every character must be below 256. */
export function latin1Bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
