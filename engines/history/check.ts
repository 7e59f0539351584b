/** A version of a key: 0 before the first write, then 1, 2, … */
export interface Access {
  readonly key: string;
  readonly version: number;
}

/**
 * What a client knows of one transaction; repeats under the same id are one transaction, from the first try's
 * invocation to the last try's reply. Times are of one monotonic clock, in any unit.
 */
export interface Transaction {
  readonly id: string;
  readonly invokedAt: number;
  /** Undefined when the reply never came. Of an unknown outcome it bounds nothing: the effect may come later still. */
  readonly returnedAt: number | undefined;
  /**
   * A refused transaction has no effect and its reads bind nothing (Adya's aborted one): a refusal that tells the
   * client what it saw, such as "insufficient funds", is a committed transaction that only reads.
   */
  readonly outcome: 'committed' | 'refused' | 'unknown';
  /** Versions that it saw. */
  readonly reads: readonly Access[];
  /** Versions that it made; of an unknown or refused one, those that it would have made. */
  readonly writes: readonly Access[];
}

/** `cycle` has a line for each edge; it is empty where the versions alone are impossible. */
export type Verdict =
  | { readonly ok: true }
  | { readonly ok: false; readonly because: string; readonly cycle: readonly string[] };

/** Ways of explaining unknown outcomes that are tried before giving up. */
const explanationsMax = 1000;

/**
 * Whether some serial order of the transactions explains every version read and written, and keeps real time: one that
 * returned before another was invoked comes first.
 *
 * Versions give each key's write order, so no order is searched for: the history is right exactly when its graph of
 * write (ww), read (wr), anti- (rw) and real-time dependencies has no cycle (A. Adya, "Weak Consistency", 1999; with
 * real time as in Elle: K. Kingsbury and P. Alvaro, VLDB 2020). An unknown outcome counts as committed when a version
 * that only it can have made was seen or built upon, and may else be left out. Several that can have made one version
 * are tried in turn. It knows versions and no values: that no money is lost or negative is another check.
 */
export function checkStrictSerializability(history: readonly Transaction[]): Verdict {
  refuseMalformed(history);
  let first: Violation | undefined;
  const untried: (readonly Transaction[])[] = [[]];
  for (let tried = 0; untried.length > 0; tried += 1) {
    if (tried === explanationsMax) {
      throw new Error(
        `${explanationsMax} explanations of the unknown outcomes tried: let clients repeat until a reply comes`,
      );
    }
    const chosen = untried.pop()!;
    const found = settle(history, chosen);
    const violation = 'because' in found ? found : findCycle(found);
    if (violation !== undefined) {
      first ??= violation;
      continue;
    }
    const { eitherOf } = found as Settled;
    if (eitherOf.length === 0) return { ok: true };
    untried.push(...eitherOf.map((one) => [...chosen, one]).toReversed());
  }
  return first!;
}

type Violation = Extract<Verdict, { ok: false }>;

/** The transactions that surely took effect, and who made each version of each key. */
interface Settled {
  readonly included: readonly Transaction[];
  readonly makers: ReadonlyMap<string, ReadonlyMap<number, Transaction>>;
  /** Unknown outcomes of which one took effect, where a version was met that several can have made. */
  readonly eitherOf: readonly Transaction[];
}

function refuseMalformed(history: readonly Transaction[]): void {
  const ids = new Set<string>();
  for (const { id, invokedAt, returnedAt } of history) {
    if (ids.has(id)) throw new Error(`two transactions are called "${id}": record the repeats of one as one`);
    ids.add(id);
    if (!Number.isFinite(invokedAt) || (returnedAt !== undefined && !(returnedAt >= invokedAt))) {
      throw new Error(`"${id}" was invoked at ${invokedAt} and returned at ${returnedAt}: take both of one clock`);
    }
  }
}

