import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Has `write` fill the directory, or finds what an earlier run made there, whole or not at all. Returns what it said of
 * it, as JSON keeps it. The directory's name has to tell everything that its bytes depend on.
 */
export function madeOnce<T>(directory: string, write: (directory: string) => T): T {
  const description = join(directory, 'data.json');
  if (!existsSync(description)) {
    rmSync(directory, { recursive: true, force: true });
    const part = `${directory}.part`;
    rmSync(part, { recursive: true, force: true });
    mkdirSync(part, { recursive: true });
    writeFileSync(join(part, 'data.json'), JSON.stringify(write(part)));
    renameSync(part, directory);
  }
  return JSON.parse(readFileSync(description, 'utf8')) as T;
}
