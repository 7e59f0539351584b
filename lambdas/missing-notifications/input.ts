import * as z from 'zod';
import { modes, nightlyWindow, problemOfId, RunRefused, type RunRequest } from './domain.ts';

const instant = z.iso
  .datetime({ error: 'give an instant in UTC, such as 2026-11-23T00:00:00Z' })
  .transform((text) => Date.parse(text));
const runId = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$/,
    'give 1 to 80 letters, digits, dots, dashes or underscores, and start with a letter or digit',
  );
const options = {
  allowPartial: z.boolean().default(false),
  mode: z.enum(modes, { error: `give ${modes.map((mode) => `"${mode}"`).join(', ')}, or nothing` }).exactOptional(),
};

/** Started by a person: a run ID of theirs, and the window. */
const asked = z.strictObject({
  runId,
  from: instant,
  to: instant,
  ...options,
});

/** Started by the schedule, which tells when it was due. */
const scheduled = z.strictObject({ scheduledAt: instant, ...options });

/** The request in an execution's input. Throws RunRefused, which names each field that is wrong and what it takes. */
export function parseRunInput(input: unknown): RunRequest {
  const bySchedule = typeof input === 'object' && input !== null && 'scheduledAt' in input;
  const parsed = bySchedule ? scheduled.safeParse(input) : asked.safeParse(input);
  if (!parsed.success) throw new RunRefused(`the run's input is not valid: ${problemsOf(parsed.error)}`);
  const { data } = parsed;
  const window =
    'scheduledAt' in data ? nightlyWindow(data.scheduledAt) : { runId: data.runId, fromMs: data.from, toMs: data.to };
  return { ...window, allowPartial: data.allowPartial, ...(data.mode === undefined ? {} : { mode: data.mode }) };
}

const documentId = z.string().superRefine((id, { addIssue }) => {
  const problem = problemOfId(id);
  if (problem !== undefined) addIssue(problem);
});
const missedMessage = z.strictObject({ runId, documentId });
const delivery = z.strictObject({ documentId, idempotencyKey: z.string().min(1).max(256).exactOptional() });

/** A message or a call that is not what it has to be: says each field that is wrong, and what it takes. */
export class InputRefused extends Error {
  override readonly name = 'InputRefused';
}

/** A message of the queue of missed documents. Throws InputRefused for anything else, so that it ends as a dead letter. */
export function parseMissedMessage(body: string): z.output<typeof missedMessage> {
  let message: unknown;
  try {
    message = JSON.parse(body);
  } catch (error) {
    throw new InputRefused(`the message is no JSON: ${inLine((error as SyntaxError).message)}`, { cause: error });
  }
  const parsed = missedMessage.safeParse(message);
  if (!parsed.success) throw new InputRefused(`the message is not valid: ${problemsOf(parsed.error)}`);
  return parsed.data;
}

/** Throws InputRefused for anything but a document's ID and, perhaps, an idempotency key. */
export function parseDelivery(event: unknown): z.output<typeof delivery> {
  const parsed = delivery.safeParse(event);
  if (!parsed.success) throw new InputRefused(`the delivery is not valid: ${problemsOf(parsed.error)}`);
  return parsed.data;
}

/** What a refusal quotes may be as long as what was sent; a state machine's cause and a log line may not. */
const problemsMax = 1000;

function problemsOf(error: z.ZodError): string {
  return inLine(z.prettifyError(error));
}

function inLine(text: string): string {
  return text.slice(0, problemsMax).replaceAll(/\s+/g, ' ');
}
