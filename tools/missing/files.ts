import { open } from 'node:fs/promises';

import { CorruptLogError, decompress } from '../../lambdas/kit/decompress.ts';
import { UsageError } from '../cli/errors.ts';

const readBytes = 1024 * 1024;

/** A file that cannot be read to its end; the message names it. */
export class UnreadableFileError extends UsageError {}

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

export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && 'syscall' in error;
}
