import { latin1, latin1Bytes, searchable } from '../../../engines/log-diff/bytes.ts';
import { PlainCore } from '../../../engines/log-diff/core-plain.ts';
import {
  WasmCore,
  type Block,
  type BlockKind,
  type Core,
  type CoreOptions,
  type PartitionBlocks,
} from '../../../engines/log-diff/core.ts';
import { IdFeed, LogFeed } from '../../../engines/log-diff/feed.ts';
import type { LogPattern } from '../../../engines/log-diff/pattern.ts';
import { emptyStats } from '../../../engines/log-diff/scan.ts';

export const cores = { WebAssembly: WasmCore, 'plain TypeScript': PlainCore } as const;

/** A core that keeps its blocks as copies in memory. */
export function coreWithBlocks(
  CoreClass: new (options: CoreOptions) => Core,
  options: Partial<CoreOptions> = {},
): { readonly core: Core; side: 'signed' | 'logged'; readonly of: (partition: number) => PartitionBlocks } {
  const kept = new Map<string, Block[]>();
  const blocks = (...name: readonly unknown[]): Block[] => {
    const key = name.join(' ');
    if (!kept.has(key)) kept.set(key, []);
    return kept.get(key)!;
  };
  const side = (name: string, partition: number): Readonly<Record<BlockKind, readonly Block[]>> => ({
    keys: blocks(name, 'keys', partition),
    texts: blocks(name, 'texts', partition),
  });
  const result = {
    core: new CoreClass({
      partitionBits: 0,
      blockBytes: 512,
      inputBytes: 1024,
      spill: (kind, partition, block) => {
        const copy = block.slice();
        blocks(result.side, kind, partition).push({ bytes: copy.length, copyTo: (target) => target.set(copy) });
      },
      ...options,
    }),
    side: 'signed' as 'signed' | 'logged',
    of: (partition: number) => ({ signed: side('signed', partition), logged: side('logged', partition) }),
  };
  return result;
}

/** A - B of a list and of logs, given in pieces of so many bytes: texts of one character a byte. */
export function difference(
  CoreClass: new (options: CoreOptions) => Core,
  input: {
    readonly signed: string;
    readonly logs: readonly string[];
    readonly pattern: LogPattern;
    readonly pieceBytes?: number;
  },
  options: Partial<CoreOptions> = {},
) {
  const { signed, logs, pattern, pieceBytes = Infinity } = input;
  const blocks = coreWithBlocks(CoreClass, { ...options, ...(pattern.literal ? { literal: pattern.literal } : {}) });
  const { core } = blocks;
  const ids = new IdFeed(core);
  feed(ids, signed, pieceBytes);
  core.flush();
  blocks.side = 'logged';
  const stats = emptyStats();
  const lines = new LogFeed(core, pattern, stats);
  for (const log of logs) feed(lines, log, pieceBytes);
  core.flush();
  const missed: string[] = [];
  const counts = { signed: 0, found: 0, missed: 0, missedByCase: 0 };
  for (let partition = 0; partition < 2 ** (options.partitionBits ?? 0); partition++) {
    const joined = core.join(blocks.of(partition));
    const text = latin1(searchable(joined.lines), 0, joined.lines.length);
    const found = text === '' ? [] : text.slice(0, -1).split('\n');
    if (found.join('\n') !== found.toSorted().join('\n')) throw new Error('a partition is not in byte order');
    missed.push(...found);
    counts.signed += joined.signed;
    counts.found += joined.found;
    counts.missed += joined.missed;
    counts.missedByCase += joined.missedByCase;
  }
  if (counts.missed !== missed.length) throw new Error(`${counts.missed} missed are counted, ${missed.length} named`);
  return { ...counts, missed: missed.sort(), ids: ids.ids, stats };
}

function feed(into: IdFeed | LogFeed, text: string, pieceBytes: number): void {
  const bytes = latin1Bytes(text);
  for (let at = 0; at < bytes.length;) {
    const room = into.room();
    const piece = bytes.subarray(at, at + Math.min(room.length, pieceBytes));
    room.set(piece);
    into.took(piece.length);
    at += piece.length;
  }
  into.finish();
}
