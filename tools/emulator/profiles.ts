/**
 * Rules of microburst (its README has all fields). The first that matches a request and wins its draw is applied; a
 * rule's `probability` is a draw of its own for each request.
 */
export interface FaultRule {
  /** Signing name of a service such as `dynamodb`; every service when absent. */
  readonly service?: string;
  readonly operation?: string;
  readonly probability: number;
  /** Answered in the service's own wire format, without the call being made. */
  readonly error?: { readonly code: string; readonly status: number };
  /** Closes the connection before the call is made. */
  readonly reset?: true;
  /** Milliseconds before the call is made. */
  readonly latency?: { readonly min: number; readonly max: number };
  /** After the call was made: `abort_bytes` closes the connection there, `truncate_frac` ends the body there. */
  readonly response?: { readonly abort_bytes: number } | { readonly truncate_frac: number };
}

const internalErrors: readonly FaultRule[] = [
  { service: 'dynamodb', probability: 0.05, error: { code: 'InternalServerError', status: 500 } },
  { service: 's3', probability: 0.05, error: { code: 'InternalError', status: 500 } },
  { service: 'sqs', probability: 0.05, error: { code: 'InternalError', status: 500 } },
];

const throttles: readonly FaultRule[] = [
  { service: 'dynamodb', probability: 0.3, error: { code: 'ProvisionedThroughputExceededException', status: 400 } },
  { service: 's3', probability: 0.1, error: { code: 'SlowDown', status: 503 } },
  { service: 'sqs', probability: 0.1, error: { code: 'RequestThrottled', status: 403 } },
];

const resets: readonly FaultRule[] = [{ probability: 0.05, reset: true }];
const abortedReplies: readonly FaultRule[] = [{ probability: 0.05, response: { abort_bytes: 0 } }];
const truncatedReplies: readonly FaultRule[] = [{ probability: 0.05, response: { truncate_frac: 0.5 } }];
const latency: readonly FaultRule[] = [{ probability: 0.2, latency: { min: 50, max: 500 } }];

/** Faults on the wire by name, as `designs prove --faults` takes them. */
export const profiles = {
  none: [],
  throttles,
  'internal-errors': internalErrors,
  resets,
  'truncated-replies': truncatedReplies,
  /** The call commits and the client sees a broken connection. */
  'aborted-replies': abortedReplies,
  latency,
  everything: [...internalErrors, ...throttles, ...resets, ...abortedReplies, ...truncatedReplies, ...latency],
} as const satisfies Readonly<Record<string, readonly FaultRule[]>>;

export type ProfileName = keyof typeof profiles;
