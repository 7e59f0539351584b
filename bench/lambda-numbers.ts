/**
 * What the logs of 500 servers over 30 days, 1 GB a day each, cost and take: on Lambda as missing-notifications plans
 * it, in Athena, and in DuckDB on one machine. A model of measured rates and stated assumptions; nothing of it was run
 * on an account. The README shows what this prints, and a test compares the two.
 *
 *   node bench/lambda-numbers.ts
 */
import { costOf } from '../engines/estimate/cost.ts';
import { chooseMode, cutIntoUnits, type Manifest, requestsOf } from '../lambdas/missing-notifications/domain.ts';

const servers = 500;
const days = 30;
const fileBytes = 1e9;
/** Signed documents, and logged notifications: the question's load, 4 % of them logged twice. */
const signed = days * 1_000_000;
const logged = 1.04 * signed;

/** Assumptions. */
const gzipRatio = 8;
const functionNetwork = 75e6;
const functionsAtOnce = 500;
const startSeconds = 0.5;
const documentsPerSecond = 50_000;
const joinSeconds = 100e-9;
const stepsSeconds = 60;
const memoryOfOneCoreMb = 1769;
const machine = { name: 'm7g.16xlarge', cores: 64, network: 30e9 / 8 };

/** Stored bytes a second of one core: the lower of the two densities of bench/lambda-memory.ts, 2026-11-25. */
const reads = { plain: 445e6, gzip: 73e6 };
/** Plain bytes a second of one core: DuckDB, measured beside the engine on two cores, 2026-11-23, divided by two. */
const duckdbReads = { plain: 2.38e9 / 9.06 / 2, gzip: 2.38e9 / 4 / 3.08 / 2 };

export type Format = keyof typeof reads;
export const formats = ['plain', 'gzip'] as const;

interface Run {
  readonly usd: number;
  readonly seconds: number;
}

const plainBytes = servers * days * fileBytes;

function storedBytes(format: Format): number {
  return format === 'gzip' ? plainBytes / gzipRatio : plainBytes;
}

/** Stored bytes a second that a function reads: what the network gives, or its share of a core can do. */
function readRate(format: Format, memoryMb: number): number {
  return Math.min(functionNetwork, (reads[format] * memoryMb) / memoryOfOneCoreMb);
}

/** GB-seconds for 1 GB of logs as they are stored. */
export function gbSecondsPerGb(format: Format, memoryMb: number): number {
  return ((memoryMb / 1024) * 1e9) / readRate(format, memoryMb);
}

export const extractMemoryMb = 512;
const joinMemoryMb = 1769;

export function lambdaRun(
  format: Format,
): Run & { readonly mode: string; readonly units: number; readonly partitions: number } {
  const day = 86_400_000;
  const fromMs = Date.UTC(2026, 0, 1);
  const names = Array.from({ length: servers }, (_, n) => `srv-${n}`);
  const objects = names.flatMap((server) =>
    Array.from({ length: days }, (_, n) => ({
      key: `logs/${server}/${new Date(fromMs + n * day).toISOString().slice(0, 10).replaceAll('-', '/')}/notify.log`,
      versionId: '1',
      bytes: storedBytes(format) / servers / days,
    })),
  );
  const cut = cutIntoUnits(objects);
  const request = { runId: 'numbers', fromMs, toMs: fromMs + days * day, allowPartial: false };
  const manifest: Manifest = { request, plannedAtMs: 0, servers: names, unexpectedServers: [], gaps: [], ...cut };
  const shards = cut.units.filter(({ kind }) => kind === 'signed').length;
  const logUnits = cut.units.flatMap((unit) => (unit.kind === 'logs' ? [unit.bytes] : []));
  const signedBytes = 16 * signed;
  const choice = chooseMode({
    signed,
    signedBytes,
    logBytes: cut.logBytes,
    loggedEstimate: logged,
    logUnits: logUnits.length,
  });
  if (choice.mode !== 'shuffle') throw new Error(`the plan chose ${choice.mode}: say what it costs`);

  const rate = readRate(format, extractMemoryMb);
  const extract = storedBytes(format) / rate + startSeconds * logUnits.length;
  const sign = signed / documentsPerSecond + startSeconds * shards;
  const moved = 16 * (signed + logged);
  const subtract = moved / functionNetwork + joinSeconds * (signed + logged) + startSeconds * choice.partitions;
  const { usd } = costOf({
    ...requestsOf(manifest, choice),
    'lambda.gbSeconds': (extract * extractMemoryMb + (sign + subtract + stepsSeconds) * joinMemoryMb) / 1024,
    'dynamodb.readUnits': (signed * 200) / 8192,
  });
  const waves = Math.ceil(logUnits.length / functionsAtOnce);
  const seconds =
    stepsSeconds + sign / shards + waves * (Math.max(...logUnits) / rate + startSeconds) + subtract / choice.partitions;
  return { usd, seconds, mode: choice.mode, units: logUnits.length, partitions: choice.partitions };
}

