import { DynamoDBClient, TransactionCanceledException } from '@aws-sdk/client-dynamodb';
import { describe, expect, it, vi } from 'vitest';
import { clickId } from '../../clients/consistency-choice/visitors.ts';
import { randomFrom } from '../../engines/simulation/random.ts';
import { countClicks, enter } from '../../lambdas/consistency-choice/steps.ts';
import { accounts, seenClicks } from '../../lambdas/consistency-choice/store.ts';

const logged: unknown[] = [];
vi.mock('../../lambdas/kit/run.ts', () => ({
  logger: { error: (_: string, error: Error) => void logged.push(error), warn: () => {} },
}));

const now = 1_800_000_000_000;
const waiting = { random: () => 0, wait: async () => {} };

/** A DynamoDB that finds nothing and cancels every transaction for these reasons. */
function cancelling(...codes: readonly string[]) {
  const client = new DynamoDBClient({ region: 'us-east-1' });
  const send = vi.fn<(command: object) => Promise<object>>(async (command) => {
    if (command.constructor.name !== 'TransactWriteItemsCommand') return { Items: [] };
    throw new TransactionCanceledException({
      $metadata: {},
      message: `cancelled [${codes.join(', ')}]`,
      CancellationReasons: codes.map((Code) => ({ Code })),
    });
  });
  client.send = send as typeof client.send;
  const transactions = () =>
    send.mock.calls.filter(([command]) => command.constructor.name === 'TransactWriteItemsCommand').length;
  return { client, transactions };
}

describe('a transaction that DynamoDB cancels', () => {
  const entry = { account: 'alice', id: 'e-1', amount: 500 };
  const messages = [{ messageId: 'm0', click: { page: 'a', id: clickId(randomFrom(1), now) } }];
  const count = (client: DynamoDBClient) =>
    countClicks(messages, { seen: seenClicks('seen', 'counters', client), clock: () => now, waiting });

  it.each(['TransactionConflict', 'ThrottlingError', 'ProvisionedThroughputExceeded'])(
    'is tried again six times when it lost a race: %s',
    async (code) => {
      const entering = cancelling('None', code);
      await expect(enter(entry, accounts('accounts', entering.client), waiting)).rejects.toMatchObject({ status: 503 });
      const counting = cancelling(code, 'None');
      expect(await count(counting.client)).toEqual(['m0']);
      expect([entering.transactions(), counting.transactions()]).toEqual([6, 6]);
    },
  );

  it('is an error, at once and by its name, when it is no valid one', async () => {
    const entering = cancelling('None', 'ValidationError');
    await expect(enter(entry, accounts('accounts', entering.client), waiting)).rejects.toThrow(
      'cancelled [None, ValidationError]',
    );
    const counting = cancelling('ConditionalCheckFailed', 'ValidationError');
    expect(await count(counting.client)).toEqual(['m0']);
    expect(logged.at(-1)).toMatchObject({ message: 'cancelled [ConditionalCheckFailed, ValidationError]' });
    expect([entering.transactions(), counting.transactions()]).toEqual([1, 1]);
  });
});
