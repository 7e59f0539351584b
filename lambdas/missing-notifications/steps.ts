/**
 * The steps of a run, each told what it works with. The maps run them in many functions, a small run in one, over the
 * same files, so that both give the same bytes and either can go on where the other stopped.
 */
import pMap, { pMapIterable } from 'p-map';
import { CorruptLogError, decompress } from '../kit/decompress.ts';
import { type Core, type CoreOptions, type Shape, shapeBytes, WasmCore } from '../../engines/log-diff/core.ts';
import { EvenFeed, LogFeed } from '../../engines/log-diff/feed.ts';
import { addOrdinals, encodeOrdinals } from '../../engines/log-diff/ordinals.ts';
import { defaultPattern, type LogPattern } from '../../engines/log-diff/pattern.ts';
import { emptyStats } from '../../engines/log-diff/scan.ts';
import {
  blocksAt,
  footerTailBytes,
  idsIn,
  indexRowBytes,
  layOutIndex,
  pickIds,
  type Place,
  placesIn,
  readFooter,
  sideOf,
  UnitBlocks,
  type UnitFooter,
} from '../../engines/log-diff/unit.ts';
import type { Clock } from '../kit/clock.ts';
import {
  afterRefusedClaim,
  checkGaps,
  checkWindow,
  chooseMode,
  cutIntoUnits,
  findMissingLogs,
  findShortLogs,
  type Choice,
  type Gap,
  lastLineMs,
  logDays,
  type LogObject,
  type Manifest,
  type Mode,
  parseLogKey,
  problemOfId,
  type Report,
  runCostUsd,
  RunRefused,
  type RunRequest,
  samplesMax,
  sendDelayMaxMs,
  signedPartitions,
  type LogUnit,
  type SignedUnit,
  type Unit,
} from './domain.ts';
import type {
  claims as claimsStore,
  documents,
  expectedServers,
  logs,
  missedQueue,
  notificationService,
  RunFiles,
} from './store.ts';

type Documents = ReturnType<typeof documents>;
type Logs = ReturnType<typeof logs>;

/** How the ID is found in a line. */
const pattern: LogPattern = defaultPattern;

/** What a child of the map over A's shards is given. */
export interface SignItem {
  readonly runId: string;
  readonly unit: SignedUnit;
}

/** What a child of the maps over logs is given. */
export interface ExtractItem {
  readonly runId: string;
  readonly unit: LogUnit;
}

/** What a child of the subtracting map is given. */
export interface SubtractItem {
  readonly runId: string;
  readonly partition: number;
}

/** Where a map reads its units. */
interface UnitsFile {
  readonly bucket: string;
  readonly key: string;
}

/** What the state machine goes on with. */
export interface Plan {
  readonly runId: string;
  /** The shards of A. */
  readonly units: UnitsFile;
}

/** What it goes on with once A is extracted. */
export interface Chosen {
  readonly runId: string;
  readonly mode: Mode;
  /** The logs. */
  readonly units: UnitsFile;
  readonly partitions: readonly SubtractItem[];
}

/** Pins everything that the run will read, or refuses. A second attempt of the run finds what the first one pinned. */
export async function plan(
  request: RunRequest,
  {
    servers,
    logs,
    files,
    clock,
  }: {
    servers: ReturnType<typeof expectedServers>;
    logs: Logs;
    files: RunFiles;
    clock: Clock;
  },
): Promise<Plan> {
  const manifest = (await files.exists('manifest.json'))
    ? await files.getJson<Manifest>('manifest.json')
    : await files.createJsonOnce('manifest.json', await pin(request, { servers, logs, clock }));
  if (JSON.stringify(manifest.request) !== JSON.stringify(request)) {
    throw new RunRefused(
      `run ${request.runId} was planned with other input ${JSON.stringify(manifest.request)}, not ${JSON.stringify(request)}: ` +
        'give the same input, or a new "runId"',
    );
  }
  return { runId: request.runId, units: await listUnits(manifest, 'signed', files) };
}

async function listUnits({ request, units }: Manifest, kind: Unit['kind'], files: RunFiles): Promise<UnitsFile> {
  const items = units.filter((unit) => unit.kind === kind).map((unit) => ({ runId: request.runId, unit }));
  const name = `${kind}-units.json`;
  await files.put(name, JSON.stringify(items));
  return { bucket: files.bucket, key: files.keyOf(name) };
}

