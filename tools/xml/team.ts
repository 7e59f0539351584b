import { getCompileCacheDir } from 'node:module';
import { Worker } from 'node:worker_threads';
import type { RangeSummary } from '../../engines/xml/summary.ts';
import type { PartRead, Question, ReadPart, ScanPart } from './part.ts';

export type Request =
  | { readonly read: ReadPart }
  | { readonly scan: ScanPart }
  /** So many bytes of its blocks are written. */
  | { readonly written: number };

export type Reply =
  | { readonly block: Uint8Array }
  | { readonly read: PartRead }
  | { readonly summary: RangeSummary | undefined };

/** What a thread is to do, and whom it tells. */
export type Task = ReadTask | ScanTask;

export interface ReadTask {
  readonly read: ReadPart;
  /** `written` is to be called when the block is: until then its thread makes no more than so many others. */
  block(block: Uint8Array, written: () => void): void;
  done(read: PartRead): void;
}

export interface ScanTask {
  readonly scan: ScanPart;
  /** Undefined when the range cannot be read. */
  done(summary: RangeSummary | undefined): void;
}

/** Threads that take the next task when they have done one. */
export class Team {
  readonly #workers: readonly Worker[];
  readonly #idle: Set<Worker>;
  readonly #next: () => Task | undefined;

  /** `next`: the most urgent task; undefined while there is none. `failed`: a thread ended with an error of ours. */
  constructor(threads: number, question: Question, next: () => Task | undefined, failed: (error: unknown) => void) {
    this.#next = next;
    this.#workers = Array.from({ length: threads }, () => {
      const workerData = { compiled: getCompileCacheDir(), question };
      // Records live shortly: with room for more of them, fewer survive to be copied.
      const resourceLimits = { maxYoungGenerationSizeMb: 64 };
      return new Worker(new URL('./worker.mjs', import.meta.url), { workerData, resourceLimits }).on('error', failed);
    });
    this.#idle = new Set(this.#workers);
  }

  /** Hands tasks to those who have none: to be called when there may be a new one. */
  wake(): void {
    for (const worker of this.#idle) {
      const task = this.#next();
      if (task === undefined) return;
      this.#idle.delete(worker);
      this.#give(worker, task);
    }
  }

  async end(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  #give(worker: Worker, task: Task): void {
    const finished = (): void => {
      worker.off('message', onReply);
      this.#idle.add(worker);
    };
    const onReply = (reply: Reply): void => {
      if ('block' in reply) {
        const { length } = reply.block;
        if ('read' in task) task.block(reply.block, () => worker.postMessage({ written: length } satisfies Request));
      } else if ('summary' in reply) {
        finished();
        if ('scan' in task) task.done(reply.summary);
      } else {
        finished();
        if ('read' in task) task.done(reply.read);
      }
    };
    worker.on('message', onReply);
    worker.postMessage(('read' in task ? { read: task.read } : { scan: task.scan }) satisfies Request);
  }
}
