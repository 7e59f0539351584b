import type { Cut, Start } from './cut.ts';
import type { LexicalState, RangeSummary, Stretch, TextLength } from './summary.ts';

/** Where in the document the ranges so far end. */
interface Reached {
  lexical: LexicalState;
  /** Start tags of the open elements. */
  readonly open: string[];
  /** Index of the outermost under the key tag; -1 when none is. */
  key: number;
  rootSeen: boolean;
  line: number;
  column: number;
}

/**
 * Puts the summaries of a file's ranges together, from the first to the last: since each says what its range does in
 * every state, following the one true state through all of them is what is left to do. It says where readers may begin:
 * at most once in each range, at its first outermost key start tag.
 *
 * From where the document turns out to be malformed it says no more, so that the last reader reads on into the fault.
 */
export class Resolver {
  readonly #reached: Reached = { lexical: 'content', open: [], key: -1, rootSeen: false, line: 1, column: 1 };
  #to = 0;
  #isLost = false;

  /** The state in which the next range begins. */
  get state(): LexicalState {
    return this.#reached.lexical;
  }

  /** The start in this range, which must follow the last one; undefined when there is none. Throws a RangeError. */
  add(summary: RangeSummary): Start | undefined {
    const { from, to, encoding } = summary;
    if (from !== this.#to) throw new RangeError(`a range from ${from} follows one to ${this.#to}`);
    if (summary.states?.includes(this.state) === false) {
      throw new RangeError(`a range begins in state ${this.state} and was not scanned in it: scan it again`);
    }
    this.#to = to;
    if (this.#isLost) return undefined;
    const { lexical, line, column } = this.#reached;
    const lane = summary.lanes[lexical];
    // The first reader begins at 0 whatever its range says.
    let start: Start | undefined =
      from > 0 ? undefined : { from: 0, line: 1, column: 1, encoding, open: [], rootSeen: false };
    for (let index = lane?.first; index !== undefined;) {
      const stretch: Stretch = summary.stretches[index]!;
      start ??= startIn(stretch, summary, this.#reached);
      if (!pass(stretch, this.#reached)) {
        this.#isLost = true;
        return start;
      }
      index = stretch.next;
    }
    if (lane === undefined) {
      this.#isLost = true;
      return start;
    }
    this.#reached.lexical = lane.end;
    Object.assign(this.#reached, moved({ line, column }, summary.length));
    return start;
  }
}

/** The cuts of a file of this size, from the summaries of all its ranges in order: one for each at most. */
export function resolve(summaries: readonly RangeSummary[], size: number): readonly Cut[] {
  const resolver = new Resolver();
  const starts = summaries.flatMap((summary) => resolver.add(summary) ?? []);
  return starts.map((start, index) => cutOf(start, starts[index + 1], size));
}

/** From one start to the next, or to the end of the file. */
export function cutOf(start: Start, next: Start | undefined, size: number): Cut {
  return next === undefined ? { ...start, to: size } : { ...start, to: next.from, openAtEnd: next.open };
}

function startIn(stretch: Stretch, { encoding }: RangeSummary, reached: Reached): Start | undefined {
  const { open, key, rootSeen, line, column } = reached;
  const within = key === -1 ? 0 : open.length - key;
  const candidate = stretch.candidates.find(({ closes }) => closes >= within);
  if (candidate === undefined || candidate.closes > open.length) return undefined;
  return {
    from: candidate.at,
    ...moved({ line, column }, candidate.length),
    encoding,
    open: [...open.slice(0, open.length - candidate.closes), ...candidate.opens],
    rootSeen: rootSeen || candidate.hasTagsBefore,
  };
}

/** False when more is closed than was open. */
function pass(stretch: Stretch, reached: Reached): boolean {
  const { open } = reached;
  if (stretch.closes > open.length) return false;
  open.length -= stretch.closes;
  if (reached.key >= open.length) reached.key = -1;
  if (reached.key === -1 && stretch.key !== undefined) reached.key = open.length + stretch.key;
  open.push(...stretch.opens);
  reached.rootSeen ||= stretch.hasTags;
  return true;
}

function moved({ line, column }: { line: number; column: number }, { lineEnds, characters }: TextLength) {
  return lineEnds === 0 ? { line, column: column + characters } : { line: line + lineEnds, column: 1 + characters };
}
