import { TransactionCanceledException } from '@aws-sdk/client-dynamodb';
import { describe, expect, it } from 'vitest';
import { isLostRace } from '../../../lambdas/kit/lost-race.ts';

function cancelled(...codes: readonly (string | undefined)[]): TransactionCanceledException {
  return new TransactionCanceledException({
    $metadata: {},
    message: 'Transaction cancelled',
    CancellationReasons: codes.map((Code) => (Code === undefined ? {} : { Code })),
  });
}

describe('a write that did nothing', () => {
  it.each([
    [['None', 'ConditionalCheckFailed']],
    [['TransactionConflict', 'None']],
    [['ThrottlingError', undefined]],
    [['ProvisionedThroughputExceeded', 'ConditionalCheckFailed']],
  ])('lost a race when all that was in its way may be gone the next time: %j', (codes) => {
    expect(isLostRace(cancelled(...codes))).toBe(true);
  });

  it.each([
    [['None', 'ValidationError']],
    [['TransactionConflict', 'ValidationError']],
    [['ConditionalCheckFailed', 'ItemCollectionSizeLimitExceeded']],
    [['None', 'None']],
    [[]],
  ])('is an error when something is wrong with it, or nothing is said: %j', (codes) => {
    expect(isLostRace(cancelled(...codes))).toBe(false);
  });

  it.each([
    ['ConditionalCheckFailedException', true],
    ['TransactionConflictException', true],
    ['TransactionInProgressException', true],
    ['ThrottlingException', false],
    ['ValidationException', false],
    ['AccessDeniedException', false],
  ])('of one item, or without reasons, goes by its name: %s', (name, lost) => {
    expect(isLostRace(Object.assign(new Error('refused'), { name }))).toBe(lost);
  });

  it('is an error when it is none', () => {
    expect([isLostRace(undefined), isLostRace('TransactionConflictException')]).toEqual([false, false]);
  });
});
