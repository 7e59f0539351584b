// Says at the end what the process took at the most, as the kernel counted it.
import { existsSync, readFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

process.on('exit', () => {
  if (!isMainThread || !existsSync('/proc/self/status')) return;
  const [, peak] = /VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  process.stderr.write(`peak memory ${peak} kB\n`);
});
