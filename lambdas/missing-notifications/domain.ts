/**
 * Decisions of the reconciliation: which window, which logs count, how the work is cut, who may notify. Pure: time
 * comes in as an argument, effects are in store.ts.
 */

import { compressionOf } from '../../engines/log-diff/compression.ts';
import { costOf, type MonthlyUsage } from '../../engines/estimate/cost.ts';
import { idBytesMax } from '../../engines/log-diff/ids.ts';

/** A notification is logged at most this long after the signature; a promise of the notification service. */
export const sendDelayMaxMs = 15 * 60_000;

/** Signed documents are spread over these partitions of the sparse index: room for 8,000 signatures a second. */
export const signedShards = ['0', '1', '2', '3', '4', '5', '6', '7'] as const;

/** A unit's footer names the servers that it read, and Step Functions hands a child at most 256 KiB of input. */
export const objectsPerUnitMax = 200;

const unitBytesMin = 8 * 2 ** 20;
/** A minute's reading: so long does a killed worker throw back. */
const unitBytesMax = 4 * 2 ** 30;
/** Plan for this many log units, as long as they stay between the two sizes above. */
const unitsWanted = 64;
const keyBytes = 16;
/** What one function reads from S3 a second, in bytes: a stated assumption, to be measured on an account. */
const readRate = 75_000_000;
/** A third of what a function may last: it may be slower than that, and logs denser than their sample. */
const oneWorkerSecondsMax = 300;
/** So many bytes of logs at most are one worker's. */
export const oneWorkerBytesMax = readRate * oneWorkerSecondsMax;
/** And so many signed documents: 2.4 GB to read, 20 s to join. */
export const oneWorkerSignedMax = 150_000_000;
/** A and B of one partition: a reducer holds its A in a table, and reads its B in passing. */
const partitionBytesMax = 64 * 2 ** 20;
const partitionsMin = 4;
/** Into so many is each shard of A cut: before anybody knows how many it takes, hence finely. Neighbours make one. */
export const signedPartitions = 256;

const utf8 = new TextEncoder();
const dayMs = 86_400_000;
const windowMaxMs = 35 * dayMs;

/**
 * The shard of the sparse index that a signed document belongs to: the CRC-32 of its ID in UTF-8, which every language
 * has, modulo 8. Throws a RangeError for an ID that no log line could give.
 */
export function signedShard(documentId: string): string {
  const problem = problemOfId(documentId);
  if (problem !== undefined) throw new RangeError(`document ID ${JSON.stringify(documentId)} ${problem}`);
  let crc = 0xffffffff;
  for (const byte of utf8.encode(documentId)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
  }
  return signedShards[~crc & 7]!;
}

