import { closeSync, openSync, readSync } from 'node:fs';
import { Aggregate, GroupsError, type AggregateOptions, type AggregateResult } from '../../engines/xml/aggregate.ts';
import type { Cut } from '../../engines/xml/cut.ts';
import type { Sniffed } from '../../engines/xml/encoding.ts';
import { placeText, XmlError } from '../../engines/xml/error.ts';
import { RecordReader } from '../../engines/xml/reader.ts';
import { toJson, type XmlRecord } from '../../engines/xml/record.ts';
import { RangeScanner } from '../../engines/xml/scan.ts';
import type { LexicalState, RangeSummary } from '../../engines/xml/summary.ts';
import { isSystemError, readFileChunks, UnreadableFileError } from '../io/files.ts';

/** What is asked of every part of every file. */
export interface Question {
  readonly tag: string;
  /** Absent: records as lines of JSON. */
  readonly aggregate?: AggregateOptions;
  /** Words of `progress`, which threads share. */
  readonly progress: Int32Array;
}

/** Kilobytes read and scanned, and records: of all parts, as they go on. */
export const word = { kilobytes: 0, records: 1, words: 2 } as const;

/** A file, or a cut of a plain one. */
export interface ReadPart {
  readonly path: string;
  readonly cut?: Cut;
}

export interface ScanPart extends Sniffed {
  readonly path: string;
  readonly from: number;
  readonly to: number;
  readonly states: readonly LexicalState[];
}

export interface PartRead {
  readonly records: number;
  /** Decompressed. */
  readonly bytes: number;
  /** Of the records so far, when there is a problem. */
  readonly aggregate?: AggregateResult;
  /** Why the part is not read to its end: names the file and the place. */
  readonly problem?: string;
}

const readBytes = 1024 * 1024;
const blockChars = 256 * 1024;
/** Not Buffer: a thread gives a block's memory away, and small Buffers share theirs. */
const encoder = new TextEncoder();

/**
 * Reads a part of a file. Yields lines of JSON in blocks. A file that is malformed or unreadable is a result: what comes
 * before the fault counts.
 */
export async function* readPart(
  { path, cut }: ReadPart,
  { tag, aggregate: options, progress }: Question,
): AsyncGenerator<Uint8Array, PartRead> {
  const aggregate = options === undefined ? undefined : new Aggregate(options);
  let lines = '';
  let bytes = 0;
  const onRecord = (record: XmlRecord): void => {
    if (aggregate) aggregate.add(record);
    else lines += `${JSON.stringify(toJson(record.element))}\n`;
  };
  const reader = new RecordReader({ tag, ...(cut ? { start: cut } : {}), onRecord });
  let problem: string | undefined;
  try {
    for await (const chunk of cut ? chunksOf(path, cut) : readFileChunks(path)) {
      const before = reader.records;
      reader.push(chunk);
      bytes += chunk.length;
      Atomics.add(progress, word.kilobytes, chunk.length >>> 10);
      Atomics.add(progress, word.records, reader.records - before);
      if (lines.length >= blockChars) {
        yield encoder.encode(lines);
        lines = '';
      }
    }
    reader.finish();
  } catch (error) {
    problem = problemOf(path, error);
  }
  if (lines !== '') yield encoder.encode(lines);
  return {
    records: reader.records,
    bytes,
    ...(aggregate ? { aggregate: aggregate.result() } : {}),
    ...(problem === undefined ? {} : { problem }),
  };
}

/**
 * Scans a range, and what its last token needs of the bytes behind it. Undefined when it cannot be read: whoever reads
 * it says why.
 */
export function scanPart({ path, ...range }: ScanPart, { tag }: Question): RangeSummary | undefined {
  const scanner = new RangeScanner({ tag, ...range });
  const buffer = Buffer.allocUnsafeSlow(readBytes);
  try {
    const file = openSync(path, 'r');
    try {
      for (let at = range.from; ;) {
        const read = readSync(file, buffer, 0, Math.min(readBytes, Math.max(range.to - at, 0) + 4096), at);
        at += read;
        if (read === 0 || !scanner.push(buffer.subarray(0, read))) return scanner.finish();
      }
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (isSystemError(error)) return undefined;
    throw error;
  }
}

async function* chunksOf(path: string, { from, to }: Cut): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.allocUnsafeSlow(readBytes);
  const file = openSync(path, 'r');
  try {
    for (let at = from; at < to;) {
      const read = readSync(file, buffer, 0, Math.min(readBytes, to - at), at);
      if (read === 0) return;
      at += read;
      yield buffer.subarray(0, read);
    }
  } finally {
    closeSync(file);
  }
}

/** For a person. Throws anything else again. */
function problemOf(path: string, error: unknown): string {
  if (error instanceof XmlError) return `${path}: ${placeText(error)}: ${error.message}`;
  if (error instanceof GroupsError) return `${path}: ${error.message}`;
  if (error instanceof UnreadableFileError) return error.message;
  if (isSystemError(error)) return `cannot read ${path}: ${error.message}`;
  throw error;
}
