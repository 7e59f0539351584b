import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { root } from '../house/files.ts';

/** By file, what its source becomes. */
export type Edits = Readonly<Record<string, (source: string) => string>>;

/** The workflow in this process, with the sources edited: seeded bugs, and bounds that a test can reach. */
export async function editedWorkflow(edits: Edits): Promise<typeof import('./workflow.ts')> {
  const unused = new Set(Object.keys(edits));
  const { outputFiles } = await build({
    entryPoints: [join(root, 'test/missing-notifications/workflow.ts')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    write: false,
    plugins: [
      {
        name: 'edits',
        setup({ onLoad }) {
          onLoad({ filter: /\.ts$/ }, ({ path }) => {
            const source = readFileSync(path, 'utf8');
            const file = relative(root, path);
            const edited = edits[file]?.(source) ?? source;
            if (edits[file] && edited === source) throw new Error(`the edit of ${file} changes nothing`);
            unused.delete(file);
            return { contents: edited, loader: 'ts' };
          });
        },
      },
    ],
  });
  if (unused.size > 0) throw new Error(`the workflow does not load ${[...unused].join(', ')}`);
  const directory = mkdtempSync(join(tmpdir(), 'designs-edited-'));
  try {
    const file = join(directory, 'workflow.mjs');
    writeFileSync(file, outputFiles[0]!.contents);
    return (await import(/* @vite-ignore */ pathToFileURL(file).href)) as typeof import('./workflow.ts');
  } finally {
    rmSync(directory, { recursive: true });
  }
}
