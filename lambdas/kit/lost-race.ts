import type { CancellationReason, TransactionCanceledException } from '@aws-sdk/client-dynamodb';

/**
 * Codes of cancellation reasons, and names of exceptions: what was read is no longer so, another transaction is at an
 * item, or a partition is busy, which the SDK does not try again within a transaction.
 */
const lostRaces = new Set([
  'ConditionalCheckFailed',
  'ConditionalCheckFailedException',
  'TransactionConflict',
  'TransactionConflictException',
  'TransactionInProgressException',
  'ProvisionedThroughputExceeded',
  'ThrottlingError',
]);

/**
 * Whether a write did nothing since it lost a race: to read and to try again may help. A cancelled transaction lost one
 * only if all of its reasons say so; among them a ValidationError stays as it is, however often it is tried.
 */
export function isLostRace(
  error: unknown,
): error is Error & { readonly CancellationReasons?: readonly CancellationReason[] } {
  if (!(error instanceof Error)) return false;
  if (error.name !== 'TransactionCanceledException') return lostRaces.has(error.name);
  const { CancellationReasons: reasons = [] } = error as TransactionCanceledException;
  const codes = reasons.map(({ Code = 'None' }) => Code).filter((code) => code !== 'None');
  return codes.length > 0 && codes.every((code) => lostRaces.has(code));
}
