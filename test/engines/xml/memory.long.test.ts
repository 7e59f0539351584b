import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const program = fileURLToPath(new URL('memory-of.ts', import.meta.url));
const isFull = process.env['DESIGNS_SCALE'] === 'full';

interface Measured {
  readonly records: number;
  readonly peakMegabytes: number;
}

/** In a fresh process, since a peak is of a process. */
async function measure(how: string, megabytes: number, ...flags: readonly string[]): Promise<Measured> {
  const args = [...flags, program, how, String(megabytes)];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 300_000 });
  return JSON.parse(stdout) as Measured;
}

const large = isFull ? 1000 : 100;

describe('the memory that a file takes', () => {
  it(`is the same for 10 MB and for ${large} MB`, { timeout: 300_000 }, async () => {
    const small = await measure('reader', 10, '--max-semi-space-size=2');
    const much = await measure('reader', large, '--max-semi-space-size=2');
    expect(much.records).toBe(small.records * (large / 10));
    expect(much.peakMegabytes).toBeLessThan(small.peakMegabytes * 1.15 + 10);
  });

  it(`is the same for the scan of 10 MB and of ${large} MB`, { timeout: 300_000 }, async () => {
    const small = await measure('scanner', 10, '--max-semi-space-size=2');
    const much = await measure('scanner', large, '--max-semi-space-size=2');
    expect(much.peakMegabytes).toBeLessThan(small.peakMegabytes * 1.15 + 10);
  });

  it('grows with the file where a DOM is built, until none is left', async () => {
    const heap = '--max-old-space-size=96';
    expect((await measure('reader', 40, heap)).records).toBeGreaterThan(10_000);
    expect((await measure('dom', 1, heap)).records).toBeGreaterThan(100);
    await expect(measure('dom', 40, heap)).rejects.toThrow('heap out of memory');
  });
});
