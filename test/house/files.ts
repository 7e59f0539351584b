import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** Files of `lambdas/<slug>` that are no handler: parsing, decisions, what several handlers do, effects, variables. */
export const lambdaParts: readonly string[] = ['domain.ts', 'env.ts', 'input.ts', 'steps.ts', 'store.ts'];

/** Tracked and new files that git does not ignore, as paths from the root; every file where there is no git. */
export function repositoryFiles(): readonly string[] {
  return execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  })
    .split('\n')
    .filter((file) => file !== '' && existsSync(join(root, file)));
}

export function read(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

export function json(file: string): unknown {
  return JSON.parse(read(file));
}

/** Names of the folders in a folder, sorted; none when it does not exist. */
export function foldersIn(folder: string): readonly string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}

/** Names of the files in a folder, sorted; none when it does not exist. */
export function filesIn(folder: string): readonly string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
    .sort();
}
