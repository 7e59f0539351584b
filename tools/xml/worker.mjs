// A thread begins without the compile cache of its process, and what it loads is TypeScript.
import { enableCompileCache } from 'node:module';
import { workerData } from 'node:worker_threads';

if (workerData.compiled !== undefined) enableCompileCache(workerData.compiled);
await import('./worker.ts');