/** Which unknown outcomes took effect, given that the chosen ones did. */
function settle(history: readonly Transaction[], chosen: readonly Transaction[]): Settled | Violation {
  const candidates = Map.groupBy(
    history.filter(({ outcome }) => outcome === 'unknown').flatMap((by) => by.writes.map((at) => ({ by, at }))),
    ({ at }) => nameOf(at),
  );
  const keys = new Map<string, { makers: Map<number, Transaction>; gapless: number; top: number }>();
  const included = new Set<Transaction>();
  let waiting = [...history.filter(({ outcome }) => outcome === 'committed'), ...chosen];

  let eitherOf: readonly Transaction[] = [];
  while (waiting.length > 0) {
    for (const transaction of waiting) {
      const because = include(transaction);
      if (because !== undefined) return { ok: false, because, cycle: [] };
    }
    waiting = [];
    eitherOf = [];
    for (const [key, state] of keys) {
      while (state.makers.has(state.gapless + 1)) state.gapless += 1;
      if (state.gapless >= state.top) continue;
      const missing = { key, version: state.gapless + 1 };
      const possible = makersOf(missing);
      if (possible.length === 0) return { ok: false, because: nobodyMade(missing, history, included), cycle: [] };
      if (possible.length === 1) waiting.push(...possible);
      else eitherOf = possible;
    }
  }
  const makers = new Map([...keys].map(([key, state]) => [key, state.makers]));
  return { included: [...included], makers, eitherOf };

  /** What speaks against it, or nothing. */
  function include(transaction: Transaction): string | undefined {
    included.add(transaction);
    const { id, reads, writes } = transaction;
    for (const read of reads) {
      if (!Number.isInteger(read.version) || read.version < 0) {
        return `"${id}" read ${nameOf(read)}: versions are 0, 1, 2, and so on`;
      }
      meet(read);
    }
    for (const write of writes) {
      if (!Number.isInteger(write.version) || write.version < 1) {
        return `"${id}" made ${nameOf(write)}: versions made are 1, 2, and so on`;
      }
      const { makers } = meet(write);
      const other: Transaction = makers.get(write.version) ?? transaction;
      if (other !== transaction) return `"${other.id}" and "${id}" both made ${nameOf(write)}`;
      makers.set(write.version, transaction);
    }
    return undefined;
  }

  function meet({ key, version }: Access) {
    const state = keys.get(key) ?? { makers: new Map<number, Transaction>(), gapless: 0, top: 0 };
    state.top = Math.max(state.top, version);
    keys.set(key, state);
    return state;
  }

  /** Unknown outcomes that can have made a version, since none of theirs was made by another. */
  function makersOf(access: Access): readonly Transaction[] {
    const isFree = (by: Transaction) =>
      by.writes.every(({ key, version }) => (keys.get(key)?.makers.get(version) ?? by) === by);
    return [...new Set(candidates.get(nameOf(access))?.map(({ by }) => by))].filter(isFree);
  }
}

function nobodyMade(missing: Access, history: readonly Transaction[], included: ReadonlySet<Transaction>): string {
  const isMissing = ({ key, version }: Access) => key === missing.key && version === missing.version;
  const refused = history.find(({ outcome, writes }) => outcome === 'refused' && writes.some(isMissing));
  const met = [...included]
    .flatMap(({ id, reads, writes }) => [
      ...reads.map((access) => ({ id, did: 'read', ...access })),
      ...writes.map((access) => ({ id, did: 'made', ...access })),
    ])
    .filter(({ key, version }) => key === missing.key && version >= missing.version)
    .reduce((lowest, one) => (one.version < lowest.version ? one : lowest));
  const nobody = refused === undefined ? 'nobody' : `nobody but the refused "${refused.id}"`;
  const what = isMissing(met) ? 'it' : `version ${met.version}`;
  return `${nobody} made ${nameOf(missing)}, and "${met.id}" ${met.did} ${what}`;
}

function nameOf({ key, version }: Access): string {
  return `version ${version} of ${key}`;
}

/** Looks for a cycle of dependencies; of those that there are, a shortest. */
function findCycle({ included, makers }: Settled): Violation | undefined {
  const indexOf = new Map(included.map((transaction, index) => [transaction, index]));
  const after: number[][] = included.map(() => []);
  for (const [index, { reads, writes }] of included.entries()) {
    const add = (from: Transaction | undefined, to: number) => {
      if (from !== undefined && from !== included[to]) after[indexOf.get(from)!]!.push(to);
    };
    for (const { key, version } of writes) add(makers.get(key)?.get(version - 1), index); // ww
    for (const { key, version } of reads) {
      add(makers.get(key)?.get(version), index); // wr
      const next = makers.get(key)?.get(version + 1);
      if (next !== undefined) add(included[index], indexOf.get(next)!); // rw
    }
  }
  const tied = tiedByTime(after, included);
  if (tied.length === 0) return undefined;
  const cycle = shortestCycle(tied, after, included).map((index) => included[index]!);
  const edges = cycle.map((from, at) => explain(from, cycle[(at + 1) % cycle.length]!));
  return { ok: false, because: `no order explains ${cycle.length} transactions: ${edges.join('; ')}`, cycle: edges };
}

/**
 * Those that topological sorts from both ends leave over: they stand on cycles, or between two. Real time enters as a
 * chain of nodes, one for each time at which something returned: what returned leads to its time's node, and the last
 * node before an invocation leads to what was invoked. So edges are as many as transactions, not as pairs of them.
 */
