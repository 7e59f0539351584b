/**
 * The steps of a load, each told what it works with. Whatever a step wrote before it was killed stays and is used:
 * every name and every value depends on the pinned document alone.
 */
import { createHash } from 'node:crypto';
import pMap from 'p-map';
import { Aggregate } from '../../engines/xml/aggregate.ts';
import type { Cut } from '../../engines/xml/cut.ts';
import { headBytes, sniff, type Sniffed } from '../../engines/xml/encoding.ts';
import { placeText, XmlError } from '../../engines/xml/error.ts';
import { defaultLimits, type XmlLimits } from '../../engines/xml/limits.ts';
import { RecordReader } from '../../engines/xml/reader.ts';
import { toJson } from '../../engines/xml/record.ts';
import { resolve } from '../../engines/xml/resolve.ts';
import { RangeScanner } from '../../engines/xml/scan.ts';
import type { RangeSummary } from '../../engines/xml/summary.ts';
import {
  afterRefusedMove,
  aggregateOf,
  checkDocument,
  type CutItem,
  isFull,
  LoadRefused,
  type LoadRequest,
  type Manifest,
  type PinnedDocument,
  partOf,
  planRanges,
  problemText,
  type Progress,
  type RangeItem,
  reportOf,
  stopBeforeMs,
  type StoredRecord,
  type Summary,
} from './domain.ts';
import type { documents, LoadFiles, progress as progressStore, records as recordsStore } from './store.ts';

type Documents = ReturnType<typeof documents>;
type ProgressStore = ReturnType<typeof progressStore>;
type FilesOf = (loadId: string) => LoadFiles;

/**
 * A record in characters. One of 3 bytes in UTF-8 for each of them, the most that JSON makes of XML, is still an item of
 * DynamoDB, which has at most 400 KB.
 */
const xmlLimits: XmlLimits = { ...defaultLimits, recordCharsMax: 128 * 1024 };

/** What the state machine goes on with. */
export interface Plan {
  readonly loadId: string;
  readonly mode: Manifest['mode'];
  /** Where the maps read their items. */
  readonly ranges: { readonly key: string };
  readonly cuts: { readonly key: string };
}

/** Pins the document and cuts its bytes into ranges, or refuses. A second start finds what the first one pinned. */
export async function plan(
  request: LoadRequest,
  { documents, files: filesOf }: { documents: Documents; files: FilesOf },
): Promise<Plan> {
  const document = checkDocument(request, await documents.pin(request.key, request.versionId));
  const sniffed = await encodingOf(document, documents);
  const loadId = loadIdOf(request, document);
  const files = filesOf(loadId);
  const manifest = await files.createJsonOnce<Manifest>('manifest.json', {
    loadId,
    document,
    ...sniffed,
    tag: request.tag,
    ...aggregateOf(request),
    ...planRanges(document.bytes, request),
  });
  await files.putJson(
    'ranges.json',
    manifest.ranges.map((_, range): RangeItem => ({ loadId, range })),
  );
  if (manifest.mode === 'one worker') {
    const { encoding } = manifest;
    const start = { from: 0, line: 1, column: 1, encoding, open: [], rootSeen: false };
    await files.createJsonOnce<readonly Cut[]>('cuts.json', [{ ...start, to: document.bytes }]);
  }
  return {
    loadId,
    mode: manifest.mode,
    ranges: { key: files.keyOf('ranges.json') },
    cuts: { key: files.keyOf('cut-items.json') },
  };
}

/** The same document in the same version, taken for the same records and aggregates, is the same load. */
function loadIdOf({ tag, sum, by }: LoadRequest, { key, versionId }: PinnedDocument): string {
  return createHash('sha256')
    .update(JSON.stringify([key, versionId, tag, sum, by]))
    .digest('hex')
    .slice(0, 32);
}

