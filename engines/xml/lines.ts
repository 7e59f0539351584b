const [lf, cr] = [0x0a, 0x0d] as const;

/**
 * Line ends in some text, and the index behind the last one (0 when there is none). `afterCr`: the text goes on behind a
 * CR, which has been counted, so that an LF at its beginning has been too.
 *
 * Four bytes at a time: nearly all words hold no control character, and that is one subtraction to see (Warren,
 * "Hacker's Delight", 6-1).
 */
export function lineEnds(codes: Uint8Array, afterCr: boolean): { count: number; last: number } {
  const { length } = codes;
  const head = (4 - (codes.byteOffset & 3)) & 3;
  const found = { count: 0, last: 0, wasCr: afterCr };
  if (length < head) {
    lineEndsIn(codes, 0, length, found);
    return found;
  }
  const words = new Int32Array(codes.buffer, codes.byteOffset + head, (length - head) >>> 2);
  lineEndsIn(codes, 0, head, found);
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (((word - 0x10101010) & ~word & 0x80808080) === 0) found.wasCr = false;
    else lineEndsIn(codes, head + 4 * i, head + 4 * i + 4, found);
  }
  lineEndsIn(codes, head + 4 * words.length, length, found);
  return found;
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
