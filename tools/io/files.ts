import { closeSync, openSync, readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';

import { compressionHeadBytes, compressionOf } from '../../engines/log-diff/compression.ts';
import { CorruptLogError, decompress, type SyncDecoder, syncDecoderFor } from '../../lambdas/kit/decompress.ts';
import { UsageError } from '../cli/errors.ts';

const readBytes = 1024 * 1024;
const compressedBytes = 128 * 1024;
/** Others get their turn after so many bytes: messages, and the progress that a person sees. */
const turnBytes = 32 * 1024 * 1024;
const lf = 10;

/** A file that cannot be read to its end; the message names it. */
export class UnreadableFileError extends UsageError {}

/** Takes bytes that were written to its room. */
export interface Feed {
  room(): Uint8Array;
  took(bytes: number): void;
  /** Takes a last line that lacks its end. */
  finish(): void;
}

/** The lines of a plain file that begin in [from, end); the last piece has no end, for a file that still grows. */
export interface Piece {
  readonly from: number;
  readonly end: number;
}

/** Pieces of about `pieceBytes` for a file of so many bytes: one that has all, if it is not larger. */
export function piecesOf(bytes: number, pieceBytes: number): readonly Piece[] {
  const count = Math.max(1, Math.ceil(bytes / pieceBytes));
  return Array.from({ length: count }, (_, i) => ({
    from: i * pieceBytes,
    end: i === count - 1 ? Infinity : (i + 1) * pieceBytes,
  }));
}

/**
 * Feeds the decompressed bytes of a file or pipe, or a piece of a plain file. A plain file is read straight into the
 * feed's memory. Of a compressed file, which can only be read from its beginning, the first piece is all. Throws an
 * UnreadableFileError.
 */
export async function feedFile(
  { path, bytes, piece }: { readonly path: string; readonly bytes: number; readonly piece?: Piece },
  feed: Feed,
): Promise<void> {
  // A pipe, whose size is 0, can be read only once, so not by whoever looks for a magic number first.
  if (bytes > 0) {
    try {
      const file = openSync(path, 'r');
      try {
        const start = new Uint8Array(compressionHeadBytes);
        const head = start.subarray(0, readSync(file, start, 0, start.length, 0));
        if (compressionOf(head) === undefined) return await feedPiece(file, piece ?? { from: 0, end: Infinity }, feed);
        if (piece && piece.from > 0) return;
        const decoder = syncDecoderFor(head);
        if (decoder) return await feedDecoded(file, decoder, feed);
      } finally {
        closeSync(file);
      }
    } catch (error) {
      throw unreadable(path, error);
    }
  }
  for await (const chunk of readFileChunks(path)) feedChunk(chunk, feed);
  feed.finish();
}

/** Feeds the decompressed bytes of an open file, which are written straight to the feed's memory. */
async function feedDecoded(file: number, decoder: SyncDecoder, feed: Feed): Promise<void> {
  try {
    const input = Buffer.allocUnsafe(compressedBytes);
    for (let turn = turnBytes, fed = 0; ;) {
      const read = readSync(file, input, 0, input.length, null);
      if (read === 0) break;
      decoder.push(input.subarray(0, read));
      for (let bytes = decoder.read(feed.room()); bytes > 0; bytes = decoder.read(feed.room())) {
        feed.took(bytes);
        fed += bytes;
      }
      if (fed < turn) continue;
      turn = fed + turnBytes;
      await setImmediate();
    }
    decoder.finish();
  } finally {
    decoder.destroy();
  }
  feed.finish();
}

/** Feeds a chunk of any size. */
export function feedChunk(chunk: Uint8Array, feed: Omit<Feed, 'finish'>): void {
  for (let at = 0; at < chunk.length;) {
    const room = feed.room();
    const part = chunk.subarray(at, at + room.length);
    room.set(part);
    feed.took(part.length);
    at += part.length;
  }
}

/** The first bytes of a file, or all that it has. Throws an UnreadableFileError. */
export async function readHead(path: string, bytes: number): Promise<Uint8Array> {
  for await (const chunk of rawChunks(path)) return chunk.slice(0, bytes);
  return new Uint8Array(0);
}

/** Feeds the lines of an open plain file that begin in the piece. */
async function feedPiece(file: number, { from, end }: Piece, feed: Feed): Promise<void> {
  // A line begins at `from` if the byte before is a line end: what comes up to the first one is the piece's before.
  let position = Math.max(0, from - 1);
  let skipping = from > 0;
  for (let turn = position + turnBytes; ;) {
    const room = feed.room();
    const read = readSync(file, room, 0, room.length, position);
    if (read === 0) break;
    const bytes = room.subarray(0, read);
    let [start, stop] = [0, read];
    if (skipping) {
      start = bytes.indexOf(lf) + 1;
      if (position + (start === 0 ? read : start) >= end) return;
      if (start === 0) {
        position += read;
        continue;
      }
      skipping = false;
    }
    // The piece's last line ends at the first line end at or after its last byte.
    const last = position + read >= end ? bytes.indexOf(lf, Math.max(start, end - 1 - position)) : -1;
    if (last !== -1) stop = last + 1;
    if (start > 0) room.copyWithin(0, start, stop);
    feed.took(stop - start);
    if (last !== -1) break;
    position += read;
    if (position < turn) continue;
    turn = position + turnBytes;
    await setImmediate();
  }
  feed.finish();
}

/**
 * The decompressed bytes of a file or pipe: plain, gzip or zstd by its first bytes. A chunk is valid until the next is
 * asked for. Throws an UnreadableFileError.
 */
export async function* readFileChunks(path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* decompress(rawChunks(path));
  } catch (error) {
    throw unreadable(path, error);
  }
}

async function* rawChunks(path: string): AsyncGenerator<Uint8Array> {
  const file = await open(path);
  try {
    const buffer = Buffer.allocUnsafeSlow(readBytes);
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, readBytes, null);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

/** What to throw for an error that befell a reader of the file. */
function unreadable(path: string, error: unknown): unknown {
  if (error instanceof CorruptLogError) return new UnreadableFileError(`${path} ${error.message}`, { cause: error });
  if (isSystemError(error)) return new UnreadableFileError(`cannot read ${path}: ${error.message}`, { cause: error });
  return error;
}

const byteOrderMark = Buffer.from('\ufeff');

/** Bytes of the mark with which Windows begins UTF-8 files, at the beginning of these: 3 or 0. */
export function byteOrderMarkBytes(bytes: Uint8Array): number {
  return byteOrderMark.every((byte, i) => bytes[i] === byte) ? byteOrderMark.length : 0;
}

export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && 'syscall' in error;
}
