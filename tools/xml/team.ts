import { getCompileCacheDir } from 'node:module';
import { Worker } from 'node:worker_threads';
import { isGuess, readPart, type PartRead, type Question, type ReadPart } from './part.ts';

export type Request =
  | { readonly read: ReadPart }
  /** So many bytes of its blocks are written. */
  | { readonly written: number };

export type Reply = { readonly block: Uint8Array } | { readonly read: PartRead };

/** What a thread is to read, and whom it tells. */
export interface Task {
  readonly part: ReadPart;
  /** `written` is to be called when the block is: until then its thread makes no more than so many others. */
  block(block: Uint8Array, written: () => void): void;
  done(read: PartRead): void;
}

/** Bytes of lines that wait for their turn to be written: of a part that is no guess, a thread makes no more. */
const waitingBytesMax = 16 * 1024 * 1024;

/** How much of what one thread made waits to be written. */
export class Waiting {
  #bytes = 0;
  #onWritten = (): void => {};
  /** Nobody waits for it any more. */
  isOver = false;

  made(bytes: number): void {
    this.#bytes += bytes;
  }

  written(bytes: number): void {
    this.#bytes -= bytes;
    this.#onWritten();
  }

  end(): void {
    this.isOver = true;
    this.#onWritten();
  }

  async room(): Promise<void> {
    while (this.#bytes > waitingBytesMax && !this.isOver) await new Promise<void>((done) => (this.#onWritten = done));
  }
}

/** Reads a part, as fast as its blocks are written. Undefined when it is over before. */
export async function answer(
  part: ReadPart,
  question: Question,
  waiting: Waiting,
  send: (block: Uint8Array) => void,
): Promise<PartRead | undefined> {
  const blocks = readPart(part, question);
  // A guess is kept until those before it are read, which may wait for this thread: it is of one range and one record more.
  const isKnown = !isGuess(part);
  for (;;) {
    const { done, value } = await blocks.next();
    if (done === true) return value;
    if (isKnown) waiting.made(value.length);
    send(value);
    if (isKnown) await waiting.room();
    if (waiting.isOver) return undefined;
  }
}

/**
 * Threads that take the next task when they have done one. This one is among them where there are no lines to write: else
 * each block would wait for its turn.
 */
export class Team {
  readonly #workers: readonly Worker[];
  readonly #idle: Set<Worker>;
  readonly #question: Question;
  readonly #next: () => Task | undefined;
  readonly #failed: (error: unknown) => void;
  readonly #waiting = new Waiting();
  #isOwnIdle: boolean;

  /** `next`: the most urgent task; undefined while there is none. `failed`: a thread ended with an error of ours. */
  constructor(threads: number, question: Question, next: () => Task | undefined, failed: (error: unknown) => void) {
    this.#question = question;
    this.#next = next;
    this.#failed = failed;
    this.#isOwnIdle = question.aggregate !== undefined;
    this.#workers = Array.from({ length: this.#isOwnIdle ? threads - 1 : threads }, () => {
      const workerData = { compiled: getCompileCacheDir(), question };
      // Records live shortly: with room for more of them, fewer survive to be copied.
      const resourceLimits = { maxYoungGenerationSizeMb: 64 };
      return new Worker(new URL('./worker.mjs', import.meta.url), { workerData, resourceLimits }).on('error', failed);
    });
    this.#idle = new Set(this.#workers);
  }

  /** Hands tasks to those who have none: to be called when there may be a new one. */
  wake(): void {
    if (this.#isOwnIdle) {
      const task = this.#next();
      if (task === undefined) return;
      this.#isOwnIdle = false;
      this.#do(task).catch(this.#failed);
    }
    for (const worker of this.#idle) {
      const task = this.#next();
      if (task === undefined) return;
      this.#idle.delete(worker);
      this.#give(worker, task);
    }
  }

  async end(): Promise<void> {
    this.#waiting.end();
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  async #do(task: Task): Promise<void> {
    const send = (block: Uint8Array): void => task.block(block, () => this.#waiting.written(block.length));
    const read = await answer(task.part, this.#question, this.#waiting, send);
    this.#isOwnIdle = true;
    if (read) task.done(read);
  }

  #give(worker: Worker, task: Task): void {
    const onReply = (reply: Reply): void => {
      if ('block' in reply) {
        const { length } = reply.block;
        task.block(reply.block, () => worker.postMessage({ written: length } satisfies Request));
      } else {
        worker.off('message', onReply);
        this.#idle.add(worker);
        task.done(reply.read);
      }
    };
    worker.on('message', onReply);
    worker.postMessage({ read: task.part } satisfies Request);
  }
}
