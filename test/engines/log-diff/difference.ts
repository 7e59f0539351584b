import { latin1, latin1Bytes, searchable } from '../../../engines/log-diff/bytes.ts';
import { PlainCore } from '../../../engines/log-diff/core-plain.ts';
import {
  WasmCore,
  type Block,
  type BlockKind,
  type Core,
  type CoreOptions,
  type Joined,
  type PartitionBlocks,
  type SideBlocks,
} from '../../../engines/log-diff/core.ts';
import { IdFeed, LogFeed } from '../../../engines/log-diff/feed.ts';
import type { LogPattern } from '../../../engines/log-diff/pattern.ts';
import { emptyStats } from '../../../engines/log-diff/scan.ts';
import { uuidText } from '../../../engines/log-diff/uuid.ts';

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
  feedText(ids, signed, pieceBytes);
  core.flush();
  blocks.side = 'logged';
  const stats = emptyStats();
  const lines = new LogFeed(core, pattern, stats);
  for (const log of logs) feedText(lines, log, pieceBytes);
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
    checkFound(core, blocks.of(partition), joined);
  }
  if (counts.missed !== missed.length) throw new Error(`${counts.missed} missed are counted, ${missed.length} named`);
  return { ...counts, missed: missed.sort(), ids: ids.ids, stats };
}

/** What found() says of each ID of A has to be what missing() says of all: `joined` is dead afterwards. */
function checkFound(core: Core, { signed, logged }: PartitionBlocks, { lines, found }: Joined): void {
  const missed = new Set(latin1(searchable(lines), 0, lines.length).split('\n'));
  const table = core.open(signed);
  const each = (side: SideBlocks) =>
    (['keys', 'texts'] as const).flatMap((kind) => side[kind].map((block) => ({ kind, block })));
  for (const { kind, block } of each(logged)) table.probe(kind, block);
  if (table.hits !== found) throw new Error(`${table.hits} hits, not ${found}`);
  let bit = 3; // no boundary of a byte
  const bits = new Uint8Array(1 + (bit + each(signed).reduce((sum, { block }) => sum + block.bytes, 0)) / 8);
  for (const { kind, block } of each(signed)) {
    const first = bit;
    bit = table.found(kind, block, bits, bit);
    const bytes = new Uint8Array(block.bytes);
    block.copyTo(bytes);
    for (let at = 0, i = first; at < bytes.length; i++) {
      const end = at + (kind === 'keys' ? 16 : 2 + bytes[at]!);
      const id = kind === 'keys' ? uuidText(bytes, at) : latin1(bytes, at + 1, end);
      // Of several spellings of one ID the missed one is any of them.
      const isFound = ((bits[i >>> 3]! >>> (i & 7)) & 1) === 1;
      if (isFound && missed.has(id)) throw new Error(`${id} is both found and missed`);
      if (!isFound && ![...missed].some((other) => other.toLowerCase() === id.toLowerCase()))
        throw new Error(`${id} is neither found nor missed`);
      at = end;
    }
  }
}

/** Gives a text, one character a byte, in pieces of so many bytes. */
export function feedText(into: IdFeed | LogFeed, text: string, pieceBytes = Infinity): void {
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
