import * as z from 'zod';
import { limits, type Verb } from './domain.ts';

const id = z
  .string()
  .max(limits.idCharsMax)
  .regex(/^[a-z0-9][a-z0-9._-]*$/, 'give lower-case letters, digits, dots, underscores and hyphens');

export const userPath = z.strictObject({ user: id });

export const postPath = z.strictObject({ user: id, post: id });

export const pairPath = z
  .strictObject({ user: id, other: id })
  .refine(({ user, other }) => user !== other, { path: ['other'], message: 'is the user: name another one' });

/** What a page can show and a table can store: no control characters, no lone surrogates. */
const line = z
  .string()
  .min(1)
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'holds control characters or half of a character: leave them out');

export const userBody = z.strictObject({ name: line.max(limits.nameCharsMax) });

export const postBody = z.strictObject({
  text: z
    .string()
    .min(1)
    .max(limits.textCharsMax)
    .regex(/^(?:[^\p{Cc}\p{Cs}]|[\t\n\r])*$/u, 'holds control characters or half of a character: leave them out'),
});

/** What the schedule or a person gives the repair job: a member, or nothing for the next ones in turn. */
export const repairInput = z.strictObject({ user: id.exactOptional() });

const verbs: Readonly<Record<string, Verb>> = {
  'PUT /users/{user}/friends/{other}': 'befriend',
  'DELETE /users/{user}/friends/{other}': 'unfriend',
  'PUT /users/{user}/blocks/{other}': 'block',
  'DELETE /users/{user}/blocks/{other}': 'unblock',
};

/** What a route asks for. Throws for one that the stack does not have. */
export function verbOf(route: string): Verb {
  const verb = Object.hasOwn(verbs, route) ? verbs[route] : undefined;
  if (verb === undefined) throw new Error(`unknown route "${route}": add it to verbs in input.ts`);
  return verb;
}

interface StreamRecord {
  readonly dynamodb?: { readonly Keys?: Readonly<Record<string, { readonly S?: string } | undefined>> };
}

/** The sides that a stream's batch names, by user, each once. Throws for what is no such batch. */
export function changedSides(event: unknown): ReadonlyMap<string, readonly string[]> {
  const { Records: records } = (event ?? {}) as { readonly Records?: readonly StreamRecord[] };
  if (!Array.isArray(records)) throw new TypeError('the event has no records: connect the table’s stream');
  const sides = new Map<string, Set<string>>();
  for (const record of records as readonly (StreamRecord | null)[]) {
    const { user, other } = record?.dynamodb?.Keys ?? {};
    const key = z.strictObject({ user: id, other: id }).safeParse({ user: user?.S, other: other?.S });
    // Not ours, and never going to be: a batch must not wait for it.
    if (!key.success) continue;
    sides.set(key.data.user, (sides.get(key.data.user) ?? new Set()).add(key.data.other));
  }
  return new Map([...sides].map(([user, others]) => [user, [...others]]));
}