async function pin(
  request: RunRequest,
  { servers, logs, clock }: { servers: ReturnType<typeof expectedServers>; logs: Logs; clock: Clock },
): Promise<Manifest> {
  const nowMs = clock();
  const window = checkWindow(request, nowMs);
  if (window.do === 'refuse') throw new RunRefused(window.because);

  const expected = await servers.names();
  if (expected.length === 0)
    throw new RunRefused('no server is expected to log: put the servers into the servers table');
  const logging = await logs.servers();
  const unexpected = logging.filter((server) => !expected.includes(server));
  const days = logDays(request.fromMs, request.toMs);
  const places = [...expected, ...unexpected].flatMap((server) => days.map((day) => ({ server, day })));
  const objects = (await pMap(places, ({ server, day }) => logs.ofDay(server, day), { concurrency: 16 })).flat();

  const missing = findMissingLogs(expected, days, objects);
  const short = await findShortTails(request, expected, missing, objects, logs);
  const gaps = checkGaps([...missing, ...short], expected.length, request.allowPartial);
  if (gaps.do === 'refuse') throw new RunRefused(gaps.because);
  return {
    request,
    plannedAtMs: nowMs,
    servers: expected,
    unexpectedServers: unexpected,
    gaps: gaps.with,
    ...cutIntoUnits(objects.filter(({ bytes }) => bytes > 0)),
  };
}

/** What the ends of plain logs tell before anything is read. A compressed end shows only when it is: `verify` checks it. */
async function findShortTails(
  request: RunRequest,
  expected: readonly string[],
  missing: readonly Gap[],
  objects: readonly LogObject[],
  logs: Logs,
): Promise<readonly Gap[]> {
  const skip = new Set(missing.map(({ server }) => server));
  const files = Map.groupBy(
    objects.filter(({ bytes }) => bytes > 0),
    ({ key }) => parseLogKey(key)?.server,
  );
  const ends = await pMap(
    expected.filter((server) => !skip.has(server)),
    async (server) => ({ server, end: await endOfPlain(files.get(server)!, logs, request.toMs + sendDelayMaxMs) }),
    { concurrency: 16 },
  );
  const seen = ends.filter(({ end }) => end !== 'compressed');
  const endMs = new Map(seen.flatMap(({ server, end }) => (typeof end === 'number' ? [[server, end] as const] : [])));
  return findShortLogs(
    seen.map(({ server }) => server),
    endMs,
    request.toMs,
  );
}

/**
 * How far a server's plain files reach, or that the one with the latest name is compressed. Others are asked only when
 * that one ends too early: some rotations give the older file the later name, `notify.log.1`.
 */
async function endOfPlain(
  objects: readonly LogObject[],
  logs: Logs,
  neededMs: number,
): Promise<number | 'compressed' | undefined> {
  let endMs: number | undefined;
  for (const [index, object] of objects.toSorted((a, b) => (a.key < b.key ? 1 : -1)).entries()) {
    const tail = await logs.plainTail(object);
    if (tail === undefined && index === 0) return 'compressed';
    const ms = tail === undefined ? undefined : lastLineMs(tail);
    if (ms !== undefined) endMs = Math.max(ms, endMs ?? ms);
    if (endMs !== undefined && endMs >= neededMs) break;
  }
  return endMs;
}

/** A shard holds so many bytes of IDs at most: 31 million UUIDs, and as much again to lay them out. */
const shardBytesMax = 500 * 2 ** 20;
/** What was found in logs is held up to so many bytes, and as much again to lay it out; then it is put away. */
const heldBytesMax = 64 * 2 ** 20;
/** Whoever marks holds more, since A is read again for each time that it is too much. */
const heldToMarkBytesMax = 512 * 2 ** 20;
const blockBytes = 16 * 1024;
/** There are many partitions of A, and DynamoDB is slower than any block. */
const signedBlockBytes = 2 * 1024;
const inputBytes = 256 * 1024;
/** A log of at most so many bytes is fetched whole, while the ones before it are read: its latency is longer than its transfer. */
const smallBytesMax = 8 * 2 ** 20;
const fetchedAhead = 4;

