import { CreateTableCommand, DynamoDBClient, GetItemCommand, waitUntilTableExists } from '@aws-sdk/client-dynamodb';
import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { clickId } from '../../clients/consistency-choice/visitors.ts';
import { randomFrom } from '../../engines/simulation/random.ts';
import { addMarks, groupsOf, limits } from '../../lambdas/consistency-choice/domain.ts';
import { accounts, counters, seenClicks } from '../../lambdas/consistency-choice/store.ts';
import { bounded } from '../../lambdas/kit/clients.ts';

const aws = inject('aws');
const dynamo = new DynamoDBClient({ ...bounded, ...aws });

async function tableOf(hash: string, range?: string): Promise<string> {
  const TableName = `consistency-store-test-${randomUUID()}`;
  const keys = [hash, ...(range === undefined ? [] : [range])];
  await dynamo.send(
    new CreateTableCommand({
      TableName,
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: keys.map((AttributeName, index) => ({ AttributeName, KeyType: index === 0 ? 'HASH' : 'RANGE' })),
      AttributeDefinitions: keys.map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
    }),
  );
  await waitUntilTableExists({ client: dynamo, minDelay: 1, maxDelay: 1, maxWaitTime: 60 }, { TableName });
  return TableName;
}

describe('an account', () => {
  let table: ReturnType<typeof accounts>;
  beforeAll(async () => {
    table = accounts(await tableOf('account', 'record'), dynamo);
  });

  it('has no balance before its first entry, and what its entries add up to afterwards', async () => {
    expect(await table.balance('alice', 'strong')).toBeUndefined();
    expect(await table.enter({ account: 'alice', id: 'e-1', amount: 700 })).toEqual({ entered: 'now' });
    expect(await table.enter({ account: 'alice', id: 'e-2', amount: -300 })).toEqual({ entered: 'now' });
    expect([await table.balance('alice', 'strong'), await table.balance('alice', 'eventual')]).toEqual([400, 400]);
  });

  it('makes an entry once, and knows it again', async () => {
    const entry = { account: 'bob', id: 'e-1', amount: 50 };
    expect(await table.enter(entry)).toEqual({ entered: 'now' });
    expect(await table.enter(entry)).toEqual({ entered: 'before' });
    expect(await table.enter({ ...entry, amount: 51 })).toEqual({ refused: 'another amount', amount: 50 });
    expect(await table.balance('bob', 'strong')).toBe(50);
  });

  it('knows an entry again that took the last of the funds', async () => {
    await table.enter({ account: 'carol', id: 'e-1', amount: 10 });
    const all = { account: 'carol', id: 'e-2', amount: -10 };
    expect([await table.enter(all), await table.enter(all)]).toEqual([{ entered: 'now' }, { entered: 'before' }]);
  });

  it('goes neither below zero nor above what is exact, and keeps no entry that was refused', async () => {
    expect(await table.enter({ account: 'dan', id: 'e-1', amount: -1 })).toEqual({ refused: 'funds' });
    expect(await table.balance('dan', 'strong')).toBeUndefined();
    expect(await table.hasEntry({ account: 'dan', id: 'e-1', amount: -1 })).toBe(false);
    await table.putBalance('dan', limits.balanceMax);
    expect(await table.enter({ account: 'dan', id: 'e-1', amount: 1 })).toEqual({ refused: 'funds' });
    expect(await table.enter({ account: 'dan', id: 'e-1', amount: -1 })).toEqual({ entered: 'now' });
    expect(await table.balance('dan', 'strong')).toBe(limits.balanceMax - 1);
  });

  it('loses nothing when thirty write at once', async () => {
    const entries = Array.from({ length: 30 }, (_, index) => ({ account: 'eve', id: `e-${index}`, amount: index + 1 }));
    const outcomes = await Promise.all([...entries, ...entries].map((entry) => table.enter(entry)));
    expect(outcomes.filter((outcome) => 'entered' in outcome && outcome.entered === 'now')).toHaveLength(30);
    expect(await table.balance('eve', 'strong')).toBe((30 * 31) / 2);
  });
});

describe('clicks that are counted', () => {
  let [countersTable, seenTable] = ['', ''];
  beforeAll(async () => {
    [countersTable, seenTable] = [await tableOf('page', 'shard'), await tableOf('group')];
  });
  const groupOf = (page: string) => {
    const clicks = Array.from({ length: 20 }, (_, index) => ({ page, id: clickId(randomFrom(index), 1.8e12) }));
    return groupsOf(clicks)[0]!;
  };

  it('move with their marks, and only while these are as they were read', async () => {
    const [seen, counter] = [seenClicks(seenTable, countersTable, dynamo), counters(countersTable, dynamo)];
    const group = groupOf('front');
    const before = await seen.read(group);
    expect(before).toEqual({ marks: new Uint8Array(), version: 0 });
    const { marks, added } = addMarks(before.marks, group.clicks);
    expect(await seen.count(group, before, marks, added)).toEqual({ counted: true });
    // Another consumer, or the same one after a lost reply, that read before.
    expect(await seen.count(group, before, marks, added)).toEqual({ counted: false });
    expect(await counter.clicks('front', 'eventual')).toBe(added);

    const after = await seen.read(group);
    expect({ version: after.version, marks: [...after.marks] }).toEqual({ version: 1, marks: [...marks] });
    expect(await seen.count(group, after, marks, 1)).toEqual({ counted: true });
    expect(await seen.count(group, after, marks, 1)).toEqual({ counted: false });
    expect(await counter.clicks('front', 'strong')).toBe(added + 1);
  });

  it('are added up over the shards of their page alone', async () => {
    const [seen, counter] = [seenClicks(seenTable, countersTable, dynamo), counters(countersTable, dynamo)];
    for (const shard of ['0', '1']) {
      const group = { ...groupOf('about'), shard, key: `about#${shard}` };
      await seen.count(group, { marks: new Uint8Array(), version: 0 }, new Uint8Array(11), 3);
    }
    await counter.addOne('other');
    expect([await counter.clicks('about', 'eventual'), await counter.clicks('none', 'eventual')]).toEqual([6, 0]);
  });

  it('are forgotten when nobody can send them again', async () => {
    const group = groupOf('expiring');
    await seenClicks(seenTable, countersTable, dynamo).count(
      group,
      { marks: new Uint8Array(), version: 0 },
      new Uint8Array(11),
      1,
    );
    const { Item } = await dynamo.send(new GetItemCommand({ TableName: seenTable, Key: { group: { S: group.key } } }));
    expect(Item?.['expiresAt']).toEqual({ N: String(group.expiresAt) });
  });
});
