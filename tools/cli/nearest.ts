import { closest, distance } from 'fastest-levenshtein';

/** The candidate that `given` is probably a misspelling of; undefined when none is near. */
export function nearest(given: string, candidates: readonly string[]): string | undefined {
  const inFull = candidates.filter((candidate) => given.length >= 3 && candidate.startsWith(given));
  if (inFull.length === 1) return inFull[0];
  if (candidates.length === 0) return undefined;
  const candidate = closest(given, candidates);
  // A third of the letters wrong is a misspelling; more is another word.
  return distance(given, candidate) <= Math.max(2, Math.ceil(candidate.length / 3)) ? candidate : undefined;
}
