import { constants, createGunzip, createZstdDecompress, type Gunzip, type ZstdDecompress } from 'node:zlib';
import { compressionHeadBytes, compressionOf } from '../../engines/log-diff/compression.ts';

/** A log that is not what its first bytes promise, or that breaks off; the message lacks the name of the log. */
export class CorruptLogError extends Error {
  override readonly name = 'CorruptLogError';
}

const outputBytes = 256 * 1024;

/**
 * The plain bytes of a log: gzip (any number of members) and zstd (any number of frames) are recognised by their first
 * bytes, anything else is passed on. Each yielded chunk is to be used before the next is asked for, and a source may
 * reuse its chunk's memory likewise. Throws a CorruptLogError for a truncated or damaged stream, and for anything that
 * follows a member and is no member. Needs node:zlib, the rest of the engine does not.
 */
export async function* decompress(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  how: 'sync' | 'stream' = SyncDecoder.isPossible ? 'sync' : 'stream',
): AsyncGenerator<Uint8Array> {
  let head: Uint8Array | undefined = new Uint8Array(0);
  let decoder: Decoder | undefined;
  try {
    for await (const chunk of source) {
      let bytes = chunk;
      if (head) {
        // Pipes may hand over a byte at a time.
        bytes = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
        if (bytes.length < compressionHeadBytes) {
          head = bytes.slice();
          continue;
        }
        head = undefined;
        decoder = decoderFor(bytes, how);
      }
      if (decoder) yield* decoder.decode(bytes);
      else yield bytes;
    }
    if (head && head.length > 0) {
      decoder = decoderFor(head, how);
      if (decoder) yield* decoder.decode(head);
      else yield head;
    }
    if (decoder) yield* decoder.end();
  } finally {
    decoder?.destroy();
  }
}

/** Turns compressed bytes into plain ones; as decompress() does. */
interface Decoder {
  /** The chunk's plain bytes, each part valid until the next is asked for. */
  decode(chunk: Uint8Array): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  /** What is left at the end of the input. */
  end(): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  destroy(): void;
}

function decoderFor(head: Uint8Array, how: 'sync' | 'stream'): Decoder | undefined {
  const format = compressionOf(head);
  return format && new (how === 'sync' ? SyncDecoder : StreamDecoder)(format);
}

/** A decoder that writes to the caller's memory, for a log that begins with these bytes; absent for a plain one, and where there is none. */
export function syncDecoderFor(head: Uint8Array): SyncDecoder | undefined {
  const format = compressionOf(head);
  return format && SyncDecoder.isPossible ? new SyncDecoder(format) : undefined;
}

/** What Node's zlib streams work with inside. Not public, so it may be gone: see SyncDecoder.isPossible. */
interface ZlibHandle {
  writeSync(
    flush: number,
    input: Uint8Array,
    inputAt: number,
    inputBytes: number,
    output: Uint8Array,
    outputAt: number,
    outputBytes: number,
  ): void;
  onerror(message: string, errno: number, code: string): void;
}
type ZlibStream = (Gunzip | ZstdDecompress) & {
  readonly _handle?: ZlibHandle | null;
  /** Bytes of output and of input that the last write left. */
  readonly _writeState?: Uint32Array;
};

const finishFlag = { gzip: constants.Z_FINISH, zstd: constants.ZSTD_e_end } as const;

/**
 * Decompresses straight into the caller's memory, without a turn of the event loop or a copy: twice as fast as the
 * stream, whose work goes through a pool of threads, 256 KiB at a time.
 */
export class SyncDecoder implements Decoder {
  /** Whether this Node has what it takes. */
  static readonly isPossible = (() => {
    const stream = createGunzip() as ZlibStream;
    const { _handle: handle, _writeState: state } = stream;
    stream.destroy();
    return typeof handle?.writeSync === 'function' && state instanceof Uint32Array;
  })();

