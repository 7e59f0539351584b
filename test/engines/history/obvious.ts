import type { Access, Transaction } from '../../../engines/history/check.ts';

/** Tries every order of every choice of unknown outcomes: slow, and obviously right. */
export function isStrictlySerializable(history: readonly Transaction[]): boolean {
  const committed = history.filter(({ outcome }) => outcome === 'committed');
  const unknown = history.filter(({ outcome }) => outcome === 'unknown');
  return subsetsOf(unknown).some((chosen) => canRun([...committed, ...chosen], new Map()));
}

/** Whether some order of what is left runs on from the versions that the keys have now. */
function canRun(left: readonly Transaction[], state: ReadonlyMap<string, number>): boolean {
  if (left.length === 0) return true;
  return left.some((next) => {
    if (left.some((other) => returnedBefore(other, next))) return false;
    const after = run(next, state);
    return after !== undefined && canRun(left.toSpliced(left.indexOf(next), 1), after);
  });
}

export function returnedBefore(a: Transaction, b: Transaction): boolean {
  return a.outcome !== 'unknown' && a.returnedAt !== undefined && a.returnedAt < b.invokedAt;
}

/** The versions after it, or nothing when it can not have met those that there are. */
function run({ reads, writes }: Transaction, state: ReadonlyMap<string, number>): Map<string, number> | undefined {
  const after = new Map(state);
  for (const { key, version } of distinct(writes)) {
    if (version !== (after.get(key) ?? 0) + 1) return undefined;
    after.set(key, version);
  }
  // What it made itself, it may also have read.
  const saw = ({ key, version }: Access) =>
    Number.isInteger(version) && version >= (state.get(key) ?? 0) && version <= (after.get(key) ?? 0);
  return reads.every(saw) ? after : undefined;
}

function distinct(accesses: readonly Access[]): readonly Access[] {
  const byName = new Map(accesses.map((access) => [`${access.version} ${access.key}`, access]));
  return [...byName.values()].sort((a, b) => a.version - b.version);
}

function subsetsOf<T>(all: readonly T[]): readonly (readonly T[])[] {
  const [first, ...rest] = all;
  if (first === undefined) return [[]];
  return subsetsOf(rest).flatMap((subset) => [subset, [first, ...subset]]);
}

/**
 * The number of transactions on a shortest cycle, from all pairs of dependencies and all pairs of times; for histories
 * whose outcomes are all known, and whose versions are each made once.
 */
export function shortestCycleOf(history: readonly Transaction[]): number {
  const committed = history.filter(({ outcome }) => outcome === 'committed');
  const distance = committed.map((a) =>
    committed.map((b) => (a !== b && (returnedBefore(a, b) || dependsOn(b, a)) ? 1 : Infinity)),
  );
  for (const by of committed.keys()) {
    for (const from of committed.keys()) {
      for (const to of committed.keys()) {
        distance[from]![to] = Math.min(distance[from]![to]!, distance[from]![by]! + distance[by]![to]!);
      }
    }
  }
  return Math.min(...distance.map((row, index) => row[index]!));
}

function dependsOn(later: Transaction, earlier: Transaction): boolean {
  const meets = (as: readonly Access[], bs: readonly Access[], apart: number) =>
    as.some((a) => bs.some((b) => a.key === b.key && b.version === a.version + apart));
  return (
    meets(earlier.writes, later.writes, 1) ||
    meets(earlier.writes, later.reads, 0) ||
    meets(earlier.reads, later.writes, 1)
  );
}
