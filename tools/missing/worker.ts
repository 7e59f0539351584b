import { parentPort, workerData } from 'node:worker_threads';

import { LogDiff } from '../../engines/log-diff/diff.ts';
import { scanShare, type ScanJob } from './scan.ts';

const job = workerData as ScanJob;
parentPort!.postMessage(await scanShare(job, LogDiff.from(job.diff)));
