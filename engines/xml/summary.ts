import type { Encoding } from './encoding.ts';

/**
 * What one range of a file does to a document, whatever comes before it: plain JSON, a few hundred bytes for nearly all
 * documents and never above twice `summaryCharsMax`.
 *
 * A range [from, to) answers for the bytes from the first `<` at or after `from` up to the first `<` at or after `to`.
 * At a `<`, a well-formed document is in one of four states only, since `<` can be part of neither a tag nor an
 * attribute's value. Hence a `Lane` for each of the four, and none for the states inside tags, quotes or half a `-->`.
 */
export interface RangeSummary {
  readonly from: number;
  readonly to: number;
  readonly encoding: Encoding;
  /** Those that were tried; all four when absent. */
  readonly states?: readonly LexicalState[];
  /** By the state in which the range begins. One that is missing ends in what no well-formed document has. */
  readonly lanes: Readonly<Partial<Record<LexicalState, Lane>>>;
  /** What the lanes go through. Lanes that meet share the stretches from there on. */
  readonly stretches: readonly Stretch[];
  /** Over all that the range answers for. */
  readonly length: TextLength;
}

export type LexicalState = 'content' | 'comment' | 'cdata' | 'instruction';

export interface Lane {
  /** Index of the first stretch; absent when the range never leaves the state in which it began. */
  readonly first?: number;
  /** State at the range's end. */
  readonly end: LexicalState;
}

/** Tokens, from one place in content to another. */
export interface Stretch {
  /** End tags whose start tags are before the stretch. */
  readonly closes: number;
  /** Start tags, as they are written, whose end tags are behind the stretch, outermost first. */
  readonly opens: readonly string[];
  /** Index among `opens` of the outermost under the key tag; absent when none is. */
  readonly key?: number;
  /** Whether it has any start tag. */
  readonly hasTags: boolean;
  readonly candidates: readonly Candidate[];
  /** Index of the stretch that follows; absent for the last. */
  readonly next?: number;
}

/**
 * A key start tag that is inside no other one of its stretch. Whether it is inside one that the stretch began in depends
 * on how many of the elements around that beginning are closed by then; so the first candidate for each such number, in
 * ascending order, is all that a splitter can need.
 */
export interface Candidate {
  /** Offset of its `<` in the file. */
  readonly at: number;
  /** End tags before it whose start tags are before the stretch. */
  readonly closes: number;
  /** The stretch's own start tags that are open here. */
  readonly opens: readonly string[];
  /** Whether the stretch has a start tag before it. */
  readonly hasTagsBefore: boolean;
  /** From the beginning of what the range answers for. */
  readonly length: TextLength;
}

/** How far a text moves a place. */
export interface TextLength {
  readonly lineEnds: number;
  /** Characters behind the last line end; of all the text when there is none. */
  readonly characters: number;
}
