/**
 * The values of environment variables, under the names that code uses:
 * `readEnv({ documentsTable: 'DOCUMENTS_TABLE' }).documentsTable`.
 *
 * The question's `env.ts` holds that record of names, which its stacks import too; only handlers read the values.
 * Throws an Error that names every variable that is missing or empty.
 */
export function readEnv<Key extends string>(
  names: Readonly<Record<Key, string>>,
  source: NodeJS.ProcessEnv = process.env,
): Readonly<Record<Key, string>> {
  const entries = Object.entries<string>(names);
  const missing = entries.filter(([, name]) => !source[name]).map(([, name]) => name);
  if (missing.length > 0) {
    const [variables, them] = missing.length === 1 ? ['variable', 'it'] : ['variables', 'them'];
    throw new Error(
      `missing environment ${variables} ${missing.join(', ')}: the stack must set ${them} on the function`,
    );
  }
  return Object.fromEntries(entries.map(([key, name]) => [key, source[name]])) as Record<Key, string>;
}
