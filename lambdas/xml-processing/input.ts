import * as z from 'zod';
import { type CutItem, type LoadRequest, LoadRefused, limits, type RangeItem } from './domain.ts';

const name = String.raw`[\p{L}_][\p{L}\p{N}._\-]*`;
const qualified = `(?:${name}:)?${name}`;
const tag = z
  .string()
  .max(limits.nameCharsMax)
  .regex(new RegExp(`^${qualified}$`, 'u'), 'give an element’s name, such as "offer" or "shop:offer"');
/** Below the record: child elements, and at the end perhaps an attribute. */
const path = z
  .string()
  .max(limits.nameCharsMax)
  .regex(
    new RegExp(`^(?:\\.|(?:${qualified}/)*@?${qualified})$`, 'u'),
    'give a path below the record, such as "price", "offer/price", "price/@currency" or "."',
  );

const loadInput = z.strictObject({
  key: z
    .string()
    .max(512)
    .regex(/^documents\/[^\p{Cc}\p{Cs}]+$/u, 'give the key of an object below documents/'),
  versionId: z.string().min(1).max(1024).exactOptional(),
  tag,
  sum: path.exactOptional(),
  by: path.exactOptional(),
  rangeBytes: z
    .int()
    .min(limits.rangeBytesMin)
    .max(limits.rangeBytesMax)
    .multipleOf(limits.rangeBytesMin)
    .exactOptional(),
  oneWorkerBytesMax: z.int().min(0).max(limits.oneWorkerBytesMax).default(limits.oneWorkerBytesMax),
});

/** The input of an execution. Throws LoadRefused, which names each field that is wrong and what it takes. */
export function parseLoadInput(input: unknown): LoadRequest {
  return parsed(loadInput, input, 'the load’s input');
}

const loadId = z.string().regex(/^[0-9a-f]{32}$/, 'give the "loadId" of a plan');
const rangeItem = z.strictObject({ loadId, range: z.int().min(0).max(limits.rangesMax) });
const cutItem = z.strictObject({ loadId, cut: z.int().min(0).max(limits.rangesMax) });
const loadItem = z.strictObject({ loadId });

/** What a child of the scanning map is given. Throws LoadRefused for anything else. */
export function parseRangeItem(input: unknown): RangeItem {
  return parsed(rangeItem, input, 'the range');
}

/** What a child of the loading map is given. Throws LoadRefused for anything else. */
export function parseCutItem(input: unknown): CutItem {
  return parsed(cutItem, input, 'the cut');
}

/** What the steps between the maps are given. Throws LoadRefused for anything else. */
export function parseLoadItem(input: unknown): { readonly loadId: string } {
  return parsed(loadItem, input, 'the load');
}

/** What a refusal quotes may be as long as what was sent; a state machine's cause and a log line may not. */
const problemsMax = 1000;

function parsed<T>(schema: z.ZodType<T>, input: unknown, what: string): T {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const problems = z.prettifyError(result.error).slice(0, problemsMax).replaceAll(/\s+/g, ' ');
  throw new LoadRefused(`${what} is not valid: ${problems}`);
}
