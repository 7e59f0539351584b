import type { Random } from '../simulation/random.ts';

/** One item at three replicas: the leader, a follower in each write's quorum, and one that hears of it later. */
export interface ReplicaRun {
  readonly random: Random;
  /** When writes were acknowledged, in ms, ascending. */
  readonly writesAtMs: readonly number[];
  readonly readsAtMs: readonly number[];
  /** How long after a write the follower outside its quorum has it. */
  readonly lagMs: (random: Random) => number;
  /** Strong reads go to the leader, eventual ones to any replica. */
  readonly consistency: 'strong' | 'eventual';
}

export interface ReplicaResult {
  /** Reads that lacked a write acknowledged before them. */
  readonly staleReads: number;
  /** The longest time that a read was behind: since the first write that it lacked was acknowledged. */
  readonly staleMaxMs: number;
}

const followers = 2;

/**
 * Reads of a replicated item: a write is acknowledged when the leader and one of two followers have it, the other gets
 * it after its lag, in order ("Read consistency", DynamoDB Developer Guide; Elhemali et al., USENIX ATC 2022).
 */
export function readReplicas({ random, writesAtMs, readsAtMs, lagMs, consistency }: ReplicaRun): ReplicaResult {
  const applied: number[][] = Array.from({ length: followers }, () => []);
  for (const atMs of writesAtMs) {
    const late = random.below(followers);
    for (const [follower, log] of applied.entries()) {
      const arrivesMs = atMs + (follower === late ? lagMs(random) : 0);
      log.push(Math.max(log.at(-1) ?? 0, arrivesMs));
    }
  }
  let staleReads = 0;
  let staleMaxMs = 0;
  for (const atMs of readsAtMs) {
    const replica = consistency === 'strong' ? 0 : random.below(1 + followers);
    const log = replica === 0 ? writesAtMs : applied[replica - 1]!;
    const [has, acknowledged] = [countUpTo(log, atMs), countUpTo(writesAtMs, atMs)];
    if (has === acknowledged) continue;
    staleReads += 1;
    staleMaxMs = Math.max(staleMaxMs, atMs - writesAtMs[has]!);
  }
  return { staleReads, staleMaxMs };
}

/** How many of these ascending numbers are at most `limit`. */
function countUpTo(ascending: readonly number[], limit: number): number {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ascending[middle]! <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
