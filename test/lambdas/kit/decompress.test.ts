import { constants, gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { CorruptLogError, decompress, SyncDecoder } from '../../../lambdas/kit/decompress.ts';

const text = Buffer.from(Array.from({ length: 300 }, (_, i) => `line ${i}\n`).join(''));
const skippable = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);

/** What comes out of the bytes in pieces of that many, through memory that is used again. */
async function readBy(how: 'sync' | 'stream', bytes: Uint8Array, pieceBytes: number): Promise<string> {
  async function* pieces(): AsyncGenerator<Uint8Array> {
    const buffer = new Uint8Array(pieceBytes);
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      const part = bytes.subarray(at, at + pieceBytes);
      buffer.fill(255).set(part);
      yield buffer.subarray(0, part.length);
    }
  }
  const out: Buffer[] = [];
  for await (const chunk of decompress(pieces(), how)) out.push(Buffer.from(chunk));
  return Buffer.concat(out).toString('latin1');
}

const sizes = [1, 2, 3, 7, 64, 100_000];
// As the zstd command does; without a sum nobody can tell damaged data from other data.
const summed = { params: { [constants.ZSTD_c_checksumFlag]: 1 } };
const formats = [
  { format: 'gzip', one: gzipSync(text), none: gzipSync(''), lead: Buffer.alloc(0) },
  { format: 'zstd', one: zstdCompressSync(text, summed), none: zstdCompressSync('', summed), lead: skippable },
];

it('need not wait for the event loop on the pinned Node', () => {
  expect(SyncDecoder.isPossible).toBe(true);
});

const ways = (['sync', 'stream'] as const).flatMap((how) => formats.map((format) => ({ how, ...format })));
describe.each(ways)('$format, $how', ({ how, format, one, none, lead }) => {
  const read = async (bytes: Uint8Array, pieceBytes: number) => await readBy(how, bytes, pieceBytes);

  it('is read through all its members, also where a piece ends inside or between them', async () => {
    const twice = `${text.toString('latin1')}${text.toString('latin1')}`;
    const whole = Buffer.concat([lead, one, none, lead, one]);
    for (const size of [...sizes, one.length, lead.length + one.length, one.length + none.length]) {
      expect(await read(whole, size), `pieces of ${size}`).toBe(twice);
    }
    expect(await read(none, 100)).toBe('');
  });

  it('is refused when it is cut anywhere', async () => {
    const whole = Buffer.concat([one, one]);
    // From the second byte on it is known what the file wants to be; between the members it is whole.
    for (let length = 2; length < whole.length; length += 1 + Math.floor(length / 40)) {
      if (length === one.length) continue;
      for (const size of [13, 100_000]) {
        await expect(read(whole.subarray(0, length), size), `cut to ${length}, pieces of ${size}`).rejects.toThrow(
          new CorruptLogError(`ends inside its ${format} data: it is truncated`),
        );
      }
    }
  });

  it('is refused when something else follows a member', async () => {
    for (const rest of [Buffer.alloc(5), Buffer.from('garbage and more garbage'), text]) {
      for (const size of [...sizes, one.length]) {
        await expect(read(Buffer.concat([one, rest]), size), `pieces of ${size}`).rejects.toThrow(CorruptLogError);
      }
    }
  });

  it('is refused when a byte is damaged', async () => {
    for (let at = one.length >> 1; at < one.length - 8; at += 31) {
      const damaged = Buffer.from(one);
      damaged[at]! ^= 0xff;
      await expect(read(damaged, 64), `at ${at}`).rejects.toThrow(CorruptLogError);
    }
  });
});

it('passes plain bytes on, however few', async () => {
  for (const plain of ['', '\x1f', '(', 'ab', 'abc', '\xff\xfe\0', text.toString('latin1')]) {
    for (const size of sizes) expect(await readBy('sync', Buffer.from(plain, 'latin1'), size)).toBe(plain);
  }
});

it('hands over the error of its source', async () => {
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield gzipSync(text).subarray(0, 20);
    throw new Error('connection reset');
  }
  await expect(async () => {
    for await (const chunk of decompress(broken())) expect(chunk.length).toBeGreaterThan(0);
  }).rejects.toThrow('connection reset');
});

it.each(['sync', 'stream'] as const)(
  'keeps its memory flat while little input becomes much output: %s',
  async (how) => {
    const bomb = gzipSync(Buffer.alloc(100_000_000));
    async function* source(): AsyncGenerator<Uint8Array> {
      yield bomb;
    }
    let bytes = 0;
    let largest = 0;
    for await (const chunk of decompress(source(), how)) {
      bytes += chunk.length;
      largest = Math.max(largest, chunk.length);
    }
    expect(bytes).toBe(100_000_000);
    expect(largest).toBeLessThan(1_000_000);
  },
);
