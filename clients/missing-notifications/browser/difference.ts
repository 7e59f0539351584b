import { PlainCore } from '../../../engines/log-diff/core-plain.ts';
import { hasWasmCore, WasmCore } from '../../../engines/log-diff/core.ts';
import { IdFeed, LogFeed } from '../../../engines/log-diff/feed.ts';
import { compilePattern, defaultPattern } from '../../../engines/log-diff/pattern.ts';
import { emptyStats } from '../../../engines/log-diff/scan.ts';
import { UnitBlocks } from '../../../engines/log-diff/unit.ts';
import { plainBytes } from './plain-bytes.ts';

/** What a person chose on the page. A Blob is what a browser has for a file: it is read in pieces. */
export interface Chosen {
  /** IDs, one a line. */
  readonly signed: Blob;
  readonly logs: readonly { readonly name: string; readonly blob: Blob }[];
  /** Regular expression whose first group is the ID; the default pattern when absent. */
  readonly pattern?: string;
  readonly ignoreCase?: boolean;
}

export interface Difference {
  /** Distinct signed documents. */
  readonly signed: number;
  readonly logs: number;
  readonly lines: number;
  readonly matched: number;
  readonly unreadableLines: number;
  readonly missed: number;
  /** Missed documents that would not be if ASCII case were ignored. */
  readonly missedByCase: number;
  /** Decompressed, of all logs. */
  readonly bytes: number;
  readonly milliseconds: number;
  readonly engine: 'WebAssembly' | 'TypeScript';
  /** Missed IDs, one a line, ordered within partitions. */
  readonly missedLines: readonly Uint8Array[];
}

const inputBytes = 256 * 1024;
const blockBytes = 64 * 1024;
const progressEveryMs = 100;

/**
 * A - B over files that stay where they are, on the engine of `designs missing` and of the Lambda workers. Memory is
 * that of the IDs, 16 bytes a UUID of either side. Throws an Error that names the file when one cannot be read to its
 * end, and for a list without IDs, logs without a match, or an unusable pattern: no partial result.
 */
export async function findMissing(
  { signed, logs, pattern: source, ignoreCase = false }: Chosen,
  onProgress: (progress: { readonly logsDone: number; readonly bytesRead: number }) => void = () => {},
): Promise<Difference> {
  const started = performance.now();
  const pattern = source === undefined ? defaultPattern : compilePattern(source);
  const isWasm = hasWasmCore();
  const partitionBits = Math.min(10, Math.max(0, Math.ceil(Math.log2(signed.size / 1.6e6))));
  const sides = { signed: new UnitBlocks(2 ** partitionBits), logged: new UnitBlocks(2 ** partitionBits) };
  let side = sides.signed;
  const core = new (isWasm ? WasmCore : PlainCore)({
    ignoreCase,
    partitionBits,
    blockBytes,
    inputBytes,
    ...(pattern.literal ? { literal: pattern.literal } : {}),
    spill: (kind, partition, block) => side.put(kind, partition, block),
  });

  const ids = new IdFeed(core);
  await feed(signed, 'the list of signed documents', ids);
  if (ids.ids === 0) throw new Error('the list of signed documents holds no ID: give a file with one ID a line');
  core.flush();

  side = sides.logged;
  const stats = emptyStats();
  const lines = new LogFeed(core, pattern, stats);
  let [bytesRead, reportedMs] = [0, started];
  for (const [logsDone, { name, blob }] of logs.entries()) {
    await feed(blob, name, lines, (bytes) => {
      bytesRead += bytes;
      if (performance.now() - reportedMs < progressEveryMs) return;
      reportedMs = performance.now();
      onProgress({ logsDone, bytesRead });
    });
  }
  core.flush();
  onProgress({ logsDone: logs.length, bytesRead });
  if (stats.matched === 0) {
    throw new Error(
      `the pattern matches none of ${stats.lines} lines in ${logs.length} logs: give one whose first group is the ID`,
    );
  }

  const total = { signed: 0, missed: 0, missedByCase: 0 };
  const missedLines: Uint8Array[] = [];
  for (let partition = 0; partition < 2 ** partitionBits; partition++) {
    const joined = core.join({ signed: sides.signed.of(partition), logged: sides.logged.of(partition) });
    total.signed += joined.signed;
    total.missed += joined.missed;
    total.missedByCase += joined.missedByCase;
    if (joined.lines.length > 0) missedLines.push(joined.lines.slice());
  }
  return {
    ...total,
    logs: logs.length,
    lines: stats.lines,
    matched: stats.matched,
    unreadableLines: stats.unreadableLines,
    bytes: stats.bytes,
    milliseconds: performance.now() - started,
    engine: isWasm ? 'WebAssembly' : 'TypeScript',
    missedLines,
  };
}

async function feed(
  blob: Blob,
  name: string,
  into: IdFeed | LogFeed,
  onRead: (bytes: number) => void = () => {},
): Promise<void> {
  try {
    for await (const chunk of plainBytes(blob, onRead)) {
      for (let at = 0; at < chunk.length;) {
        const room = into.room();
        const part = chunk.subarray(at, at + room.length);
        room.set(part);
        into.took(part.length);
        at += part.length;
      }
    }
    into.finish();
  } catch (error) {
    throw new Error(`${name}: ${(error as Error).message}`, { cause: error });
  }
}