/** What a unit's run says of itself, in its footer: the same on every attempt. */
interface UnitStats {
  /** Signed documents, repeats included. */
  readonly ids: number;
  /** Bytes and lengths of their IDs, in base64: see core.ts. */
  readonly shape: string;
  readonly lines: number;
  readonly matched: number;
  readonly unreadableLines: number;
  /** By server. */
  readonly lastLineMs: Readonly<Record<string, number>>;
  /** Of broadcast: matched lines whose ID A has. */
  readonly found: number;
  /** Objects that were written before the unit's last one. */
  readonly parts: number;
}
const noStats: UnitStats = {
  ids: 0,
  shape: '',
  lines: 0,
  matched: 0,
  unreadableLines: 0,
  lastLineMs: {},
  found: 0,
  parts: 0,
};

const runName = (unit: Unit) => `extract/${unit.name}.run`;
const partName = (unit: Unit, part: number) => `extract/${unit.name}.part-${part}.run`;

/** What a worker that reads logs works with. */
export interface Sources {
  readonly logs: Logs;
  readonly files: RunFiles;
  readonly clock: Clock;
  readonly memoryMb: number;
}

/** Reads one shard of A and writes its IDs, by partition, as one object; does nothing when that is there already. */
export async function sign(
  unit: SignedUnit,
  { documents, ...worker }: Omit<Sources, 'logs'> & { readonly documents: Documents },
): Promise<void> {
  await once(unit, worker, () => readShards(unit.shards, { documents, files: worker.files }));
}

/** Reads one unit of logs and writes the IDs that it finds, by partition, as one object; once. */
export async function extract(unit: LogUnit, sources: Sources): Promise<void> {
  const { files, logs } = sources;
  await once(unit, sources, async () => {
    const { partitions, shape } = await files.getJson<Pinned>('choice.json');
    let parts = 0;
    const put = (blocks: UnitBlocks) => files.put(partName(unit, parts++), blocks.layOut({}));
    const { blocks, stats } = await readLogs(unit.objects, logs, { partitions, shape, heldBytesMax, put });
    return { blocks, stats: { ...stats, parts } };
  });
}

/** Reads one unit of logs and writes which documents of A it confirms, by partition, as one object; once. */
export async function mark(unit: LogUnit, sources: Sources): Promise<void> {
  const { files, logs } = sources;
  await once(unit, sources, async () => {
    const choice = await files.getJson<Pinned>('choice.json');
    const { partitions, shape } = choice;
    const rowBytes = signedRowBytes(choice);
    const index = await files.range('signed.index', 0, partitions * rowBytes);
    const found: Uint8Array[] = Array.from({ length: partitions }, () => new Uint8Array(0));
    const core = newCore(noBlocks);
    let hits = 0;
    const put = async (blocks: UnitBlocks): Promise<void> => {
      for (let partition = 0; partition < partitions; partition += 1) {
        const logged = blocks.of(partition);
        if (logged.keys.length + logged.texts.length === 0) continue;
        const row = index.subarray(partition * rowBytes, (partition + 1) * rowBytes);
        const signed = await readSigned(choice.objects, row, files);
        const table = core.open(sideOf(signed));
        for (const block of logged.keys) table.probe('keys', block);
        for (const block of logged.texts) table.probe('texts', block);
        hits += table.hits;
        const bits = new Uint8Array(Math.ceil(countIds(signed) / 8));
        let ordinal = 0;
        for (const { kind, block } of signed) ordinal = table.found(kind, block, bits, ordinal);
        found[partition] = union(found[partition]!, bits);
      }
    };
    const limits = { partitions, shape, heldBytesMax: heldToMarkBytesMax, put };
    const { blocks, stats } = await readLogs(unit.objects, logs, limits);
    await put(blocks);
    const marks = new UnitBlocks(partitions);
    for (const [partition, bits] of found.entries()) marks.put('keys', partition, encodeOrdinals(bits));
    return { blocks: marks, stats: { ...stats, found: hits } };
  });
}

function union(a: Uint8Array, b: Uint8Array): Uint8Array {
  return b.map((byte, i) => byte | (a[i] ?? 0));
}

