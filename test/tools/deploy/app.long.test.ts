import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { catalogue } from '../../../lib/catalogue.ts';
import { isBuilt } from '../../../lib/kit/question.ts';
import { buildApp } from '../../../lib/load.ts';
import { buildBundles } from '../../../tools/bundle/bundle.ts';

const root = join(import.meta.dirname, '../../..');
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'app-test-'));
});

afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

/** `cdk synth` with the context given; what it says on stderr. */
async function synth(...context: readonly string[]): Promise<string> {
  const { AWS_ENDPOINT_URL: _, NODE_ENV: __, ...env } = process.env;
  const cdk = join(root, 'node_modules/aws-cdk/bin/cdk');
  const args = [cdk, 'synth', '--quiet', '--output', directory, ...context.flatMap((pair) => ['-c', pair])];
  return await promisify(execFile)(process.execPath, args, { cwd: root, env }).then(
    ({ stderr }) => stderr,
    (error: { stderr: string }) => error.stderr,
  );
}

describe('cdk synth', () => {
  it('makes the very template that the tools make in process, so that either may deploy over the other', async () => {
    const { slug, variants } = catalogue.find(isBuilt)!;
    const variant = variants.at(-1)!;
    await synth(`question=${slug}`, `variant=${variant}`);
    const bundles = await buildBundles({ slugs: [slug] });
    const outdir = join(directory, 'in-process');
    const { app } = await buildApp({ slug, variant, bundles, outdir });
    app.synth();
    const template = async (from: string) => await readFile(join(from, `${slug}.template.json`), 'utf8');
    expect(await template(directory)).toBe(await template(outdir));
  });

  it('lists what there is when it is not told what to make', async () => {
    expect(await synth()).toMatch(/no question and variant are given: use .*-c question=/s);
  });

  it.each([
    [['question=missing-notificatoins', 'variant=naive'], /did you mean missing-notifications\?/],
    [['question=missing-notifications', 'variant=best'], /unknown variant "best": use naive or improved/],
    [
      ['question=missing-notifications', 'variant=naive', 'stage=prod'],
      /unknown stage "prod": use sandbox or production/,
    ],
  ])('refuses %s with a remedy', async (context, remedy) => {
    expect(await synth(...context)).toMatch(remedy);
  });
});
