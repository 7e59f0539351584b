import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const root = join(import.meta.dirname, '../..');
const source = 'engines/log-diff/core.as.ts';
/** The compiled core, as a module that Node, a bundler and a browser load alike. */
export const compiledFile = 'engines/log-diff/core.wasm.ts';

/** The text of compiledFile. Rejects with what the compiler says. */
export async function compileCore(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'designs-core-'));
  try {
    const out = join(directory, 'core.wasm');
    const options = [
      '-O3',
      '--runtime',
      'stub',
      '--noAssert',
      '--importMemory',
      '--enable',
      'simd',
      '--enable',
      'bulk-memory',
    ];
    // Not as a module: its types declare AssemblyScript's own Array and Math for the whole program.
    const compiler = join(root, 'node_modules/assemblyscript/bin/asc.js');
    await promisify(execFile)(process.execPath, [compiler, source, ...options, '--outFile', out], { cwd: root });
    const lines = readFileSync(out)
      .toString('base64')
      .match(/.{1,116}/g)!;
    return [
      `/** ${source}, compiled by \`npm run build:core\`: not to be edited, a test compares the two. */`,
      'export const coreBase64 =',
      `${lines.map((line) => `  '${line}'`).join(' +\n')};\n`,
    ].join('\n');
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

if (import.meta.main) writeFileSync(join(root, compiledFile), await compileCore());
