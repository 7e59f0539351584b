import { buf as crc32 } from 'crc-32';
import { Inflate } from 'pako';
import { compressionHeadBytes, compressionOf } from '../../../engines/log-diff/compression.ts';

const readBytes = 1024 * 1024;
/** Of compressed bytes at once: a thousand times as many may come out. */
const inflateBytes = 16 * 1024;
const outputBytes = 256 * 1024;

/**
 * The plain bytes of a file that may be gzip, of any number of members. Throws an Error for a damaged or truncated one,
 * and for zstd, which no browser decompresses. A browser's own DecompressionStream reads the first member only.
 */
export async function* plainBytes(blob: Blob, onRead: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  const compression = compressionOf(new Uint8Array(await blob.slice(0, compressionHeadBytes).arrayBuffer()));
  if (compression === 'zstd') {
    throw new Error('is compressed by zstd, which a browser cannot read: use `designs missing`, or zstd -d');
  }
  const gunzip = compression === 'gzip' ? new Gunzip() : undefined;
  for (let at = 0; at < blob.size; at += readBytes) {
    const chunk = new Uint8Array(await blob.slice(at, at + readBytes).arrayBuffer());
    if (gunzip) yield* gunzip.push(chunk);
    else yield chunk;
    onRead(chunk.length);
  }
  gunzip?.finish();
}

/** What pako keeps and its types leave out. */
type PakoInflate = Inflate & { readonly ended: boolean; readonly strm: { readonly avail_in: number } };

const headerBytesMax = 64 * 1024;
const trailerBytes = 8;

/**
 * gzip (RFC 1952) member by member: pako inflates, but takes what follows a member's end for data of the same one.
 */
class Gunzip {
  /** Of a header or trailer that is not whole yet. */
  #carry: Uint8Array = new Uint8Array(0);
  /** Of the member that is being read. */
  #inflate: PakoInflate | undefined;
  #out: Uint8Array[] = [];
  #crc = 0;
  #bytes = 0;

  *push(chunk: Uint8Array): Generator<Uint8Array> {
    const bytes = concatenate(this.#carry, chunk);
    this.#carry = new Uint8Array(0);
    for (let at = 0; at < bytes.length;) {
      if (!this.#inflate) {
        const header = headerBytes(bytes.subarray(at));
        if (header === undefined) return this.#keep(bytes.subarray(at));
        at += header;
        this.#open();
      } else if (!this.#inflate.ended) {
        const piece = bytes.subarray(at, at + inflateBytes);
        this.#inflate.push(piece);
        if (this.#inflate.msg) throw invalid(this.#inflate.msg);
        // The end of the data leaves what follows it.
        at += piece.length - this.#inflate.strm.avail_in;
        for (const part of this.#out.splice(0)) {
          this.#crc = crc32(part, this.#crc);
          this.#bytes += part.length;
          yield part;
        }
      } else {
        if (bytes.length - at < trailerBytes) return this.#keep(bytes.subarray(at));
        const trailer = new DataView(bytes.buffer, bytes.byteOffset + at, trailerBytes);
        if (trailer.getInt32(0, true) !== this.#crc) throw invalid('its sum is another one');
        if (trailer.getUint32(4, true) !== this.#bytes % 2 ** 32) throw invalid('its length is another one');
        at += trailerBytes;
        this.#inflate = undefined;
      }
    }
    return undefined;
  }

  finish(): void {
    if (this.#inflate || this.#carry.length > 0) throw new Error('ends inside its gzip data: it is truncated');
  }

  #keep(bytes: Uint8Array): void {
    if (bytes.length > headerBytesMax) throw invalid(`a header exceeds ${headerBytesMax} bytes`);
    this.#carry = bytes.slice();
  }

  #open(): void {
    [this.#crc, this.#bytes] = [0, 0];
    const inflate = new Inflate({ raw: true, chunkSize: outputBytes }) as PakoInflate;
    inflate.onData = (data) => void this.#out.push(data as Uint8Array);
    this.#inflate = inflate;
  }
}

const hasCrc = 2;
const hasExtra = 4;
const hasName = 8;
const hasComment = 16;

/** Bytes of the member's header (RFC 1952, section 2.3), or nothing when it is not whole. Throws for what is none. */
function headerBytes(bytes: Uint8Array): number | undefined {
  const magic = [0x1f, 0x8b, 8];
  if (magic.some((byte, i) => i < bytes.length && bytes[i] !== byte))
    throw invalid('no member begins where one should');
  if (bytes.length < 10) return undefined;
  const flags = bytes[3]!;
  let at = 10;
  if ((flags & hasExtra) !== 0) {
    if (bytes.length < at + 2) return undefined;
    at += 2 + bytes[at]! + 256 * bytes[at + 1]!;
  }
  for (const flag of [hasName, hasComment]) {
    if ((flags & flag) === 0) continue;
    const end = bytes.indexOf(0, at);
    if (end === -1) return undefined;
    at = end + 1;
  }
  if ((flags & hasCrc) !== 0) at += 2;
  return at <= bytes.length ? at : undefined;
}

function concatenate(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length === 0) return b;
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

function invalid(why: string): Error {
  return new Error(`is no valid gzip data: ${why}`);
}
