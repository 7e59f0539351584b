import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { answerOfLines } from '../../../bench/contest.ts';
import { type DataOptions, makeData } from '../../../bench/log-diff/data.ts';
import { scratch } from '../../tools/missing/scratch.ts';

const small: DataOptions = { lines: 20_000, signed: 10_000, servers: 7, ids: 'uuid', format: 'plain', seed: 5 };
const plain = { plain: (bytes: Buffer) => bytes, gzip: gunzipSync, zstd: zstdDecompressSync };

function logText(directory: string, format: DataOptions['format']): string {
  const files = readdirSync(join(directory, 'logs')).sort();
  return files.map((file) => plain[format](readFileSync(join(directory, 'logs', file))).toString('latin1')).join('');
}

describe('the bench’s data', () => {
  it.each([
    { ids: 'uuid', format: 'plain', id: '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}' },
    { ids: 'uuid', format: 'gzip', id: '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}' },
    { ids: 'string', format: 'zstd', id: '[^ ]{1,256}' },
  ] as const)('has the answer that its logs give: $ids in $format', ({ ids, format, id }) => {
    const data = makeData(scratch(), { ...small, ids, format });
    const signed = readFileSync(join(data.directory, 'signed.txt'), 'latin1').slice(0, -1).split('\n');
    expect(new Set(signed).size).toBe(small.signed);
    const text = logText(data.directory, format);
    const sent = new Set<string>();
    for (const line of text.split('\n')) {
      for (const [, found] of line.matchAll(new RegExp(`notification\\.sent doc=(${id})(?: |$)`, 'g')))
        sent.add(found!);
    }
    const missed = signed.filter((one) => !sent.has(one));
    expect(missed).toHaveLength(data.missed);
    expect(answerOfLines(missed)).toBe(data.answer);
    expect(missed.filter((one) => text.includes(one)).length, 'decoys that carry missed IDs').toBeGreaterThan(0);
    expect(text.split('\n').length - 1).toBe(data.lines);
    expect(text).toHaveLength(data.bytes);
  });

  it('has, where it is lean, one short line for each ID that is not missed', () => {
    const data = makeData(scratch(), { ...small, isLean: true });
    const signed = readFileSync(join(data.directory, 'signed.txt'), 'latin1').slice(0, -1).split('\n');
    const text = logText(data.directory, 'plain').slice(0, -1).split('\n');
    const sent = text.map((line) => /^\S+Z web-\d+ INFO notification\.sent doc=(\S{36})$/.exec(line)![1]!);
    const all = new Set(sent);
    const missed = signed.filter((id) => !all.has(id));
    expect(all.size).toBe(data.lines);
    expect([missed.length, sent.length]).toEqual([data.missed, small.signed - data.missed]);
    expect(answerOfLines(missed)).toBe(data.answer);
  });

  it('is made once, and the same again from the same seed', () => {
    const [a, b] = [scratch(), scratch()];
    const first = makeData(a, small);
    expect(makeData(a, small)).toEqual(first);
    const second = makeData(b, small);
    expect({ ...second, directory: '' }).toEqual({ ...first, directory: '' });
    expect(logText(second.directory, 'plain') === logText(first.directory, 'plain')).toBe(true);
    expect(makeData(b, { ...small, seed: 6 }).answer).not.toBe(first.answer);
  });
});
