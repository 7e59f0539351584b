/**
 * Environment variables of a handler: `names` is what its env.ts says, so that a name stands in one place only, and a
 * value that is missing does not compile.
 */
export function variables<Key extends string>(
  names: Readonly<Record<Key, string>>,
  values: Readonly<Record<Key, string>>,
): Record<string, string> {
  return Object.fromEntries((Object.keys(names) as Key[]).map((key) => [names[key], values[key]]));
}
