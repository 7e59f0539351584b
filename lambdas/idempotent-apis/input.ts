import * as z from 'zod';
import type { ChargeRequest, NetworkRequest } from './domain.ts';

const name = z.string().regex(/^[\w.-]{1,64}$/, 'give 1 to 64 letters, digits, ".", "_" or "-"');

const purchase = {
  orderId: name,
  customerId: name,
  email: z.string().max(254).toLowerCase().pipe(z.email()),
  /** A card network's field has eight digits. */
  amount: z.int().min(1).max(99_999_999),
  currency: z.enum(['EUR', 'GBP', 'JPY', 'USD']),
};
const card = z.string().regex(/^tok_[a-z0-9_]{1,60}$/, 'give the token of a card, such as "tok_visa"');

/** The body of `POST /charges`. */
export const chargeBody: z.ZodType<ChargeRequest> = z.discriminatedUnion('method', [
  z.strictObject({ ...purchase, method: z.literal('invoice') }),
  z.strictObject({ ...purchase, method: z.literal('card'), card }),
]);

const keyText = '[A-Za-z0-9._~:+/=-]{16,128}';

/**
 * The header Idempotency-Key: the IETF draft has a string of structured fields, in quotes, everybody else the bare one.
 * Both are the same key. Short ones are refused, since two clients would choose the same.
 */
export const idempotencyKey = z
  .string('send one, such as a UUID, and the same with every retry')
  .regex(new RegExp(`^(?:"${keyText}"|${keyText})$`), 'give 16 to 128 letters, digits or any of ._~:+/=-')
  .transform((text) => text.replaceAll('"', ''));

export const chargeId = z.string().regex(/^ch_[0-9a-f-]{36}$/);

const networkKey = z.string().min(1).max(128).exactOptional();

const networkBody = z.discriminatedUnion('action', [
  z.strictObject({
    action: z.literal('charge'),
    key: networkKey,
    fencingToken: z.int().min(1).exactOptional(),
    orderId: name,
    amount: purchase.amount,
    currency: purchase.currency,
    card,
  }),
  z.strictObject({ action: z.literal('refund'), key: networkKey, orderId: name }),
]);

/** What the card network is asked. @throws {Error} for anything else: its callers are our own functions. */
export function parseNetworkRequest(event: unknown): NetworkRequest {
  const result = networkBody.safeParse(event);
  if (result.success) return result.data;
  throw new Error(`the card network takes no such request: ${z.prettifyError(result.error).slice(0, 500)}`);
}
