import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { answerOfLines } from '../contest.ts';
import { madeOnce } from '../made.ts';

/** How the logs lie on disk, and how an ID looks. */
export interface DataOptions {
  /** About so many, and more where it takes more for every ID that is not missed to have its success. */
  readonly lines: number;
  readonly signed: number;
  readonly servers: number;
  /** `uuid`: version 4. `string`: `acme/` and 32 digits, a dot and 1 to 9 more, 39 to 47 bytes. */
  readonly ids: 'uuid' | 'string';
  readonly format: 'plain' | 'gzip' | 'zstd';
  /** Nothing but successes, once each, in short lines: where there must be room on the disk for many IDs. */
  readonly isLean?: boolean;
  readonly seed: number;
}

export interface Data {
  /** Holds `signed.txt` and the folder `logs`. */
  readonly directory: string;
  /** Of the log files' names. */
  readonly extension: '.log' | '.log.gz' | '.log.zst';
  /** SHA-256 of the missed IDs' sorted lines. */
  readonly answer: string;
  readonly lines: number;
  /** Of the logs, before compression. */
  readonly bytes: number;
  readonly missed: number;
}

const extensions = { plain: '.log', gzip: '.log.gz', zstd: '.log.zst' } as const;
/** In a thousand. */
const missedRate = 5;
const successRate = 0.7;
const duplicateRate = 0.03;
const bufferBytes = 65_536;
/** More than any line, and any two that are glued. */
const lineBytesMax = 1024;
const dayStartMs = Date.UTC(2026, 10, 22);
const dayMs = 86_400_000;

/**
 * Makes a night's incident, or finds the one that was made before: signed documents, and the logs of many servers, 70 %
 * successes, the rest other lines that carry the same IDs, with duplicates, foreign IDs and damaged lines. No missed ID
 * stands in a whole success line. The same options give the same bytes.
 */
export function makeData(root: string, options: DataOptions): Data {
  const { lines, signed, servers, ids, format, isLean = false, seed } = options;
  const names = ['log-diff', ids, format, ...(isLean ? ['lean'] : []), lines, signed, servers, seed];
  const directory = join(root, names.join('-'));
  return { directory, extension: extensions[format], ...madeOnce(directory, (made) => write(made, options)) };
}