async function encodingOf(document: PinnedDocument, documents: Documents): Promise<Sniffed> {
  const head: Uint8Array[] = [];
  for await (const chunk of documents.read(document, 0, Math.min(headBytes, document.bytes))) head.push(chunk);
  return inDocument(document, () => sniff(Buffer.concat(head)));
}

/** A range ends at the first `<` behind its end, which is seldom further than this. */
const beyondBytes = 8 * 1024;

/** Scans one range; does nothing when that is done already. */
export async function scan(
  { loadId, range: number }: RangeItem,
  { documents, files: filesOf }: { documents: Documents; files: FilesOf },
): Promise<void> {
  const files = filesOf(loadId);
  const name = summaryName(number);
  if (await files.exists(name)) return;
  const { document, ranges, encoding, markBytes, tag } = await files.getJson<Manifest>('manifest.json');
  const range = ranges[number];
  if (range === undefined) throw new LoadRefused(`load ${loadId} has no range ${number}: start it again`);
  const scanner = new RangeScanner({ tag, encoding, markBytes, limits: xmlLimits, ...range });
  for (let from = range.from, end = range.to, wanted = true; wanted && from < document.bytes; from = end) {
    end = Math.min(document.bytes, end + beyondBytes);
    for await (const chunk of documents.read(document, from, end)) if (!(wanted = scanner.push(chunk))) break;
  }
  await files.createJsonOnce(name, scanner.finish());
}

const summaryName = (range: number) => `summaries/${range}.json`;
const readsAtOnce = 32;

/** Cuts the document where its ranges may be cut; does nothing when that is done already. */
export async function resolveCuts(
  { loadId }: { readonly loadId: string },
  { files: filesOf }: { files: FilesOf },
): Promise<void> {
  const files = filesOf(loadId);
  const { document, ranges } = await files.getJson<Manifest>('manifest.json');
  const summaries = await pMap(ranges.keys(), (range) => files.getJson<RangeSummary>(summaryName(range)), {
    concurrency: readsAtOnce,
  });
  const cuts = await files.createJsonOnce(
    'cuts.json',
    inDocument(document, () => resolve(summaries, document.bytes)),
  );
  await files.putJson(
    'cut-items.json',
    cuts.map((_, cut): CutItem => ({ loadId, cut })),
  );
}

/** Whether the cut is loaded, as far as it can be. */
export type Outcome = 'done' | 'go on';

/** A checkpoint is an item too: what is open at its byte, and the aggregate. */
const progressBytesMax = 380 * 1024;
const writesAtOnce = 8;

/**
 * Loads one cut from its checkpoint on: parses it as a stream, stores batches of records and moves the checkpoint after
 * each. Ends early when its time is nearly over or another worker is ahead. An error in the document is kept beside
 * the checkpoint, with all that stands before it stored.
 */
