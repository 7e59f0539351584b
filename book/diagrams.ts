import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

export interface Drawn {
  readonly svg: string;
  readonly text: string;
}

/**
 * What questions deploy, drawn when somebody looks, once. Each in a thread of its own, since the CDK would keep all
 * other pages waiting for seconds; one after the other, since each takes a few hundred megabytes.
 */
export class Diagrams {
  readonly #drawn = new Map<string, Promise<Drawn>>();
  #last: Promise<unknown> = Promise.resolve();
  #thread: Worker | undefined;
  #closed = false;

  of(slug: string): Promise<Drawn> {
    const known = this.#drawn.get(slug);
    if (known !== undefined) return known;
    const drawn = this.#last.then(() => this.#draw(slug));
    this.#drawn.set(slug, drawn);
    // Who asks again after an error has perhaps mended it.
    this.#last = drawn.catch(() => this.#drawn.delete(slug));
    return drawn;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#thread?.terminate();
  }

  async #draw(slug: string): Promise<Drawn> {
    if (this.#closed) throw new Error('the book is closed');
    this.#thread = new Worker(new URL('./draw.ts', import.meta.url), { workerData: { slug } });
    const [drawn] = (await once(this.#thread, 'message')) as [Drawn];
    return drawn;
  }
}
