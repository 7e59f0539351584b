import { once } from 'node:events';
import { getCompileCacheDir } from 'node:module';
import { Worker } from 'node:worker_threads';
import { type Job, type Reply, type Request, Share } from './share.ts';

/** Threads that take the same step at the same time: this one and others, which start while it has other things to do. */
export class Team {
  readonly threads: number;
  readonly #workers: readonly Worker[];
  #own: Share | undefined;

  constructor(threads: number) {
    this.threads = threads;
    this.#workers = Array.from(
      { length: threads - 1 },
      // A file that a thread opened is read by the others, after its end too.
      () =>
        new Worker(new URL('./worker.mjs', import.meta.url), {
          workerData: { compiled: getCompileCacheDir() },
          trackUnmanagedFds: false,
        }),
    );
  }

  /** Tells everybody the job; returns this thread's share of it. */
  begin(job: Job): Share {
    for (const worker of this.#workers) worker.postMessage(job);
    this.#own = new Share(job);
    return this.#own;
  }

  /** Everybody's replies. Rejects with the first error. */
  async ask<Step extends Request['step']>(
    request: Extract<Request, { step: Step }>,
  ): Promise<readonly Extract<Reply, { step: Step }>[]> {
    const replies: readonly Promise<Reply>[] = [
      ...this.#workers.map(async (worker) => {
        const reply = once(worker, 'message');
        worker.postMessage(request);
        return ((await reply) as [Reply])[0];
      }),
      this.#own!.answer(request),
    ];
    return (await Promise.all(replies)) as Extract<Reply, { step: Step }>[];
  }

  async end(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}
