import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';

const modules = join(import.meta.dirname, '..', '..', '..', 'node_modules');

interface Contents {
  readonly files: Readonly<Record<string, string>>;
  /** Installed packages to copy; none when absent. */
  readonly packages?: readonly string[];
  /** Folder of the checkout below its temporary directory; that itself when absent. */
  readonly folder?: string;
}

/** A checkout of its own, removed after the test. Returns its root. */
export async function checkout({ files, packages = [], folder = '.' }: Contents): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'checkout-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const root = join(directory, folder);
  for (const [path, contents] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), contents);
  }
  for (const name of packages) {
    await cp(join(modules, name), join(root, 'node_modules', name), { recursive: true });
  }
  return root;
}