  readonly #format: 'gzip' | 'zstd';
  #stream: ZlibStream;
  #failure: { readonly message: string; readonly code: string } | undefined;
  #input: Uint8Array = new Uint8Array(0);
  #at = 0;
  #output: Uint8Array | undefined;

  constructor(format: 'gzip' | 'zstd') {
    this.#format = format;
    this.#stream = this.#open();
  }

  /** Gives it the next compressed bytes, once read() has returned 0. They must stay as they are until it does so again. */
  push(chunk: Uint8Array): void {
    this.#input = chunk;
    this.#at = 0;
  }

  /** Writes plain bytes to `target` and returns how many; 0 when it needs more input. Throws a CorruptLogError. */
  read(target: Uint8Array): number {
    for (let fresh = false; ;) {
      const before = this.#at;
      const written = this.#write(constants.Z_NO_FLUSH, target);
      if (written > 0 || this.#at === this.#input.length) return written;
      if (this.#at > before) continue;
      // The stream stopped at the end of a member: the rest is another one, or an error of the stream that tries it.
      if (fresh) throw new CorruptLogError(`has bytes after the end of its ${this.#format} data`);
      this.#stream.destroy();
      this.#stream = this.#open();
      fresh = true;
    }
  }

  /** Throws a CorruptLogError unless the input that was read is whole. */
  finish(): void {
    this.#write(finishFlag[this.#format], this.#outputBuffer());
  }

  *decode(chunk: Uint8Array): Generator<Uint8Array> {
    this.push(chunk);
    const output = this.#outputBuffer();
    for (let bytes = this.read(output); bytes > 0; bytes = this.read(output)) yield output.subarray(0, bytes);
  }

  end(): Iterable<Uint8Array> {
    this.finish();
    return [];
  }

  destroy(): void {
    this.#stream.destroy();
  }

  #outputBuffer(): Uint8Array {
    return (this.#output ??= Buffer.allocUnsafeSlow(outputBytes));
  }

  #write(flush: number, target: Uint8Array): number {
    const left = this.#input.length - this.#at;
    this.#stream._handle!.writeSync(flush, this.#input, this.#at, left, target, 0, target.length);
    if (this.#failure) throw corrupt(this.#format, this.#failure);
    const [outputLeft, inputLeft] = this.#stream._writeState!;
    this.#at += left - inputLeft!;
    return target.length - outputLeft!;
  }

  #open(): ZlibStream {
    const stream = createStream(this.#format) as ZlibStream;
    // oxlint-disable-next-line unicorn/prefer-add-event-listener -- it is no event target
    stream._handle!.onerror = (message, _errno, code) => (this.#failure = { message, code });
    return stream;
  }
}

function createStream(format: 'gzip' | 'zstd'): Gunzip | ZstdDecompress {
  return (format === 'gzip' ? createGunzip : createZstdDecompress)({ chunkSize: outputBytes });
}

function corrupt(
  format: string,
  error: { readonly message: string; readonly code?: string | undefined },
): CorruptLogError {
  const truncated = error.code === 'Z_BUF_ERROR';
  const what = truncated
    ? `ends inside its ${format} data: it is truncated`
    : `is no valid ${format} data: ${error.message}`;
  return new CorruptLogError(what, { cause: error });
}

/**
 * The same by Node's public streams. Feeds one chunk at a time and looks at how much of it was read. Node's zstd stream ends without an error at the end of
 * a frame and drops what follows in the chunk, and its gzip stream drops what follows a zero byte: as a pipe, both
 * would lose records in silence.
 */
class StreamDecoder implements Decoder {
  readonly #format: 'gzip' | 'zstd';
  #stream: Gunzip | ZstdDecompress;
  #error: Error | undefined;
  #wake = (): void => {};

  constructor(format: 'gzip' | 'zstd') {
    this.#format = format;
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
    return createStream(this.#format)
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
      if (this.#error) throw corrupt(this.#format, this.#error);
      if (finished) return;
      await awake;
    }
  }

  #read(): Uint8Array | null {
    return this.#stream.read() as Uint8Array | null;
  }
}
