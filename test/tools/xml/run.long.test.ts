import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { toJson } from '../../../engines/xml/record.ts';
import { UsageError } from '../../../tools/cli/errors.ts';
import { readXml, type XmlOptions, type XmlReport } from '../../../tools/xml/run.ts';
import { domRecords } from '../../engines/xml/dom.ts';
import { encode, trickyDocument } from '../../engines/xml/documents.ts';
import { scratch } from '../missing/scratch.ts';
import { catalogue, decimal } from './documents.ts';

interface Outcome {
  readonly text: string;
  readonly report?: XmlReport;
  readonly error?: string;
}

async function run(options: XmlOptions): Promise<Outcome> {
  let text = '';
  try {
    const reading = readXml(options);
    for (;;) {
      const { done, value } = await reading.next();
      if (done === true) return { text, report: value };
      text += Buffer.from(value).toString();
    }
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return { text, error: error.message };
  }
}

const tag = 'item';
const { text, cents } = catalogue(1, 3000);
const lines = domRecords(text, tag)
  .map((element) => `${JSON.stringify(toJson(element))}\n`)
  .join('');
/** Small, so that a small file is split as a large one is. */
const rangeBytes = 20_000;

describe('lines of JSON', () => {
  it.each([1, 2, 3])('are those of a DOM, in the order of the documents, on %i threads', async (threads) => {
    const wide = encode(text.replace('UTF-8', 'UTF-16'), 'UTF-16LE');
    const directory = scratch({ 'a.xml': Buffer.from(text), 'b.xml': wide, 'c.xml': '<item/>' });
    const files = ['a.xml', 'b.xml', 'c.xml'].map((name) => join(directory, name));
    const { text: read, report, error } = await run({ files, tag, threads, rangeBytes });
    expect(error).toBeUndefined();
    expect(read === `${lines}${lines}{}\n`).toBe(true);
    const bytes = Buffer.byteLength(text) + wide.length + 7;
    expect(report).toEqual({ files: 3, bytes, records: 6001 });
  });

  it('are those of a DOM where whole ranges lie in a comment, in CDATA or in an instruction', async () => {
    const filling = '<item>not one</item></r>\n'.repeat(3000);
    const tricky =
      `<r><item>1</item><!-- ${filling} --><item>2</item><item><![CDATA[${filling}]]></item><?x ${filling} ?>` +
      `${'<item>3</item>'.repeat(3000)}</r>`;
    const file = join(scratch({ 'a.xml': tricky }), 'a.xml');
    const expected = domRecords(tricky, tag).map((element) => `${JSON.stringify(toJson(element))}\n`);
    for (const threads of [1, 2]) {
      const { text: read } = await run({ files: [file], tag, threads, rangeBytes });
      expect(read === expected.join(''), `${threads} threads`).toBe(true);
    }
  });

  it.each(['UTF-8', 'UTF-16LE', 'UTF-16BE'] as const)('are the same in parts of any size, in %s', async (encoding) => {
    for (const [seed, bytes] of [200, 1001, 3000, 7777].entries()) {
      const file = join(scratch({ 'a.xml': encode(trickyDocument(seed + 1, 40_000), encoding) }), 'a.xml');
      const whole = await run({ files: [file], tag, threads: 1 });
      for (const threads of [2, 3]) {
        const parts = await run({ files: [file], tag, threads, rangeBytes: bytes });
        expect(parts.report, `seed ${seed + 1}, ${bytes} bytes`).toEqual(whole.report);
        expect(parts.text === whole.text, `seed ${seed + 1}, ${bytes} bytes`).toBe(true);
      }
    }
  });

  it('come out of gzip and zstd too', async () => {
    const directory = scratch();
    const [gzip, zstd] = [join(directory, 'a.xml.gz'), join(directory, 'a.xml.zst')];
    writeFileSync(gzip, gzipSync(text));
    writeFileSync(zstd, zstdCompressSync(text));
    for (const threads of [1, 2]) {
      const { text: read } = await run({ files: [gzip, zstd], tag, threads, rangeBytes });
      expect(read === lines + lines, `${threads} threads`).toBe(true);
    }
  });
});

