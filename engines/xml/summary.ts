import type { Encoding } from './encoding.ts';

/**
 * What one range of a file does to a document, whatever comes before it: plain JSON of a few hundred bytes, at most
 * `summaryBytesMax`.
 *
 * A range [from, to) answers for the tokens that begin at the first `<` at or after `from`, up to the first `<` at or
 * after `to`. At a `<`, a well-formed document is in one of four states only, since `<` can be part of neither a tag nor
 * an attribute's value: hence one `Lane` for each, and none for the states inside tags and quotes.
 */
export interface RangeSummary {
  readonly from: number;
  readonly to: number;
  readonly encoding: Encoding;
  /** By the state in which the range begins; a lane that is missing cannot be: with it the document is malformed. */
  readonly lanes: Readonly<Partial<Record<LexicalState, Lane>>>;
  /** What lanes go through, each stretch once: lanes that meet share the stretches from there on. */
  readonly stretches: readonly Stretch[];
}

export type LexicalState = 'content' | 'comment' | 'cdata' | 'instruction';

/** Through which stretches a range is passed, and in which state it ends. */
export interface Lane {
  /** Index of the first stretch; absent when the range never leaves the state that it began in. */
  readonly first?: number;
  /** State at the range's end; that of the last stretch, when there is one. */
  readonly end: LexicalState;
}

export interface Stretch {
  /** End tags whose start tags are before the stretch. */
  readonly closes: number;
  /** Start tags whose end tags are behind it. */
  readonly opens: readonly OpenTag[];
  readonly candidates: readonly Candidate[];
  /** Absent for the last. */
  readonly next?: number;
}

export interface OpenTag {
  /** As it is written. */
  readonly text: string;
  readonly isKey: boolean;
}

/**
 * A key start tag that is no descendant of another one in its stretch. Whether it is of one before the stretch depends
 * on how many of the elements that were open there it leaves open: so the first of each `closes` is all that is needed.
 */
export interface Candidate {
  readonly at: number;
  /** End tags so far whose start tags are before the stretch. */
  readonly closes: number;
  /** Elements that the stretch opened around it: all of them open. */
  readonly opens: readonly string[];
}
