/** A stretch in which two sequences differ: `before[from, fromEnd)` has become `after[to, toEnd)`. */
export interface Gap {
  readonly from: number;
  readonly fromEnd: number;
  readonly to: number;
  readonly toEnd: number;
}

/** Cells of the table below: 64 MB. Handlers and policies have hundreds of lines, not thousands. */
const cellsMax = 16_000_000;

/**
 * Where two sequences differ: the stretches between the items of a longest common subsequence (dynamic programming over
 * suffixes, O(n·m) time and memory). Sequences too long for the table differ as a whole.
 */
export function gapsBetween<T>(
  before: readonly T[],
  after: readonly T[],
  equal: (a: T, b: T) => boolean,
): readonly Gap[] {
  const [rows, width] = [before.length, after.length + 1];
  if (rows * width > cellsMax) return [{ from: 0, fromEnd: rows, to: 0, toEnd: after.length }];
  const matches = (i: number, j: number) => i < rows && j < after.length && equal(before[i] as T, after[j] as T);
  const common = new Uint32Array((rows + 1) * width);
  const commonAt = (i: number, j: number) => common[i * width + j] ?? 0;
  for (let i = rows - 1; i >= 0; i--) {
    for (let j = after.length - 1; j >= 0; j--) {
      common[i * width + j] = matches(i, j)
        ? commonAt(i + 1, j + 1) + 1
        : Math.max(commonAt(i + 1, j), commonAt(i, j + 1));
    }
  }
  const gaps: Gap[] = [];
  for (let i = 0, j = 0; i < rows || j < after.length;) {
    const [from, to] = [i, j];
    while ((i < rows || j < after.length) && !matches(i, j)) {
      if (j === after.length || (i < rows && commonAt(i + 1, j) >= commonAt(i, j + 1))) i++;
      else j++;
    }
    if (i > from || j > to) gaps.push({ from, fromEnd: i, to, toEnd: j });
    for (; matches(i, j); i++) j++;
  }
  return gaps;
}

/** Lines removed plus lines added, as `git diff --stat` counts them. */
export function changedLines(before: string, after: string): number {
  const gaps = gapsBetween(linesOf(before), linesOf(after), (a, b) => a === b);
  return gaps.reduce((sum, { from, fromEnd, to, toEnd }) => sum + (fromEnd - from) + (toEnd - to), 0);
}

export function linesOf(text: string): readonly string[] {
  return text === '' ? [] : text.replace(/\r?\n$/, '').split(/\r?\n/);
}
