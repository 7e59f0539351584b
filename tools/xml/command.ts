import { defineCommand, type ArgsDef } from 'citty';
import { checkTag } from '../../engines/xml/tag.ts';
import { Aggregate, type AggregateOptions, type GroupResult } from '../../engines/xml/aggregate.ts';
import { UsageError } from '../cli/errors.ts';
import { checkOut, writeStream, writeWhole } from '../io/output.ts';
import { count, number, progressLine } from '../io/words.ts';
import { readXml, type XmlReport } from './run.ts';

const threadsMax = 256;

const definitions = {
  file: {
    type: 'positional',
    valueHint: 'FILE…',
    required: true,
    description: 'XML, plain, gzip or zstd, recognised by content; UTF-8, UTF-16, US-ASCII or ISO-8859-1',
  },
  tag: {
    type: 'string',
    valueHint: 'NAME',
    required: true,
    description: 'the element that is a record, wherever it stands: item with any prefix, or as written, atom:entry',
  },
  sum: { type: 'string', valueHint: 'PATH', description: 'add up numbers in records: price, offer/price, offer/@net' },
  by: { type: 'string', valueHint: 'PATH', description: 'group records by a value: category, @kind' },
  out: { type: 'string', valueHint: 'FILE', description: 'write the result to this file, not to standard output' },
  json: {
    type: 'boolean',
    description: 'print the aggregate, or how many records there are, as JSON; records then go only to --out',
  },
  threads: { type: 'string', valueHint: 'N', description: 'by default one for small files, else all processors' },
} as const satisfies ArgsDef;

export const command = defineCommand({
  meta: { name: 'xml', description: 'records of XML files of any size, as lines of JSON or added up' },
  args: definitions,
  async run({ args }) {
    const { tag, sum, by, out } = args;
    const aggregate = sum === undefined && by === undefined ? undefined : options(sum, by);
    const threads = args.threads === undefined ? undefined : threadsOf(args.threads);
    checked(() => checkTag(tag));
    if (out !== undefined) await checkOut(out);
    const progress = process.stderr.isTTY ? progressLine() : undefined;
    let report: XmlReport | undefined;
    const reading = readXml({
      files: args._,
      tag,
      ...(aggregate ? { aggregate } : {}),
      ...(threads === undefined ? {} : { threads }),
      ...(progress ? { onProgress: ({ bytes, records }) => progress.show(count(records, 'record'), bytes) } : {}),
    });
    const lines = async function* (): AsyncGenerator<Uint8Array> {
      report = yield* reading;
      progress?.clear();
      if (aggregate) yield Buffer.from(args.json === true ? `${JSON.stringify(report)}\n` : table(report));
    };
    try {
      if (out !== undefined) await writeWhole(out, lines());
      else if (aggregate || args.json !== true) await writeStream(process.stdout, lines());
      else for await (const _ of lines());
    } finally {
      progress?.clear();
    }
    // Whoever reads no further (`| head`) wants no report either.
    if (report === undefined) return;
    if (!aggregate && args.json === true) process.stdout.write(`${JSON.stringify(report)}\n`);
    process.stderr.write(`${summary(report)}\n`);
    if (report.records === 0) {
      process.stderr.write(`warning: there is no <${tag}>: is it spelt as in the files?\n`);
    }
  },
});

function options(sum: string | undefined, by: string | undefined): AggregateOptions {
  const paths = { ...(sum === undefined ? {} : { sum }), ...(by === undefined ? {} : { by }) };
  checked(() => new Aggregate(paths));
  return paths;
}

/** What an engine says of its arguments is of the command's. */
function checked(check: () => unknown): void {
  try {
    check();
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}

function threadsOf(text: string): number {
  const threads = Number(text);
  if (Number.isInteger(threads) && threads >= 1 && threads <= threadsMax) return threads;
  throw new UsageError(`--threads ${text} is no number of threads: give 1 to ${threadsMax}`);
}

/** Tab-separated, a header first: by, records, sum. */
function table({ groups, ...total }: XmlReport): string {
  const rows: readonly (GroupResult | XmlReport)[] = groups ?? [total];
  const names = [...(groups ? ['by'] : []), 'records', ...(total.sum === undefined ? [] : ['sum'])];
  const lines = rows.map((row) =>
    [...('by' in row ? [field(row.by)] : []), row.records, ...(row.sum === undefined ? [] : [row.sum])].join('\t'),
  );
  return `${[names.join('\t'), ...lines].join('\n')}\n`;
}

/** A group's name, so that it stays in its field; empty for that of records without one. */
function field(by: string | null): string {
  return (by ?? '').replace(/[\t\r\n]+/g, ' ');
}

function summary({ records, files, bytes, sum }: XmlReport): string {
  const total = sum === undefined ? '' : `, ${sum} in all`;
  return `${count(records, 'record')} in ${count(files, 'file')} (${number(Math.round(bytes / 1e6))} MB)${total}`;
}
