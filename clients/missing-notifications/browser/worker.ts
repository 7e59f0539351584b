import { type Chosen, findMissing } from './difference.ts';

/** What the page is told, in this order: progress, then a result or an error. */
export type Told =
  | { readonly kind: 'progress'; readonly logsDone: number; readonly bytesRead: number }
  | { readonly kind: 'result'; readonly result: Awaited<ReturnType<typeof findMissing>> }
  | { readonly kind: 'error'; readonly message: string };

const scope = self as unknown as { postMessage(told: Told): void };

self.addEventListener('message', (event: MessageEvent<Chosen>) => {
  findMissing(event.data, (progress) => scope.postMessage({ kind: 'progress', ...progress })).then(
    (result) => scope.postMessage({ kind: 'result', result }),
    (error: unknown) => scope.postMessage({ kind: 'error', message: (error as Error).message }),
  );
});
