import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { changedLines, gapsBetween } from '../../../tools/diff/sequences.ts';

const seed = 20_261_125;
const letters = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 9 });
const equal = (a: string, b: string) => a === b;

/** Slow and obvious: tries every subsequence of the shorter one. */
function longestCommon(a: readonly string[], b: readonly string[]): number {
  let best = 0;
  for (let chosen = 0; chosen < 2 ** a.length; chosen++) {
    const part = a.filter((_, i) => (chosen >> i) & 1);
    let at = 0;
    for (const letter of b) if (letter === part[at]) at++;
    if (at === part.length) best = Math.max(best, part.length);
  }
  return best;
}

describe('gapsBetween', () => {
  it('leaves a longest common subsequence between the gaps', () => {
    fc.assert(
      fc.property(letters, letters, (before, after) => {
        const gaps = gapsBetween(before, after, equal);
        const kept = (sequence: readonly string[], out: readonly (readonly [number, number])[]) =>
          sequence.filter((_, i) => out.every(([start, end]) => i < start || i >= end));
        const left = kept(
          before,
          gaps.map(({ from, fromEnd }) => [from, fromEnd]),
        );
        expect(left).toEqual(
          kept(
            after,
            gaps.map(({ to, toEnd }) => [to, toEnd]),
          ),
        );
        expect(left.length).toBe(longestCommon(before, after));
      }),
      { seed },
    );
  });
});

describe('changedLines', () => {
  it.each([
    ['', '', 0],
    ['a\nb\n', 'a\nb', 0],
    ['a\nb\nc\n', 'a\nx\nc\n', 2],
    ['a\n', 'a\nb\nc\n', 2],
    ['a\r\nb\r\n', 'a\nb\n', 0],
  ])('counts what leaves and what comes between %j and %j', (before, after, count) => {
    expect(changedLines(before, after)).toBe(count);
  });

  it('takes two files too long to compare for wholly different, instead of running for minutes', () => {
    const long = 'line\n'.repeat(5000);
    expect(changedLines(long, long.repeat(2))).toBe(15_000);
  });
});
