import type { Cut, Start } from '../../../engines/xml/cut.ts';
import { headBytes, sniff, type Sniffed } from '../../../engines/xml/encoding.ts';
import { RecordReader } from '../../../engines/xml/reader.ts';
import type { XmlRecord } from '../../../engines/xml/record.ts';
import { resolve } from '../../../engines/xml/resolve.ts';
import { RangeScanner } from '../../../engines/xml/scan.ts';
import type { RangeSummary } from '../../../engines/xml/summary.ts';

/** Reads a file, or a start or cut of it, in pushes of so many bytes. */
export function read(file: Uint8Array, tag: string, start?: Start | Cut, pushBytes = file.length): XmlRecord[] {
  const records: XmlRecord[] = [];
  const reader = new RecordReader({ tag, ...(start ? { start } : {}), onRecord: (record) => records.push(record) });
  const to = start && 'to' in start ? start.to : file.length;
  for (const chunk of chunks(file, start?.from ?? 0, to, pushBytes)) reader.push(chunk);
  reader.finish();
  return records;
}

export function scan(file: Uint8Array, tag: string, from: number, to: number, pushBytes = 2048): RangeSummary {
  const { encoding, markBytes } = sniffedOnce(file);
  const scanner = new RangeScanner({ tag, encoding, markBytes, from, to });
  for (const chunk of chunks(file, from, file.length, pushBytes)) if (!scanner.push(chunk)) break;
  return scanner.finish();
}

const sniffed = new WeakMap<Uint8Array, Sniffed>();

function sniffedOnce(file: Uint8Array): Sniffed {
  let found = sniffed.get(file);
  if (found === undefined) sniffed.set(file, (found = sniff(file.subarray(0, headBytes))));
  return found;
}

/** As a file is read: every chunk in the same memory. */
function* chunks(file: Uint8Array, from: number, to: number, bytes: number): Generator<Uint8Array> {
  const buffer = Buffer.alloc(Math.min(bytes, to - from));
  for (let at = from; at < to; at += bytes) {
    const chunk = buffer.subarray(0, Math.min(bytes, to - at));
    chunk.set(file.subarray(at, at + chunk.length));
    yield chunk;
  }
  buffer.fill(0);
}

/** Splits a file at these offsets; the summaries travel as JSON. */
export function split(file: Uint8Array, tag: string, offsets: readonly number[], pushBytes?: number): readonly Cut[] {
  const edges = [0, ...offsets, file.length];
  const summaries = edges.slice(1).map((to, i) => scan(file, tag, edges[i]!, to, pushBytes));
  return resolve(JSON.parse(JSON.stringify(summaries)) as RangeSummary[], file.length);
}