/** What keeps a document's ID from being found in a log, and the remedy; nothing if it can be. */
export function problemOfId(documentId: string): string | undefined {
  const bytes = utf8.encode(documentId).length;
  if (bytes < 1 || bytes > idBytesMax) return `has ${bytes} bytes: give 1 to ${idBytesMax}`;
  if (!documentId.isWellFormed()) return 'is no Unicode text: give it whole characters';
  if (/[ \t,;"'\r\n]/.test(documentId)) {
    return 'has a space, tab, comma, semicolon, quote or line end, where an ID ends in a log: give it none';
  }
  return undefined;
}

/**
 * How A - B is computed. One worker reads the logs alone; or each of many marks what it found of A, which it has read
 * whole (broadcast); or it sorts what it found by partition, and others join those (shuffle).
 */
export const modes = ['one worker', 'broadcast', 'shuffle'] as const;
export type Mode = (typeof modes)[number];

/** A run as it was asked for: A is what was signed in [fromMs, toMs), epoch milliseconds. */
export interface RunRequest {
  readonly runId: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** Go on when logs are missing, and mark the result partial. */
  readonly allowPartial: boolean;
  /** Instead of the mode that the sizes of A and of the logs suggest. */
  readonly mode?: Mode;
}

export type Refusable<T> =
  | { readonly do: 'go on'; readonly with: T }
  | { readonly do: 'refuse'; readonly because: string };

/** The run must stop, and why: the state machine's error and cause. */
export class RunRefused extends Error {
  override readonly name = 'RunRefused';
}

/** The night's window, from the instant at which the schedule fired: the whole UTC day before. */
export function nightlyWindow(scheduledAtMs: number): Pick<RunRequest, 'runId' | 'fromMs' | 'toMs'> {
  const toMs = Math.floor(scheduledAtMs / dayMs) * dayMs;
  return { runId: `nightly-${new Date(toMs - dayMs).toISOString().slice(0, 10)}`, fromMs: toMs - dayMs, toMs };
}

/** A window that is not settled yet would count notifications as missed that are merely on their way. */
export function checkWindow(request: RunRequest, nowMs: number): Refusable<RunRequest> {
  const { fromMs, toMs } = request;
  if (fromMs >= toMs) {
    return refuse(`window from ${iso(fromMs)} to ${iso(toMs)} is empty: give a "from" before "to"`);
  }
  if (toMs - fromMs > windowMaxMs) {
    return refuse(`window from ${iso(fromMs)} to ${iso(toMs)} is longer than 35 days: run it in parts`);
  }
  if (toMs > nowMs - sendDelayMaxMs) {
    return refuse(
      `"to" ${iso(toMs)} is less than ${sendDelayMaxMs / 60_000} minutes past: notifications may still be on their way; ` +
        `start again after ${iso(toMs + sendDelayMaxMs)}, or give an earlier "to"`,
    );
  }
  return { do: 'go on', with: request };
}

/** One log file, pinned to the version that the plan saw. */
export interface LogObject {
  readonly key: string;
  readonly versionId: string;
  readonly bytes: number;
}

/** `logs/<server>/<yyyy>/<mm>/<dd>/<file>`, or nothing when a key is not of that form. */
export function parseLogKey(key: string): { readonly server: string; readonly day: string } | undefined {
  const match = /^logs\/([^/]+)\/(\d{4})\/(\d{2})\/(\d{2})\/[^/]+$/.exec(key);
  return match === null ? undefined : { server: match[1]!, day: `${match[2]}/${match[3]}/${match[4]}` };
}

/** The UTC days, as `yyyy/mm/dd`, on which notifications of the window can be logged. */
export function logDays(fromMs: number, toMs: number): readonly string[] {
  const first = Math.floor(fromMs / dayMs);
  const last = Math.floor((toMs + sendDelayMaxMs) / dayMs);
  return Array.from({ length: last - first + 1 }, (_, index) =>
    new Date((first + index) * dayMs).toISOString().slice(0, 10).replaceAll('-', '/'),
  );
}

/** Whether a log that begins with these bytes must be read from its beginning to know its end. */
export function isCompressedLog(head: Uint8Array): boolean {
  return compressionOf(head) !== undefined;
}

/** The time of the last dated line in the end of a log, in epoch milliseconds, or nothing when no line has a date. */
export function lastLineMs(tail: Uint8Array): number | undefined {
  let last: number | undefined;
  // The first line of a tail may have lost its beginning, and then does not look like a date.
  for (const [, date] of Buffer.from(tail.buffer, tail.byteOffset, tail.length)
    .toString('latin1')
    .matchAll(/^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)[ \t]/gm)) {
    const ms = Date.parse(date!);
    if (ms > (last ?? -Infinity)) last = ms;
  }
  return last;
}

/** What is wrong with a server's logs. */
export interface Gap {
  readonly server: string;
  readonly because: string;
}

