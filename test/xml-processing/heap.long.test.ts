import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const megabyte = 1_000_000;
const large = process.env['DESIGNS_SCALE'] === 'full' ? 1000 * megabyte : 100 * megabyte;

interface Ran {
  readonly outcome: unknown;
  readonly records: number;
  readonly expected: number;
  readonly peakKb: number;
}

/** The handler over a document of so many bytes with a heap of 64 MB: what it came to, or how it died. */
function run(handler: string, bytes: number): Ran | string {
  const child = spawnSync(
    process.execPath,
    // The young generation too, which otherwise grows to 100 MB whenever there is time between two collections.
    [
      '--max-old-space-size=64',
      '--max-semi-space-size=4',
      join(import.meta.dirname, 'heap.ts'),
      handler,
      String(bytes),
    ],
    { encoding: 'utf8', timeout: 500_000 },
  );
  return child.status === 0 ? (JSON.parse(child.stdout) as Ran) : child.stderr;
}

describe('with a heap of 64 MB', { timeout: 600_000 }, () => {
  it(`the improved worker loads ${large / megabyte} MB with the memory that it needs for 10 MB`, () => {
    const [small, big] = [run('load.improved', 10 * megabyte), run('load.improved', large)] as [Ran, Ran];
    expect(small).toMatchObject({ outcome: 'done', records: small.expected });
    expect(big).toMatchObject({ outcome: 'done', records: big.expected });
    expect(big.peakKb / small.peakKb).toBeLessThan(1.2);
  });

  it('the naive one loads 1 MB, and runs out of memory at 10 MB', () => {
    const small = run('load.naive', megabyte) as Ran;
    expect(small).toMatchObject({ records: small.expected });
    expect(run('load.naive', 10 * megabyte)).toMatch(/heap out of memory/);
  });
});
