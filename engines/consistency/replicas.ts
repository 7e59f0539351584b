import type { Random } from '../simulation/random.ts';

/** One item at three replicas: a leader, and two followers, of which one is in each write's quorum. */
export interface ReplicaRun {
  readonly random: Random;
  /** When the leader takes writes, in ms, ascending. */
  readonly writesAtMs: readonly number[];
  /** Since when a read is stale that lacks the write: what it holds was accepted then. When acknowledged, if absent. */
  readonly promisedAtMs?: readonly (number | undefined)[];
  readonly readsAtMs: readonly number[];
  /** How long after the leader the follower in a write's quorum has it, when the write is acknowledged. */
  readonly quorumMs: (random: Random) => number;
  /** How long after the leader the other follower has it. */
  readonly lagMs: (random: Random) => number;
  /** Strong reads go to the leader, eventual ones to any replica. */
  readonly consistency: 'strong' | 'eventual';
  /** When the leader is lost and another replica leads, in ms, ascending; never when absent. */
  readonly lossesAtMs?: readonly number[];
  /** Who leads then: who has every acknowledged write, or, which is wrong, whoever comes. The former when absent. */
  readonly successor?: 'up to date' | 'any';
  /** Where strong reads go: to a follower is wrong. To the leader when absent. */
  readonly strongReadsGoTo?: 'leader' | 'follower';
}

export interface ReplicaResult {
  /** Reads that lacked a write acknowledged, or promised, before them. */
  readonly staleReads: number;
  /** The longest time that a read was behind: since the first write that it lacked was acknowledged, or promised. */
  readonly staleMaxMs: number;
}

const replicas = 3;

/**
 * Reads of a replicated item: a write is acknowledged when the leader and one of two followers have it, the other gets
 * it after its lag; each replica applies writes in order. A leader that is lost is a follower from then on ("Read
 * consistency", DynamoDB Developer Guide; Elhemali et al., USENIX ATC 2022).
 *
 * An eventual read is behind what is acknowledged by the longest lag at most, however slow quorums are and whoever leads.
 * A replica shows a write when it has that one and all before it. Their leaders took all of these before the
 * acknowledgement, and a replica has each as its leader, by the quorum that the acknowledgement waits for, or within its
 * lag.
 */
export function readReplicas(run: ReplicaRun): ReplicaResult {
  const { random, writesAtMs, readsAtMs, quorumMs, lagMs, consistency } = run;
  const { lossesAtMs = [], successor = 'up to date', strongReadsGoTo = 'leader' } = run;
  /** When each replica has each write. */
  const applied: number[][] = Array.from({ length: replicas }, () => []);
  const acknowledged: number[] = [];
  const leaders: { readonly sinceMs: number; readonly leader: number }[] = [{ sinceMs: -Infinity, leader: 0 }];
  const losses = [...lossesAtMs];

  const loseLeader = (atMs: number): void => {
    const { leader } = leaders.at(-1)!;
    const needed = countUpTo(acknowledged, atMs);
    const followers = applied.map((_, replica) => replica).filter((replica) => replica !== leader);
    const upToDate = followers.filter((replica) => countUpTo(applied[replica]!, atMs) >= needed);
    const candidates = successor === 'any' ? followers : upToDate;
    // Until a follower has caught up, nobody leads: the old leader's log is replayed, and strong reads find it.
    if (candidates.length === 0) return;
    const next = candidates[random.below(candidates.length)]!;
    leaders.push({ sinceMs: atMs, leader: next });
    // What was under way is acknowledged when the new leader has it too.
    for (let write = needed; write < acknowledged.length; write += 1)
      acknowledged[write] = Math.max(acknowledged[write]!, applied[next]![write]!, acknowledged[write - 1] ?? 0);
  };

  for (const atMs of writesAtMs) {
    while (losses.length > 0 && losses[0]! <= atMs) loseLeader(losses.shift()!);
    const { leader } = leaders.at(-1)!;
    const followers = applied.map((_, replica) => replica).filter((replica) => replica !== leader);
    const inQuorum = followers[random.below(followers.length)]!;
    for (const [replica, log] of applied.entries()) {
      const afterMs = replica === leader ? 0 : replica === inQuorum ? quorumMs(random) : lagMs(random);
      log.push(Math.max(log.at(-1) ?? 0, atMs + afterMs));
    }
    const hasIt = Math.max(applied[leader]!.at(-1)!, applied[inQuorum]!.at(-1)!);
    acknowledged.push(Math.max(acknowledged.at(-1) ?? 0, hasIt));
  }
  for (const atMs of losses) loseLeader(atMs);

  /** Since when a read is behind that has the writes before this one, and no more. */
  const dueAtMs = acknowledged.map((atMs, write) => run.promisedAtMs?.[write] ?? atMs);
  for (let write = dueAtMs.length - 2; write >= 0; write -= 1)
    dueAtMs[write] = Math.min(dueAtMs[write]!, dueAtMs[write + 1]!);

  let staleReads = 0;
  let staleMaxMs = 0;
  for (const atMs of readsAtMs) {
    const { leader } = leaders.findLast(({ sinceMs }) => sinceMs <= atMs)!;
    const follower = (leader + 1 + random.below(replicas - 1)) % replicas;
    const strong = strongReadsGoTo === 'leader' ? leader : follower;
    const replica = consistency === 'strong' ? strong : random.below(replicas);
    const behindSinceMs = dueAtMs[countUpTo(applied[replica]!, atMs)] ?? Infinity;
    if (behindSinceMs > atMs) continue;
    staleReads += 1;
    staleMaxMs = Math.max(staleMaxMs, atMs - behindSinceMs);
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
