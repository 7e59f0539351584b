import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { randomFrom } from '../../engines/log-diff/random.ts';

/** Bytes as characters, so that a log may hold any. */
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

export interface Incident {
  readonly signed: readonly string[];
  /** Signed, and no server ever logged a success: the truth, known because it was made. */
  readonly missed: readonly string[];
  readonly servers: readonly string[];
}

/**
 * Writes logs/<server>/2026/11/23/app.log[.gz|.zst] and signed.txt below the directory: an incident whose truth is
 * known by construction, with all that real logs do to confuse. `mixed` IDs are of any bytes that the pattern allows.
 */
export function makeIncident(
  directory: string,
  { seed, servers, documents, ids }: { seed: number; servers: number; documents: number; ids: 'uuid' | 'mixed' },
): Incident {
  const random = randomFrom(seed);
  const idBytes = ['a', 'B', '/', '=', '\0', '\xff', '\xa0', '.', '\xe9', '-'];
  const newId = (n: number): string => {
    if (ids === 'uuid' || n % 2 === 0) return random.uuid();
    return `${n}:${Array.from({ length: 1 + random.below(40) }, () => random.pick(idBytes)).join('')}`;
  };
  const signed = Array.from({ length: documents }, (_, n) => newId(n));
  signed[0] = '00000000-0000-0000-0000-000000000000';
  const missed = signed.filter((_, n) => n === 1 || random.below(20) === 0);
  const missing = new Set(missed);

  const names = Array.from({ length: servers }, (_, n) => `srv-${String(n).padStart(3, '0')}`);
  const lines = new Map<string, string[]>(names.map((name) => [name, []]));
  const head = (server: string): string =>
    `2026-11-23T01:02:03.${String(random.below(1000)).padStart(3, '0')}Z ${server} INFO `;
  const record = (server: string, id: string): string =>
    `${head(server)}notification.sent channel=email doc=${id} ms=${random.below(900)}`;
  const end = (): string => random.pick(['\n', '\n', '\n', '\r\n']);
  const tornInside = (line: string, id: string): string => line.slice(0, line.indexOf(id) + (id.length >> 1));
  /** A line that names a document and says nothing of a success. */
  const decoy = (server: string, id: string): string =>
    random.pick([
      `${head(server)}notification.queued doc=${id}`,
      `${head(server)}notification.sent.failed doc=${id}`,
      `${head(server)}notification.sent olddoc=${id}`,
      `${head(server)}notification.sent channel=email doc=${id}suffix`,
      `${head(server)}http.request path=/docs/${id}`,
      `    at Dispatcher.send doc=${id}`,
      `${head(server)}notification.sent chan${head(server)}notification.queued doc=${id}`,
      `\0\xff\xfe${id}\x80`,
      `${head(server)}notification.sent doc=${id.slice(0, -1)}`,
    ]);
  for (const id of signed) {
    const server = random.pick(names);
    const log = lines.get(server)!;
    if (random.below(4) === 0 || missing.has(id)) log.push(decoy(random.pick(names), id) + end());
    if (missing.has(id)) continue;
    const whole = record(server, id);
    // Now and then after a record that was torn before its ID was whole, and that no line end follows.
    const torn = random.below(25) === 0 ? record(server, random.uuid()) : '';
    log.push(torn.slice(0, Math.max(0, torn.indexOf('doc=') + random.below(20))) + whole + end());
    if (random.below(30) === 0) lines.get(random.pick(names))!.push(whole + end());
  }
  for (const [n, name] of names.entries()) {
    const log = lines.get(name)!;
    if (n % 10 === 3) log.unshift(`${head(name)}dump ${'\0\xffx'.repeat(350_000)} doc=${missed[0]}\n`);
    for (let i = 0; i < 3; i++) log.push(record(name, random.uuid()) + end());
    // The last line lacks its end: whole, or torn inside its ID.
    const last = log.pop()!.trimEnd();
    log.push(n % 3 === 0 ? tornInside(record(name, missed[n % missed.length]!), missed[n % missed.length]!) : last);
    const text = bytes(log.join(''));
    const cut = text.length >> 1;
    const compress = n % 4 === 1 ? gzipSync : n % 4 === 2 ? zstdCompressSync : undefined;
    const path = join(directory, 'logs', name, '2026', '11', '23', `app.log${n % 8 === 1 ? '.gz' : ''}`);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(
      path,
      compress ? Buffer.concat([compress(text.subarray(0, cut)), compress(text.subarray(cut))]) : text,
    );
  }
  writeFileSync(join(directory, 'signed.txt'), bytes(signed.map((id) => id + end()).join('')));
  return { signed, missed, servers: names };
}