export function athenaUsd(format: Format): number {
  return costOf({ 'athena.scannedTb': storedBytes(format) / 1e12 }).usd;
}

export function duckdbRun(format: Format): Run {
  const seconds = Math.max(storedBytes(format) / machine.network, plainBytes / (machine.cores * duckdbReads[format]));
  const { usd } = costOf({
    'ec2.m7gVcpuHours': (machine.cores * seconds) / 3600,
    's3.getRequests': storedBytes(format) / (8 * 2 ** 20),
  });
  return { usd, seconds };
}

/** The two tables, and the assumptions, as the README has them. */
export function numbersPage(): string {
  const usd = (value: number) => value.toFixed(2);
  const minutes = (seconds: number) => `${Math.round(seconds / 60)} min`;
  const both = (of: (format: Format) => readonly string[]) => formats.flatMap(of).join(' | ');
  const lambda = Object.fromEntries(formats.map((format) => [format, lambdaRun(format)])) as Record<
    Format,
    ReturnType<typeof lambdaRun>
  >;
  const perTb = (memoryMb: number) =>
    formats.map((format) => usd(costOf({ 'lambda.gbSeconds': 1000 * gbSecondsPerGb(format, memoryMb) }).usd));
  const seconds = (1e9 / readRate('plain', extractMemoryMb)).toFixed(1);
  const gbSeconds = gbSecondsPerGb('plain', extractMemoryMb);
  return [
    '| | 15 TB plain, USD | time | the same as gzip, USD | time |',
    '|---|---:|---:|---:|---:|',
    `| Lambda with Distributed Map | ${both((format) => [usd(lambda[format].usd), minutes(lambda[format].seconds)])} |`,
    `| Athena | ${both((format) => [usd(athenaUsd(format)), 'not measured'])} |`,
    `| DuckDB on one ${machine.name} | ${both((format) => [usd(duckdbRun(format).usd), minutes(duckdbRun(format).seconds)])} |`,
    '',
    `The plan chooses ${lambda.plain.mode}: ${lambda.plain.units.toLocaleString('en-US')} units (gzip: ${lambda.gzip.units}), ` +
      `${lambda.plain.partitions} partitions. A GB of plain logs takes ${extractMemoryMb / 1024} GB x ${seconds} s = ` +
      `${gbSeconds.toFixed(1)} GB-s, ${costOf({ 'lambda.gbSeconds': gbSeconds }).usd.toFixed(6)} USD. By memory, USD for 1 TB as it is stored:`,
    '',
    '| memory | plain | gzip |',
    '|---|---:|---:|',
    ...[512, 1024, 1769, 3538].map(
      (memoryMb) => `| ${memoryMb.toLocaleString('en-US')} MB | ${perTb(memoryMb).join(' | ')} |`,
    ),
  ].join('\n');
}

if (import.meta.main) console.log(numbersPage());
