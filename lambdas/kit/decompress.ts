import { createGunzip, createZstdDecompress, type Gunzip, type ZstdDecompress } from 'node:zlib';

/** A log that is not what its first bytes promise, or that breaks off; the message lacks the name of the log. */
export class CorruptLogError extends Error {
  override readonly name = 'CorruptLogError';
}

const outputBytes = 256 * 1024;
const zstdMagic = [0x28, 0xb5, 0x2f, 0xfd];
const headBytes = 4;

/**
 * The plain bytes of a log: gzip (any number of members) and zstd (any number of frames) are recognised by their first
 * bytes, anything else is passed on. Each yielded chunk is to be used before the next is asked for, and a source may
 * reuse its chunk's memory likewise. Throws a CorruptLogError for a truncated or damaged stream, and for anything that
 * follows a member and is no member. Needs node:zlib, the rest of the engine does not.
 */
export async function* decompress(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let head: Uint8Array | undefined = new Uint8Array(0);
  let decoder: Decoder | undefined;
  try {
    for await (const chunk of source) {
      let bytes = chunk;
      if (head) {
        // Pipes may hand over a byte at a time.
        bytes = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
        if (bytes.length < headBytes) {
          head = bytes.slice();
          continue;
        }
        head = undefined;
        decoder = decoderFor(bytes);
      }
      if (decoder) yield* decoder.decode(bytes);
      else yield bytes;
    }
    if (head && head.length > 0) {
      decoder = decoderFor(head);
      if (decoder) yield* decoder.decode(head);
      else yield head;
    }
    if (decoder) yield* decoder.end();
  } finally {
    decoder?.destroy();
  }
}

/** Whether a log that begins with these bytes (four, or all that it has) is decompressed rather than passed on. */
export function isCompressed(head: Uint8Array): boolean {
  return formatOf(head) !== undefined;
}

function formatOf(head: Uint8Array): 'gzip' | 'zstd' | undefined {
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip';
  // A frame, or a skippable one (RFC 8878, section 3.1), with which pzstd begins its files; a file cut inside its
  // magic number is no plain text.
  const isFrame = head.length > 1 && zstdMagic.every((byte, i) => i >= head.length || head[i] === byte);
  const isSkippable = (head[0]! & 0xf0) === 0x50 && head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18;
  return isFrame || isSkippable ? 'zstd' : undefined;
}

function decoderFor(head: Uint8Array): Decoder | undefined {
  const format = formatOf(head);
  if (format === undefined) return undefined;
  const create = format === 'gzip' ? createGunzip : createZstdDecompress;
  return new Decoder(format, () => create({ chunkSize: outputBytes }));
}

/**
 * Feeds one chunk at a time and looks at how much of it was read. Node's zstd stream ends without an error at the end of
 * a frame and drops what follows in the chunk, and its gzip stream drops what follows a zero byte: as a pipe, both
 * would lose records in silence.
 */
class Decoder {
  readonly #format: string;
  readonly #create: () => Gunzip | ZstdDecompress;
  #stream: Gunzip | ZstdDecompress;
  #error: Error | undefined;
  #wake = (): void => {};

  constructor(format: string, create: () => Gunzip | ZstdDecompress) {
    this.#format = format;
    this.#create = create;
    this.#stream = this.#open();
  }

  async *decode(chunk: Uint8Array): AsyncGenerator<Uint8Array> {
    for (let at = 0, fresh = false; at < chunk.length;) {
      const before = this.#stream.bytesWritten;
      let written = false;
      this.#stream.write(chunk.subarray(at), () => {
        written = true;
        this.#wake();
      });
      yield* this.#output(() => written);
      const read = this.#stream.bytesWritten - before;
      at += read;
      if (at === chunk.length) break;
      // The stream stopped at the end of a frame: the rest is another one, or an error of the stream that tries it.
      if (fresh && read === 0) throw new CorruptLogError(`has bytes after the end of its ${this.#format} data`);
      this.#stream.destroy();
      this.#stream = this.#open();
      fresh = true;
    }
  }

  async *end(): AsyncGenerator<Uint8Array> {
    // Not its callback: a zlib stream is `finished` before it has looked whether the data is complete.
    this.#stream.end();
    yield* this.#output(() => this.#stream.readableEnded);
  }

  destroy(): void {
    this.#stream.destroy();
  }

  #open(): Gunzip | ZstdDecompress {
    return this.#create()
      .on('readable', () => this.#wake())
      .on('end', () => this.#wake())
      .on('error', (error: NodeJS.ErrnoException) => {
        this.#error = error;
        this.#wake();
      });
  }

  async *#output(done: () => boolean): AsyncGenerator<Uint8Array> {
    for (;;) {
      const awake = new Promise<void>((resolve) => (this.#wake = resolve));
      const finished = done();
      for (let bytes = this.#read(); bytes !== null; bytes = this.#read()) yield bytes;
      if (this.#error) throw this.#corrupt(this.#error);
      if (finished) return;
      await awake;
    }
  }

  #read(): Uint8Array | null {
    return this.#stream.read() as Uint8Array | null;
  }

  #corrupt(error: NodeJS.ErrnoException): CorruptLogError {
    const truncated = error.code === 'Z_BUF_ERROR';
    const what = truncated
      ? `ends inside its ${this.#format} data: it is truncated`
      : `is no valid ${this.#format} data: ${error.message}`;
    return new CorruptLogError(what, { cause: error });
  }
}
