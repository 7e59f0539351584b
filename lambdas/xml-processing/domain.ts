/**
 * Decisions of a load: how a document is cut into ranges, when a batch is stored, what a lost race means, what the
 * cuts add up to. Pure: time comes in as an argument, effects are in store.ts.
 */

import { Aggregate, type AggregateOptions, type AggregateResult } from '../../engines/xml/aggregate.ts';
import type { Start } from '../../engines/xml/cut.ts';
import type { Encoding } from '../../engines/xml/encoding.ts';
import { type Place, placeText } from '../../engines/xml/error.ts';

const mebibyte = 2 ** 20;

/** Bounds on what is asked for. */
export const limits = {
  documentBytesMax: 64 * 2 ** 30,
  /** Documents of at most this many bytes are one worker's work: maps would cost more than they save. */
  oneWorkerBytesMax: 16 * mebibyte,
  /** Ranges are multiples of this: a smaller one would cost its worker more than it parses. */
  rangeBytesMin: 64 * 1024,
  rangeBytesMax: 64 * mebibyte,
  /** Children of one map; a plan makes 1,024 of the largest document. */
  rangesMax: 10_000,
  nameCharsMax: 256,
} as const;

/** Ranges that a plan makes of a document, as long as they have a size that is worth a worker. */
const rangesWanted = 64;
const plannedRangeBytesMin = 8 * mebibyte;

/** A batch is stored at this many records or characters of JSON: what a killed worker parses again, at most. */
export const batch = { recordsMax: 500, charsMax: mebibyte / 4 } as const;

/** A worker stops with this much of its time left: a batch takes a second, a slow table ten. */
export const stopBeforeMs = 30_000;

/** The load must stop, and why: the state machine's error and cause. Starting it again would end the same way. */
export class LoadRefused extends Error {
  override readonly name = 'LoadRefused';
}

/** A load as it was asked for. */
export interface LoadRequest {
  readonly key: string;
  /** The version that the key holds now when absent. */
  readonly versionId?: string;
  /** Name of the elements that are records. */
  readonly tag: string;
  /** Path below a record to the number that is summed; no sum when absent. */
  readonly sum?: string;
  /** Path below a record to the text that it is grouped by; one group when absent. */
  readonly by?: string;
  /** Planned when absent. */
  readonly rangeBytes?: number;
  readonly oneWorkerBytesMax: number;
}

/** One version of an object. */
export interface PinnedDocument {
  readonly key: string;
  readonly versionId: string;
  readonly bytes: number;
}

/** Bytes [from, to). */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

/** What a child of the scanning map is given. */
export interface RangeItem {
  readonly loadId: string;
  readonly range: number;
}

/** What a child of the loading map is given. */
export interface CutItem {
  readonly loadId: string;
  readonly cut: number;
}

/** Everything that a load reads, pinned. Created once for a load; a repeated load takes it as it is. */
export interface Manifest {
  readonly loadId: string;
  readonly document: PinnedDocument;
  readonly tag: string;
  readonly sum?: string;
  readonly by?: string;
  readonly mode: 'one worker' | 'maps';
  readonly encoding: Encoding;
  /** Length of the byte order mark. */
  readonly markBytes: number;
  readonly ranges: readonly ByteRange[];
}

export interface StoredRecord {
  /** Where its start tag begins in the document. */
  readonly byte: number;
  readonly json: string;
}

/** How far a cut is loaded: one item, so that none of it is ever without the rest. */
export interface Progress {
  readonly state: 'loading' | 'loaded' | 'malformed';
  /** What is before it is done; where the next worker begins. */
  readonly byte: number;
  /** Absent when the cut is done. */
  readonly start?: Start;
  /** Of the records before `byte`, which are all stored; of a malformed cut, of those before the problem. */
  readonly aggregate: AggregateResult;
  readonly problem?: Problem;
}

/** An XmlError as it travels. */
export interface Problem extends Place {
  readonly message: string;
}

/** The document's bytes in ranges of even size; one that is a worker's work is one range. */
export function planRanges(
  bytes: number,
  { rangeBytes, oneWorkerBytesMax }: Pick<LoadRequest, 'rangeBytes' | 'oneWorkerBytesMax'>,
): Pick<Manifest, 'mode' | 'ranges'> {
  if (bytes <= oneWorkerBytesMax) return { mode: 'one worker', ranges: [{ from: 0, to: bytes }] };
  const size = rangeBytes ?? plannedRangeBytes(bytes);
  const ranges = Array.from({ length: Math.ceil(bytes / size) }, (_, index) => ({
    from: index * size,
    to: Math.min(bytes, (index + 1) * size),
  }));
  return { mode: 'maps', ranges };
}