/** Servers with a day on which they have no log at all, or only empty ones. */
export function findMissingLogs(
  servers: readonly string[],
  days: readonly string[],
  objects: readonly LogObject[],
): readonly Gap[] {
  const bytes = new Map<string, number>();
  for (const object of objects) {
    const parsed = parseLogKey(object.key);
    if (parsed === undefined) continue;
    const id = `${parsed.server}/${parsed.day}`;
    bytes.set(id, (bytes.get(id) ?? 0) + object.bytes);
  }
  return servers.flatMap((server) => {
    const day = days.find((one) => (bytes.get(`${server}/${one}`) ?? 0) === 0);
    if (day === undefined) return [];
    return [{ server, because: bytes.has(`${server}/${day}`) ? `its log of ${day} is empty` : `no log of ${day}` }];
  });
}

/** Servers whose last logged line is older than the last notification that the window may have caused. */
export function findShortLogs(
  servers: readonly string[],
  lastLineMs: ReadonlyMap<string, number>,
  toMs: number,
): readonly Gap[] {
  const needed = toMs + sendDelayMaxMs;
  return servers.flatMap((server) => {
    const reached = lastLineMs.get(server);
    if (reached !== undefined && reached >= needed) return [];
    const until = reached === undefined ? 'holds no dated line' : `ends at ${iso(reached)}`;
    return [{ server, because: `its log ${until}, before ${iso(needed)}` }];
  });
}

const gapsNamedMax = 20;

/** Each gap would cause a flood of false re-sends, so a run with gaps stops unless partial results were allowed. */
export function checkGaps(gaps: readonly Gap[], servers: number, allowPartial: boolean): Refusable<readonly Gap[]> {
  if (gaps.length === 0 || allowPartial) return { do: 'go on', with: gaps };
  const named = gaps.slice(0, gapsNamedMax).map(({ server, because }) => `${server} (${because})`);
  const more = gaps.length > gapsNamedMax ? `, and ${gaps.length - gapsNamedMax} more` : '';
  return refuse(
    `logs of ${gaps.length} of ${servers} servers are not complete: ${named.join(', ')}${more}; ` +
      'ship them and start again, or give "allowPartial": true and have the result marked partial',
  );
}

/** What one worker does: read some logs, or one shard of the signed documents. */
export type Unit = LogUnit | SignedUnit;

export interface SignedUnit {
  readonly name: string;
  readonly kind: 'signed';
  readonly shards: readonly string[];
}

export interface LogUnit {
  readonly name: string;
  readonly kind: 'logs';
  /** As they are stored. */
  readonly bytes: number;
  readonly objects: readonly LogObject[];
}

/** Everything that a run reads, pinned. Created once for a run; a repeated run takes it as it is. */
export interface Manifest {
  readonly request: RunRequest;
  readonly plannedAtMs: number;
  readonly servers: readonly string[];
  /** Servers that log but that nobody expects: their logs count, and the report names them. */
  readonly unexpectedServers: readonly string[];
  /** Gaps that the request allowed. */
  readonly gaps: readonly Gap[];
  readonly logBytes: number;
  readonly logObjects: number;
  readonly units: readonly Unit[];
}

export type Cut = Pick<Manifest, 'logBytes' | 'logObjects' | 'units'>;

/** Cuts the run into units: each shard of A is one, and the logs are packed evenly, largest first. */
export function cutIntoUnits(objects: readonly LogObject[]): Cut {
  const logBytes = objects.reduce((sum, { bytes }) => sum + bytes, 0);
  const unitBytes = Math.min(unitBytesMax, Math.max(unitBytesMin, Math.ceil(logBytes / unitsWanted)));
  return {
    logBytes,
    logObjects: objects.length,
    units: [
      ...signedShards.map((shard) => ({ name: `signed-${shard}`, kind: 'signed' as const, shards: [shard] })),
      ...packLogs(objects, Math.ceil(logBytes / unitBytes)),
    ],
  };
}

