import type { Start } from '../../engines/xml/cut.ts';
import type { Sniffed } from '../../engines/xml/encoding.ts';
import { follow } from '../../engines/xml/guess.ts';
import type { PartRead, ReadPart } from './part.ts';

/** A file to read; `splits` when it is plain and its beginning can be read. */
export interface XmlFile {
  readonly path: string;
  /** As it lies on the disk; 0 for a pipe. */
  readonly bytes: number;
  readonly splits?: Sniffed;
}

/** What is to be done with a part that was read: write it, leave it out, or read that part instead. */
export type Verdict = 'right' | 'void' | ReadPart;

/**
 * The parts of one file, in the order of the document. All but the first are guesses: threads read them before it is
 * known where in the document they begin, and each is judged when those before it are.
 *
 *     | known   | guess   | guess   | guess   |       a range begins anywhere, a part at the first <key> in it;
 *        <key>---><key>---><key>---><key>--->         a reader goes on to the first <key> behind its range
 *
 * A guess is right if it began where the reader before it stopped: in a comment, CDATA or another record it did not.
 * Splitting costs nothing then, not even a look at what is open; what is wrong is read again, and nothing is lost.
 */
export class FilePlan {
  readonly #file: XmlFile;
  readonly #rangeBytes: number;
  readonly #ranges: number;
  #given = 0;
  /** Where the parts judged so far end; 'end' with the file. */
  #reached: Start | 'end' | undefined;

  constructor(file: XmlFile, rangeBytes: number) {
    this.#file = file;
    this.#rangeBytes = rangeBytes;
    this.#ranges = file.splits === undefined ? 1 : Math.max(1, Math.ceil(file.bytes / rangeBytes));
  }

  /** The next part in the order of the document; undefined when all are taken. */
  takePart(): ReadPart | undefined {
    const { path, splits } = this.#file;
    if (this.#given === this.#ranges) return undefined;
    const index = this.#given++;
    if (this.#ranges === 1) return { path };
    const { encoding } = splits!;
    const from = index * this.#rangeBytes;
    const to = index === this.#ranges - 1 ? Infinity : from + this.#rangeBytes;
    const beginning: Start = { from: 0, line: 1, column: 1, encoding, open: [], rootSeen: false };
    return { path, range: { from, to, encoding, ...(index === 0 ? { start: beginning } : {}) } };
  }

  /** To be asked in the order of the parts. */
  judge({ path, range }: ReadPart, { problem, next, excerpt }: PartRead): Verdict {
    if (range === undefined || range.start !== undefined) {
      this.#reached = next ?? 'end';
      return 'right';
    }
    const start = this.#reached!;
    if (start === 'end' || start.from >= range.to) return 'void';
    const after = problem === undefined && excerpt !== undefined ? follow(start, excerpt) : undefined;
    if (after === undefined) return { path, range: { ...range, start } };
    this.#reached = after;
    return 'right';
  }
}
