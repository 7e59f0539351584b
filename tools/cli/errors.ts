/** Bad usage or bad input: the command ends with exit code 2. The message says what, the value and the remedy. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly exitCode = 2;
}

/** The command was right and the run failed: exit code 1. */
export class RunError extends Error {
  override readonly name = 'RunError';
  readonly exitCode = 1;
}
