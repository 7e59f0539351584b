import { CreateTableCommand, DynamoDBClient, GetItemCommand, waitUntilTableExists } from '@aws-sdk/client-dynamodb';
import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { clickId } from '../../clients/consistency-choice/visitors.ts';
import { randomFrom } from '../../engines/simulation/random.ts';
import { type Click, limits, type Segment, tallyOf, windowsOf } from '../../lambdas/consistency-choice/domain.ts';
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
    [countersTable, seenTable] = [await tableOf('page', 'shard'), await tableOf('window', 'segment')];
  });
  const stores = () => ({
    seen: seenClicks(seenTable, countersTable, dynamo),
    counter: counters(countersTable, dynamo),
  });
  const clicksAt = (atMs: number, ...pages: readonly string[]) =>
    pages.map((page, index) => ({ page, id: clickId(randomFrom(atMs + index), atMs) }));
  const tallied = async (clicks: readonly Click[]) => {
    const windows = windowsOf(clicks).map(async (window) => [window, await stores().seen.read(window)] as const);
    return tallyOf(clicks, new Map(await Promise.all(windows)));
  };

  it('move with their marks, and only while nobody added to these since they were read', async () => {
    const { seen, counter } = stores();
    const [one, other, late] = clicksAt(1.8e12, 'front', 'front', 'front') as [Click, Click, Click];
    const [window] = windowsOf([one]) as [string];
    expect(await seen.read(window)).toEqual({ marks: new Uint8Array(), segments: 0 });
    const [first, rival] = [await tallied([one, other]), await tallied([other, late])];
    expect(await seen.count(first, '0')).toEqual({ counted: true });
    // Another consumer, or the same one after a lost reply, that read before.
    expect(await seen.count(rival, '1')).toEqual({ counted: false });
    expect(await seen.count(first, '0')).toEqual({ counted: false });
    expect(await counter.clicks('front', 'eventual')).toBe(2);

    expect(await seen.count(await tallied([other, late]), '1')).toEqual({ counted: true });
    expect(await counter.clicks('front', 'strong')).toBe(3);
    const { marks, segments } = await seen.read(window);
    expect([marks.length, segments]).toEqual([33, 2]);
    expect((await tallied([one, other, late])).segments).toEqual([]);
  });

  it('of many windows and pages are one transaction: a window that moved undoes all of it', async () => {
    const { seen, counter } = stores();
    const clicks = [1.81e12, 1.81e12 + 5_000].flatMap((atMs) => clicksAt(atMs, 'x', 'y'));
    const batch = await tallied(clicks);
    expect(batch.segments).toHaveLength(2);
    expect(await seen.count(await tallied(clicks.slice(2)), '0')).toEqual({ counted: true });
    expect(await seen.count(batch, '0')).toEqual({ counted: false });
    expect([await counter.clicks('x', 'strong'), await counter.clicks('y', 'strong')]).toEqual([1, 1]);
    expect(await seen.count(await tallied(clicks), '1')).toEqual({ counted: true });
    expect([await counter.clicks('x', 'strong'), await counter.clicks('y', 'strong')]).toEqual([2, 2]);
  });

  it('are added up over the shards of their page alone', async () => {
    const { seen, counter } = stores();
    for (const [index, shard] of ['0', '1'].entries())
      await seen.count(await tallied(clicksAt(1.82e12 + index, 'about', 'about', 'about')), shard);
    await counter.addOne('other');
    expect([await counter.clicks('about', 'eventual'), await counter.clicks('none', 'eventual')]).toEqual([6, 0]);
  });

  it('are forgotten when nobody can send them again', async () => {
    const tally = await tallied(clicksAt(1.83e12, 'expiring'));
    await stores().seen.count(tally, '0');
    const [{ window, expiresAt }] = tally.segments as [Segment];
    const { Item } = await dynamo.send(
      new GetItemCommand({ TableName: seenTable, Key: { window: { S: window }, segment: { S: '000000' } } }),
    );
    expect(Item?.['expiresAt']).toEqual({ N: String(expiresAt) });
  });
});