function tiedByTime(dependencies: readonly (readonly number[])[], included: readonly Transaction[]): readonly number[] {
  const after = dependencies.map((all) => [...all]);
  const times = [...new Set(included.map(returnOf))].sort((a, b) => a - b);
  const nodeOf = new Map(times.map((time, at) => [time, included.length + at]));
  for (const at of times.keys()) after.push(at + 1 < times.length ? [included.length + at + 1] : []);
  const byInvocation = [...included.entries()].sort(([, a], [, b]) => a.invokedAt - b.invokedAt);
  let passed = 0;
  for (const [index, transaction] of byInvocation) {
    while (passed < times.length && times[passed]! < transaction.invokedAt) passed += 1;
    if (passed > 0) after[included.length + passed - 1]!.push(index);
    after[index]!.push(nodeOf.get(returnOf(transaction))!);
  }
  const before: number[][] = after.map(() => []);
  for (const [from, all] of after.entries()) for (const to of all) before[to]!.push(from);
  const left = new Uint8Array(after.length).fill(1);
  peel(after, before, left);
  peel(before, after, left);
  return [...included.keys()].filter((index) => left[index] === 1);
}

/** Takes away, again and again, what nothing that is left leads to. */
function peel(after: readonly number[][], before: readonly number[][], left: Uint8Array): void {
  const waits = before.map((all) => all.reduce((count, from) => count + left[from]!, 0));
  const free = [...waits.keys()].filter((node) => left[node] === 1 && waits[node] === 0);
  for (let node = free.pop(); node !== undefined; node = free.pop()) {
    left[node] = 0;
    for (const to of after[node]!) {
      waits[to]! -= 1;
      if (waits[to] === 0 && left[to] === 1) free.push(to);
    }
  }
}

/**
 * Breadth first from each, and for short cycles first: one stale read puts most of a long history on long ones. Real
 * time is an interval order, so a cycle with two of its edges has a chord that makes a shorter one: a shortest cycle is
 * a path of dependencies that one edge, a dependency or real time, closes.
 */
function shortestCycle(
  tied: readonly number[],
  after: readonly (readonly number[])[],
  included: readonly Transaction[],
): readonly number[] {
  const isTied = new Uint8Array(included.length);
  for (const index of tied) isTied[index] = 1;
  const returns = Float64Array.from(included, returnOf);
  const queue = new Int32Array(tied.length);
  const nodes = new Int32Array(included.length); // on the path from the start to each, both counted
  const metIn = new Int32Array(included.length); // the round in which each was met last
  let round = 0;
  const cameFrom = new Int32Array(included.length);
  let shortest: readonly number[] | undefined;
  for (let nodesMax = 2; shortest === undefined; nodesMax *= 2) {
    for (const start of tied) {
      const cycle = cycleFrom(start, Math.min(nodesMax, (shortest?.length ?? Infinity) - 1));
      shortest = cycle ?? shortest;
      if (shortest?.length === 2) break;
    }
  }
  return shortest;

  function cycleFrom(start: number, nodesMax: number): readonly number[] | undefined {
    const { invokedAt } = included[start]!;
    round += 1;
    metIn[start] = round;
    nodes[start] = 1;
    queue[0] = start;
    for (let head = 0, length = 1; head < length; head += 1) {
      const from = queue[head]!;
      if (returns[from]! < invokedAt || after[from]!.includes(start)) {
        const path = [from];
        while (path.at(-1) !== start) path.push(cameFrom[path.at(-1)!]!);
        return path.toReversed();
      }
      if (nodes[from] === nodesMax) continue;
      for (const to of after[from]!) {
        if (metIn[to] === round || isTied[to] === 0) continue;
        metIn[to] = round;
        nodes[to] = nodes[from]! + 1;
        cameFrom[to] = from;
        queue[length] = to;
        length += 1;
      }
    }
  }
}

/** When its effect had come for certain. */
function returnOf({ outcome, returnedAt }: Transaction): number {
  return outcome === 'unknown' ? Infinity : (returnedAt ?? Infinity);
}

/** Why one comes before the other, with the kind of the edge. */
function explain(from: Transaction, to: Transaction): string {
  const has = (accesses: readonly Access[], key: string, version: number) =>
    accesses.some((access) => access.key === key && access.version === version);
  for (const write of from.writes) {
    const { key, version } = write;
    if (has(to.reads, key, version)) return `"${from.id}" made ${nameOf(write)}, which "${to.id}" read (wr)`;
    if (has(to.writes, key, version + 1)) return `"${from.id}" made ${nameOf(write)}, which "${to.id}" replaced (ww)`;
  }
  for (const read of from.reads) {
    const { key, version } = read;
    if (has(to.writes, key, version + 1)) return `"${from.id}" read ${nameOf(read)}, which "${to.id}" replaced (rw)`;
  }
  return `"${from.id}" returned at ${from.returnedAt}, before "${to.id}" was invoked at ${to.invokedAt} (real time)`;
}
