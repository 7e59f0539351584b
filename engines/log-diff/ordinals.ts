/*
 * Which of n IDs were found, as one worker tells it to another: the shorter of two forms, and nothing when none was.
 *
 *   | 1 | gap varint | gap varint | …     ascending ordinals, each as its distance from the one before (the first: from -1) less 1
 *   | 2 | bitmap |                        bit i, lowest of a byte first: the i-th ID; trailing zero bytes are left out
 *
 * A varint has seven bits a byte, lowest first, the eighth set on all but the last (LEB128): one byte a hit where more
 * than one ID in 128 is found, and where more than one in eight is, the bitmap is shorter.
 */

const gaps = 1;
const bitmap = 2;

/** The set bits, in the shorter form. Bytes depend on the bits alone, not on zero bytes at their end. */
export function encodeOrdinals(bits: Uint8Array): Uint8Array {
  let end = bits.length;
  while (end > 0 && bits[end - 1] === 0) end--;
  if (end === 0) return new Uint8Array(0);
  const out = new Uint8Array(1 + end);
  let at = 1;
  let last = -1;
  for (let byte = 0; byte < end; byte++) {
    for (let left = bits[byte]!; left !== 0; left &= left - 1) {
      const ordinal = 8 * byte + 31 - Math.clz32(left & -left);
      let gap = ordinal - last - 1;
      last = ordinal;
      for (; gap > 127; gap = Math.floor(gap / 128)) {
        if (at >= out.length) return asBitmap(bits, end);
        out[at++] = (gap % 128) | 128;
      }
      if (at >= out.length) return asBitmap(bits, end);
      out[at++] = gap;
    }
  }
  out[0] = gaps;
  return out.slice(0, at);
}

function asBitmap(bits: Uint8Array, end: number): Uint8Array {
  const out = new Uint8Array(1 + end);
  out[0] = bitmap;
  out.set(bits.subarray(0, end), 1);
  return out;
}

/** Sets in `bits`, which has room for `count` of them, what was encoded. Throws a RangeError for what is no such code, or beyond `count`. */
export function addOrdinals(code: Uint8Array, bits: Uint8Array, count: number): void {
  if (code.length === 0) return;
  const refuse = (why: string): never => {
    throw new RangeError(`${code.length} bytes are no ordinals below ${count}: ${why}`);
  };
  if (code[0] === bitmap) {
    const highest = 8 * (code.length - 2) + 31 - Math.clz32(code.at(-1)!);
    if (code.length === 1 || highest >= count) refuse(`the bitmap ends with bit ${highest}`);
    for (let i = 1; i < code.length; i++) bits[i - 1]! |= code[i]!;
    return;
  }
  if (code[0] !== gaps) refuse(`they begin with ${code[0]}`);
  let ordinal = -1;
  for (let at = 1; at < code.length;) {
    let [gap, unit] = [0, 1];
    for (; (code[at]! & 128) !== 0; unit *= 128) gap += unit * (code[at++]! & 127);
    if (at >= code.length) refuse('the last one is torn');
    gap += unit * code[at++]!;
    ordinal += gap + 1;
    if (ordinal >= count) refuse(`one is ${ordinal}`);
    bits[ordinal >>> 3]! |= 1 << (ordinal & 7);
  }
}
