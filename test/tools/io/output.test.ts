import { readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { RunError } from '../../../tools/cli/errors.ts';
import { writeStream, writeWhole } from '../../../tools/io/output.ts';
import { scratch } from '../missing/scratch.ts';

/** Blocks in memory that is used again, as the engine hands them out. */
function* blocks(...texts: readonly string[]): Generator<Uint8Array> {
  const block = Buffer.alloc(16);
  for (const text of texts) {
    block.fill(0).write(text);
    yield block.subarray(0, text.length);
  }
}

describe('a stream', () => {
  it('gets every block before the next is asked for', async () => {
    const written: string[] = [];
    const slow = new Writable({
      highWaterMark: 1,
      write: (chunk: Buffer, _, done) =>
        setTimeout(() => {
          written.push(String(chunk));
          done();
        }, 5),
    });
    await writeStream(slow, blocks('one', 'three', 'five'));
    expect(written).toEqual(['one', 'three', 'five']);
  });

  it.each([
    ['EPIPE', undefined],
    ['ENOSPC', new RunError('cannot write the result: disk')],
  ])('that fails with %s', async (code, expected) => {
    const broken = new Writable({ write: (_chunk, _, done) => done(Object.assign(new Error('disk'), { code })) });
    const failure: unknown = await writeStream(broken, blocks('one', 'two')).catch((error: unknown) => error);
    expect(failure).toEqual(expected);
  });
});

describe('a file', () => {
  it('is replaced whole, through a link, and kept as it was when the blocks break off', async () => {
    const directory = scratch({ 'real/missed': 'old' });
    symlinkSync('real/missed', join(directory, 'missed'));
    function* broken(): Generator<Uint8Array> {
      yield* blocks('half');
      throw new Error('no more');
    }
    await expect(writeWhole(join(directory, 'missed'), broken())).rejects.toThrow('no more');
    expect(readFileSync(join(directory, 'real/missed'), 'utf8')).toBe('old');
    await writeWhole(join(directory, 'missed'), blocks('a\n', 'b\n'));
    expect(readFileSync(join(directory, 'real/missed'), 'utf8')).toBe('a\nb\n');
    expect(readdirSync(join(directory, 'real'))).toEqual(['missed']);
  });
});