/** Longest-processing-time packing (Graham 1969): the fullest unit is at most a third over the best possible. */
function packLogs(objects: readonly LogObject[], unitsAtLeast: number): readonly LogUnit[] {
  const count = Math.max(unitsAtLeast, Math.ceil(objects.length / objectsPerUnitMax));
  const bins = Array.from({ length: count }, () => ({ bytes: 0, objects: [] as LogObject[] }));
  // Ties fall to the key, so that the same listing is always cut the same way.
  const largestFirst = objects.toSorted((a, b) => b.bytes - a.bytes || (a.key < b.key ? -1 : 1));
  for (const object of largestFirst) {
    let emptiest: (typeof bins)[number] | undefined;
    for (const bin of bins) {
      if (bin.objects.length < objectsPerUnitMax && (emptiest === undefined || bin.bytes < emptiest.bytes))
        emptiest = bin;
    }
    emptiest!.bytes += object.bytes;
    emptiest!.objects.push(object);
  }
  return bins
    .filter(({ objects: packed }) => packed.length > 0)
    .map(({ bytes, objects: packed }, index) => ({
      name: `logs-${String(index).padStart(5, '0')}`,
      kind: 'logs' as const,
      bytes,
      objects: packed.toSorted((a, b) => (a.key < b.key ? -1 : 1)),
    }));
}

/** What the choice of a mode rests on. */
export interface Sizes {
  /** IDs of A, and their bytes as the workers pass them on. */
  readonly signed: number;
  readonly signedBytes: number;
  /** Bytes of logs, as they are stored. */
  readonly logBytes: number;
  /** IDs that the logs hold, as a sample of them lets expect. */
  readonly loggedEstimate: number;
  /** Units of logs: workers that would read all of A. */
  readonly logUnits: number;
}

/** Pinned by the first attempt of a run; a repeated one takes it as it is. */
export interface Choice {
  readonly mode: Mode;
  /** Why it was chosen, in the figures that decided. */
  readonly because: string;
  readonly sizes: Sizes;
  /** A power of two: partition p has the IDs whose hash begins with p. */
  readonly partitions: number;
}

/**
 * Chooses by the bytes that workers pass on to each other: broadcast moves A once to each of M readers of logs, a
 * shuffle writes and reads A and B once each, so that broadcast is cheaper below M = 2 (1 + |B| / |A|). What one worker
 * can do alone in a third of its time needs neither.
 */
