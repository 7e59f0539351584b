/**
 * 500 servers that send notifications and log what succeeded, and the documents that they were sent for. Seeded: the
 * same seed gives the same bytes. What was truly missed is known here because it is decided here.
 */
import { constants, gzipSync, zstdCompressSync } from 'node:zlib';
import { randomFrom, type Random } from '../../engines/simulation/random.ts';

export interface WorldOptions {
  readonly seed: number;
  /** Documents signed within the window. */
  readonly documents: number;
  /** Servers that log; 500 when absent. */
  readonly servers?: number;
  /** Logged notifications of documents that were signed before the window, for each server; 20 when absent. */
  readonly olderPerServer?: number;
  /** Share of the documents whose notification failed, without a line that says so; 0.002 when absent. */
  readonly missedShare?: number;
  /** Share of the documents whose ID is no UUID but a text of its own kind; 0 when absent. */
  readonly textShare?: number;
}

export interface SeededDocument {
  readonly documentId: string;
  readonly status: 'draft' | 'signed';
  /** Epoch milliseconds, only when signed. */
  readonly signedAtMs?: number;
}

export interface LogFile {
  /** `logs/<server>/<yyyy>/<mm>/<dd>/<file>` */
  readonly key: string;
  readonly body: Buffer;
}

export interface World {
  /** A is what was signed in [fromMs, toMs). */
  readonly fromMs: number;
  readonly toMs: number;
  readonly servers: readonly string[];
  readonly documents: readonly SeededDocument[];
  readonly logs: readonly LogFile[];
  /** Signed in the window and never notified: the answer. Sorted. */
  readonly missed: readonly string[];
  /** Signed after the window; their notifications will be logged after these logs end. */
  readonly onTheirWay: ReadonlySet<string>;
  /** Documents of the window that only this server logged: its log's loss makes them look missed. */
  readonly loggedOnlyBy: (server: string) => readonly string[];
}

const fromMs = Date.parse('2026-03-02T00:00:00Z');
const toMs = Date.parse('2026-03-02T12:00:00Z');
/** Logs were shipped a little after the last notification of the window may have been logged. */
const shippedUntilMs = toMs + 15 * 60_000 + 30_000;

const loggedTwiceShare = 0.03;
const onTheirWayShare = 0.001;
const draftsPerSigned = 0.2;

/** Makes documents and logs. About 130 bytes of log a document. */
export function makeWorld({
  seed,
  documents: count,
  servers: serverCount = 500,
  olderPerServer = 20,
  missedShare = 0.002,
  textShare = 0,
}: WorldOptions): World {
  const random = randomFrom(seed);
  const servers = Array.from({ length: serverCount }, (_, index) => `srv-${String(index + 1).padStart(3, '0')}`);
  const lines = servers.map(() => [] as string[]);
  const documents: SeededDocument[] = [];
  const missed: string[] = [];
  const onTheirWay = new Set<string>();
  const only = servers.map(() => [] as string[]);

  for (let index = 0; index < count; index += 1) {
    // The first is signed as the window opens, the last in its last millisecond.
    const signedAtMs = index === 0 ? fromMs : index === count - 1 ? toMs - 1 : fromMs + random.below(toMs - fromMs);
    const documentId = textShare > 0 && random.share(textShare) ? text(random, index) : uuid(random);
    documents.push({ documentId, status: 'signed', signedAtMs });
    const server = random.below(serverCount);
    const loggedAtMs = signedAtMs + random.below(15 * 60_000 + 1);
    if (random.share(missedShare)) {
      missed.push(documentId);
      // A failed attempt is named by a line that is no success, and by a success of another document.
      lines[server]!.push(
        line(loggedAtMs, servers[server]!, `WARN notification.retry channel=email doc=${documentId}`),
      );
      if (random.share(0.5)) {
        lines[server]!.push(sent(random, loggedAtMs, servers[server]!, uuid(random), ` olddoc=${documentId}`));
      }
      continue;
    }
    lines[server]!.push(sent(random, loggedAtMs, servers[server]!, documentId));
    // The second server may be the first again.
    let again = server;
    if (random.share(loggedTwiceShare)) {
      again = random.below(serverCount);
      lines[again]!.push(sent(random, loggedAtMs + random.below(1000), servers[again]!, documentId));
    }
    if (again === server) only[server]!.push(documentId);
  }

  // Signed a millisecond after the window, and in the minutes before the logs were shipped.
  const late = Math.max(2, Math.round(count * onTheirWayShare));
  for (let index = 0; index < late; index += 1) {
    const documentId = uuid(random);
    const signedAtMs = index === 0 ? toMs : index === 1 ? toMs + 1 : toMs + random.below(shippedUntilMs - toMs);
    documents.push({ documentId, status: 'signed', signedAtMs });
    onTheirWay.add(documentId);
  }
  for (let index = 0; index < count * draftsPerSigned; index += 1)
    documents.push({ documentId: uuid(random), status: 'draft' });

  const logs = servers.flatMap((server, index) => {
    for (let older = 0; older < olderPerServer; older += 1) {
      lines[index]!.push(sent(random, fromMs + random.below(shippedUntilMs - fromMs), server, uuid(random)));
    }
    for (let at = fromMs; at < shippedUntilMs; at += 60 * 60_000)
      lines[index]!.push(line(at, server, 'INFO heartbeat'));
    return ship(server, index, lines[index]!.toSorted(), random);
  });
  return {
    fromMs,
    toMs,
    servers,
    documents,
    logs,
    missed: missed.toSorted(),
    onTheirWay,
    loggedOnlyBy: (server) => only[servers.indexOf(server)] ?? [],
  };
}