/** A bijection of 32-bit words that mixes well (the finisher of MurmurHash3). */
function mix(word: number): number {
  let h = word;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

const hexPairs = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0')).join(''));
const uuidPlaces = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

/** Writes the n-th ID's text, up to 47 bytes, to out[at]; returns its length. The first word is a bijection of n: no two are alike. */
function idWriter(ids: DataOptions['ids'], seed: number): (n: number, out: Buffer, at: number) => number {
  const words = new Uint32Array(4);
  const fill = (n: number): void => {
    words[0] = mix(n ^ seed);
    words[1] = ((mix((n + 0x1234567 + seed) >>> 0) ^ mix(n ^ 0x77777777)) & 0xffff0fff) | 0x4000;
    words[2] = (mix(Math.imul(n, 0x9e3779b1) + seed) & 0x3fffffff) | 0x80000000;
    words[3] = mix(n ^ 0x5bd1e995 ^ seed) ^ mix(n + 99);
  };
  const byteOf = (i: number): number => (words[i >> 2]! >>> (24 - 8 * (i & 3))) & 0xff;
  if (ids === 'uuid') {
    return (n, out, at) => {
      fill(n);
      for (let i = 0; i < 16; i++) {
        const pair = 2 * byteOf(i);
        out[at + uuidPlaces[i]!] = hexPairs[pair]!;
        out[at + uuidPlaces[i]! + 1] = hexPairs[pair + 1]!;
      }
      out[at + 8] = out[at + 13] = out[at + 18] = out[at + 23] = 45;
      return 36;
    };
  }
  return (n, out, at) => {
    fill(n);
    out.write('acme/', at, 'latin1');
    for (let i = 0; i < 16; i++) {
      const pair = 2 * byteOf(i);
      out[at + 5 + 2 * i] = hexPairs[pair]!;
      out[at + 6 + 2 * i] = hexPairs[pair + 1]!;
    }
    out[at + 37] = 46;
    const digits = 1 + (words[3]! % 9);
    for (let i = 0; i < digits; i++) out[at + 38 + i] = 48 + (byteOf(i) % 10);
    return 38 + digits;
  };
}

/** A file that is written through a buffer; compressed whole, since the zlib of a stream is far slower. */
class LogWriter {
  readonly host: string;
  readonly buffer = Buffer.allocUnsafe(bufferBytes + 2 * lineBytesMax);
  at = 0;
  bytes = 0;
  readonly #format: DataOptions['format'];
  readonly #file: number;
  readonly #kept: Buffer[] = [];

  constructor(directory: string, host: string, format: DataOptions['format']) {
    this.host = host;
    this.#format = format;
    this.#file = openSync(join(directory, `${host}${extensions[format]}`), 'w');
  }

  text(text: string): void {
    this.at += this.buffer.write(text, this.at, 'latin1');
  }

  flush(): void {
    const block = this.buffer.subarray(0, this.at);
    if (this.#format === 'plain') writeSync(this.#file, block);
    else this.#kept.push(Buffer.from(block));
    this.bytes += this.at;
    this.at = 0;
  }

  close(): void {
    this.flush();
    const compress = { gzip: gzipSync, zstd: zstdCompressSync };
    if (this.#format !== 'plain') writeSync(this.#file, compress[this.#format](Buffer.concat(this.#kept)));
    closeSync(this.#file);
  }
}

function write(directory: string, options: DataOptions): Pick<Data, 'answer' | 'lines' | 'bytes' | 'missed'> {
  const { lines, signed, servers, ids, format, isLean = false } = options;
  const seed = Math.imul(options.seed, 0x9e3779b1) >>> 0;
  const writeId = idWriter(ids, seed);
  const isMissed = (n: number): boolean => mix(n + 0xabcdef) % 1000 < missedRate;

  const missed: string[] = [];
  const file = openSync(join(directory, 'signed.txt'), 'w');
  const block = Buffer.allocUnsafe(1024 * 1024);
  let used = 0;
  for (let n = 0; n < signed; n++) {
    const bytes = writeId(n, block, used);
    if (isMissed(n)) missed.push(block.toString('latin1', used, used + bytes));
    block[used + bytes] = 10;
    used += bytes + 1;
    if (used > block.length - 64) {
      writeSync(file, block, 0, used);
      used = 0;
    }
  }
  writeSync(file, block, 0, used);
  closeSync(file);

  mkdirSync(join(directory, 'logs'));
  const logs = Array.from(
    { length: servers },
    (_, i) => new LogWriter(join(directory, 'logs'), `web-${String(i).padStart(3, '0')}`, format),
  );
  // Successes visit all known and foreign IDs in steps of the golden section, so in an order of no pattern.
  const foreign = isLean
    ? 0
    : Math.max(0, Math.round(lines * successRate * (1 - duplicateRate) - signed * (1 - missedRate / 1000)));
  const known = signed + foreign;
  let step = Math.floor(known * 0.6180339) | 1;
  while (greatestCommonDivisor(step, known) !== 1) step += 2;
  let visited = 0;
  let current = 0;
  const next = (): number => {
    while (visited < known) {
      const n = current;
      current = (current + step) % known;
      visited++;
      if (n >= signed || !isMissed(n)) return n;
    }
    return -1;
  };

  const recent = new Uint32Array(65_536);
  let sent = 0;
  const head = (log: LogWriter, line: number): void =>
    log.text(`${new Date(dayStartMs + Math.floor((line * dayMs) / lines)).toISOString()} ${log.host}`);
  const success = (log: LogWriter, line: number, n: number, h: number): void => {
    head(log, line);
    log.text(' INFO notification.sent doc=');
    log.at += writeId(n, log.buffer, log.at);
    log.text(isLean ? '\n' : ` user=${h % 1_000_000} latency_ms=${(h >>> 8) % 400}\n`);
  };
  /** A line that carries an ID and is no success. */
  const other = (log: LogWriter, line: number, h: number, h2: number): void => {
    const id = (before: string, after: string): void => {
      log.text(before);
      log.at += writeId(h2 % signed, log.buffer, log.at);
      log.text(after);
    };
    const kind = (h >>> 14) % 6;
    if (kind !== 4) head(log, line);
    if (kind === 0) id(' INFO http.request method=GET path=/v1/docs/', ` status=200 dur_ms=${h2 % 900}\n`);
    else if (kind === 1) id(' DEBUG notification.queued doc=', ` user=${h % 1_000_000} queue=email\n`);
    else if (kind === 2) id(' WARN notification.retry doc=', ' attempt=2 err="connect ETIMEDOUT 10.2.3.4:443"\n');
    else if (kind === 3) log.text(` INFO gc.pause ms=${h % 60} heap_mb=${h2 % 2048}\n`);
    else if (kind === 4) log.text(`    at com.example.notify.Dispatcher.send(Dispatcher.java:${h % 800})\n`);
    else
      log.text(
        ` INFO {"evt":"session","uid":${h % 1_000_000},"ip":"10.0.0.1","ua":"Mozilla/5.0 (X11; Linux x86_64)"}\n`,
      );
  };
  /** A success that was not written whole. False when there is no ID left for the record that follows it. */
  const damaged = (log: LogWriter, line: number, h: number, h2: number): boolean => {
    head(log, line);
    const kind = (h >>> 14) & 3;
    if (kind === 3) {
      for (let i = 0; i < 24; i++)
        log.buffer[log.at++] = [10, 13, 0].includes(mix(h + i) & 255) ? 255 : mix(h + i) & 255;
      log.text('\xff\n');
      return true;
    }
    log.text(' INFO notification.sent doc=');
    const bytes = writeId(h2 % signed, log.buffer, log.at);
    const cut = (h2 >>> 5) % 36;
    if (kind === 2) {
      log.buffer[log.at + cut] = 'z'.charCodeAt(0);
      log.at += bytes;
      log.text(' user=1 latency_ms=2\n');
      return true;
    }
    log.at += cut;
    // Where an ID may be anything, what a torn one and the next head make together may be one too: tools would differ.
    if (kind === 0 || ids === 'string') {
      log.text('\n');
      return true;
    }
    const n = next();
    if (n !== -1) success(log, line, n, h2);
    return n !== -1;
  };

  let line = 0;
  for (; ; line++) {
    const [h, h2] = [mix(line ^ 0x51ed270b ^ seed), mix(line + 0x7f4a7c15)];
    const log = logs[h2 % servers]!;
    const dice = isLean ? 10_000 : h % 10_000;
    if (dice < 3000) other(log, line, h, h2);
    else if (dice === 3000) {
      if (!damaged(log, line, h, h2)) break;
    } else {
      const isDuplicate = !isLean && sent > 1000 && ((h >>> 3) % 100) / 100 < duplicateRate;
      const n = isDuplicate ? recent[(h2 >>> 4) % Math.min(sent, recent.length)]! : next();
      if (n === -1) break;
      if (!isDuplicate) recent[sent++ % recent.length] = n;
      success(log, line, n, h2);
    }
    if (log.at >= bufferBytes) log.flush();
  }
  for (const log of logs) log.close();
  const bytes = logs.reduce((sum, log) => sum + log.bytes, 0);
  return { answer: answerOfLines(missed), lines: line, bytes, missed: missed.length };
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
