import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeData } from '../../../bench/log-diff/data.ts';
import { memoryBytesMin, parseMemory, planMemory } from '../../../tools/missing/memory.ts';
import { root } from '../../house/files.ts';
import { scratch } from './scratch.ts';

describe('--memory', () => {
  it('takes a number and a unit', () => {
    expect(parseMemory('2GB')).toBe(2e9);
    expect(parseMemory('1.5 GiB')).toBe(1.5 * 2 ** 30);
    expect(parseMemory('512mib')).toBe(2 ** 29);
  });

  it.each(['2', 'GB', '-1GB', '1e9GB', '2 gigs', ''])('refuses %j and says what to give', (value) => {
    expect(() => parseMemory(value)).toThrow(`--memory ${value} is no size: give one such as 2GB or 512MiB`);
  });

  it('refuses less than it can do with', () => {
    expect(() => parseMemory('255MiB')).toThrow('--memory 255MiB is too little: give at least 256MiB');
    expect(parseMemory('256MiB')).toBe(memoryBytesMin);
  });

  it('is divided so that buffers, blocks and lines of all threads stay within it', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: memoryBytesMin, max: 2 ** 40 }),
        fc.integer({ min: 1, max: 16 }),
        fc.integer({ min: 0, max: 10 }),
        (memoryBytes, threads, bits) => {
          const { blockBytes, blocksBytes, linesBytes } = planMemory(memoryBytes, threads, 2 ** bits);
          expect(blockBytes % 4096).toBe(0);
          const buffers = 2 * threads * 2 ** bits * blockBytes;
          const least = 2 * threads * 2 ** bits * 4096;
          expect(buffers).toBeLessThanOrEqual(Math.max(memoryBytes / 4, least));
          expect(buffers + threads * (blocksBytes + linesBytes)).toBeLessThanOrEqual(Math.max(memoryBytes, least));
        },
      ),
    );
  });

  it('changes nothing in the answer, and less than what it says is taken, when the IDs do not fit', () => {
    const directory = scratch();
    const options = {
      lines: 3_000_000,
      signed: 3_000_000,
      servers: 20,
      ids: 'uuid',
      format: 'plain',
      seed: 3,
    } as const;
    const data = makeData(directory, options);
    const run = (memory: string) => {
      const files = ['--signed', join(data.directory, 'signed.txt'), '--logs', join(data.directory, 'logs')];
      const measured = join(root, 'test/tools/missing/peak-memory.mjs');
      const out = join(directory, memory);
      const args = ['--import', measured, join(root, 'bin/designs.ts'), 'missing', ...files, '--memory', memory];
      const { stderr, status } = spawnSync(process.execPath, [...args, '--out', out], { encoding: 'latin1' });
      expect(status, stderr).toBe(0);
      const peak = Number(/peak memory (\d+) kB/.exec(stderr)?.[1]);
      return { lines: readFileSync(out), report: stderr.split('\n')[0], peakBytes: peak * 1024 };
    };
    const [roomy, tight] = [run('2GB'), run('256MiB')];
    expect(tight.lines.equals(roomy.lines)).toBe(true);
    expect(tight.report).toBe(roomy.report);
    // Where there is no /proc nothing is known.
    if (!Number.isNaN(tight.peakBytes)) {
      expect(tight.peakBytes).toBeLessThan(256 * 2 ** 20);
      expect(roomy.peakBytes - tight.peakBytes, 'nothing went to a file').toBeGreaterThan(15e6);
    }
  });
});
