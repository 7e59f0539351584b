import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');

/** Where a question's diff is committed, from the root. */
function diffFile(slug: string): string {
  return `lib/questions/${slug}/diff.md`;
}

/** The committed text, if there is one. */
export function readDiff(slug: string): string | undefined {
  const file = join(root, diffFile(slug));
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

/** Writes the text beside the question, and says where. */
export function recordDiff(slug: string, text: string): string {
  const file = diffFile(slug);
  writeFileSync(join(root, file), text);
  return file;
}
