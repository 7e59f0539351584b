import type { Start } from '../../engines/xml/cut.ts';
import type { Sniffed } from '../../engines/xml/encoding.ts';
import { cutOf, Resolver } from '../../engines/xml/resolve.ts';
import type { LexicalState, RangeSummary } from '../../engines/xml/summary.ts';
import type { ReadPart, ScanPart } from './part.ts';

/** A file to read; `splits` when it is plain and its beginning can be read. */
export interface XmlFile {
  readonly path: string;
  /** As it lies on the disk; 0 for a pipe. */
  readonly bytes: number;
  readonly splits?: Sniffed;
}

/**
 * The parts of one file, in the order of the document, as scans make them known. A file that does not split is one part
 * at once. The last range is not scanned: a start in it would spare no reader much.
 */
export class FilePlan {
  readonly #file: XmlFile;
  readonly #rangeBytes: number;
  readonly #resolver = new Resolver();
  readonly #summaries = new Map<number, RangeSummary>();
  readonly #scans: number;
  #scansGiven = 0;
  readonly #rescans: ScanPart[] = [];
  #resolved = 0;
  #start: Start | undefined;
  readonly #ready: ReadPart[] = [];
  #isComplete = false;

  constructor(file: XmlFile, rangeBytes: number) {
    this.#file = file;
    this.#rangeBytes = rangeBytes;
    this.#scans = file.splits === undefined ? 0 : Math.ceil(file.bytes / rangeBytes) - 1;
    if (this.#scans > 1) return;
    this.#scans = 0;
    this.#ready.push({ path: file.path });
    this.#isComplete = true;
  }

  /** The next part in the order of the document, when it is known. */
  takePart(): ReadPart | undefined {
    return this.#ready.shift();
  }

  /** Nearly all ranges begin in content: one that does not is scanned again when that is known. */
  takeScan(): ScanPart | undefined {
    const again = this.#rescans.shift();
    if (again !== undefined) return again;
    return this.#scansGiven === this.#scans ? undefined : this.#scanOf(this.#scansGiven++, 'content');
  }

  #scanOf(index: number, state: LexicalState): ScanPart {
    const from = index * this.#rangeBytes;
    return { path: this.#file.path, ...this.#file.splits!, from, to: from + this.#rangeBytes, states: [state] };
  }

  scanned(summary: RangeSummary): void {
    if (this.#isComplete) return;
    this.#summaries.set(summary.from / this.#rangeBytes, summary);
    for (;;) {
      const next = this.#summaries.get(this.#resolved);
      if (next === undefined) return;
      this.#summaries.delete(this.#resolved);
      if (!next.states!.includes(this.#resolver.state)) {
        this.#rescans.push(this.#scanOf(this.#resolved, this.#resolver.state));
        return;
      }
      this.#resolved++;
      const start = this.#resolver.add(next);
      if (start !== undefined) {
        if (this.#start !== undefined) this.#add(this.#start, start);
        this.#start = start;
      }
      if (this.#resolved === this.#scans) {
        this.#add(this.#start!, undefined);
        this.#isComplete = true;
      }
    }
  }

  /** A range cannot be read: what is left of the file is one part, whose reader meets the reason in its turn. */
  unscanned(): void {
    if (this.#isComplete) return;
    this.#scansGiven = this.#scans;
    this.#rescans.length = 0;
    if (this.#start === undefined) this.#ready.push({ path: this.#file.path });
    else this.#add(this.#start, undefined);
    this.#isComplete = true;
  }

  /** All parts are taken. */
  get isDone(): boolean {
    return this.#isComplete && this.#ready.length === 0;
  }

  #add(start: Start, next: Start | undefined): void {
    this.#ready.push({ path: this.#file.path, cut: cutOf(start, next, this.#file.bytes) });
  }
}