describe('an aggregate', () => {
  const groups = [...cents].sort().map(([by, sum]) => ({ by, sum: decimal(sum) }));
  const total = decimal([...cents.values()].reduce((a, b) => a + b));

  it.each([1, 2, 3])('is exact, on %i threads', async (threads) => {
    const file = join(scratch({ 'a.xml': Buffer.from(text) }), 'a.xml');
    const aggregate = { sum: 'price', by: 'category' };
    const { text: read, report } = await run({ files: [file], tag, threads, rangeBytes, aggregate });
    expect(read).toBe('');
    expect(report).toMatchObject({ records: 3000, summed: 3000, sum: total, groups });
  });
});

describe('a fault', () => {
  const half = text.indexOf('<item id="1500"');
  const before = lines.split('\n').slice(0, 1500).join('\n');

  it.each<[string, string, string]>([
    ['markup', `${text.slice(0, half)}</wrong>${text.slice(half)}`, '</wrong> closes nothing'],
    ['a number', text.slice(0, half) + text.slice(half).replace(/>[\d.]+</, '>1e3<'), 'price is "1e3"'],
    ['the end', text.slice(0, half), '<catalogue> is not closed'],
  ])('in %s is named with its file and place, whatever the threads', async (what, broken, message) => {
    const file = join(scratch({ 'a.xml': Buffer.from(broken) }), 'a.xml');
    const prefix = Buffer.from(text.slice(0, half));
    const line = prefix.toString().split('\n').length;
    for (const aggregate of what === 'a number' ? [{ sum: 'price' }] : [undefined, { sum: 'price' }]) {
      const outcomes: Outcome[] = [];
      for (const threads of [1, 2]) {
        outcomes.push(
          await run({ files: [file, file], tag, threads, rangeBytes, ...(aggregate ? { aggregate } : {}) }),
        );
      }
      const [first] = outcomes;
      expect(first!.error).toContain(`${file}: line ${line}, column 1, byte ${prefix.length}: ${message}`);
      expect(first!.text === (aggregate ? '' : `${before}\n`)).toBe(true);
      for (const outcome of outcomes) expect(outcome.error).toBe(first!.error);
      for (const outcome of outcomes) expect(outcome.text === first!.text).toBe(true);
    }
  });

  it.each<[string, Uint8Array | undefined, string]>([
    ['a file that is not there', undefined, 'cannot read '],
    ['gzip cut short', gzipSync(text).subarray(0, 5000), 'ends inside its gzip data: it is truncated'],
    [
      'another encoding',
      Buffer.from('<?xml version="1.0" encoding="EBCDIC"?><item/>'),
      'line 1, column 31, byte 30: encoding',
    ],
    ['an empty file', Buffer.from(''), 'line 1, column 1, byte 0: there is no root element'],
  ])('is named: %s', async (_, content, message) => {
    const directory = scratch(content ? { file: content } : {});
    for (const threads of [1, 2]) {
      const { text: read, error } = await run({ files: [join(directory, 'file')], tag, threads, rangeBytes });
      expect({ read, error }).toEqual({ read: expect.any(String), error: expect.stringContaining(message) });
    }
  });

  it('in reading is named in its turn, where a scan meets it first', async () => {
    const directory = scratch({ 'a.xml': Buffer.from(text), 'b.xml': Buffer.from(text) });
    const [first, second] = [join(directory, 'a.xml'), join(directory, 'b.xml')];
    const reading = readXml({ files: [first, second], tag, threads: 2, rangeBytes });
    // Parts of the first file wait for what is read here: the second one's turn has not come.
    let read = Buffer.from((await reading.next()).value as Uint8Array).toString();
    rmSync(second);
    const rest = async (): Promise<void> => {
      for await (const block of reading) read += Buffer.from(block).toString();
    };
    await expect(rest()).rejects.toThrow(`cannot read ${second}: ENOENT`);
    expect(read === lines).toBe(true);
  });

  it('of too many groups is the same, whatever the threads', async () => {
    const items = Array.from({ length: 100_001 }, (_, i) => `<item k="${i}"/>`).join('');
    const file = join(scratch({ 'a.xml': `<r>${items}</r>` }), 'a.xml');
    for (const threads of [1, 2]) {
      const { error } = await run({ files: [file], tag, threads, rangeBytes: 400_000, aggregate: { by: '@k' } });
      expect(error).toContain('more than 100000 groups: group by a value that repeats');
    }
  });
});
