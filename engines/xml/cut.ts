import type { Encoding } from './encoding.ts';

/**
 * Where a reader may begin: between two tokens, outside any record. Plain JSON, so that it travels in messages and is
 * stored as a checkpoint.
 */
export interface Start {
  /** Offset in the file, from 0. */
  readonly from: number;
  /** Of the character at `from`, as in `Place`. */
  readonly line: number;
  readonly column: number;
  readonly encoding: Encoding;
  /**
   * Start tags of the open elements, outermost first: with them namespaces, xml:lang and xml:space are in force, and
   * end tags have something to match.
   */
  readonly open: readonly string[];
  /** Whether the root's start tag is before `from`: with nothing open, what tells the prolog from the end. */
  readonly rootSeen: boolean;
}

/** A stretch of a file that one reader takes. The cuts of a file follow each other without a gap, the first from 0. */
export interface Cut extends Start {
  /** Exclusive: the next cut's `from`, or the file's size. */
  readonly to: number;
  /**
   * Start tags that must be open at `to`, those that the next cut begins with; absent at the file's end, where the
   * document must be complete. So reading all cuts is as strict as reading the file.
   */
  readonly openAtEnd?: readonly string[];
}
