interface Hold {
  readonly endpoint: string | undefined;
  users: number;
  readonly free: Promise<void>;
  readonly release: () => void;
}

/** What AWS_ENDPOINT_URL names for now, and until when. */
let held: Hold | undefined;

/**
 * Runs `work` while AWS_ENDPOINT_URL names `endpoint` (or nothing): the CDK toolkit takes an endpoint in no other way,
 * and the environment is the whole process's. So work for the same endpoint runs together, and for another one waits.
 */
export async function withEndpoint<T>(endpoint: string | undefined, work: () => Promise<T>): Promise<T> {
  for (let other = held; other !== undefined && other.endpoint !== endpoint; other = held) await other.free;
  const before = process.env['AWS_ENDPOINT_URL'];
  if (held === undefined) {
    const { promise: free, resolve } = Promise.withResolvers<void>();
    set(endpoint);
    held = { endpoint, users: 0, free, release: () => (set(before), resolve()) };
  }
  const mine = held;
  mine.users++;
  try {
    return await work();
  } finally {
    if (--mine.users === 0) {
      held = undefined;
      mine.release();
    }
  }
}

function set(endpoint: string | undefined): void {
  if (endpoint === undefined) delete process.env['AWS_ENDPOINT_URL'];
  else process.env['AWS_ENDPOINT_URL'] = endpoint;
}
