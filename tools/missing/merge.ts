import type { Block } from '../../engines/log-diff/core.ts';

const outBytes = 64 * 1024;

const readBytes = 1024 * 1024;

/** The blocks' bytes, one after the other, several at once if they are small. */
export function* readBlocks(blocks: readonly Block[]): Generator<Uint8Array> {
  for (let at = 0; at < blocks.length;) {
    const first = at;
    let length = 0;
    do length += blocks[at++]!.bytes;
    while (at < blocks.length && length + blocks[at]!.bytes <= readBytes);
    const bytes = new Uint8Array(length);
    let end = 0;
    for (const block of blocks.slice(first, at)) block.copyTo(bytes.subarray(end, (end += block.bytes)));
    yield bytes;
  }
}

/** The lines of several lists, each in byte order, in byte order: blocks of whole lines. Memory is a block a list. */
export function* mergeLines(lists: readonly (readonly Block[])[]): Generator<Uint8Array> {
  // A binary heap: each list's line is not after those of the two below it.
  const heap = lists.map((list) => new Lines(list)).filter((lines) => lines.next());
  for (let i = (heap.length >>> 1) - 1; i >= 0; i--) sink(heap, i);
  let out = Buffer.allocUnsafe(outBytes);
  let at = 0;
  while (heap.length > 0) {
    const { line } = heap[0]!;
    if (at + line.length > out.length) {
      yield out.subarray(0, at);
      out = Buffer.allocUnsafe(Math.max(outBytes, line.length));
      at = 0;
    }
    out.set(line, at);
    at += line.length;
    if (!heap[0]!.next()) {
      const last = heap.pop()!;
      if (heap.length > 0) heap[0] = last;
    }
    sink(heap, 0);
  }
  if (at > 0) yield out.subarray(0, at);
}

function sink(heap: Lines[], from: number): void {
  for (let i = from; ;) {
    let least = i;
    for (const child of [2 * i + 1, 2 * i + 2]) {
      if (child < heap.length && compareLines(heap[child]!.line, heap[least]!.line) < 0) least = child;
    }
    if (least === i) return;
    [heap[i], heap[least]] = [heap[least]!, heap[i]!];
    i = least;
  }
}

/** By their bytes without the line ends: a line end is not less than a byte below it that another ID goes on with. */
function compareLines(a: Buffer, b: Buffer): number {
  return a.compare(b, 0, b.length - 1, 0, a.length - 1);
}

/** Line after line of a list of blocks; a line may span two. */
class Lines {
  /** With its line end; valid after next() was true. */
  line: Buffer = Buffer.alloc(0);
  readonly #blocks: Iterator<Uint8Array>;
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;

  constructor(blocks: readonly Block[]) {
    this.#blocks = readBlocks(blocks);
  }

  next(): boolean {
    for (;;) {
      const end = this.#bytes.indexOf(10, this.#at);
      if (end !== -1) {
        this.line = this.#bytes.subarray(this.#at, end + 1);
        this.#at = end + 1;
        return true;
      }
      const more = this.#blocks.next();
      if (more.done === true) return false;
      this.#bytes = Buffer.concat([this.#bytes.subarray(this.#at), more.value]);
      this.#at = 0;
    }
  }
}
