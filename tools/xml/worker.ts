import { parentPort, workerData } from 'node:worker_threads';
import type { Question } from './part.ts';
import { answer, Waiting, type Reply, type Request } from './team.ts';

const port = parentPort!;
const { question } = workerData as { question: Question };
const waiting = new Waiting();

port.on('message', (request: Request) => {
  if ('written' in request) return waiting.written(request.written);
  // Its own memory, which moves over without a copy.
  const send = (block: Uint8Array): void => port.postMessage({ block } satisfies Reply, [block.buffer as ArrayBuffer]);
  answer(request.read, question, waiting, send).then(
    (read) => port.postMessage({ read: read! } satisfies Reply),
    // Thrown here, it is the worker's error, which ends the whole run.
    (error: unknown) =>
      queueMicrotask(() => {
        throw error;
      }),
  );
});