/** Writes what a unit's reading gives, with what it took, unless it is there already. */
async function once(
  unit: Unit,
  { files, clock, memoryMb }: Omit<Sources, 'logs'>,
  read: () => Promise<{ blocks: UnitBlocks; stats: UnitStats; readUnits?: number }>,
): Promise<void> {
  if (await files.exists(runName(unit))) return;
  const startMs = clock();
  const { blocks, stats, readUnits = 0 } = await read();
  await files.create(runName(unit), blocks.layOut({ ...stats }), {
    'duration-ms': String(clock() - startMs),
    'memory-mb': String(memoryMb),
    'read-units': String(readUnits),
  });
}

function newCore(options: Pick<CoreOptions, 'partitionBits' | 'blockBytes' | 'spill'>): Core {
  const { literal } = pattern;
  return new WasmCore({ ...options, inputBytes, ...(literal ? { literal } : {}) });
}

/** For a core that adds no IDs. */
const noBlocks = { partitionBits: 0, blockBytes: 512, spill: () => {} } as const;

async function readShards(
  shards: readonly string[],
  { documents, files }: { readonly documents: Documents; readonly files: RunFiles },
): Promise<{ blocks: UnitBlocks; stats: UnitStats; readUnits: number }> {
  const { fromMs, toMs } = (await files.getJson<Manifest>('manifest.json')).request;
  const blocks = new UnitBlocks(signedPartitions);
  const core = newCore({
    partitionBits: Math.log2(signedPartitions),
    blockBytes: signedBlockBytes,
    spill: (kind, partition, block) => blocks.put(kind, partition, block),
  });
  let [ids, readUnits] = [0, 0];
  for (const shard of shards) {
    for await (const page of documents.signedIn(shard, fromMs, toMs)) {
      readUnits += page.readUnits;
      for (const id of page.ids) {
        const problem = problemOfId(id);
        if (problem !== undefined) {
          throw new RunRefused(
            `document ${JSON.stringify(id)} is signed, but its ID ${problem}; this run could neither find nor miss it`,
          );
        }
        const text = Buffer.from(id);
        core.addSigned(text, 0, text.length);
        ids += 1;
      }
      if (blocks.bytes > shardBytesMax) {
        throw new RunRefused(`shard ${shard} has more than ${ids} signed documents: run a shorter window`);
      }
    }
  }
  core.flush();
  const shape = Buffer.from(core.shape).toString('base64');
  return { blocks, stats: { ...noStats, ids, shape }, readUnits };
}

/** Reads logs in their order. `put` takes what was found so far, as often as it is too much to hold. */
async function readLogs(
  objects: readonly LogObject[],
  logs: Logs,
  {
    partitions,
    shape,
    heldBytesMax,
    put,
  }: {
    readonly partitions: number;
    readonly shape: string;
    readonly heldBytesMax: number;
    readonly put: (full: UnitBlocks) => Promise<void>;
  },
): Promise<{ blocks: UnitBlocks; stats: UnitStats }> {
  let blocks = new UnitBlocks(partitions);
  const full: UnitBlocks[] = [];
  const core = newCore({
    partitionBits: Math.log2(partitions),
    blockBytes,
    spill: (kind, partition, block) => {
      if (blocks.bytes + block.length > heldBytesMax) {
        full.push(blocks);
        blocks = new UnitBlocks(partitions);
      }
      blocks.put(kind, partition, block);
    },
  });
  core.addShape(shapeOf(shape));
  const sum = { lines: 0, matched: 0, unreadableLines: 0 };
  // A map, since servers have names of their own, `constructor` for one.
  const lastLines = new Map<string, number>();
  const opened = pMapIterable(objects, async (object) => ({ object, body: await fetchSmall(object, logs) }), {
    concurrency: fetchedAhead,
    backpressure: fetchedAhead,
  });
  for await (const { object, body } of opened) {
    const stats = emptyStats();
    const feed = new EvenFeed(new LogFeed(core, pattern, stats, { timestamps: true }));
    try {
      for await (const chunk of decompress(body ?? (await logs.open(object)))) {
        feed.push(chunk);
        for (let one = full.shift(); one !== undefined; one = full.shift()) await put(one);
      }
    } catch (error) {
      if (!(error instanceof CorruptLogError)) throw error;
      throw new RunRefused(`log ${object.key} ${error.message}; ship it again, and give a new "runId"`);
    }
    feed.finish();
    sum.lines += stats.lines;
    sum.matched += stats.matched;
    sum.unreadableLines += stats.unreadableLines;
    const server = parseLogKey(object.key)!.server;
    if (stats.lastTimestampMs !== undefined) {
      lastLines.set(server, Math.max(lastLines.get(server) ?? 0, stats.lastTimestampMs));
    }
  }
  core.flush();
  for (const one of full) await put(one);
  return { blocks, stats: { ...noStats, ...sum, lastLineMs: Object.fromEntries(lastLines) } };
}

