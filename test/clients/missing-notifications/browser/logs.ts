import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compressionOf } from '../../../../engines/log-diff/compression.ts';
import { decompress } from '../../../../lambdas/kit/decompress.ts';

interface Log {
  readonly name: string;
  readonly bytes: Buffer<ArrayBuffer>;
}

/** The logs of an incident that makeIncident() made, none in a format that a browser cannot read. */
export async function logsOf(directory: string): Promise<readonly Log[]> {
  const entries = readdirSync(join(directory, 'logs'), { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return await Promise.all(paths.map(async (name) => ({ name, bytes: await readable(readFileSync(name)) })));
}

async function readable(bytes: Buffer<ArrayBuffer>): Promise<Buffer<ArrayBuffer>> {
  if (compressionOf(bytes) !== 'zstd') return bytes;
  // Node's zstdDecompressSync() stops after the first frame.
  const plain: Buffer[] = [];
  for await (const chunk of decompress([bytes])) plain.push(Buffer.from(chunk));
  return Buffer.concat(plain);
}
