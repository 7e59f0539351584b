/**
 * The steps of a run, each told what it works with. The maps run them in many functions, a small run in one, over the
 * same files, so that both give the same bytes and either can go on where the other stopped.
 */
import pMap from 'p-map';
import { CorruptLogError, decompress } from '../kit/decompress.ts';
import { defaultPattern } from '../../engines/log-diff/pattern.ts';
import { countDistinct, footerTailBytes, readFooter, RunBuilder, subtract } from '../../engines/log-diff/run.ts';
import { createScanner } from '../../engines/log-diff/scan.ts';
import { parseUuid, uuidText } from '../../engines/log-diff/uuid.ts';
import type { Clock } from '../kit/clock.ts';
import {
  afterRefusedClaim,
  checkGaps,
  checkWindow,
  cutIntoUnits,
  findMissingLogs,
  findShortLogs,
  type Gap,
  lastLineMs,
  logDays,
  type LogObject,
  type Manifest,
  parseLogKey,
  type Report,
  runCostUsd,
  RunRefused,
  type RunRequest,
  sendDelayMaxMs,
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

/** What a child of the extracting map is given. */
export interface ExtractItem {
  readonly runId: string;
  readonly unit: Unit;
}

/** What a child of the subtracting map is given. */
export interface SubtractItem {
  readonly runId: string;
  readonly partition: number;
}

/** What the state machine goes on with. */
export interface Plan {
  readonly runId: string;
  readonly plannedBytes: number;
  readonly oneWorkerBytesMax: number;
  /** Where the map reads its units. */
  readonly units: { readonly bucket: string; readonly key: string };
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
  const items: ExtractItem[] = manifest.units.map((unit) => ({ runId: request.runId, unit }));
  await files.put('units.json', JSON.stringify(items));
  return {
    runId: request.runId,
    plannedBytes: manifest.logBytes,
    oneWorkerBytesMax: request.oneWorkerBytesMax,
    units: { bucket: files.bucket, key: files.keyOf('units.json') },
    partitions: Array.from({ length: manifest.partitions }, (_, partition) => ({ runId: request.runId, partition })),
  };
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
    ...cutIntoUnits(
      objects.filter(({ bytes }) => bytes > 0),
      request.oneWorkerBytesMax,
    ),
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

/** More distinct documents than this in one unit would not fit the function's memory. */
const idsMax = 16_000_000;
const objectsAtOnce = 8;

/** What a unit's run says of itself, in its footer: the same on every attempt. */
interface UnitStats {
  readonly lines: number;
  readonly matched: number;
  readonly unreadableLines: number;
  readonly lastLineMs: Readonly<Record<string, number>>;
}

const runName = (unit: Unit) => `extract/${unit.name}.run`;

/** Reads one unit and writes its distinct IDs, by partition, as one object; does nothing when that is there already. */
export async function extract(
  unit: Unit,
  {
    documents,
    logs,
    files,
    clock,
    memoryMb,
  }: { documents: Documents; logs: Logs; files: RunFiles; clock: Clock; memoryMb: number },
): Promise<void> {
  if (await files.exists(runName(unit))) return;
  const startMs = clock();
  const { request, partitions } = await files.getJson<Manifest>('manifest.json');
  const builder = new RunBuilder({ partitions, idsMax });
  const read =
    unit.kind === 'signed'
      ? await readSigned(unit.shards, request, documents, builder)
      : { stats: await readLogs(unit.objects, logs, builder), readUnits: 0 };
  await files.put(runName(unit), builder.finish({ ...read.stats }), {
    'duration-ms': String(clock() - startMs),
    'memory-mb': String(memoryMb),
    'read-units': String(read.readUnits),
  });
}

async function readSigned(
  shards: readonly string[],
  { fromMs, toMs }: RunRequest,
  documents: Documents,
  builder: RunBuilder,
): Promise<{ stats: UnitStats; readUnits: number }> {
  let readUnits = 0;
  await pMap(
    shards,
    async (shard) => {
      for await (const page of documents.signedIn(shard, fromMs, toMs)) {
        readUnits += page.readUnits;
        for (const id of page.ids) {
          const text = Buffer.from(id);
          if (!parseUuid(text, 0, text.length, key)) {
            throw new RunRefused(
              `document ${JSON.stringify(id)} is signed, but its ID is no canonical lower-case UUID: this run could neither find nor miss it`,
            );
          }
          builder.add(key);
        }
      }
    },
    { concurrency: objectsAtOnce },
  );
  return { stats: { lines: 0, matched: 0, unreadableLines: 0, lastLineMs: {} }, readUnits };
}

const key = new Uint8Array(16);

async function readLogs(objects: readonly LogObject[], logs: Logs, builder: RunBuilder): Promise<UnitStats> {
  const stats = { lines: 0, matched: 0, unreadableLines: 0 };
  // A map, since servers have names of their own, `constructor` for one.
  const lastLines = new Map<string, number>();
  await pMap(
    objects,
    async (object) => {
      const scanner = createScanner({
        pattern: defaultPattern,
        idShape: 'uuid',
        timestamps: true,
        onId: (bytes, start, end) => {
          parseUuid(bytes, start, end, key);
          builder.add(key);
        },
      });
      await readInto(scanner, object, logs);
      scanner.finish();
      const read = scanner.stats;
      stats.lines += read.lines;
      stats.matched += read.matched;
      stats.unreadableLines += read.unreadableLines;
      const server = parseLogKey(object.key)!.server;
      if (read.lastTimestampMs !== undefined) {
        lastLines.set(server, Math.max(lastLines.get(server) ?? 0, read.lastTimestampMs));
      }
    },
    { concurrency: objectsAtOnce },
  );
  // Objects finish in any order, and the footer's bytes must not depend on it.
  return { ...stats, lastLineMs: Object.fromEntries([...lastLines].toSorted(([a], [b]) => (a < b ? -1 : 1))) };
}

async function readInto(scanner: ReturnType<typeof createScanner>, object: LogObject, logs: Logs): Promise<void> {
  try {
    for await (const chunk of decompress(await logs.open(object))) scanner.push(chunk);
  } catch (error) {
    if (!(error instanceof CorruptLogError)) throw error;
    throw new RunRefused(`log ${object.key} ${error.message}; ship it again, and give a new "runId"`);
  }
}

/** What `verify` found in all units. */
interface Verified extends Omit<UnitStats, 'lastLineMs'> {
  readonly gaps: readonly Gap[];
  readonly workerMs: number;
  readonly gbSeconds: number;
  readonly readUnits: number;
}

const indexEntryBytes = 8;
const footersAtOnce = 32;

/**
 * Checks that every unit is there and that every log reached far enough, before anything is computed from them; then
 * writes where each partition lies in each unit's object, ordered by partition, so that a reducer learns it in one read.
 */
export async function verify({ files }: { files: RunFiles }): Promise<void> {
  const manifest = await files.getJson<Manifest>('manifest.json');
  const { units, partitions, request } = manifest;
  const index = new DataView(new ArrayBuffer(partitions * units.length * indexEntryBytes));
  const lastLines = new Map<string, number>();
  const sum = { lines: 0, matched: 0, unreadableLines: 0, workerMs: 0, gbSeconds: 0, readUnits: 0 };
  await pMap(
    units.entries(),
    async ([number, unit]) => {
      const { footer, metadata } = await readUnitFooter(files, unit, partitions);
      for (let partition = 0; partition < partitions; partition += 1) {
        const at = (partition * units.length + number) * indexEntryBytes;
        index.setUint32(at, footer.offsets[partition]!, true);
        index.setUint32(at + 4, footer.offsets[partition + 1]!, true);
      }
      const stats = footer.stats as unknown as UnitStats;
      sum.lines += stats.lines;
      sum.matched += stats.matched;
      sum.unreadableLines += stats.unreadableLines;
      sum.workerMs += Number(metadata['duration-ms']);
      sum.gbSeconds += (Number(metadata['duration-ms']) / 1000) * (Number(metadata['memory-mb']) / 1024);
      sum.readUnits += Number(metadata['read-units']);
      for (const [server, ms] of Object.entries(stats.lastLineMs)) {
        lastLines.set(server, Math.max(lastLines.get(server) ?? 0, ms));
      }
    },
    { concurrency: footersAtOnce },
  );
  const known = new Set(manifest.gaps.map(({ server }) => server));
  const short = findShortLogs(
    manifest.servers.filter((server) => !known.has(server)),
    lastLines,
    request.toMs,
  );
  const gaps = checkGaps(short, manifest.servers.length, request.allowPartial);
  if (gaps.do === 'refuse')
    throw new RunRefused(`${gaps.because}; this run has pinned them as they were: give a new "runId"`);
  await files.put('index.bin', new Uint8Array(index.buffer));
  await files.put(
    'verified.json',
    JSON.stringify({ ...sum, gaps: [...manifest.gaps, ...gaps.with] } satisfies Verified),
  );
}

async function readUnitFooter(files: RunFiles, unit: Unit, partitions: number) {
  const { tail, length, metadata } = await files.suffix(runName(unit), footerTailBytes(partitions));
  return { footer: readFooter(tail, length), metadata };
}

/** What one reducer found, kept as the mark that its partition is done. */
interface Subtracted {
  readonly signed: number;
  readonly logged: number;
  readonly missed: number;
  readonly workerMs: number;
  readonly memoryMb: number;
}

const slicesAtOnce = 32;
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
  const { units } = await files.getJson<Manifest>('manifest.json');
  const rowBytes = units.length * indexEntryBytes;
  const row = await files.range('index.bin', partition * rowBytes, (partition + 1) * rowBytes);
  const places = new DataView(row.buffer, row.byteOffset, row.byteLength);
  const slices = await pMap(
    units.entries(),
    async ([number, unit]) => ({
      kind: unit.kind,
      keys: await files.range(
        runName(unit),
        places.getUint32(number * indexEntryBytes, true),
        places.getUint32(number * indexEntryBytes + 4, true),
      ),
    }),
    { concurrency: slicesAtOnce },
  );
  const keysOf = (kind: Unit['kind']) => slices.filter((slice) => slice.kind === kind).map(({ keys }) => keys);
  const logged = keysOf('logs');
  const { signed, missed } = subtract(keysOf('signed'), logged);
  const ids = Array.from({ length: missed.length / 16 }, (_, index) => uuidText(missed, index * 16));
  await files.put(`missed/${partition}.txt`, ids.map((id) => `${id}\n`).join(''));
  const batches = Array.from({ length: Math.ceil(ids.length / queue.batchMax) }, (_, index) =>
    ids.slice(index * queue.batchMax, (index + 1) * queue.batchMax),
  );
  await pMap(batches, (batch) => queue.send(runId, batch), { concurrency: batchesAtOnce });
  await files.put(
    done,
    JSON.stringify({
      signed,
      logged: countDistinct(logged),
      missed: ids.length,
      workerMs: clock() - startMs,
      memoryMb,
    } satisfies Subtracted),
  );
}

/** Adds up what the workers left, and writes the report. */
export async function report({ files, clock }: { files: RunFiles; clock: Clock }): Promise<Report> {
  const manifest = await files.getJson<Manifest>('manifest.json');
  const { request } = manifest;
  const verified = await files.getJson<Verified>('verified.json');
  const partitions = await pMap(
    Array.from({ length: manifest.partitions }, (_, partition) => partition),
    (partition) => files.getJson<Subtracted>(`queued/${partition}.json`),
    { concurrency: footersAtOnce },
  );
  const total = (of: (partition: Subtracted) => number) =>
    partitions.reduce((sum, partition) => sum + of(partition), 0);
  const missed = total((partition) => partition.missed);
  const result: Report = {
    runId: request.runId,
    from: new Date(request.fromMs).toISOString(),
    to: new Date(request.toMs).toISOString(),
    signed: total(({ signed }) => signed),
    logs: manifest.logObjects,
    lines: verified.lines,
    matched: verified.matched,
    unreadableLines: verified.unreadableLines,
    duplicates: verified.matched - total(({ logged }) => logged),
    missed,
    complete: verified.gaps.length === 0,
    missingLogs: verified.gaps,
    unexpectedServers: manifest.unexpectedServers,
    workers: manifest.mode === 'maps' ? manifest.units.length + manifest.partitions : 1,
    durationMs: clock() - manifest.plannedAtMs,
    costUsd: runCostUsd(manifest, {
      gbSeconds: verified.gbSeconds + total(({ workerMs, memoryMb }) => (workerMs / 1000) * (memoryMb / 1024)),
      readUnits: verified.readUnits,
      missed,
    }),
  };
  await files.put('report.json', JSON.stringify(result, undefined, 2));
  return result;
}

/** The whole of a run, unit by unit and partition by partition, in one worker. */
export async function reconcile(
  runId: string,
  { files, queue, ...sources }: Parameters<typeof extract>[1] & { queue: ReturnType<typeof missedQueue> },
): Promise<void> {
  const { units, partitions } = await files.getJson<Manifest>('manifest.json');
  for (const unit of units) await extract(unit, { files, ...sources });
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