/** A small log's bytes; nothing for a large one, whose stream would time out before its turn comes. */
async function fetchSmall(object: LogObject, logs: Logs): Promise<readonly Uint8Array[] | undefined> {
  if (object.bytes > smallBytesMax) return undefined;
  const chunks: Uint8Array[] = [];
  for await (const chunk of await logs.open(object)) chunks.push(chunk);
  return chunks;
}

function shapeOf(base64: string): Shape {
  const shape = new Uint8Array(shapeBytes);
  shape.set(Buffer.from(base64, 'base64'));
  return shape;
}

/** What `choose` pins: the mode, and what the workers need to know of A. */
interface Pinned extends Choice {
  readonly shape: string;
  /** Objects of A, in the order in which its IDs are counted. */
  readonly objects: readonly string[];
  readonly work: Work;
}

/** What workers used. */
interface Work {
  readonly ms: number;
  readonly gbSeconds: number;
  readonly readUnits: number;
}

/** Looks at A, now that it is extracted, and at a sample of the logs; pins the mode. */
export async function choose(
  runId: string,
  { logs, files }: { readonly logs: Logs; readonly files: RunFiles },
): Promise<Chosen> {
  const manifest = await files.getJson<Manifest>('manifest.json');
  const read = await readUnits(
    manifest.units.filter(({ kind }) => kind === 'signed'),
    signedPartitions,
    files,
  );
  const pinned = (await files.exists('choice.json'))
    ? await files.getJson<Pinned>('choice.json')
    : await files.createJsonOnce('choice.json', await chosenBy(manifest, read, logs));
  await files.put('signed.index', layOutIndex(read.footers, pinned.partitions));
  return {
    runId,
    mode: pinned.mode,
    units: await listUnits(manifest, 'logs', files),
    partitions: Array.from({ length: pinned.partitions }, (_, partition) => ({ runId, partition })),
  };
}

async function chosenBy(manifest: Manifest, signed: UnitsRead, logs: Logs): Promise<Pinned> {
  const shape = new Uint8Array(shapeBytes);
  for (const stats of signed.stats) shapeOf(stats.shape).forEach((flag, i) => (shape[i]! |= flag));
  const base64 = Buffer.from(shape).toString('base64');
  const logUnits = manifest.units.flatMap((unit) => (unit.kind === 'logs' ? [unit.objects] : []));
  const sizes = {
    signed: signed.stats.reduce((sum, { ids }) => sum + ids, 0),
    signedBytes: signed.footers.reduce((sum, offsets) => sum + offsets.at(-1)!, 0),
    logBytes: manifest.logBytes,
    loggedEstimate: Math.ceil(manifest.logBytes * (await sampleLogs(logUnits.flat(), base64, logs))),
    logUnits: logUnits.length,
  };
  return {
    ...chooseMode(sizes, manifest.request.mode),
    shape: base64,
    objects: signed.objects,
    work: signed.work,
  };
}

const sampleBytes = 256 * 1024;

