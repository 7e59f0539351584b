import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { scratch } from '../missing/scratch.ts';

const designs = fileURLToPath(new URL('../../../bin/designs.ts', import.meta.url));

/** Runs `designs xml` in the directory, as a shell would. */
async function xml(directory: string, ...args: readonly string[]) {
  const child = spawn(process.execPath, [designs, 'xml', ...args], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [out, err]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out: Buffer.concat(out).toString(), err: Buffer.concat(err).toString() };
}

const shop =
  '<shop>\n <item kind="book"><price>1.10</price></item>\n <item kind="tea"><price>2.20</price></item>\n' +
  ' <item kind="book"><price>0.30</price></item>\n <item/>\n</shop>\n';
const files = { 'shop.xml': shop, 'more.xml.gz': gzipSync('<item kind="tea"><price>-0.5</price></item>') };

describe('designs xml', () => {
  it('prints records as lines of JSON, and a line for a person on stderr', async () => {
    expect(await xml(scratch(files), 'shop.xml', 'more.xml.gz', '--tag', 'item')).toEqual({
      code: 0,
      out:
        '{"@kind":"book","price":"1.10"}\n{"@kind":"tea","price":"2.20"}\n{"@kind":"book","price":"0.30"}\n{}\n' +
        '{"@kind":"tea","price":"-0.5"}\n',
      err: '5 records in 2 files (0 MB)\n',
    });
  });

  it('prints an aggregate as a table, or as JSON, the contract', async () => {
    const directory = scratch(files);
    const args = ['shop.xml', 'more.xml.gz', '--tag', 'item', '--sum', 'price', '--by', '@kind'];
    expect(await xml(directory, ...args)).toEqual({
      code: 0,
      out: 'by\trecords\tsum\n\t1\t0\nbook\t2\t1.40\ntea\t2\t1.70\n',
      err: '5 records in 2 files (0 MB), 3.10 in all\n',
    });
    const { out } = await xml(directory, ...args, '--json');
    expect(JSON.parse(out)).toEqual({
      files: 2,
      bytes: shop.length + 43,
      records: 5,
      sum: '3.10',
      summed: 4,
      groups: [
        { by: null, records: 1, sum: '0', summed: 0 },
        { by: 'book', records: 2, sum: '1.40', summed: 2 },
        { by: 'tea', records: 2, sum: '1.70', summed: 2 },
      ],
    });
    expect((await xml(directory, 'shop.xml', '--tag', 'item', '--sum', 'price')).out).toBe('records\tsum\n4\t3.60\n');
  });

  it('writes a file whole, and says how many records there are', async () => {
    const directory = scratch(files);
    const { code, out } = await xml(directory, 'shop.xml', '--tag', 'price', '--json', '--out', 'prices');
    expect({ code, out }).toEqual({ code: 0, out: `{"files":1,"bytes":${shop.length},"records":3}\n` });
    expect(readFileSync(join(directory, 'prices'), 'utf8')).toBe(
      '{"#text":"1.10"}\n{"#text":"2.20"}\n{"#text":"0.30"}\n',
    );
    expect(readdirSync(directory).sort()).toEqual(['more.xml.gz', 'prices', 'shop.xml']);
  });

  it.each<[readonly string[], string]>([
    [['bad.xml', '--tag', 'item'], 'error: bad.xml: line 2, column 3, byte 10: </b> closes nothing: <a> is open'],
    [['nowhere.xml', '--tag', 'item'], 'cannot read nowhere.xml'],
    [['.', '--tag', 'item'], '. is a directory: give a file'],
    [['shop.xml', '--tag', 'a b'], '"a b" is no tag'],
    [['shop.xml', '--tag', 'item', '--sum', '//price'], '"//price" is no path'],
    [
      ['shop.xml', '--tag', 'item', '--sum', '@kind'],
      'line 2, column 2, byte 8: @kind is "book" and no decimal number',
    ],
    [['shop.xml', '--tag', 'item', '--threads', '0'], '--threads 0 is no number of threads: give 1 to 256'],
    [['shop.xml'], '--tag is missing'],
    [['--tag', 'item'], '<file> is missing'],
  ])('ends with code 2 and keeps --out as it was for %j', async (args, message) => {
    const directory = scratch({ ...files, kept: 'as it was', 'bad.xml': '<a><c/>\n  </b>' });
    const { code, out, err } = await xml(directory, ...args, '--out', 'kept');
    expect({ code, out }, err).toEqual({ code: 2, out: '' });
    expect(err).toContain(message);
    expect(readFileSync(join(directory, 'kept'), 'utf8')).toBe('as it was');
    expect(readdirSync(directory).sort()).toEqual(['bad.xml', 'kept', 'more.xml.gz', 'shop.xml']);
  });

  it('warns when no record is found', async () => {
    const { code, err } = await xml(scratch(files), 'shop.xml', '--tag', 'items');
    expect(code).toBe(0);
    expect(err).toContain('warning: there is no <items>: is it spelt as in the files?');
  });

  it('ends quietly when whoever reads has enough', async () => {
    const directory = scratch({ 'large.xml': `<r>${'<item><a>text</a></item>'.repeat(400_000)}</r>` });
    for (const threads of ['1', '2']) {
      const child = spawn(process.execPath, [designs, 'xml', 'large.xml', '--tag', 'item', '--threads', threads], {
        cwd: directory,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let err = '';
      child.stderr.on('data', (chunk) => (err += String(chunk)));
      await once(child.stdout, 'data');
      child.stdout.destroy();
      const [code] = (await once(child, 'close')) as [number];
      expect({ code, err }).toEqual({ code: 0, err: '' });
    }
  });
});
