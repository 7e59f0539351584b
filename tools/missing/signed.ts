import { Readable } from 'node:stream';
import type { CsvError } from 'csv-parse';

import type { Core } from '../../engines/log-diff/core.ts';
import { IdFeed, LongIdError } from '../../engines/log-diff/feed.ts';
import { idBytesMax } from '../../engines/log-diff/ids.ts';
import { LineSplitter, lineBytesMaxDefault } from '../../engines/log-diff/lines.ts';
import { decompress } from '../../lambdas/kit/decompress.ts';
import { UsageError } from '../cli/errors.ts';
import { byteOrderMarkBytes, feedChunk, readFileChunks } from '../io/files.ts';

export interface SignedSource {
  /** A file, or `-` for standard input. */
  readonly path: string;
  /** Column of a CSV file with a header row. */
  readonly column?: string;
  /** Field of NDJSON; dots lead into nested objects. */
  readonly field?: string;
  readonly stdin: AsyncIterable<Uint8Array>;
}

/** Puts an ID into the set; `where` is its line's number. */
type Add = (bytes: Uint8Array, start: number, end: number, where: number) => void;

/**
 * Adds the signed IDs to the core; empty lines and a byte order mark are no IDs. Throws a UsageError that names the
 * line, also for an empty list.
 */
export async function readSigned(source: SignedSource, core: Core): Promise<void> {
  const name = source.path === '-' ? 'standard input' : source.path;
  if (source.column !== undefined && source.field !== undefined) {
    throw new UsageError('--column and --field exclude each other: --column is for CSV, --field for NDJSON');
  }
  let ids = 0;
  const add: Add = (bytes, start, end, where) => {
    if (start === end) return;
    if (end - start > idBytesMax) throw tooLong(new LongIdError(where, end - start), name);
    if (bytes.subarray(start, end).includes(10)) {
      throw new UsageError(`${name} line ${where}: an ID contains a line end, which no line of a log can`);
    }
    core.addSigned(bytes, start, end);
    ids++;
  };
  const chunks = withoutByteOrderMark(source.path === '-' ? decompress(source.stdin) : readFileChunks(source.path));
  if (source.column !== undefined) await readCsv(chunks, source.column, name, add);
  else if (source.field !== undefined) await readNdjson(chunks, source.field, name, add);
  else ids = await readIds(chunks, name, core);
  if (ids === 0) throw new UsageError(`no signed ID in ${name}: nothing to look for`);
}

async function readIds(chunks: AsyncIterable<Uint8Array>, name: string, core: Core): Promise<number> {
  const feed = new IdFeed(core);
  try {
    for await (const chunk of chunks) feedChunk(chunk, feed);
    feed.finish();
  } catch (error) {
    if (error instanceof LongIdError) throw tooLong(error, name);
    throw error;
  }
  return feed.ids;
}

function tooLong(error: LongIdError, name: string): UsageError {
  const remedy = 'is this a CSV (--column NAME) or NDJSON (--field NAME) file?';
  return new UsageError(`${name} ${error.message}: ${remedy}`, { cause: error });
}

async function readLines(chunks: AsyncIterable<Uint8Array>, name: string, onLine: Add): Promise<void> {
  let number = 0;
  const splitter = new LineSplitter({
    line: (bytes, start, end) => onLine(bytes, start, end, ++number),
    overlong() {
      throw new UsageError(`${name} line ${number + 1} exceeds ${lineBytesMaxDefault} bytes: it is no list of IDs`);
    },
  });
  for await (const chunk of chunks) splitter.push(chunk);
  splitter.finish();
}

async function readNdjson(chunks: AsyncIterable<Uint8Array>, field: string, name: string, add: Add): Promise<void> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  await readLines(chunks, name, (bytes, start, end, where) => {
    if (start === end) return;
    let row: unknown;
    try {
      row = JSON.parse(decoder.decode(bytes.subarray(start, end)));
    } catch (error) {
      throw new UsageError(`${name} line ${where} is not JSON in UTF-8: ${(error as Error).message}`, { cause: error });
    }
    const value = valueAt(row, field);
    if (value === undefined) {
      const known = isRecord(row) ? Object.keys(row).slice(0, 20).join(', ') : '';
      throw new UsageError(`${name} line ${where} has no field "${field}": its fields are ${known || 'none'}`);
    }
    const id = Number.isSafeInteger(value) ? String(value) : value;
    if (typeof id !== 'string' || !id.isWellFormed()) {
      throw new UsageError(
        `${name} line ${where}: field "${field}" is ${JSON.stringify(value)}: use a string, or an integer up to 2^53`,
      );
    }
    const idBytes = Buffer.from(id, 'utf8');
    add(idBytes, 0, idBytes.length, where);
  });
}

/** The field of that very name, or else the one to which the dots lead. */
function valueAt(row: unknown, field: string): unknown {
  if (isRecord(row) && Object.hasOwn(row, field)) return row[field];
  let value: unknown = row;
  for (const name of field.split('.')) {
    if (!isRecord(value) || !Object.hasOwn(value, name)) return undefined;
    value = value[name];
  }
  return value;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

async function readCsv(chunks: AsyncIterable<Uint8Array>, column: string, name: string, add: Add): Promise<void> {
  const { parse } = await import('csv-parse');
  // Latin-1 there and back keeps every byte of an ID, whatever its encoding.
  const parser = parse({
    encoding: 'latin1',
    record_delimiter: ['\r\n', '\n'],
    max_record_size: lineBytesMaxDefault,
    skip_empty_lines: true,
    info: true,
  });
  const source = Readable.from(chunks).on('error', (error) => parser.destroy(error));
  source.pipe(parser);
  let index = -1;
  try {
    for await (const { record, info } of parser as AsyncIterable<{ record: string[]; info: { lines: number } }>) {
      if (index === -1) {
        const header = record.map((cell) => Buffer.from(cell, 'latin1').toString('utf8'));
        index = header.indexOf(column);
        if (index === -1)
          throw new UsageError(`${name} has no column "${column}": its columns are ${header.join(', ')}`);
        continue;
      }
      const id = Buffer.from(record[index]!, 'latin1');
      add(id, 0, id.length, info.lines);
    }
  } catch (error) {
    if (!isCsvError(error)) throw error;
    throw new UsageError(`${name} is no valid CSV: ${error.message}`, { cause: error });
  } finally {
    source.destroy();
  }
}

function isCsvError(error: unknown): error is CsvError {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('CSV_');
}

/** Drops the mark with which Windows begins UTF-8 files, and copies: the CSV parser's stream may hold several chunks. */
async function* withoutByteOrderMark(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let head: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of chunks) {
    if (!head) {
      yield Buffer.from(chunk);
      continue;
    }
    head = Buffer.concat([head, chunk]);
    if (head.length < 3) continue;
    yield head.subarray(byteOrderMarkBytes(head));
    head = undefined;
  }
  if (head && head.length > 0) yield head;
}
