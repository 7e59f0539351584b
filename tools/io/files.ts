import { closeSync, openSync, readSync } from 'node:fs';
import { open } from 'node:fs/promises';

import { CorruptLogError, decompress, isCompressed } from '../../lambdas/kit/decompress.ts';
import { UsageError } from '../cli/errors.ts';

const readBytes = 1024 * 1024;

/** A file that cannot be read to its end; the message names it. */
export class UnreadableFileError extends UsageError {}

/** Takes bytes that were written to its room. */
export interface Feed {
  room(): Uint8Array;
  took(bytes: number): void;
}

/**
 * Feeds the decompressed bytes of a file or pipe. A plain file is read straight into the feed's memory, without a turn of
 * the event loop. Throws an UnreadableFileError.
 */
export async function feedFile(
  { path, bytes }: { readonly path: string; readonly bytes: number },
  feed: Feed,
): Promise<void> {
  // A pipe, whose size is 0, can be read only once, so not by whoever looks for a magic number first.
  if (bytes > 0 && feedPlainFile(path, feed)) return;
  for await (const chunk of readFileChunks(path)) {
    for (let at = 0; at < chunk.length;) {
      const room = feed.room();
      const piece = chunk.subarray(at, at + room.length);
      room.set(piece);
      feed.took(piece.length);
      at += piece.length;
    }
  }
}

/** The first bytes of a file, or all that it has. Throws an UnreadableFileError. */
export async function readHead(path: string, bytes: number): Promise<Uint8Array> {
  for await (const chunk of rawChunks(path)) return chunk.slice(0, bytes);
  return new Uint8Array(0);
}

/** False, with nothing fed, when the file is compressed. */
function feedPlainFile(path: string, feed: Feed): boolean {
  try {
    const file = openSync(path, 'r');
    try {
      for (let first = true; ; first = false) {
        const room = feed.room();
        const read = readSync(file, room, 0, room.length, null);
        if (first && isCompressed(room.subarray(0, Math.min(read, 4)))) return false;
        if (read === 0) return true;
        feed.took(read);
      }
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (isSystemError(error)) throw new UnreadableFileError(`cannot read ${path}: ${error.message}`, { cause: error });
    throw error;
  }
}

/**
 * The decompressed bytes of a file or pipe: plain, gzip or zstd by its first bytes. A chunk is valid until the next is
 * asked for. Throws an UnreadableFileError.
 */
export async function* readFileChunks(path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* decompress(rawChunks(path));
  } catch (error) {
    if (error instanceof CorruptLogError) throw new UnreadableFileError(`${path} ${error.message}`, { cause: error });
    if (isSystemError(error)) throw new UnreadableFileError(`cannot read ${path}: ${error.message}`, { cause: error });
    throw error;
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

const byteOrderMark = Buffer.from('\ufeff');

/** Bytes of the mark with which Windows begins UTF-8 files, at the beginning of these: 3 or 0. */
export function byteOrderMarkBytes(bytes: Uint8Array): number {
  return byteOrderMark.every((byte, i) => bytes[i] === byte) ? byteOrderMark.length : 0;
}

export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && 'syscall' in error;
}