/** One server's lines as files: the older ones rotated and perhaps compressed, the newest plain, with its oddities. */
function ship(server: string, index: number, lines: readonly string[], random: Random): LogFile[] {
  const directory = `logs/${server}/2026/03/02`;
  const end = index % 7 === 0 ? '\r\n' : '\n';
  const rotated = Math.floor(lines.length / 2);
  const older = Buffer.from(
    lines
      .slice(0, rotated)
      .map((text) => text + end)
      .join(''),
  );
  const newer = lines.slice(rotated);
  if (index % 50 === 3)
    newer.splice(random.below(newer.length), 0, line(fromMs, server, `DEBUG ${'x'.repeat(2 ** 20)}`));
  newer.push(line(shippedUntilMs - 1000, server, 'INFO heartbeat'));
  const oddities: Buffer[] = [];
  if (index % 11 === 5) oddities.push(Buffer.from([0, 0, 0x0a]));
  if (index % 13 === 6) oddities.push(Buffer.from([0xff, 0xfe, 0xc3, 0x28, 0x0a]));
  // The writer was cut off in the middle of an ID.
  if (index % 3 === 1)
    oddities.push(Buffer.from(sent(random, shippedUntilMs - 500, server, uuid(random)).slice(0, -20)));
  const plain = Buffer.concat([Buffer.from(newer.map((text) => text + end).join('')), ...oddities]);
  return [...(rotated === 0 ? [] : [rotate(directory, older, index)]), { key: `${directory}/notify.log`, body: plain }];
}

function rotate(directory: string, body: Buffer, index: number): LogFile {
  switch (index % 4) {
    case 0:
      return { key: `${directory}/notify-am.log`, body };
    case 1:
      return { key: `${directory}/notify-am.log.zst`, body: zstdCompressSync(body) };
    case 2: {
      // Two members, as when a log is appended to after it was compressed; the cut falls into the middle of a line.
      const cut = Math.floor(body.length / 2);
      return {
        key: `${directory}/notify-am.log.gz`,
        body: Buffer.concat([gzip(body.subarray(0, cut)), gzip(body.subarray(cut))]),
      };
    }
    default:
      return { key: `${directory}/notify-am.log.gz`, body: gzip(body) };
  }
}

function gzip(body: Buffer): Buffer {
  return gzipSync(body, { level: constants.Z_BEST_SPEED });
}

function sent(random: Random, atMs: number, server: string, documentId: string, extra = ''): string {
  return line(
    atMs,
    server,
    `INFO notification.sent channel=email${extra} doc=${documentId} ms=${10 + random.below(90)}`,
  );
}

function line(atMs: number, server: string, text: string): string {
  return `${new Date(atMs).toISOString()} ${server} ${text}`;
}

function uuid(random: Random): string {
  const hex = (digits: number) =>
    random
      .below(16 ** digits)
      .toString(16)
      .padStart(digits, '0');
  return `${hex(8)}-${hex(4)}-4${hex(3)}-${(8 + random.below(4)).toString(16)}${hex(3)}-${hex(4)}${hex(8)}`;
}

/** IDs as other systems give them: numbers, paths, other cases, beyond ASCII, as long as may be. */
function text(random: Random, index: number): string {
  switch (random.below(5)) {
    case 0:
      return String(index);
    case 1:
      return `contracts/2026/${index}`;
    case 2:
      return uuid(random).toUpperCase();
    case 3:
      return `Vertrag-№${index}-ä`;
    default:
      return `${index}-`.padEnd(256, 'x');
  }
}

/** The last server's newest log as it might be shipped again: with successes of documents that were missed until then. */
export function shippedAgain({ servers, logs, missed }: World): LogFile {
  const server = servers.at(-1)!;
  const newest = logs.findLast(({ key }) => key.startsWith(`logs/${server}/`))!;
  const late = missed
    .slice(0, 3)
    .map((id) => line(shippedUntilMs - 600, server, `INFO notification.sent channel=email doc=${id} ms=9`));
  return { key: newest.key, body: Buffer.concat([newest.body, Buffer.from(['', ...late, ''].join('\n'))]) };
}

/**
 * Further logs of the same servers, older notifications only, so that all logs together have `times` the bytes that
 * they have now. The answer stays the same.
 */
export function* moreLogs(world: World, seed: number, times: number): Generator<LogFile> {
  const random = randomFrom(seed + 1);
  const bytes = world.logs.reduce((sum, { body }) => sum + body.length, 0) * (times - 1);
  for (const server of world.servers) {
    const lines: string[] = [];
    for (let left = bytes / world.servers.length; left > 0; left -= lines.at(-1)!.length + 1) {
      lines.push(sent(random, fromMs + random.below(shippedUntilMs - fromMs), server, uuid(random)));
    }
    // Before the newest in the alphabet, as rotated logs are, so that the newest still tells how far the server got.
    yield { key: `logs/${server}/2026/03/02/more.log`, body: Buffer.from(lines.map((text) => `${text}\n`).join('')) };
  }
}
