import * as z from 'zod';
import { type Click, limits } from './domain.ts';

const name = z
  .string('give a name')
  .regex(
    /^[a-z0-9][a-z0-9-]{0,63}$/,
    'give 1 to 64 lower-case letters, digits or dashes, and start with a letter or digit',
  );

/** RFC 9562, version 7: its first 48 bits are the time. Taken in capitals too, which are the same ID. */
const clickId = z
  .string('give a UUID of version 7')
  .toLowerCase()
  .regex(
    /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    'give a UUID of version 7, such as 019ab3c4-5d6e-7f80-9123-456789abcdef',
  );

export const entryPath = z.strictObject({ account: name, entry: name });

const amountMax = limits.amountMax.toLocaleString('en-US');
export const entryBody = z.strictObject({
  amount: z
    .int('give a whole number of minor units, such as 1250 for 12.50')
    .min(-limits.amountMax, `give at least -${amountMax}`)
    .max(limits.amountMax, `give at most ${amountMax}`)
    .refine((amount) => amount !== 0, 'give an amount other than 0'),
});

export const accountPath = z.strictObject({ account: name });

export const pagePath = z.strictObject({ page: name });

export const clickPath = z.strictObject({ page: name, click: clickId });

export const topicPath = z.strictObject({ topic: name });

const clickMessage = z.strictObject({ page: name, id: clickId });

/** A click in a message of the queue. @throws {Error} for anything else, which ends as a dead letter. */
export function parseClickMessage(body: string): Click {
  return clickMessage.parse(JSON.parse(body));
}

const rankRequest = z.strictObject({ topic: name });

/** @throws {z.ZodError} for what asks for no topic. */
export function parseRankRequest(input: unknown): string {
  return rankRequest.parse(input).topic;
}
