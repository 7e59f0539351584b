import { once } from 'node:events';
import { getCompileCacheDir } from 'node:module';
import { Worker } from 'node:worker_threads';
import type { Shape } from '../../engines/log-diff/core.ts';
import type { SharedBlocks } from './blocks.ts';
import type { JoinResult, Job, ScanResult } from './share.ts';

/** What a thread is asked, in this order; `sign` only where A is a plain file that threads can share. */
export type Request =
  | { readonly step: 'begin'; readonly job: Job }
  | { readonly step: 'sign'; readonly path: string; readonly bytes: number }
  | { readonly step: 'scan'; readonly shape: Shape }
  | { readonly step: 'join'; readonly all: readonly SharedBlocks[] };

export type Reply =
  | { readonly step: 'begin' }
  /** `ids` is -1 after a line that is too long for one. */
  | { readonly step: 'sign'; readonly ids: number; readonly shape: Shape }
  | { readonly step: 'scan'; readonly result: ScanResult; readonly blocks: SharedBlocks }
  | { readonly step: 'join'; readonly result: JoinResult };

/** Threads that take the same step at the same time. */
export class Team {
  readonly #workers: readonly Worker[];

  constructor(threads: number) {
    this.#workers = Array.from(
      { length: threads },
      // A file that a thread opened is read by the others, after its end too.
      () =>
        new Worker(new URL('./worker.mjs', import.meta.url), {
          workerData: { compiled: getCompileCacheDir() },
          trackUnmanagedFds: false,
        }),
    );
  }

  /** Everybody's replies. Rejects with the first error. */
  async ask<Step extends Request['step']>(
    request: Extract<Request, { step: Step }>,
  ): Promise<readonly Extract<Reply, { step: Step }>[]> {
    return await Promise.all(
      this.#workers.map(async (worker) => {
        const reply = once(worker, 'message');
        worker.postMessage(request);
        const [message] = (await reply) as [Extract<Reply, { step: Step }>];
        return message;
      }),
    );
  }

  async end(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}