function plannedRangeBytes(bytes: number): number {
  const { rangeBytesMin, rangeBytesMax } = limits;
  const even = Math.ceil(bytes / rangesWanted / rangeBytesMin) * rangeBytesMin;
  return Math.min(rangeBytesMax, Math.max(plannedRangeBytesMin, even));
}

/** Throws LoadRefused for a document that no load is made for. */
export function checkDocument(request: LoadRequest, document: PinnedDocument | undefined): PinnedDocument {
  const { key, versionId, rangeBytes } = request;
  if (document === undefined) {
    throw new LoadRefused(
      versionId === undefined
        ? `there is no document ${key}: upload it, and start again`
        : `document ${key} has no version ${versionId}: give one that it has, or none for the latest`,
    );
  }
  const { bytes } = document;
  if (bytes === 0) throw new LoadRefused(`document ${key} is empty: upload it again`);
  if (bytes > limits.documentBytesMax) {
    throw new LoadRefused(`document ${key} has ${bytes} bytes, over ${limits.documentBytesMax}: load it in parts`);
  }
  if (rangeBytes !== undefined && bytes / rangeBytes > limits.rangesMax) {
    throw new LoadRefused(
      `"rangeBytes" ${rangeBytes} makes over ${limits.rangesMax} ranges of document ${key}: give more, or leave it out`,
    );
  }
  return document;
}

/** Where a cut's records and progress are: each cut writes to a partition of its own. */
export function partOf({ loadId, cut }: CutItem): string {
  return `${loadId}#${cut}`;
}

/** Whether what was parsed since the last checkpoint is stored now. */
export function isFull(pending: { readonly records: number; readonly chars: number }): boolean {
  return pending.records >= batch.recordsMax || pending.chars >= batch.charsMax;
}

export type MoveDecision =
  | { readonly do: 'go on' }
  | { readonly do: 'yield'; readonly because: 'another worker is ahead' };

/**
 * What a worker whose move of the progress was refused does, given what it found. What a cut holds up to a byte is a
 * function of the document alone, so the same byte in the same state is the same progress, whoever wrote it: one's own,
 * whose reply was lost, or a twin's.
 */
export function afterRefusedMove(mine: Progress, found: Progress): MoveDecision {
  return mine.byte === found.byte && mine.state === found.state
    ? { do: 'go on' }
    : { do: 'yield', because: 'another worker is ahead' };
}

/** What a load came to: the aggregate counts the records that are stored, and no others. */
export interface Report extends AggregateResult {
  readonly loadId: string;
  readonly key: string;
  readonly versionId: string;
  readonly bytes: number;
  readonly tag: string;
  readonly cuts: number;
  /** False when the document has an error: then what is stored is what stands before the first error of each cut. */
  readonly complete: boolean;
  /** The first error of the document. */
  readonly problem?: Problem;
}

/** A report for a state machine's output, which has room for 256 KiB. */
export type Summary = Omit<Report, 'groups'> & { readonly groupCount?: number };

/** What a load adds up, without what is absent. */
export function aggregateOf({ sum, by }: Pick<LoadRequest, 'sum' | 'by'>): AggregateOptions {
  return { ...(sum === undefined ? {} : { sum }), ...(by === undefined ? {} : { by }) };
}

/** Adds up the cuts of a load, which must all be done. Of several errors the first in the document is its problem. */
export function reportOf(manifest: Manifest, cuts: readonly (Progress | undefined)[]): Report {
  const { loadId, document, tag } = manifest;
  const undone = cuts.findIndex((cut) => cut === undefined || cut.state === 'loading');
  if (undone !== -1) throw new Error(`cut ${undone} of load ${loadId} is not done: start the load again`);
  const done = cuts as readonly Progress[];
  const total = new Aggregate(aggregateOf(manifest));
  for (const { aggregate } of done) total.merge(aggregate);
  const problem = done
    .flatMap((cut) => cut.problem ?? [])
    .reduce<Problem | undefined>(
      (first, next) => (first === undefined || next.byte < first.byte ? next : first),
      undefined,
    );
  return {
    loadId,
    key: document.key,
    versionId: document.versionId,
    bytes: document.bytes,
    tag,
    cuts: cuts.length,
    ...total.result(),
    complete: problem === undefined,
    ...(problem === undefined ? {} : { problem }),
  };
}

/** What a person reads of a document with an error. */
export function problemText({ key, records, loadId }: Report, problem: Problem): string {
  return (
    `document ${key}, ${placeText(problem)}: ${problem.message}; ` +
    `${records} records that stand in readable parts are stored and counted in loads/${loadId}/report.json: ` +
    'mend the document, upload it, and start again'
  );
}
