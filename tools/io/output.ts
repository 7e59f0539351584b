import { rmSync } from 'node:fs';
import { open, realpath, rename, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Writable } from 'node:stream';

import { RunError, UsageError } from '../cli/errors.ts';
import { isSystemError } from './files.ts';

/** A result, piece by piece; a block's memory may be used again for the next one. */
export type Blocks = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** Refuses an `--out` that cannot become a file, before hours of work. Throws a UsageError. */
export async function checkOut(path: string): Promise<void> {
  const info = await stat(path).catch(() => undefined);
  if (info?.isDirectory()) throw new UsageError(`--out ${path} is a directory: give a file`);
  const parent = await stat(dirname(path)).catch(() => undefined);
  if (!parent?.isDirectory())
    throw new UsageError(`--out ${path}: there is no directory ${dirname(path)}, make it first`);
}

/**
 * Writes a file whole or not at all: beside it under another name, then renamed. No part is left behind by an error, an
 * interrupt or a termination. A device or pipe is written to as it is. Throws a RunError.
 */
export async function writeWhole(path: string, blocks: Blocks): Promise<void> {
  const info = await stat(path).catch(() => undefined);
  const target = info ? await realpath(path) : path;
  const inPlace = info !== undefined && !info.isFile();
  const part = inPlace ? target : join(dirname(target), `.${basename(target)}.${process.pid}.part`);
  const remove = (): void => {
    if (!inPlace) rmSync(part, { force: true });
  };
  const interrupted = (signal: NodeJS.Signals): void => {
    remove();
    process.kill(process.pid, signal);
  };
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  try {
    const file = await open(part, inPlace ? 'w' : 'wx');
    try {
      for await (const block of blocks) await file.writeFile(block);
    } finally {
      await file.close();
    }
    if (!inPlace) await rename(part, target);
  } catch (error) {
    remove();
    if (isSystemError(error)) throw new RunError(`cannot write ${path}: ${error.message}`, { cause: error });
    throw error;
  } finally {
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
  }
}

/** Writes to a stream as fast as its reader reads, to the last byte; a reader that went away (`| head`) is no error. */
export async function writeStream(stream: Writable, blocks: Blocks): Promise<void> {
  let failure: NodeJS.ErrnoException | undefined;
  const onError = (error: NodeJS.ErrnoException): void => void (failure = error);
  stream.on('error', onError);
  try {
    for await (const block of blocks) {
      // The block's memory is reused, and the stream may keep what it could not write yet: wait for each.
      await new Promise<void>((resolve) => {
        stream.write(block, (error) => {
          if (error) failure = error;
          resolve();
        });
      });
      if (failure) break;
    }
  } finally {
    // The stream says it once more, after the callback.
    setImmediate(() => stream.off('error', onError));
  }
  if (failure && failure.code !== 'EPIPE')
    throw new RunError(`cannot write the result: ${failure.message}`, { cause: failure });
}
