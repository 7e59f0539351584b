import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { catalogue } from '../../lib/catalogue.ts';
import { isBuilt } from '../../lib/kit/question.ts';
import { buildBundles } from '../../tools/bundle/bundle.ts';
import { filesIn, lambdaParts } from './files.ts';

/** Minified, without its map. A cold start loads every byte: the SDK clients of four services are half of this. */
const bundleBytesMax = 1024 * 1024;

interface Metafile {
  readonly outputs: Readonly<Record<string, { readonly bytes: number }>>;
}

describe('bundles', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await buildBundles();
  }, 300_000);

  it('are made of every handler', () => {
    const handlers = catalogue.filter(isBuilt).flatMap(({ slug }) =>
      filesIn(`lambdas/${slug}`)
        .filter((file) => file.endsWith('.ts') && !lambdaParts.includes(file))
        .map((file) => `${slug}/${file.replace(/\.ts$/, '')}`),
    );
    const lost = handlers.filter((handler) => !existsSync(join(directory, handler, 'index.mjs')));
    expect(lost, 'a handler file exports `handler`; anything else belongs in domain, steps, store or env').toEqual([]);
  });

  it(`are under ${bundleBytesMax / 1024} KiB each`, () => {
    const { outputs } = JSON.parse(readFileSync(join(directory, 'metafile.json'), 'utf8')) as Metafile;
    const large = Object.entries(outputs)
      .filter(([file, { bytes }]) => file.endsWith('.mjs') && bytes > bundleBytesMax)
      .map(([file, { bytes }]) => `${file}: ${bytes} bytes`);
    expect(large, 'import less: metafile.json beside the bundles says what weighs').toEqual([]);
  });
});
