import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { profiles } from '../../../tools/emulator/profiles.ts';
import { backgrounds } from '../../../tools/prove/background.ts';

function prove(...args: readonly string[]) {
  const designs = join(import.meta.dirname, '../../../bin/designs.ts');
  const { AWS_ENDPOINT_URL: _, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, [designs, 'prove', ...args], {
    encoding: 'utf8',
    env,
  });
  return { status, stdout, stderr };
}

const names = [...Object.keys(backgrounds), ...Object.keys(profiles).filter((name) => name !== 'none')];

it('names the profiles of faults in its help, those that need an emulator apart', () => {
  const { status, stdout } = prove('--help');
  expect(status).toBe(0);
  const help = stdout.replaceAll(/\s+/g, ' ');
  expect(help).toMatch(
    /AWS calls crashes, lost-replies, conflicts, storm; on the wire, of an emulator only: throttles/,
  );
  for (const name of names) expect(help).toContain(name);
});

it('refuses an unknown profile of faults with the names of all, before anything starts', () => {
  expect(prove('xml-processing', '--faults', 'strom')).toEqual({
    status: 2,
    stdout: '',
    stderr: `error: unknown faults "strom": use ${names.join(', ')}\n`,
  });
});

it('records no disturbed run', () => {
  expect(prove('xml-processing', '--faults', 'storm', '--record')).toEqual({
    status: 2,
    stdout: '',
    stderr: 'error: --record keeps what a run without --faults measures: leave one of them out\n',
  });
});