/** IDs for each stored byte of the logs, by the beginnings of some of them: at least one ID in all that was looked at. */
async function sampleLogs(objects: readonly LogObject[], shape: string, logs: Logs): Promise<number> {
  const step = Math.max(1, objects.length / samplesMax);
  const sampled = Array.from(
    { length: Math.min(samplesMax, objects.length) },
    (_, i) => objects[Math.floor(i * step)]!,
  );
  const core = newCore(noBlocks);
  core.addShape(shapeOf(shape));
  const stats = emptyStats();
  let bytes = 0;
  for await (const { object, head } of pMapIterable(
    sampled,
    async (object) => ({ object, head: await takeBytes(await logs.head(object, sampleBytes), sampleBytes) }),
    { concurrency: fetchedAhead },
  )) {
    const feed = new EvenFeed(new LogFeed(core, pattern, stats));
    try {
      for await (const chunk of decompress(head)) feed.push(chunk);
    } catch (error) {
      // The beginning of a compressed log ends inside of it.
      if (!(error instanceof CorruptLogError)) throw error;
    }
    feed.finish();
    bytes += Math.min(sampleBytes, object.bytes);
  }
  return Math.max(1, stats.matched) / Math.max(1, bytes);
}

async function takeBytes(source: AsyncIterable<Uint8Array>, bytes: number): Promise<readonly Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  let left = bytes;
  for await (const chunk of source) {
    chunks.push(chunk.subarray(0, left));
    left -= chunk.length;
    if (left <= 0) break;
  }
  return chunks;
}

/** What the footers of units say, in the units' order. */
interface UnitsRead {
  readonly objects: readonly string[];
  readonly footers: readonly UnitFooter['offsets'][];
  readonly stats: readonly UnitStats[];
  readonly work: Work;
}

const footersAtOnce = 32;

/** Reads the footer of each object of the units, and so finds that it is there and whole. */
async function readUnits(units: readonly Unit[], partitions: number, files: RunFiles): Promise<UnitsRead> {
  const footerOf = async (name: string) => {
    const { tail, length, metadata } = await files.suffix(name, footerTailBytes(partitions));
    return { name, metadata, ...readFooter(tail, length) };
  };
  const read = await pMap(
    units,
    async (unit) => {
      const last = await footerOf(runName(unit));
      const stats = last.stats as unknown as UnitStats;
      const parts = Array.from({ length: stats.parts }, (_, part) => partName(unit, part));
      return { stats, metadata: last.metadata, objects: [...(await pMap(parts, footerOf)), last] };
    },
    { concurrency: footersAtOnce },
  );
  const objects = read.flatMap((unit) => unit.objects);
  const sum = (of: (metadata: Record<string, string>) => number) =>
    read.reduce((total, { metadata }) => total + of(metadata), 0);
  return {
    objects: objects.map(({ name }) => name),
    footers: objects.map(({ offsets }) => offsets),
    stats: read.map(({ stats }) => stats),
    work: {
      ms: sum((metadata) => Number(metadata['duration-ms'])),
      gbSeconds: sum((metadata) => (Number(metadata['duration-ms']) / 1000) * (Number(metadata['memory-mb']) / 1024)),
      readUnits: sum((metadata) => Number(metadata['read-units'])),
    },
  };
}

function signedRowBytes({ partitions, objects }: Pinned): number {
  return indexRowBytes(objects.length, signedPartitions / partitions);
}

/** A's blocks of one partition, in the order in which its IDs are counted. `row`: the partition's of signed.index. */
async function readSigned(
  objects: readonly string[],
  row: Uint8Array,
  files: RunFiles,
): Promise<ReturnType<typeof blocksAt>> {
  const places = placesIn(row, objects.length);
  const blocks = await pMap(
    objects,
    async (name, i) => blocksAt(places[i]!, await readPlace(name, places[i]!, files)),
    {
      concurrency: footersAtOnce,
    },
  );
  return blocks.flat();
}

function readPlace(name: string, place: Place, files: RunFiles): Promise<Uint8Array> {
  return files.range(name, place[0]!, place.at(-1)!);
}

function countIds(blocks: ReturnType<typeof blocksAt>): number {
  return blocks.reduce((sum, { kind, block }) => sum + idsIn(kind, block), 0);
}

/** What `verify` found in all units. */
interface Verified extends Pick<UnitStats, 'lines' | 'matched' | 'unreadableLines' | 'found'> {
  readonly gaps: readonly Gap[];
  /** Objects of the logs' units. */
  readonly objects: readonly string[];
  readonly work: Work;
}

/**
 * Checks that every unit is there and that every log reached far enough, before anything is computed from them; then
 * writes where each partition lies in each unit's object, ordered by partition, so that a reducer learns it in one read.
 */
