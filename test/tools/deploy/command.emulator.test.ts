import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, it } from 'vitest';
import { catalogue } from '../../../lib/catalogue.ts';
import { isBuilt } from '../../../lib/kit/question.ts';

it('designs deploy keeps the emulator that it started until Ctrl-C, and says how to reach it', async () => {
  const { slug, variants } = catalogue.find(isBuilt)!;
  const { AWS_ENDPOINT_URL: _, ...env } = process.env;
  const args = [join(import.meta.dirname, '../../../bin/designs.ts'), 'deploy', slug, '--variant', variants[0]!];
  const designs = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'ignore'] });
  const lines: string[] = [];
  let endpoint: string | undefined;
  for await (const line of createInterface({ input: designs.stdout })) {
    lines.push(line);
    endpoint = /AWS_ENDPOINT_URL=(\S+)/.exec(line)?.[1];
    if (endpoint !== undefined) break;
  }
  expect(lines.join('\n')).toMatch(new RegExp(`${variants[0]}: ${slug}-${variants[0]}\n`));
  expect((await fetch(`${endpoint}/_ministack/health`)).status).toBe(200);
  designs.kill('SIGINT');
  const [code] = (await once(designs, 'exit')) as [number];
  expect(code).toBe(0);
  await expect(fetch(`${endpoint}/_ministack/health`)).rejects.toThrow('fetch failed');
});
