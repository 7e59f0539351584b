/**
 * Constructor argument of every SDK client in a handler: `new DynamoDBClient(bounded)`. The SDK's own default waits for
 * a silent server without end. One client a process, made outside the handler, keeps its connections.
 */
export const bounded = {
  /** The first attempt and three retries, with the SDK's backoff and jitter. */
  maxAttempts: 4,
  requestHandler: {
    connectionTimeout: 2_000,
    /** Between two packets, so that a large object may take longer than that. */
    socketTimeout: 10_000,
  },
} as const;

/** A service did not say what it did, such as a function that died: to be asked again, as one that is away. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
}