export async function verify({ files }: { files: RunFiles }): Promise<void> {
  const manifest = await files.getJson<Manifest>('manifest.json');
  const { partitions } = await files.getJson<Pinned>('choice.json');
  const { objects, footers, stats, work } = await readUnits(
    manifest.units.filter(({ kind }) => kind === 'logs'),
    partitions,
    files,
  );
  const lastLines = new Map<string, number>();
  const sum = { lines: 0, matched: 0, unreadableLines: 0, found: 0 };
  for (const unit of stats) {
    for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += unit[name];
    for (const [server, ms] of Object.entries(unit.lastLineMs)) {
      lastLines.set(server, Math.max(lastLines.get(server) ?? 0, ms));
    }
  }
  const known = new Set(manifest.gaps.map(({ server }) => server));
  const short = findShortLogs(
    manifest.servers.filter((server) => !known.has(server)),
    lastLines,
    manifest.request.toMs,
  );
  const gaps = checkGaps(short, manifest.servers.length, manifest.request.allowPartial);
  if (gaps.do === 'refuse')
    throw new RunRefused(`${gaps.because}; this run has pinned them as they were: give a new "runId"`);
  await files.put('logs.index', layOutIndex(footers, partitions));
  await files.put(
    'verified.json',
    JSON.stringify({ ...sum, objects, work, gaps: [...manifest.gaps, ...gaps.with] } satisfies Verified),
  );
}

/** What one reducer found, kept as the mark that its partition is done. */
interface Subtracted {
  readonly signed: number;
  /** IDs in the logs that A has, repeats included; not known in broadcast. */
  readonly found: number;
  readonly missed: number;
  readonly workerMs: number;
  readonly memoryMb: number;
}

/** What a reducer reads ahead of B. */
const aheadBytesMax = 64 * 2 ** 20;
const rangesAtOnceMax = 32;
const batchesAtOnce = 8;

/** A_p - B_p of one partition: the missed IDs go to S3 first, then to the queue, then the partition is marked done. */
export async function subtractPartition(
  { runId, partition }: SubtractItem,
  {
    files,
    queue,
    clock,
    memoryMb,
  }: { files: RunFiles; queue: ReturnType<typeof missedQueue>; clock: Clock; memoryMb: number },
): Promise<void> {
  const done = `queued/${partition}.json`;
  if (await files.exists(done)) return;
  const startMs = clock();
  const choice = await files.getJson<Pinned>('choice.json');
  const { signed, found, missed, lines } = await joinPartition(partition, choice, files);
  await files.put(`missed/${partition}.txt`, lines);
  const ids = lines.toString().split('\n').slice(0, -1);
  const batches = Array.from({ length: Math.ceil(ids.length / queue.batchMax) }, (_, index) =>
    ids.slice(index * queue.batchMax, (index + 1) * queue.batchMax),
  );
  await pMap(batches, (batch) => queue.send(runId, batch), { concurrency: batchesAtOnce });
  const workerMs = clock() - startMs;
  await files.put(done, JSON.stringify({ signed, found, missed, workerMs, memoryMb } satisfies Subtracted));
}

async function joinPartition(partition: number, choice: Pinned, files: RunFiles) {
  const row = (name: string, bytes: number) => files.range(name, partition * bytes, (partition + 1) * bytes);
  const signed = await readSigned(choice.objects, await row('signed.index', signedRowBytes(choice)), files);
  const { objects } = await files.getJson<Verified>('verified.json');
  const places = placesIn(await row('logs.index', indexRowBytes(objects.length, 1)), objects.length);
  const largest = Math.max(1, ...places.map((place) => place.at(-1)! - place[0]!));
  const ranges = pMapIterable(
    objects.entries(),
    async ([i, name]) => ({ place: places[i]!, bytes: await readPlace(name, places[i]!, files) }),
    { concurrency: Math.min(rangesAtOnceMax, Math.ceil(aheadBytesMax / largest)) },
  );
  const table = newCore(noBlocks).open(sideOf(signed));
  if (choice.mode === 'broadcast') {
    const count = countIds(signed);
    const bits = new Uint8Array(Math.ceil(count / 8));
    for await (const { bytes } of ranges) addOrdinals(bytes, bits, count);
    let ordinal = 0;
    for (const { kind, block } of signed) {
      table.probe(kind, pickIds(kind, block, bits, ordinal));
      ordinal += idsIn(kind, block);
    }
  } else {
    for await (const { place, bytes } of ranges) {
      for (const { kind, block } of blocksAt(place, bytes)) table.probe(kind, block);
    }
  }
  const { lines, ...counts } = table.missing();
  return { ...counts, lines: Buffer.from(lines) };
}

