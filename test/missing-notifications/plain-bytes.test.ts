import { crc32, deflateRawSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { plainBytes } from '../../clients/missing-notifications/browser/plain-bytes.ts';
import { randomFrom } from '../../engines/simulation/random.ts';

const mebibyte = 1024 * 1024;

async function read(file: Uint8Array<ArrayBuffer>): Promise<{ readonly plain: Buffer; readonly read: number }> {
  const parts: Uint8Array[] = [];
  let total = 0;
  for await (const part of plainBytes(new Blob([file]), (bytes) => (total += bytes))) parts.push(part);
  return { plain: Buffer.concat(parts), read: total };
}

interface Fields {
  readonly extra?: number;
  readonly name?: string;
  readonly comment?: string;
  readonly hasHeaderCrc?: boolean;
}

/** A member with the header fields of RFC 1952 that Node's own gzip never writes. */
function member(plain: Uint8Array, { extra, name, comment, hasHeaderCrc = false }: Fields = {}): Buffer {
  const flags =
    (hasHeaderCrc ? 2 : 0) |
    (extra === undefined ? 0 : 4) |
    (name === undefined ? 0 : 8) |
    (comment === undefined ? 0 : 16);
  const header = [Buffer.from([0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 255])];
  if (extra !== undefined) header.push(Buffer.from([extra & 255, extra >> 8]), Buffer.alloc(extra, 7));
  for (const text of [name, comment]) if (text !== undefined) header.push(Buffer.from(`${text}\0`));
  if (hasHeaderCrc) header.push(Buffer.from([1, 2]));
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(plain), 0);
  trailer.writeUInt32LE(plain.length, 4);
  return Buffer.concat([...header, deflateRawSync(plain, { level: 1 }), trailer]);
}

const random = randomFrom(5);
const noise = Buffer.from(Array.from({ length: mebibyte }, () => random.below(256)));
const text = Buffer.from('2026-11-23T01:02:03Z web-1 notification.sent doc=1\n'.repeat(2000));

describe('the plain bytes of a file, in a browser', () => {
  it('are those of a plain one, of an empty one, and of gzip of any number of members', async () => {
    for (const plain of [Buffer.alloc(0), text, noise]) {
      expect((await read(Buffer.from(plain))).plain.equals(plain)).toBe(true);
      const members = [gzipSync(plain), gzipSync(Buffer.alloc(0)), member(text, { name: 'app.log' })];
      const file = Buffer.concat(members);
      const { plain: found, read: bytes } = await read(file);
      expect(found.equals(Buffer.concat([plain, text]))).toBe(true);
      expect(bytes).toBe(file.length);
    }
  });

  it('are the same wherever a header, a trailer or data are torn between two reads', async () => {
    const fields = { extra: 5, name: 'app.log', comment: 'day 1', hasHeaderCrc: true };
    const bare = member(noise.subarray(0, mebibyte - 4096)).length;
    // From before the trailer to behind the header that follows it.
    for (let shift = -12; shift <= 48; shift++) {
      const first = member(noise.subarray(0, mebibyte - 4096), { extra: mebibyte - bare - 2 - shift });
      expect(first.length).toBe(mebibyte - shift);
      const { plain } = await read(Buffer.concat([first, member(text, fields), member(text)]));
      expect(plain.equals(Buffer.concat([noise.subarray(0, mebibyte - 4096), text, text])), `${shift}`).toBe(true);
    }
  });

  it.each<[string, (file: Buffer) => Uint8Array, string]>([
    ['cut in its header', (file) => file.subarray(0, 5), 'ends inside its gzip data: it is truncated'],
    ['cut in its data', (file) => file.subarray(0, 60), 'ends inside its gzip data: it is truncated'],
    ['cut in its trailer', (file) => file.subarray(0, -1), 'ends inside its gzip data: it is truncated'],
    [
      'with another sum',
      (file) => file.fill(0, file.length - 8, file.length - 4),
      'is no valid gzip data: its sum is another one',
    ],
    [
      'with another length',
      (file) => file.fill(9, file.length - 4),
      'is no valid gzip data: its length is another one',
    ],
    ['with damaged data', (file) => file.fill(255, 20, 40), 'is no valid gzip data: '],
    ['with more behind it', (file) => Buffer.concat([file, text]), 'no member begins where one should'],
    [
      'with a name that never ends',
      () => Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 255]), Buffer.alloc(mebibyte, 65)]),
      'is no valid gzip data: a header exceeds 65536 bytes',
    ],
    ['of zstd', () => zstdCompressSync(text), 'is compressed by zstd, which a browser cannot read'],
  ])('are refused, with the reason, of a file %s', async (_, damage, message) => {
    await expect(read(Buffer.from(damage(gzipSync(text))))).rejects.toThrow(message);
  });
});
