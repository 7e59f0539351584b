import { Readable } from 'node:stream';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { WasmCore } from '../../../engines/log-diff/core.ts';
import { UsageError } from '../../../tools/cli/errors.ts';
import { readSigned, type SignedSource } from '../../../tools/missing/signed.ts';
import { coreWithBlocks } from '../../engines/log-diff/difference.ts';
import { scratch } from './scratch.ts';

/** The distinct signed IDs as Latin-1, in byte order. */
async function idsOf(source: SignedSource): Promise<string[]> {
  const blocks = coreWithBlocks(WasmCore, { inputBytes: 256 * 1024 });
  await readSigned(source, blocks.core);
  blocks.core.flush();
  return Buffer.from(blocks.core.join(blocks.of(0)).lines)
    .toString('latin1')
    .slice(0, -1)
    .split('\n');
}

/** From a file and from standard input, a byte at a time and whole: always the same. */
async function read(content: string | Uint8Array, options: Partial<SignedSource> = {}): Promise<string[]> {
  const bytes = typeof content === 'string' ? Buffer.from(content, 'latin1') : content;
  const path = join(scratch({ signed: bytes }), 'signed');
  const sources = [
    { path, stdin: Readable.from([]) },
    { path: '-', stdin: Readable.from(bytes.length === 0 ? [] : [bytes]) },
    { path: '-', stdin: Readable.from(Array.from(bytes, (byte) => Buffer.of(byte))) },
  ];
  const results: string[][] = [];
  for (const source of sources) results.push(await idsOf({ ...source, ...options }));
  expect(results[1]).toEqual(results[0]);
  expect(results[2]).toEqual(results[0]);
  return results[0]!;
}

describe('a signed list', () => {
  it('is one ID a line: LF or CRLF, any bytes, empty lines ignored, the last end optional', async () => {
    expect(await read('b\r\n\n a \xff\0\r\nb\n\r\nc,d')).toEqual([' a \xff\0', 'b', 'c,d']);
    expect(await read('x'.repeat(256))).toEqual(['x'.repeat(256)]);
    expect(await read('\xef\xbb\xbfa\n')).toEqual(['a']);
    expect(await read(gzipSync('a\nb\n'))).toEqual(['a', 'b']);
  });

  it('is a column of a CSV file', async () => {
    const csv = 'n,"doc ""id""",é\r\n1,"a,b",x\r\n\r\n2,"c""d",\xff\n3,,z\n4,a\xc3\xa9,w';
    expect(await read(csv, { column: 'doc "id"' })).toEqual(['a,b', 'a\xc3\xa9', 'c"d']);
    expect(await read(Buffer.from(csv, 'utf8'), { column: 'é' })).toEqual(['w', 'x', 'z', '\xc3\xbf']);
    expect(await read('\xef\xbb\xbfid\nA\n', { column: 'id' })).toEqual(['A']);
  });

  it('is a column of a CSV file of several chunks', async () => {
    const ids = Array.from({ length: 60_000 }, (_, n) => `document-${n}-${'x'.repeat(20)}`);
    const path = join(scratch({ signed: `id,n\n${ids.map((id) => `${id},1\n`).join('')}` }), 'signed');
    expect(await idsOf({ path, column: 'id', stdin: Readable.from([]) })).toEqual(ids.sort());
  });

  it('is a field of NDJSON', async () => {
    expect(
      await read('{"doc":{"id":"a"}}\n\r\n{"doc":{"id":17}}\r\n{"doc":{"id":"\\u00e9"}}', { field: 'doc.id' }),
    ).toEqual(['17', 'a', '\xc3\xa9']);
    expect(await read('{"a.b":"x","a":{"b":"y"}}', { field: 'a.b' })).toEqual(['x']);
  });

  it.each<[string, string, Partial<SignedSource>]>([
    ['', 'no signed ID in', {}],
    ['\n\r\n', 'no signed ID in', {}],
    [`a\n${'x'.repeat(257)}\n`, 'line 2: an ID of 257 bytes exceeds 256', {}],
    ['id,n\na,1\n', 'has no column "doc": its columns are id, n', { column: 'doc' }],
    ['id,n\na,1,2\n', 'is no valid CSV', { column: 'id' }],
    ['id\n"a\n', 'is no valid CSV', { column: 'id' }],
    ['id\n"a\nb"\n', 'line 3: an ID contains a line end', { column: 'id' }],
    ['{"a":1}\n', 'line 1 has no field "id": its fields are a', { field: 'id' }],
    ['{"a":1}\n{"toString":1}\n', 'line 1 has no field "toString"', { field: 'toString' }],
    ['{"id":"x"}\n{"id":\n', 'line 2 is not JSON in UTF-8', { field: 'id' }],
    ['{"id":"\xff"}\n', 'line 1 is not JSON in UTF-8', { field: 'id' }],
    ['{"id":"\\ud800"}\n', 'use a string, or an integer', { field: 'id' }],
    ['{"id":12345678901234567890}\n', 'use a string, or an integer', { field: 'id' }],
    ['{"id":null}\n', 'field "id" is null', { field: 'id' }],
    ['[1]\n', 'has no field "id"', { field: 'id' }],
    ['a\n', '--column and --field exclude each other', { column: 'a', field: 'b' }],
  ])('%j is refused: %s', async (content, message, options) => {
    await expect(read(content, options)).rejects.toThrow(UsageError);
    await expect(read(content, options)).rejects.toThrow(message);
  });

  it('that does not exist or is cut is an error with its name', async () => {
    const stdin = Readable.from([]);
    await expect(idsOf({ path: '/nowhere/signed', stdin })).rejects.toThrow('cannot read /nowhere/signed');
    const directory = scratch({ signed: gzipSync('a\nb\n').subarray(0, -4) });
    await expect(idsOf({ path: join(directory, 'signed'), stdin })).rejects.toThrow('signed ends inside its gzip data');
    await expect(idsOf({ path: join(directory, 'signed'), column: 'a', stdin })).rejects.toThrow('is truncated');
    await expect(idsOf({ path: directory, stdin })).rejects.toThrow('cannot read');
  });
});
