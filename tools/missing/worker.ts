import { parentPort } from 'node:worker_threads';
import { type Job, type Request, Share } from './share.ts';

const port = parentPort!;

port.once('message', (job: Job) => {
  const share = new Share(job);
  port.on('message', (request: Request) => {
    share.answer(request).then(
      (reply) => {
        port.postMessage(reply);
        // Nothing comes after the last step: the thread ends by itself, while the result is being written.
        if (reply.step === 'join') port.close();
      },
      // Thrown here, it is the worker's error, which ends the whole difference.
      (error: unknown) =>
        queueMicrotask(() => {
          throw error;
        }),
    );
  });
});
