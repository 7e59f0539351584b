import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { benches } from '../../bench/benches.ts';
import { root } from '../house/files.ts';

const bench = (...args: readonly string[]) =>
  spawnSync(process.execPath, [join(root, 'bench/bench.ts'), ...args], { encoding: 'utf8' });

describe('npm run bench', () => {
  it('says what it takes', () => {
    const { status, stdout } = bench('--help');
    expect(status).toBe(0);
    for (const { name, contestNames } of benches) {
      expect(stdout).toContain(`npm run bench -- ${name}`);
      expect(stdout).toContain(contestNames.join(', '));
    }
  });

  it.each([
    [['xyz'], 'unknown bench "xyz": use log-diff or out-of-core or xml'],
    [['log-diff', 'xyz'], 'unknown contest "xyz": use plain'],
    [['xml', 'plain'], 'unknown contest "plain": use medium, large'],
    [['xml', '--record', '--size', 'small'], '--record is of all peers at full size'],
    [['xml', '--record', '--only', 'saxes'], '--record is of all peers at full size'],
    [['xml', '--only', 'sax'], 'unknown peer "sax": use saxes or sax-wasm'],
    [['log-diff', '--runs', '0'], '--runs 0: use 1 to 99'],
    [['log-diff', '--size', 'huge'], '--size huge: use small or full'],
    [['log-diff', '--fast'], "'--fast'"],
  ])('refuses %j', (args, message) => {
    const { status, stderr } = bench(...args);
    expect(status).toBe(2);
    expect(stderr).toContain(message);
  });
});
