import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProofResult } from './prove.ts';

/** Where a question's recorded proof lies, from the root. */
export function recordFile(slug: string): string {
  return `lib/questions/${slug}/proof.json`;
}

/** The recorded proof, if there is one. */
export function readRecord(slug: string): ProofResult | undefined {
  const file = join(import.meta.dirname, '../..', recordFile(slug));
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as ProofResult) : undefined;
}
