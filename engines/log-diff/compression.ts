const zstdMagic = [0x28, 0xb5, 0x2f, 0xfd];
/** Bytes of a log's beginning that tell how it is compressed. */
export const compressionHeadBytes = 4;

/** How a log is compressed that begins with these bytes, four of them or all that it has; absent for a plain one. */
export function compressionOf(head: Uint8Array): 'gzip' | 'zstd' | undefined {
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip';
  // A frame, or a skippable one (RFC 8878, section 3.1), with which pzstd begins its files; a file cut inside its
  // magic number is no plain text.
  const isFrame = head.length > 1 && zstdMagic.every((byte, i) => i >= head.length || head[i] === byte);
  const isSkippable = (head[0]! & 0xf0) === 0x50 && head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18;
  return isFrame || isSkippable ? 'zstd' : undefined;
}