/** Adds up what the workers left, and writes the report. */
export async function report({ files, clock }: { files: RunFiles; clock: Clock }): Promise<Report> {
  const manifest = await files.getJson<Manifest>('manifest.json');
  const choice = await files.getJson<Pinned>('choice.json');
  const { mode, because, partitions } = choice;
  const { request, units } = manifest;
  const verified = await files.getJson<Verified>('verified.json');
  const subtracted = await pMap(
    Array.from({ length: partitions }, (_, partition) => partition),
    (partition) => files.getJson<Subtracted>(`queued/${partition}.json`),
    { concurrency: footersAtOnce },
  );
  const total = (of: (partition: Subtracted) => number) =>
    subtracted.reduce((sum, partition) => sum + of(partition), 0);
  const [signed, missed] = [total((partition) => partition.signed), total((partition) => partition.missed)];
  const found = mode === 'broadcast' ? verified.found : total((partition) => partition.found);
  const signedUnits = choice.objects.length;
  const result: Report = {
    runId: request.runId,
    from: new Date(request.fromMs).toISOString(),
    to: new Date(request.toMs).toISOString(),
    signed,
    logs: manifest.logObjects,
    lines: verified.lines,
    matched: verified.matched,
    unreadableLines: verified.unreadableLines,
    duplicates: found - (signed - missed),
    missed,
    complete: verified.gaps.length === 0,
    missingLogs: verified.gaps,
    unexpectedServers: manifest.unexpectedServers,
    mode,
    because,
    workers: signedUnits + (mode === 'one worker' ? 1 : units.length - signedUnits + partitions),
    durationMs: clock() - manifest.plannedAtMs,
    costUsd: runCostUsd(manifest, choice, {
      gbSeconds:
        choice.work.gbSeconds +
        verified.work.gbSeconds +
        total(({ workerMs, memoryMb }) => (workerMs / 1000) * (memoryMb / 1024)),
      readUnits: choice.work.readUnits,
      missed,
    }),
  };
  await files.put('report.json', JSON.stringify(result, undefined, 2));
  return result;
}

/** What the maps do once A is extracted, unit by unit and partition by partition, in one worker. */
export async function reconcile(
  runId: string,
  { files, queue, ...sources }: Sources & { readonly queue: ReturnType<typeof missedQueue> },
): Promise<void> {
  const { units } = await files.getJson<Manifest>('manifest.json');
  const { partitions } = await files.getJson<Pinned>('choice.json');
  for (const unit of units) if (unit.kind === 'logs') await extract(unit, { files, ...sources });
  await verify({ files });
  for (let partition = 0; partition < partitions; partition += 1) {
    await subtractPartition({ runId, partition }, { files, queue, ...sources });
  }
}

/** Longer than a delivery takes, and shorter than the queue hides a message: a dead worker's claim is free when it shows again. */
const leaseMs = 30_000;

/** Claims the document, has it notified once, records it. Throws when another worker is at it: the message comes again. */
export async function notifyAgain(
  { documentId }: { readonly documentId: string },
  {
    claims,
    service,
    clock,
    newOwner,
  }: {
    claims: ReturnType<typeof claimsStore>;
    service: ReturnType<typeof notificationService>;
    clock: Clock;
    newOwner: () => string;
  },
): Promise<void> {
  const owner = newOwner();
  const taken = await claims.take(documentId, owner, clock(), leaseMs);
  if (!taken.claimed) {
    const decision = afterRefusedClaim(taken.by);
    if (decision.do === 'nothing') return;
    throw new Error(`document ${documentId} is not notified yet: ${decision.because}; the message comes again`);
  }
  // Our own record cannot join the service's effect in one transaction, so the service gets the document as its key.
  await service.notify(documentId, documentId);
  await claims.record(documentId, owner, clock());
}
