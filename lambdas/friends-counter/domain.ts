/**
 * Decisions about friendships and their counters. Pure: what was read, the time and the environment's cache come in as
 * arguments, effects are in store.ts.
 *
 * A friendship is two items, one in each member's partition: a side. A side knows what its member's counter holds for
 * it (`counted`), so that a counter always equals the sum of its sides' `counted`, whoever counts them and when.
 */

import type { RetryPolicy } from '../../engines/retry/retry.ts';

export const limits = {
  idCharsMax: 64,
  nameCharsMax: 200,
  textCharsMax: 2_000,
  /** Items of one transaction are 100 (DynamoDB): so many sides and their counter. */
  sidesOfTransactionMax: 99,
  /** Answers that one environment keeps. */
  answersMax: 1_000,
  /** How long what is no friendship any more stays, so that its last change can still be counted. */
  tombstoneDays: 30,
} as const;

/** Lost races after which a caller is told to come again. */
export const races: RetryPolicy = { attemptsMax: 12, baseMs: 10, maxMs: 400 };

/** What a member's side of a relation says: `blocked` means that this member has blocked the other. */
export type State = 'friends' | 'blocked' | 'none';

export type Bit = 0 | 1;

export interface Side {
  readonly user: string;
  readonly other: string;
  readonly state: State;
  /** What the user's counter holds for this side. */
  readonly counted: Bit;
  /** Epoch of the counter when `counted` last changed. */
  readonly epoch: number;
  /** What `counted` was when that epoch began: a recount of the epoch's beginning reads this. */
  readonly before: Bit;
  /** How often the item was written; 0 when there is none. */
  readonly revision: number;
}

export interface Counter {
  readonly user: string;
  readonly friends: number;
  /** Counts recounts up: a writer that read an older one is refused. */
  readonly epoch: number;
}

/** A member, as a change finds them. */
export interface Party {
  readonly known: boolean;
  readonly side: Side;
  readonly counter: Counter;
}

export type Verb = 'befriend' | 'unfriend' | 'block' | 'unblock';

export interface Change {
  readonly verb: Verb;
  /** Whose request it is. */
  readonly user: string;
  readonly other: string;
}

export type Decision =
  | { readonly do: 'nothing' }
  | { readonly do: 'refuse'; readonly because: 'blocked' }
  | { readonly do: 'move'; readonly mine: State; readonly theirs: State };

/** What becomes of the two sides. The same for every variant: they differ in how they write it. */
export function decide(verb: Verb, mine: State, theirs: State): Decision {
  switch (verb) {
    case 'befriend':
      if (mine === 'blocked' || theirs === 'blocked') return { do: 'refuse', because: 'blocked' };
      return move(mine, theirs, 'friends', 'friends');
    case 'unfriend':
      return move(mine, theirs, ended(mine), ended(theirs));
    case 'block':
      return move(mine, theirs, 'blocked', ended(theirs));
    case 'unblock':
      return move(mine, theirs, mine === 'blocked' ? 'none' : mine, theirs);
  }
}

function move(mine: State, theirs: State, mineNext: State, theirsNext: State): Decision {
  if (mine === mineNext && theirs === theirsNext) return { do: 'nothing' };
  return { do: 'move', mine: mineNext, theirs: theirsNext };
}

function ended(state: State): State {
  return state === 'friends' ? 'none' : state;
}

export interface CounterWrite {
  readonly user: string;
  readonly add: number;
  /** The write holds only as long as the counter is in this epoch. */
  readonly epoch: number;
}

/** One transaction. Each side is written only over the revision before its own. */
export interface Writes {
  readonly sides: readonly Side[];
  /** Not written: all the rest holds only as long as these are of the revision that was read, 0 where there was none. */
  readonly unchanged: readonly Side[];
  readonly counters: readonly CounterWrite[];
}

/** Who counts a change: its own transaction, or the stream's next batch. */
export type Counting = 'direct' | 'stream';

/**
 * By the size of the counter, as it was read, however old: either way of counting is right at any time, since the side
 * tells what is counted. So a member is switched over by nothing but this, in the midst of traffic, as often as it is.
 */
export function countingOf({ friends }: Counter, streamedFrom: number): Counting {
  return friends >= streamedFrom ? 'stream' : 'direct';
}

