import { parentPort, workerData } from 'node:worker_threads';
import { readPart, scanPart, type Question } from './part.ts';
import type { Reply, Request } from './team.ts';

const port = parentPort!;
const { question } = workerData as { question: Question };

/** Bytes of lines that wait for their turn to be written: more are not made. */
const waitingBytesMax = 16 * 1024 * 1024;
let waitingBytes = 0;
let onWritten = (): void => {};

function isFull(): boolean {
  return waitingBytes > waitingBytesMax;
}

port.on('message', (request: Request) => {
  if ('written' in request) {
    waitingBytes -= request.written;
    onWritten();
    return;
  }
  answer(request).then(
    (reply) => port.postMessage(reply),
    // Thrown here, it is the worker's error, which ends the whole run.
    (error: unknown) =>
      queueMicrotask(() => {
        throw error;
      }),
  );
});

async function answer(request: Exclude<Request, { written: number }>): Promise<Reply> {
  if ('scan' in request) return { summary: scanPart(request.scan, question) };
  const blocks = readPart(request.read, question);
  for (;;) {
    const { done, value } = await blocks.next();
    if (done === true) return { read: value };
    waitingBytes += value.length;
    // Its own memory, which moves over without a copy.
    port.postMessage({ block: value } satisfies Reply, [value.buffer as ArrayBuffer]);
    while (isFull()) await new Promise<void>((resolve) => (onWritten = resolve));
  }
}
