import { createHash } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Fault } from '../../../lib/kit/proof.ts';

/** Environment variables of a function that is armed. */
export const faultVariables = {
  /** JSON array of Fault. */
  faults: 'DESIGNS_FAULTS',
  /** Decides which calls `share` picks. */
  seed: 'DESIGNS_SEED',
  /** Unlike in every arming, so that hits counted by `times` start from none. */
  armed: 'DESIGNS_ARMED',
} as const;

/** A fault that the next call must suffer. */
export interface Hit {
  readonly fault: Fault;
  /** How many of the invocation's calls the fault matched up to this one. */
  readonly nth: number;
}

/** Takes the right to one more hit of a fault; false when `times` are used up. */
export type TakeHit = (faultIndex: number, times: number) => boolean;

/** Decides, call by call, which armed fault fires. One is made for each invocation. */
export function faultsOf(faults: readonly Fault[], seed: string, requestId: string, takeHit: TakeHit) {
  const matched = faults.map(() => 0);
  return {
    /** The first armed fault that hits this call of an SDK operation, such as `PutObject`. */
    next(operation: string): Hit | undefined {
      let hit: Hit | undefined;
      for (const [index, fault] of faults.entries()) {
        if (fault.call !== '*' && fault.call !== operation) continue;
        const nth = (matched[index] ?? 0) + 1;
        matched[index] = nth;
        if (hit !== undefined) continue;
        if (fault.nth !== undefined && fault.nth !== nth) continue;
        if (fault.share !== undefined && fraction(seed, requestId, index, nth) >= fault.share) continue;
        if (fault.times !== undefined && !takeHit(index, fault.times)) continue;
        hit = { fault, nth };
      }
      return hit;
    },
  };
}

/** Uniform in [0, 1), the same for the same values. */
function fraction(...values: readonly (string | number)[]): number {
  return createHash('sha256').update(JSON.stringify(values)).digest().readUInt32BE() / 2 ** 32;
}

/**
 * Counts hits in files under the temporary directory, which Lambda keeps when it resets a crashed runtime. Creating a
 * file that must not exist is atomic, so environments that share the directory (as an emulator's do) share the count.
 */
export function hitsInFiles(armed: string): TakeHit {
  const prefix = join(tmpdir(), `designs-${armed}`);
  return (faultIndex, times) => {
    for (let hit = 0; hit < times; hit += 1) {
      try {
        closeSync(openSync(`${prefix}-${faultIndex}-${hit}`, 'wx'));
        return true;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    }
    return false;
  };
}

const statuses: Readonly<Record<string, number>> = {
  InternalError: 500,
  InternalFailure: 500,
  InternalServerError: 500,
  ServiceUnavailable: 503,
  ServiceUnavailableException: 503,
  SlowDown: 503,
  TooManyRequestsException: 429,
  AccessDenied: 403,
  NoSuchKey: 404,
  PreconditionFailed: 412,
};

const throttles = new Set([
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'RequestThrottled',
  'SlowDown',
  'ThrottlingException',
  'TooManyRequestsException',
]);

/** What an SDK client knows of a service's error: its name, the HTTP status (400 when nothing else is known), retryable or not. */
export function serviceError(name: string): {
  name: string;
  status: number;
  fault: 'client' | 'server';
  retryable?: { throttling: true };
} {
  const status = statuses[name] ?? 400;
  return {
    name,
    status,
    fault: status >= 500 ? 'server' : 'client',
    ...(throttles.has(name) ? { retryable: { throttling: true } as const } : {}),
  };
}
