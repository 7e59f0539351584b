import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import type { LogFile, SeededDocument } from '../../clients/missing-notifications/servers.ts';

/** What a run must find, computed in the slowest and most obvious way. */
export interface Answer {
  readonly signed: number;
  readonly logs: number;
  readonly lines: number;
  readonly matched: number;
  readonly unreadableLines: number;
  readonly duplicates: number;
  /** Sorted. */
  readonly missed: readonly string[];
}

const success = /notification\.sent (?:.*? )?doc=([^ ]{1,256})(?: |$)/;

/** A - B by a regular expression a line and a set of strings. A is what was signed in [fromMs, toMs). */
export function bruteForce(
  documents: readonly SeededDocument[],
  logs: readonly LogFile[],
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
): Answer {
  const lines = logs.flatMap(({ body }) => linesOf(body));
  const ids = lines.flatMap((line) => success.exec(line)?.[1] ?? []);
  const logged = new Set(ids);
  const signed = new Set(
    documents
      .filter(({ signedAtMs }) => signedAtMs !== undefined && signedAtMs >= fromMs && signedAtMs < toMs)
      // As logs are read: one character a byte.
      .map(({ documentId }) => Buffer.from(documentId).toString('latin1')),
  );
  const known = ids.filter((id) => signed.has(id));
  return {
    signed: signed.size,
    logs: logs.length,
    lines: lines.length,
    matched: ids.length,
    unreadableLines: lines.filter((line) => line.includes('notification.sent') && !success.test(line)).length,
    duplicates: known.length - new Set(known).size,
    missed: [...signed]
      .filter((id) => !logged.has(id))
      .map((id) => Buffer.from(id, 'latin1').toString())
      .toSorted(),
  };
}

/** Lines of a log, decompressed, one character a byte, without their ends. */
export function linesOf(body: Buffer): readonly string[] {
  const lines = plainOf(body).toString('latin1').split('\n');
  // What follows the last line's end is no line.
  if (lines.at(-1) === '') lines.pop();
  return lines.map((line) => line.replace(/\r$/, ''));
}

export function plainOf(body: Buffer): Buffer {
  if (body[0] === 0x1f && body[1] === 0x8b) return gunzipSync(body);
  if (body.length >= 4 && body.readUInt32LE(0) === 0xfd2fb528) return zstdDecompressSync(body);
  return body;
}
