const [lf, cr] = [0x0a, 0x0d] as const;

/**
 * Line ends in some text, and the index behind the last one (0 when there is none). `afterCr`: the text goes on behind a
 * CR, which has been counted, so that an LF at its beginning has been too.
 */
export function lineEnds(codes: Uint8Array, afterCr: boolean): { count: number; last: number } {
  const found = { count: 0, last: 0, wasCr: afterCr };
  // The engine's own search finds at once that most files have no CR.
  if (afterCr || codes.includes(cr)) lineEndsIn(codes, 0, codes.length, found);
  else {
    found.count = lfsIn(codes);
    found.last = codes.lastIndexOf(lf) + 1;
  }
  return found;
}

/** LFs, four bytes at a time: a byte that is one becomes 0x80, any other 0 (Warren, "Hacker's Delight", 6-1). */
function lfsIn(codes: Uint8Array): number {
  const { length } = codes;
  const head = Math.min(length, (4 - (codes.byteOffset & 3)) & 3);
  const words = length - head < 4 ? [] : new Int32Array(codes.buffer, codes.byteOffset + head, (length - head) >>> 2);
  let count = 0;
  for (let i = 0; i < head; i++) if (codes[i] === lf) count++;
  for (let i = 0; i < words.length; i++) {
    const other = words[i]! ^ 0x0a0a0a0a;
    const marks = ~(((other & 0x7f7f7f7f) + 0x7f7f7f7f) | other | 0x7f7f7f7f);
    count += Math.imul((marks >>> 7) & 0x01010101, 0x01010101) >>> 24;
  }
  for (let i = head + 4 * words.length; i < length; i++) if (codes[i] === lf) count++;
  return count;
}

function lineEndsIn(
  codes: Uint8Array,
  from: number,
  to: number,
  found: { count: number; last: number; wasCr: boolean },
): void {
  for (let i = from; i < to; i++) {
    const code = codes[i]!;
    if (code === cr || (code === lf && !found.wasCr)) found.count++;
    if (code === cr || code === lf) found.last = i + 1;
    found.wasCr = code === cr;
  }
}

/** UTF-8 characters, or what is narrowed like them, from an index on. */
export function charactersFrom(codes: Uint8Array, from: number): number {
  let characters = 0;
  for (let i = from; i < codes.length; i++) if ((codes[i]! & 0xc0) !== 0x80) characters++;
  return characters;
}
