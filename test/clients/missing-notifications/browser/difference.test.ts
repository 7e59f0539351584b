import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32, deflateRawSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { findMissing } from '../../../../clients/missing-notifications/browser/difference.ts';
import { scratch, sent } from '../../../tools/missing/scratch.ts';
import { makeIncident } from '../../../tools/missing/servers.ts';
import { logsOf } from './logs.ts';

const text = (blocks: readonly Uint8Array[]): string => Buffer.concat(blocks).toString('latin1');
const log = (bytes: string | Uint8Array<ArrayBuffer>, name = 'x.log') => ({ name, blob: new Blob([bytes]) });

describe('a difference in the browser', () => {
  it.each(['uuid', 'mixed'] as const)('is exact, over plain and gzip logs: %s IDs', async (ids) => {
    const directory = scratch();
    const incident = makeIncident(directory, { seed: 11, ids, servers: 30, documents: 50_000 });
    const logs = (await logsOf(directory)).map(({ name, bytes }, n) => {
      // Of two members, of which a browser's own DecompressionStream would read one.
      const half = bytes.indexOf(10, bytes.length >> 1) + 1;
      const two = Buffer.concat([gzipSync(bytes.subarray(0, half)), gzipSync(bytes.subarray(half))]);
      return log(n % 2 === 0 && bytes[0] !== 0x1f ? two : bytes, name);
    });
    const signed = new Blob([readFileSync(join(directory, 'signed.txt'))]);
    const result = await findMissing({ signed, logs });
    expect(text(result.missedLines).slice(0, -1).split('\n').sort()).toEqual(incident.missed.toSorted());
    expect(result).toMatchObject({ signed: 50_000, missed: incident.missed.length, engine: 'WebAssembly' });
  });

  it('reads every kind of gzip header, wherever a piece of the file ends', async () => {
    const flags = { crc: 2, extra: 4, name: 8, comment: 16 };
    const record = Buffer.from(sent('A1'));
    const member = (kind: number): Buffer => {
      const parts = [Buffer.from([0x1f, 0x8b, 8, kind, 0, 0, 0, 0, 0, 3])];
      if ((kind & flags.extra) !== 0) parts.push(Buffer.from([3, 0, 1, 2, 3]));
      if ((kind & flags.name) !== 0) parts.push(Buffer.from('x.log\0'));
      if ((kind & flags.comment) !== 0) parts.push(Buffer.from('a comment\0'));
      if ((kind & flags.crc) !== 0) parts.push(Buffer.from([7, 7]));
      const trailer = Buffer.alloc(8);
      trailer.writeUInt32LE(crc32(record));
      trailer.writeUInt32LE(record.length, 4);
      return Buffer.concat([...parts, deflateRawSync(record), trailer]);
    };
    const all = Buffer.concat(Array.from({ length: 16 }, (_, kind) => member(2 * kind)));
    // Members of a size that is no divisor of a piece's: their ends fall on every place of it.
    const many = Buffer.concat(Array.from({ length: 1500 }, () => all));
    const result = await findMissing({ signed: new Blob(['A1\nB2\n']), logs: [log(many)] });
    expect(result).toMatchObject({ lines: 24_000, matched: 24_000, missed: 1 });
  });

  it('takes a pattern of one’s own, and counts what only differs by case', async () => {
    const signed = new Blob(['A1\nB2\nC3\n']);
    const logs = [log('ok id=A1\nok id=c3\n')];
    const result = await findMissing({ signed, logs, pattern: 'ok id=(\\w+)' });
    expect(result).toMatchObject({ missed: 2, missedByCase: 1, matched: 2, lines: 2 });
    expect(text((await findMissing({ signed, logs, pattern: 'ok id=(\\w+)', ignoreCase: true })).missedLines)).toBe(
      'B2\n',
    );
  });

  it('names the file that cannot be read to its end, and gives no partial result', async () => {
    const signed = new Blob(['A1\n']);
    const whole = gzipSync(sent('A1').repeat(1000));
    const damaged = Buffer.from(whole);
    damaged[whole.length - 6]! ^= 1;
    for (const [bytes, why] of [
      [whole.subarray(0, -1), 'ends inside its gzip data'],
      [whole.subarray(0, 30), 'ends inside its gzip data'],
      [damaged, 'is no valid gzip data'],
      [Buffer.concat([whole, Buffer.alloc(3)]), 'is no valid gzip data'],
      [Buffer.concat([whole, Buffer.from('garbage')]), 'is no valid gzip data'],
      [zstdCompressSync('x'), 'is compressed by zstd, which a browser cannot read'],
    ] as const) {
      const logs = [log(sent('A1')), log(Buffer.from(bytes), 'bad.log.gz')];
      await expect(findMissing({ signed, logs })).rejects.toThrow(`bad.log.gz: ${why}`);
    }
  });

  it('refuses a list without an ID, logs without a match and a pattern without a group', async () => {
    const signed = new Blob(['A1\n']);
    await expect(findMissing({ signed: new Blob(['\n\n']), logs: [log(sent('A1'))] })).rejects.toThrow('holds no ID');
    await expect(findMissing({ signed, logs: [log('nothing\n')] })).rejects.toThrow('matches none of 1 lines');
    await expect(findMissing({ signed, logs: [log('x')], pattern: 'x' })).rejects.toThrow('has no group');
    await expect(findMissing({ signed: new Blob(['x'.repeat(300)]), logs: [] })).rejects.toThrow('line 1: an ID of');
  });
});
