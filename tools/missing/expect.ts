import { stat } from 'node:fs/promises';

import { UsageError } from '../cli/errors.ts';
import { readFileChunks } from '../io/files.ts';

/** Which servers must have a log: by name, or how many. */
export type Expected = { readonly names: readonly string[] } | { readonly count: number };

const serversMax = 1_000_000;

/** `--expect FILE|N`: server names, one a line, or a number of servers. Throws a UsageError. */
export async function readExpected(value: string): Promise<Expected> {
  const isNumber = /^\d+$/.test(value);
  const isFile = await stat(value).then(
    () => true,
    () => false,
  );
  if (isNumber && !isFile) {
    const count = Number(value);
    if (count < 1 || count > serversMax) throw new UsageError(`--expect ${value}: use 1 to ${serversMax} servers`);
    return { count };
  }
  if (!isFile)
    throw new UsageError(`--expect ${value} is neither a number nor a file: give a count or a file of names`);
  const chunks: Uint8Array[] = [];
  for await (const chunk of readFileChunks(value)) chunks.push(chunk.slice());
  const lines = Buffer.concat(chunks).toString('utf8').split('\n');
  const names = [...new Set(lines.map((line) => line.trim()).filter((line) => line !== ''))];
  if (names.length === 0) throw new UsageError(`--expect ${value} names no server: write one a line`);
  return { names };
}

/** Names of the servers that should have logged and did not; those that only a count tells of are one entry without a name. */
export function missingServers(expected: Expected, bytesByServer: ReadonlyMap<string, number>): readonly string[] {
  if ('names' in expected) return expected.names.filter((name) => (bytesByServer.get(name) ?? 0) === 0);
  const empty = [...bytesByServer].filter(([, bytes]) => bytes === 0).map(([name]) => name);
  const logging = bytesByServer.size - empty.length;
  const unknown = expected.count - logging - empty.length;
  if (logging >= expected.count) return [];
  return unknown <= 0 ? empty : [...empty, unknown === 1 ? '1 unnamed server' : `${unknown} unnamed servers`];
}
