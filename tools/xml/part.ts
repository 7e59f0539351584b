import { closeSync, openSync, readSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { Aggregate, GroupsError, type AggregateOptions, type AggregateResult } from '../../engines/xml/aggregate.ts';
import type { Start } from '../../engines/xml/cut.ts';
import { unitBytes, type Encoding } from '../../engines/xml/encoding.ts';
import { placeText, XmlError } from '../../engines/xml/error.ts';
import { findKey, keyBytesMax, type Excerpt, type Guess } from '../../engines/xml/guess.ts';
import { RecordReader } from '../../engines/xml/reader.ts';
import { toJson, type XmlRecord } from '../../engines/xml/record.ts';
import { isSystemError, readFileChunks, UnreadableFileError } from '../io/files.ts';

/** What is asked of every part of every file. */
export interface Question {
  readonly tag: string;
  /** Absent: records as lines of JSON. */
  readonly aggregate?: AggregateOptions;
  /** Words of `progress`, which threads share. */
  readonly progress: Int32Array;
}

/** Kilobytes read, and records: of all parts, as they go on. */
export const word = { kilobytes: 0, records: 1, words: 2 } as const;

/** A file, or some of a plain one. */
export interface ReadPart {
  readonly path: string;
  readonly range?: Range;
}

/**
 * The records of a plain file that begin in [from, to), as far as is known where in the document that is: with `start`,
 * the first reader's stop before it, all of them from there; without, a guess, from what looks like the first of them.
 */
export interface Range {
  readonly from: number;
  readonly to: number;
  readonly encoding: Encoding;
  readonly start?: Start;
}

export function isGuess({ range }: ReadPart): boolean {
  return range !== undefined && range.start === undefined;
}

export interface PartRead {
  readonly records: number;
  /** Decompressed. */
  readonly bytes: number;
  /** Of the records so far, when there is a problem. */
  readonly aggregate?: AggregateResult;
  /** Why the part is not read to its end: names the file and the place. Of a guess, it may be for nothing. */
  readonly problem?: string;
  /** Where the next part begins, of one whose beginning was known; absent at the end of the file. */
  readonly next?: Start;
  /** Of a guess; absent when nothing in its range looks like a record. */
  readonly excerpt?: Excerpt;
}

const readBytes = 1024 * 1024;
const blockChars = 256 * 1024;
/** Not Buffer: a thread gives a block's memory away, and small Buffers share theirs. */
const encoder = new TextEncoder();

/**
 * Reads a part of a file. Yields lines of JSON in blocks. A file that is malformed or unreadable is a result: what comes
 * before the fault counts. Others get their turn after each chunk.
 */
export async function* readPart(
  part: ReadPart,
  { tag, aggregate: options, progress }: Question,
): AsyncGenerator<Uint8Array, PartRead> {
  const { path, range } = part;
  const guess = isGuess(part);
  const aggregate = options === undefined ? undefined : new Aggregate(options);
  let lines = '';
  let bytes = 0;
  const onRecord = (record: XmlRecord): void => {
    if (aggregate) aggregate.add(record);
    else lines += `${JSON.stringify(toJson(record.element))}\n`;
  };
  let reader: RecordReader | undefined;
  let problem: string | undefined;
  try {
    const start = range && (range.start ?? guessIn(path, range, tag));
    if (guess && start === undefined) return { records: 0, bytes: 0 };
    reader = new RecordReader({ tag, ...(start ? { start, stopAt: range.to } : {}), onRecord });
    for await (const chunk of start ? chunksFrom(path, start.from) : readFileChunks(path)) {
      const before = reader.records;
      const goesOn = reader.push(chunk);
      bytes += chunk.length;
      Atomics.add(progress, word.kilobytes, chunk.length >>> 10);
      Atomics.add(progress, word.records, reader.records - before);
      if (lines.length >= blockChars) {
        yield encoder.encode(lines);
        lines = '';
      }
      if (!goesOn) break;
      await setImmediate();
    }
    reader.finish();
  } catch (error) {
    problem = problemOf(path, error);
  }
  if (lines !== '') yield encoder.encode(lines);
  const next = reader?.next();
  const excerpt = guess && problem === undefined ? reader!.excerpt() : undefined;
  const end = next?.from ?? excerpt?.stop?.byte;
  return {
    records: reader?.records ?? 0,
    bytes: end === undefined ? bytes : end - (range!.start?.from ?? excerpt!.from),
    ...(aggregate ? { aggregate: aggregate.result() } : {}),
    ...(problem === undefined ? {} : { problem }),
    ...(next === undefined ? {} : { next }),
    ...(excerpt === undefined ? {} : { excerpt }),
  };
}

/** What looks like the first key start tag of a range. */
function guessIn(path: string, { from, to, encoding }: Range, tag: string): Guess | undefined {
  const buffer = Buffer.allocUnsafeSlow(64 * 1024);
  const file = openSync(path, 'r');
  try {
    for (let at = from + (from % unitBytes(encoding)); at < to; at += buffer.length - keyBytesMax) {
      const read = readSync(file, buffer, 0, buffer.length, at);
      const found = findKey(buffer.subarray(0, read), tag, encoding);
      if (found !== -1) return at + found < to ? { from: at + found, encoding, isGuess: true } : undefined;
      if (read < buffer.length) return undefined;
    }
    return undefined;
  } finally {
    closeSync(file);
  }
}

async function* chunksFrom(path: string, from: number): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.allocUnsafeSlow(readBytes);
  const file = openSync(path, 'r');
  try {
    for (let at = from; ;) {
      const read = readSync(file, buffer, 0, readBytes, at);
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
