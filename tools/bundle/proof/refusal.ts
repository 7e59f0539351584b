import { HttpResponse } from '@smithy/core/transport';
import type { Hit } from './faults.ts';

/** Of errors that are not the caller's fault, or have a status of their own; the others have 400. */
const statuses: Readonly<Record<string, number>> = {
  InternalError: 500,
  InternalFailure: 500,
  InternalServerError: 500,
  ServiceException: 500,
  ServiceUnavailable: 503,
  ServiceUnavailableException: 503,
  SlowDown: 503,
  TooManyRequestsException: 429,
  AccessDenied: 403,
  NoSuchKey: 404,
  NotFound: 404,
  PreconditionFailed: 412,
};

const canceled = 'TransactionCanceledException';
const conflictText = 'Transaction is ongoing for the item';

/** Messages of cancellation reasons, by code (API reference of TransactWriteItems); `None` has none. */
const reasonMessages: Readonly<Record<string, string>> = {
  TransactionConflict: conflictText,
  ConditionalCheckFailed: 'The conditional request failed',
  ItemCollectionSizeLimitExceeded: 'Collection size exceeded',
};

/** What was called. */
export interface Call {
  /** Shape id of the client's protocol, such as `aws.protocols#restXml`. */
  readonly protocol: string;
  readonly method: string;
  readonly input: object;
}

/**
 * What the service would put on the wire, for the client's own deserializer: so the handler catches the client's
 * exception class with its fields, and the SDK's retries judge it as they would on AWS.
 */
export function refusal({ fault, draw }: Hit, { protocol, method, input }: Call): HttpResponse {
  const name = fault.error ?? 'InternalServerError';
  const statusCode = statuses[name] ?? 400;
  const { message, ...fields } = errorOf(name, fault.reasons, draw, input);
  const xml = /#restXml$|Query$/.test(protocol);
  const headers = {
    'x-amzn-requestid': 'injected',
    ...(xml ? { 'content-type': 'application/xml' } : { 'content-type': 'application/json', 'x-amzn-errortype': name }),
  };
  // HTTP has no body in reply to HEAD: there the status is all that the client learns.
  const body =
    method === 'HEAD'
      ? ''
      : xml
        ? xmlBody(name, message, protocol)
        : JSON.stringify({ __type: name, message, ...fields });
  return new HttpResponse({ statusCode, headers, body: Buffer.from(body) });
}

interface ErrorFields {
  readonly message: string;
  readonly CancellationReasons?: readonly { readonly Code: string; readonly Message?: string }[];
}

function errorOf(name: string, reasons: readonly string[] | undefined, draw: number, input: object): ErrorFields {
  if (name === 'TransactionConflictException') return { message: conflictText };
  if (name !== canceled) return { message: `${name}, injected by the proof` };
  const { TransactItems, TransactStatements } = input as { TransactItems?: unknown[]; TransactStatements?: unknown[] };
  const items = (TransactItems ?? TransactStatements)?.length ?? 1;
  const conflicting = Math.floor(draw * items);
  const codes = Array.from({ length: items }, (_, item) =>
    reasons === undefined ? (item === conflicting ? 'TransactionConflict' : 'None') : (reasons[item] ?? 'None'),
  );
  return {
    message: `Transaction cancelled, please refer cancellation reasons for specific reasons [${codes.join(', ')}]`,
    CancellationReasons: codes.map((Code) =>
      Code === 'None' ? { Code } : { Code, Message: reasonMessages[Code] ?? `${Code}, injected by the proof` },
    ),
  };
}

function xmlBody(code: string, message: string, protocol: string): string {
  const error = `<Error><Code>${code}</Code><Message>${message}</Message><RequestId>injected</RequestId></Error>`;
  return protocol.endsWith('#restXml') ? error : `<ErrorResponse>${error}</ErrorResponse>`;
}
