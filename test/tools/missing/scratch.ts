import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A directory that lives as long as the test, filled with files: text is written as Latin-1, one byte a character. */
export function scratch(files: Readonly<Record<string, string | Uint8Array>> = {}): string {
  const directory = mkdtempSync(join(tmpdir(), 'designs-missing-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    const path = join(directory, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, typeof content === 'string' ? Buffer.from(content, 'latin1') : content);
  }
  return directory;
}

/** One success line. */
export function sent(id: string): string {
  return `2026-11-23T01:02:03.456Z srv-017 INFO notification.sent channel=email doc=${id} ms=12\n`;
}
