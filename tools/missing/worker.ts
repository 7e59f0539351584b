import { parentPort } from 'node:worker_threads';
import { type Job, type Request, Share } from './share.ts';

const port = parentPort!;

port.once('message', (job: Job) => {
  const share = new Share(job);
  port.on('message', (request: Request) => {
    const replied = share.answer(request).then((reply) => {
      port.postMessage(reply);
      // Nothing comes after the last step: the thread ends by itself, while the result is being written.
      return reply.step === 'join' ? port.close() : undefined;
    });
    // Thrown here, it is the worker's error, which ends the whole difference.
    replied.catch((error: unknown) =>
      queueMicrotask(() => {
        throw error;
      }),
    );
  });
});
