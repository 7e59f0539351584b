import { basename, join } from 'node:path';

/** What a browser runs, made of the folder's TypeScript: bytes by file name, such as `page.js`. */
export async function bundleForBrowser(
  folder: string,
  files: readonly string[],
): Promise<ReadonlyMap<string, Uint8Array>> {
  const { build } = await import('esbuild');
  const { outputFiles } = await build({
    entryPoints: files.map((file) => join(folder, file)),
    bundle: true,
    format: 'esm',
    target: 'es2024',
    minify: true,
    write: false,
    outdir: folder,
  });
  return new Map(outputFiles.map(({ path, contents }) => [basename(path), contents]));
}
