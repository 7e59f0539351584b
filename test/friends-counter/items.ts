import {
  type Counter,
  decide,
  type Party,
  settlingOf,
  type Side,
  type Verb,
  writesOf,
} from '../../lambdas/friends-counter/domain.ts';

/** What DynamoDB does with the writes, and refuses. */
export class Items {
  readonly sides = new Map<string, Side>();
  readonly counters = new Map<string, Counter>();

  side(user: string, other: string): Side {
    return (
      this.sides.get(`${user} ${other}`) ?? { user, other, state: 'none', counted: 0, epoch: 0, before: 0, revision: 0 }
    );
  }

  counter(user: string): Counter {
    return this.counters.get(user) ?? { user, friends: 0, epoch: 0 };
  }

  party(user: string, other: string): Party {
    return { known: true, side: this.side(user, other), counter: this.counter(user) };
  }

  sidesOf(user: string): readonly Side[] {
    return [...this.sides.values()].filter((side) => side.user === user);
  }

  apply({ sides, unchanged, counters }: ReturnType<typeof writesOf>): boolean {
    if (sides.some((side) => this.side(side.user, side.other).revision !== side.revision - 1)) return false;
    if (unchanged.some((side) => this.side(side.user, side.other).revision !== side.revision)) return false;
    if (counters.some(({ user, epoch }) => this.counter(user).epoch !== epoch)) return false;
    for (const side of sides) this.sides.set(`${side.user} ${side.other}`, side);
    for (const { user, add } of counters) {
      const counter = this.counter(user);
      this.counters.set(user, { ...counter, friends: counter.friends + add });
    }
    return true;
  }

  fence(user: string, by = 1): Counter {
    const { friends, epoch } = this.counter(user);
    this.counters.set(user, { user, friends, epoch: epoch + by });
    return this.counter(user);
  }

  /** A batch of reads is of one moment for each item, not for all of them: `meanwhile` is what others do until the next. */
  change(
    verb: Verb,
    user: string,
    other: string,
    streamedFrom: number,
    meanwhile: { readonly reads?: () => void; readonly write?: () => void; readonly theirsFirst?: boolean } = {},
  ): 'refused' | 'done' | 'late' {
    const early = meanwhile.theirsFirst === true ? this.party(other, user) : this.party(user, other);
    meanwhile.reads?.();
    const [mine, theirs] =
      meanwhile.theirsFirst === true ? [this.party(user, other), early] : [early, this.party(other, user)];
    const decision = decide(verb, mine.side.state, theirs.side.state);
    if (decision.do === 'refuse') return 'refused';
    if (decision.do === 'nothing') return 'done';
    meanwhile.write?.();
    return this.apply(writesOf([mine, decision.mine], [theirs, decision.theirs], streamedFrom)) ? 'done' : 'late';
  }

  /** Friendships of which only one of the two has a side. */
  halves(): readonly Side[] {
    return [...this.sides.values()].filter(
      ({ user, other, state }) => state === 'friends' && this.side(other, user).state !== 'friends',
    );
  }

  settle(user: string): void {
    const writes = settlingOf(this.counter(user), this.sidesOf(user));
    // Nobody writes between reading and writing here.
    if (writes !== undefined && !this.apply(writes)) throw new Error(`refused: ${JSON.stringify(writes)}`);
  }
}