/**
 * The transaction that moves two sides and what of their counters is counted directly, in canonical order: (A, B) and
 * (B, A) are the same friendship, and the same transaction.
 *
 * The revisions of both sides must hold, also of the one that stays what it was: they were read one after the other, and
 * another transaction may have committed between the two. Only then is what was decided true of one moment. The one that
 * stays is checked, not written: else every stranger who blocks a celebrity would leave an item among the celebrity's.
 */
export function writesOf(
  [mine, mineNext]: readonly [Party, State],
  [theirs, theirsNext]: readonly [Party, State],
  streamedFrom: number,
): Writes {
  const written = [
    { party: mine, next: mineNext },
    { party: theirs, next: theirsNext },
  ]
    .toSorted((a, b) => (a.party.side.user < b.party.side.user ? -1 : 1))
    .map(({ party: { side: read, counter }, next }) => {
      const moved: Side = { ...read, state: next, revision: read.revision + 1 };
      const { side, add } =
        countingOf(counter, streamedFrom) === 'stream' ? { side: moved, add: 0 } : counted(moved, counter.epoch);
      return { read, side, add, counter, stays: side.state === read.state && side.counted === read.counted };
    });
  return {
    sides: written.filter(({ stays }) => !stays).map(({ side }) => side),
    unchanged: written.filter(({ stays }) => stays).map(({ read }) => read),
    counters: written.filter(({ add }) => add !== 0).map(({ add, counter: { user, epoch } }) => ({ user, add, epoch })),
  };
}

export function isSettled({ state, counted }: Side): boolean {
  return (state === 'friends') === (counted === 1);
}

/** The transaction that counts what is not counted yet; nothing when all is. */
export function settlingOf(counter: Counter, sides: readonly Side[]): Writes | undefined {
  const written = sides
    .filter((side) => !isSettled(side))
    .slice(0, limits.sidesOfTransactionMax)
    .map((side) => counted({ ...side, revision: side.revision + 1 }, counter.epoch));
  if (written.length === 0) return undefined;
  const add = written.reduce((sum, side) => sum + side.add, 0);
  // Also when it adds up to nothing: the counter's epoch guards what the sides say of it.
  return {
    sides: written.map(({ side }) => side),
    unchanged: [],
    counters: [{ user: counter.user, add, epoch: counter.epoch }],
  };
}

/** The side with its state counted in this epoch, and what that adds to the counter. */
function counted(side: Side, epoch: number): { readonly side: Side; readonly add: number } {
  const now: Bit = side.state === 'friends' ? 1 : 0;
  if (now === side.counted) return { side, add: 0 };
  const before = side.epoch === epoch ? side.before : side.counted;
  return { side: { ...side, counted: now, epoch, before }, add: now - side.counted };
}

/**
 * What a side added to its counter when this epoch began: a recount reads sides one after the other, while they change,
 * and still adds up the moment of its fence.
 */
export function countedAtFence(side: Side, epoch: number): number {
  return side.epoch >= epoch ? side.before : side.counted;
}

/**
 * Whether sides of these epochs tell what they added when this one began. Not when one is of a later epoch, nor when one
 * may have been of this epoch before it began: a counter that was restored or deleted falls back to epochs that its
 * sides have been through.
 *
 * @param latest epoch of the sides, as a recount read them
 * @param known their latest epoch at a look before the fence; Infinity without such a look
 */
export function tellFence(latest: number, epoch: number, known: number): boolean {
  return latest < epoch || (latest === epoch && known < epoch);
}

/** An answer that an environment keeps. */
export interface Kept<Value> {
  readonly value: Value;
  readonly atMs: number;
}

export function isFresh(kept: Kept<unknown> | undefined, nowMs: number, keptMs: number): boolean {
  return kept !== undefined && nowMs - kept.atMs < keptMs;
}

/**
 * Whole seconds for which it stays fresh, which is how HTTP counts: with whoever keeps it next it gets no older than with
 * us. 0 when less than a second is left: so always where `keptMs` is a second, for reading took some milliseconds of it.
 */
export function freshForS({ atMs }: Kept<unknown>, nowMs: number, keptMs: number): number {
  return Math.max(0, Math.floor((atMs + keptMs - nowMs) / 1000));
}

export interface Post {
  readonly user: string;
  readonly post: string;
  readonly text: string;
}

/** A post as it is shown. */
export interface ShownPost extends Post {
  /** Of its author, now. */
  readonly friends: number;
}
