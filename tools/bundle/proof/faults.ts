import { createHash } from 'node:crypto';
import { closeSync, existsSync, openSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Fault } from '../../../lib/kit/proof.ts';

/** Environment variables of a function that its proof armed. */
export const faultVariables = {
  /** JSON array of Fault. */
  faults: 'DESIGNS_FAULTS',
  /** Decides which calls `share` picks. */
  seed: 'DESIGNS_SEED',
  /** Unlike in every arming, so that hits counted by `times` start from none. */
  armed: 'DESIGNS_ARMED',
} as const;

/** Holds a Background as JSON, beside what the proof arms. */
export const backgroundVariable = 'DESIGNS_BACKGROUND';

/** Faults that strike from the beginning of a run to its end, whatever the proof arms meanwhile. */
export interface Background {
  readonly faults: readonly Fault[];
  readonly seed: number;
  /** Unlike in every run, so that its hits are counted from none. */
  readonly run: string;
}

/** A fault that the next call must suffer. */
export interface Hit {
  readonly fault: Fault;
  /** How many of the invocation's calls the fault matched up to this one. */
  readonly nth: number;
  /** Uniform in [0, 1), for what the fault leaves open. */
  readonly draw: number;
}

/** Takes the right to one more hit of a fault; false when `times` or `timesPerEvent` are used up. */
export type TakeHit = (faultIndex: number, fault: Pick<Fault, 'kind' | 'times' | 'timesPerEvent'>) => boolean;

/** Decides, call by call, which armed fault fires. One is made for each invocation. */
export function faultsOf(faults: readonly Fault[], seed: string, requestId: string, takeHit: TakeHit) {
  const matched = faults.map(() => 0);
  return {
    /** The first armed fault that hits this call of an SDK operation, such as `PutObject`. */
    next(operation: string): Hit | undefined {
      let hit: Hit | undefined;
      for (const [index, fault] of faults.entries()) {
        if (!matches(fault, operation)) continue;
        const nth = (matched[index] ?? 0) + 1;
        matched[index] = nth;
        if (hit !== undefined) continue;
        if (fault.nth !== undefined && fault.nth !== nth) continue;
        if (fault.share !== undefined && fraction(seed, requestId, index, nth) >= fault.share) continue;
        if (!takeHit(index, fault)) continue;
        hit = { fault, nth, draw: fraction(seed, requestId, index, nth, 'draw') };
      }
      return hit;
    },
  };
}

const reads = /^(?:Get|Head|List|Describe|Query|Scan|Select|Filter|Receive|BatchGet|TransactGet)/;

function matches({ call }: Fault, operation: string): boolean {
  return call === '*' || call === operation || (call === 'writes' && !reads.test(operation));
}

/** Uniform in [0, 1), the same for the same values. */
function fraction(...values: readonly (string | number)[]): number {
  return createHash('sha256').update(JSON.stringify(values)).digest().readUInt32BE() / 2 ** 32;
}

/**
 * Counts hits in files under the temporary directory, which Lambda keeps when it resets a crashed runtime. Creating a
 * file that must not exist is atomic, so environments that share the directory (as an emulator's do) share the count.
 */
export function hitsInFiles(armed: string, event?: unknown): TakeHit {
  const prefix = join(tmpdir(), `designs-${armed}`);
  const take = (name: string, times: number): boolean => {
    for (let hit = 0; hit < times; hit += 1) {
      try {
        closeSync(openSync(`${prefix}-${name}-${hit}`, 'wx'));
        return true;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    }
    return false;
  };
  return (faultIndex, { kind, times, timesPerEvent }) => {
    const counted = kind === 'crash-before' || kind === 'crash-after' ? 'crash' : String(faultIndex);
    const pieces = timesPerEvent === undefined ? [] : piecesOf(event).map((piece) => `${counted}-${hash(piece)}`);
    // Nothing is taken from the other messages of a batch when one of them had its share of faults.
    if (pieces.some((piece) => existsSync(`${prefix}-${piece}-${timesPerEvent! - 1}`))) return false;
    if (times !== undefined && !take(String(faultIndex), times)) return false;
    return pieces.map((piece) => take(piece, timesPerEvent!)).every(Boolean);
  };
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

interface SomeEvent {
  readonly Records?: unknown;
  readonly requestContext?: { readonly http?: { readonly method?: string } };
  readonly rawPath?: string;
  readonly rawQueryString?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What stays the same of an event that comes again, piece by piece: a message may come again in another batch. */
function piecesOf(event: unknown): readonly string[] {
  const { Records: records, requestContext, rawPath, rawQueryString, headers, body } = (event ?? {}) as SomeEvent;
  if (Array.isArray(records)) {
    const ids = (records as ({ readonly messageId?: string; readonly eventID?: string } | null)[]).map(
      (record) => record?.messageId ?? record?.eventID ?? JSON.stringify(record),
    );
    return [...new Set(ids)];
  }
  const method = requestContext?.http?.method;
  if (method === undefined) return [JSON.stringify(event) ?? ''];
  // The other headers, and the rest of the context, hold the time and the attempt.
  return [JSON.stringify([method, rawPath, rawQueryString, headers?.['idempotency-key'], body])];
}
