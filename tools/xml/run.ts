import { stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { Aggregate, GroupsError, type AggregateOptions, type AggregateResult } from '../../engines/xml/aggregate.ts';
import { headBytes, sniff } from '../../engines/xml/encoding.ts';
import { XmlError } from '../../engines/xml/error.ts';
import { compressionHeadBytes, compressionOf } from '../../engines/log-diff/compression.ts';
import { UsageError } from '../cli/errors.ts';
import { isSystemError, readHead } from '../io/files.ts';
import { isGuess, readPart, word, type PartRead, type Question, type ReadPart } from './part.ts';
import { FilePlan, type XmlFile } from './plan.ts';
import { Team, type Task } from './team.ts';

export interface XmlOptions {
  readonly files: readonly string[];
  readonly tag: string;
  /** Absent: records as lines of JSON. */
  readonly aggregate?: AggregateOptions;
  /** By default one for small input, else as many as there are processors. */
  readonly threads?: number;
  /** What one thread scans or reads at a time, nearly; 8 MiB when absent. */
  readonly rangeBytes?: number;
  readonly onProgress?: (progress: XmlProgress) => void;
}

export interface XmlProgress {
  /** Decompressed, of all files. */
  readonly bytes: number;
  readonly records: number;
}

/** What `--json` prints: a contract. */
export interface XmlReport extends AggregateResult {
  readonly files: number;
  /** Decompressed. */
  readonly bytes: number;
}

const defaultRangeBytes = 8 * 1024 * 1024;
const progressMs = 100;

/**
 * Reads XML files, large ones in parts on all threads, and yields their records as lines of JSON in the order of the
 * documents, or nothing with `aggregate`. The bytes are the same whatever the threads. Returns the report. Throws a
 * UsageError for what is malformed, after the lines of all records before it.
 */
export async function* readXml(options: XmlOptions): AsyncGenerator<Uint8Array, XmlReport> {
  const files = await Promise.all(options.files.map(fileOf));
  const progress = new Int32Array(new SharedArrayBuffer(4 * word.words));
  const { tag, aggregate, rangeBytes = defaultRangeBytes, onProgress } = options;
  const question: Question = { tag, progress, ...(aggregate ? { aggregate } : {}) };
  const bytesOnDisk = files.reduce((sum, { bytes }) => sum + bytes, 0);
  const threads = options.threads ?? (bytesOnDisk < rangeBytes ? 1 : availableParallelism());
  const total = new Total(aggregate);
  const timer = onProgress
    ? setInterval(() => {
        onProgress({ bytes: progress[word.kilobytes]! * 1024, records: progress[word.records]! });
      }, progressMs)
    : undefined;
  try {
    const plans = files.map((file) => new FilePlan(file, threads === 1 ? Infinity : rangeBytes));
    yield* threads === 1 ? onThisThread(plans, question, total) : onThreads(plans, question, total, threads);
  } finally {
    clearInterval(timer);
  }
  return { files: files.length, bytes: total.bytes, ...total.result() };
}

/** Adds up the parts, in the order of the documents. */
class Total {
  readonly #aggregate: Aggregate;
  #records = 0;
  bytes = 0;

  constructor(options: AggregateOptions | undefined) {
    this.#aggregate = new Aggregate(options);
  }

  add({ records, bytes, aggregate, problem }: PartRead): void {
    this.#records += records;
    this.bytes += bytes;
    try {
      if (aggregate) this.#aggregate.merge(aggregate);
    } catch (error) {
      if (error instanceof GroupsError) throw new UsageError(error.message, { cause: error });
      throw error;
    }
    if (problem !== undefined) throw new UsageError(problem);
  }

  result(): AggregateResult {
    return { ...this.#aggregate.result(), records: this.#records };
  }
}

async function* onThisThread(
  plans: readonly FilePlan[],
  question: Question,
  total: Total,
): AsyncGenerator<Uint8Array, void> {
  for (const plan of plans) {
    for (let part = plan.takePart(); part !== undefined; part = plan.takePart()) {
      total.add(yield* readPart(part, question));
    }
  }
}

/** A part that a thread reads, until it is its turn to be written. */
interface Slot {
  readonly plan: FilePlan;
  part: ReadPart;
  blocks: { readonly block: Uint8Array; written(): void }[];
  read: PartRead | undefined;
  /** A part that is known where it begins is written as it comes, a guess when it is found to be right. */
  state: 'known' | 'guess' | 'right';
}

/** Parts that are read and not written yet, for each thread. */
const slotsMax = 4;

async function* onThreads(
  plans: readonly FilePlan[],
  question: Question,
  total: Total,
  threads: number,
): AsyncGenerator<Uint8Array, void> {
  const slots: Slot[] = [];
  /** To be read again: always the first one, so that others wait for it. */
  let again: Slot | undefined;
  let failure: { readonly error: unknown } | undefined;
  let onChange = (): void => {};
  const taskOf = (slot: Slot): Task => {
    const { part } = slot;
    return {
      part,
      block: (block, written) => {
        // Void meanwhile: what is read in its place is another part.
        if (slot.part !== part) return;
        slot.blocks.push({ block, written });
        if (slot.state === 'known') onChange();
      },
      done: (read) => {
        slot.read = read;
        onChange();
      },
    };
  };
  const rest = plans.values();
  let plan = rest.next().value;
  const next = (): Task | undefined => {
    if (again !== undefined) {
      const slot = again;
      again = undefined;
      return taskOf(slot);
    }
    if (slots.length === slotsMax * threads) return undefined;
    for (; plan !== undefined; plan = rest.next().value) {
      const part = plan.takePart();
      if (part === undefined) continue;
      const slot: Slot = { plan, part, blocks: [], read: undefined, state: isGuess(part) ? 'guess' : 'known' };
      slots.push(slot);
      return taskOf(slot);
    }
    return undefined;
  };
  const team = new Team(threads, question, next, (error) => {
    failure = { error };
    onChange();
  });
  try {
    for (;;) {
      const change = new Promise<void>((resolve) => (onChange = resolve));
      team.wake();
      for (let slot = slots[0]; slot !== undefined; slot = slots[0]) {
        if (slot.state === 'guess') {
          if (slot.read === undefined) break;
          const verdict = slot.plan.judge(slot.part, slot.read);
          if (typeof verdict === 'object') {
            slot.part = verdict;
            slot.blocks = [];
            slot.read = undefined;
            slot.state = 'known';
            again = slot;
            team.wake();
            break;
          }
          if (verdict === 'void') {
            slots.shift();
            team.wake();
            continue;
          }
          slot.state = 'right';
        }
        for (let ready = slot.blocks.shift(); ready !== undefined; ready = slot.blocks.shift()) {
          yield ready.block;
          ready.written();
        }
        if (slot.read === undefined) break;
        // Blocks come before what ends them, but may have come while others were written.
        if (slot.blocks.length > 0) continue;
        if (slot.state === 'known') slot.plan.judge(slot.part, slot.read);
        total.add(slot.read);
        slots.shift();
        team.wake();
      }
      if (failure) throw failure.error;
      if (slots.length === 0) return;
      await change;
    }
  } finally {
    await team.end();
  }
}

/** Throws a UsageError for what cannot be read. */
async function fileOf(path: string): Promise<XmlFile> {
  try {
    const info = await stat(path);
    if (info.isDirectory()) throw new UsageError(`${path} is a directory: give a file`);
    // A pipe can be read only once.
    if (!info.isFile()) return { path, bytes: 0 };
    const head = await readHead(path, headBytes);
    if (compressionOf(head.subarray(0, compressionHeadBytes)) !== undefined) return { path, bytes: info.size };
    return { path, bytes: info.size, splits: sniff(head) };
  } catch (error) {
    // Its reader says what is wrong, and where.
    if (error instanceof XmlError) return { path, bytes: 0 };
    if (isSystemError(error)) throw new UsageError(`cannot read ${path}: ${error.message}`, { cause: error });
    throw error;
  }
}
