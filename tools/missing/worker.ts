import { parentPort } from 'node:worker_threads';
import { LongIdError } from '../../engines/log-diff/feed.ts';
import { Share } from './share.ts';
import type { Reply, Request } from './team.ts';

const port = parentPort!;
let share: Share;

port.on('message', (request: Request) => {
  answer(request).then(
    (reply) => port.postMessage(reply),
    // Thrown here, it is the worker's error, which ends the whole difference.
    (error: unknown) =>
      queueMicrotask(() => {
        throw error;
      }),
  );
});

async function answer(request: Request): Promise<Reply> {
  switch (request.step) {
    case 'begin':
      share = new Share(request.job);
      return { step: 'begin' };
    case 'sign':
      try {
        const ids = share.readPieces(request.path, request.bytes);
        return { step: 'sign', ids, shape: share.signedShape() };
      } catch (error) {
        if (error instanceof LongIdError) return { step: 'sign', ids: -1, shape: share.signedShape() };
        throw error;
      }
    case 'scan':
      return { step: 'scan', result: await share.scan(request.shape), blocks: share.blocks() };
    case 'join':
      return { step: 'join', result: share.join(request.all) };
  }
}