export function chooseMode(sizes: Sizes, asked?: Mode): Choice {
  const { signed, signedBytes, logBytes, loggedEstimate, logUnits } = sizes;
  const loggedBytes = loggedEstimate * (signed === 0 ? keyBytes : signedBytes / signed);
  const wanted = (signedBytes + loggedBytes) / partitionBytesMax;
  const partitions = Math.min(
    signedPartitions,
    Math.max(partitionsMin, 2 ** Math.ceil(Math.log2(Math.max(1, wanted)))),
  );
  const chosen = (mode: Mode, because: string): Choice => ({ mode, because, sizes, partitions });
  if (asked !== undefined) return chosen(asked, 'the request asks for it');
  if (signed <= oneWorkerSignedMax && logBytes <= oneWorkerBytesMax) {
    const seconds = Math.ceil(logBytes / readRate);
    return chosen('one worker', `one worker reads ${gigabytes(logBytes)} of logs in about ${seconds} s`);
  }
  const broadcast = logUnits * signedBytes;
  const shuffle = 2 * (signedBytes + loggedBytes);
  const compared = `${gigabytes(broadcast)} for A to ${count(logUnits)} readers of logs, ${gigabytes(shuffle)} for a shuffle`;
  return broadcast < shuffle ? chosen('broadcast', compared) : chosen('shuffle', compared);
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toLocaleString('en-US', { maximumSignificantDigits: 3 })} GB`;
}

/** What the store knows of a document's re-sent notification. */
export interface Claim {
  readonly state: 'claimed' | 'notified';
  readonly owner: string;
  readonly leaseUntilMs: number;
}

export type ClaimDecision =
  | { readonly do: 'nothing'; readonly because: 'notified already' }
  | { readonly do: 'wait'; readonly because: 'another worker holds the claim' };

/** What a worker whose claim was refused does, given what it found. */
export function afterRefusedClaim(found: Claim): ClaimDecision {
  return found.state === 'notified'
    ? { do: 'nothing', because: 'notified already' }
    : { do: 'wait', because: 'another worker holds the claim' };
}

/** What a run does, from what it was planned and chosen to be: requests by what they are priced at. */
export function requestsOf({ units, servers, request }: Manifest, { mode, partitions }: Choice): MonthlyUsage {
  const signedUnits = units.filter(({ kind }) => kind === 'signed').length;
  const logUnits = units.length - signedUnits;
  const children = signedUnits + (mode === 'one worker' ? 0 : logUnits + partitions);
  const listings = servers.length * logDays(request.fromMs, request.toMs).length;
  const objects = units.reduce((sum, unit) => sum + (unit.kind === 'logs' ? unit.objects.length : 0), 0);
  return {
    // Plan, choose, verify or do it all, report.
    'lambda.requests': children + 4,
    // A child of a Standard map starts, runs its task and ends.
    'stepFunctions.transitions': 3 * children + 10,
    's3.putRequests': listings + units.length + 2 * partitions + 8,
    's3.getRequests':
      // Ends of plain logs, logs, a sample of them.
      servers.length +
      objects +
      samplesMax +
      // A unit looks for itself and reads the plan, its footer is read, and each partition reads a range of it.
      units.length * (3 + partitions) +
      4 * partitions +
      (mode === 'broadcast' ? logUnits * signedUnits * partitions : 0),
  };
}

/** Logs whose beginning is looked at before a mode is chosen. */
export const samplesMax = 16;

/**
 * What a run costs at list prices, in USD: Lambda's work by what the workers measured, requests by counting what the
 * steps do. Sending again is not in it.
 */
export function runCostUsd(
  manifest: Manifest,
  choice: Choice,
  used: { readonly gbSeconds: number; readonly readUnits: number; readonly missed: number },
): number {
  return costOf({
    ...requestsOf(manifest, choice),
    'lambda.gbSeconds': used.gbSeconds,
    'dynamodb.readUnits': used.readUnits,
    'sqs.requests': Math.ceil(used.missed / 10),
  }).usd;
}

/** The line that a person reads. */
export function reportLine(report: Report): string {
  const partial = report.complete ? '' : ` PARTIAL: logs of ${report.missingLogs.length} servers are missing or short.`;
  return (
    `${report.runId}: ${count(report.missed)} of ${count(report.signed)} signed documents were never notified ` +
    `(${count(report.logs)} logs, ${count(report.lines)} lines, ${count(report.matched)} matched, ` +
    `${count(report.duplicates)} duplicates, ${count(report.unreadableLines)} unreadable) ` +
    `by ${report.mode} in ${(report.durationMs / 1000).toFixed(1)} s for ${report.costUsd.toFixed(4)} USD.${partial}`
  );
}

export interface Report {
  readonly runId: string;
  readonly from: string;
  readonly to: string;
  /** Distinct documents signed in the window. */
  readonly signed: number;
  /** Log objects read. */
  readonly logs: number;
  readonly lines: number;
  /** Lines that gave an ID. */
  readonly matched: number;
  /** Lines with the success marker that gave none. */
  readonly unreadableLines: number;
  /** Matched lines beyond the first of each signed document. */
  readonly duplicates: number;
  readonly missed: number;
  readonly complete: boolean;
  readonly missingLogs: readonly Gap[];
  readonly unexpectedServers: readonly string[];
  readonly mode: Mode;
  /** Why this mode. */
  readonly because: string;
  readonly workers: number;
  readonly durationMs: number;
  /** Lambda, S3, DynamoDB and SQS requests of this run at list prices; re-sending is not in it. */
  readonly costUsd: number;
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

function refuse(because: string): { readonly do: 'refuse'; readonly because: string } {
  return { do: 'refuse', because };
}
