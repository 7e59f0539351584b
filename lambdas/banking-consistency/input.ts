import * as z from 'zod';
import { type Account, auditing, currencies, type Cursor, limits, type TransferRequest } from './domain.ts';

/** `~` is not for clients: parts of accounts and ids of reversals have it. */
const id = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'give 1 to 64 letters, digits, "-" or "_"');
const currency = z.enum(currencies, `give one of ${currencies.join(', ')}`);

export const accountId: z.ZodType<string> = id;
export const transferId: z.ZodType<string> = id;

export const accountBody: z.ZodType<Account> = z.strictObject({
  accountId: id,
  currency,
  overdraftMinor: z.int().min(0).max(limits.balanceMinorMax).default(0),
  parts: z.int().min(1).max(limits.partsMax).default(1),
});

export const transferBody: z.ZodType<TransferRequest> = z
  .strictObject({
    transferId: id,
    from: id,
    to: id,
    amountMinor: z.int('give a whole number of minor units, such as 1250 for 12.50').min(1).max(limits.amountMinorMax),
    currency,
  })
  .refine(({ from, to }) => from !== to, { path: ['to'], message: 'is the account that pays: give another' });

/** `?ids=a,b,c` */
export const accountsQuery: z.ZodType<{ readonly ids: readonly string[] }> = z.strictObject({
  ids: z
    .string('give account ids, separated by commas')
    .transform((text) => text.split(','))
    .pipe(z.array(id).min(1).max(limits.snapshotMax))
    .refine((ids) => new Set(ids).size === ids.length, 'names an account twice'),
});

/** `?attempt=2` */
export const reversalQuery: z.ZodType<{ readonly attempt: number }> = z.strictObject({
  attempt: z
    .string()
    .regex(/^\d{1,2}$/, 'give a whole number')
    .transform(Number)
    .pipe(z.int().min(1).max(limits.reversalAttemptsMax))
    .default(1),
});

/** `?limit=50&cursor=…` */
export const statementQuery: z.ZodType<{ readonly limit: number; readonly cursor: Cursor }> = z.strictObject({
  limit: z
    .string()
    .regex(/^\d{1,3}$/, 'give a whole number')
    .transform(Number)
    .pipe(z.int().min(1).max(limits.pageMax))
    .default(50),
  cursor: z
    .string()
    .regex(/^\d{1,2}\.[0-9a-f#-]{0,60}$/, 'give the "next" of the page before')
    .transform((text): Cursor => {
      const [index, after = ''] = text.split('.') as [string, string?];
      return { index: Number(index), ...(after === '' ? {} : { after }) };
    })
    .default({ index: 0 }),
});

const text = z.strictObject({ S: z.string() }).transform(({ S }) => S);
const number = z
  .strictObject({ N: z.string() })
  .transform(({ N }) => Number(N))
  .pipe(z.int());
const image = z.object({
  part: text,
  version: number,
  transferId: text,
  deltaMinor: number,
  balanceMinor: number,
  currency: text,
  atMs: number,
});
const streamRecord = z.union([
  z.object({ eventName: z.literal('INSERT'), dynamodb: z.object({ NewImage: image }) }),
  z.object({ eventName: z.literal('MODIFY'), dynamodb: z.object({ NewImage: image }) }),
  z.object({ eventName: z.literal('REMOVE'), dynamodb: z.object({ OldImage: image }) }),
]);
const streamHead = z.object({
  dynamodb: z.object({ SequenceNumber: z.string().min(1), ApproximateCreationDateTime: z.number() }),
});

/**
 * One change of the entries' table, and when it was made. Throws for what is no entry: such a thing got into the ledger
 * past the bank, and the archive stops at it, so that somebody comes and looks.
 */
export function parseStreamRecord(record: unknown) {
  const what = 'a change of the entries’ table is no entry';
  const { eventName, dynamodb } = parsed(streamRecord, record, what);
  const { SequenceNumber, ApproximateCreationDateTime } = parsed(streamHead, record, what).dynamodb;
  return {
    madeAtMs: ApproximateCreationDateTime * 1000,
    change: {
      sequence: SequenceNumber,
      change: ({ INSERT: 'insert', MODIFY: 'modify', REMOVE: 'remove' } as const)[eventName],
      entry: 'NewImage' in dynamodb ? dynamodb.NewImage : dynamodb.OldImage,
    },
  };
}

const auditInput = z.strictObject({
  toleranceMs: z.int().min(0).max(auditing.toleranceMaxMs).default(auditing.toleranceMs),
  /** Whether to walk the whole chain, or on from where the last audit found all to be well. */
  whole: z.boolean().default(false),
});

/** What an audit is started with. Throws for anything else. */
export function parseAuditInput(input: unknown): { readonly toleranceMs: number; readonly whole: boolean } {
  return parsed(auditInput, input, 'the audit’s input is not valid');
}

const problemsMax = 500;

function parsed<T>(schema: z.ZodType<T>, input: unknown, what: string): T {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  throw new Error(`${what}: ${z.prettifyError(result.error).slice(0, problemsMax).replaceAll(/\s+/g, ' ')}`);
}