export async function load(
  item: CutItem,
  {
    documents,
    files: filesOf,
    records,
    progress,
    remainingMs,
  }: {
    documents: Documents;
    files: FilesOf;
    records: ReturnType<typeof recordsStore>;
    progress: ProgressStore;
    remainingMs: () => number;
  },
): Promise<Outcome> {
  const files = filesOf(item.loadId);
  const manifest = await files.getJson<Manifest>('manifest.json');
  const { document, tag } = manifest;
  const cut = (await files.getJson<readonly Cut[]>('cuts.json'))[item.cut];
  if (cut === undefined) throw new LoadRefused(`load ${item.loadId} has no cut ${item.cut}: start it again`);
  const part = partOf(item);
  let last = await progress.get(part);
  if (last !== undefined && last.state !== 'loading') return 'done';

  const aggregate = new Aggregate(aggregateOf(manifest));
  if (last !== undefined) aggregate.merge(last.aggregate);
  const pending = { records: [] as StoredRecord[], chars: 0 };
  const reader = new RecordReader({
    tag,
    start: { ...cut, ...last?.start },
    limits: xmlLimits,
    onRecord: (record) => {
      // First: it refuses a record whose value is no number, which then is not stored either.
      aggregate.add(record);
      const json = JSON.stringify(toJson(record.element));
      pending.records.push({ byte: record.from, json });
      pending.chars += json.length;
    },
  });

  /** Stores what is pending, then moves the progress; false when another worker is ahead. */
  const store = async (next: Omit<Progress, 'aggregate'>): Promise<boolean> => {
    const batches = Array.from({ length: Math.ceil(pending.records.length / records.batchMax) }, (_, index) =>
      pending.records.slice(index * records.batchMax, (index + 1) * records.batchMax),
    );
    await pMap(batches, (batch) => records.put(document.key, part, batch), { concurrency: writesAtOnce });
    pending.records = [];
    pending.chars = 0;
    const mine: Progress = { ...next, aggregate: aggregate.result() };
    checkSize(mine, manifest);
    const move = await progress.move(part, last?.byte, mine);
    if (!move.moved && afterRefusedMove(mine, move.at).do === 'yield') return false;
    last = mine;
    return true;
  };

  try {
    for await (const chunk of documents.read(document, last?.byte ?? cut.from, cut.to)) {
      reader.push(chunk);
      // Without a record there is nothing to stop for: the next worker would begin where this one did.
      const late = remainingMs() < stopBeforeMs && reader.records > 0;
      if (!late && !isFull({ records: pending.records.length, chars: pending.chars })) continue;
      const start = reader.checkpoint();
      if (!(await store({ state: 'loading', byte: start.from, start })) || late) return 'go on';
    }
    reader.finish();
  } catch (error) {
    if (!(error instanceof XmlError)) throw error;
    const { message, line, column, byte } = error;
    const problem = { message, line, column, byte };
    return (await store({ state: 'malformed', byte: last?.byte ?? cut.from, problem })) ? 'done' : 'go on';
  }
  return (await store({ state: 'loaded', byte: cut.to })) ? 'done' : 'go on';
}

function checkSize(progress: Progress, { document, by = '' }: Manifest): void {
  const bytes = Buffer.byteLength(JSON.stringify(progress));
  if (bytes <= progressBytesMax) return;
  const openBytes = Buffer.byteLength(JSON.stringify(progress.start?.open ?? []));
  if (openBytes > bytes / 2) {
    throw new LoadRefused(
      `the start tags that are open at byte ${progress.byte} of document ${document.key} take ${openBytes} bytes and are ` +
        'no longer one item: give the elements around its records fewer or shorter attributes',
    );
  }
  throw new LoadRefused(
    `"by" ${JSON.stringify(by)} makes ${progress.aggregate.groups?.length ?? 1} groups of document ${document.key} up to ` +
      `byte ${progress.byte}, whose aggregates of ${bytes} bytes are no longer one item: group by a path with fewer values`,
  );
}

/** Adds up the cuts and writes the report; throws LoadRefused, with the place, for a document with an error. */
export async function report(
  { loadId }: { readonly loadId: string },
  { files: filesOf, progress }: { files: FilesOf; progress: Pick<ProgressStore, 'get'> },
): Promise<Summary> {
  const files = filesOf(loadId);
  const manifest = await files.getJson<Manifest>('manifest.json');
  const cuts = await files.getJson<readonly Cut[]>('cuts.json');
  const parts = await pMap(cuts.keys(), (cut) => progress.get(partOf({ loadId, cut })), { concurrency: readsAtOnce });
  const result = reportOf(manifest, parts);
  await files.putJson('report.json', result);
  if (result.problem !== undefined) throw new LoadRefused(problemText(result, result.problem));
  const { groups, ...summary } = result;
  return groups === undefined ? summary : { ...summary, groupCount: groups.length };
}

/** Runs what may find the document at fault, and says which document that is. */
function inDocument<T>({ key }: PinnedDocument, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof XmlError)) throw error;
    throw new LoadRefused(`document ${key}, ${placeText(error)}: ${error.message}`, { cause: error });
  }
}
