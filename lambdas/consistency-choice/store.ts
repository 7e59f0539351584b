import {
  type AttributeValue,
  DynamoDBClient,
  GetItemCommand,
  paginateQuery,
  PutItemCommand,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { bounded } from '../kit/clients.ts';
import { isLostRace } from '../kit/lost-race.ts';
import {
  balanceBefore,
  type Click,
  type Consistency,
  type Entered,
  enteredOf,
  type Entry,
  joined,
  type Ranking,
  type Seen,
  type Tally,
} from './domain.ts';

/** Sort key of an account's balance; an entry's is `entry#` and its ID. */
const balanceRecord = 'balance';

/** Balances and the entries that they are made of. */
export function accounts(table: string, dynamo = new DynamoDBClient(bounded)) {
  return {
    /** In minor units; nothing for an account without entries. */
    async balance(account: string, consistency: Consistency): Promise<number | undefined> {
      const { Item } = await dynamo.send(
        new GetItemCommand({
          TableName: table,
          Key: { account: { S: account }, record: { S: balanceRecord } },
          ConsistentRead: consistency === 'strong',
        }),
      );
      return Item === undefined ? undefined : numberOf(Item, 'balance');
    },

    /** The entry and the balance that it moves, both or neither. */
    async enter(entry: Entry): Promise<Entered> {
      const { least, most } = balanceBefore(entry);
      try {
        await dynamo.send(
          new TransactWriteItemsCommand({
            TransactItems: [
              {
                Put: {
                  TableName: table,
                  Item: entryItem(entry),
                  ConditionExpression: 'attribute_not_exists(account)',
                  ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
                },
              },
              {
                Update: {
                  TableName: table,
                  Key: { account: { S: entry.account }, record: { S: balanceRecord } },
                  UpdateExpression: 'ADD balance :amount',
                  ConditionExpression:
                    least === 0
                      ? 'attribute_not_exists(balance) OR balance <= :most'
                      : 'balance BETWEEN :least AND :most',
                  ExpressionAttributeValues: {
                    ':amount': { N: String(entry.amount) },
                    ':most': { N: String(most) },
                    ...(least === 0 ? {} : { ':least': { N: String(least) } }),
                  },
                },
              },
            ],
          }),
        );
        return { entered: 'now' };
      } catch (error) {
        if (!isLostRace(error)) throw error;
        const [ofEntry, ofBalance] = error.CancellationReasons ?? [];
        return enteredOf(entry, {
          entry: ofEntry?.Code ?? 'None',
          balance: ofBalance?.Code ?? 'None',
          ...(ofEntry?.Item === undefined ? {} : { amountBefore: numberOf(ofEntry.Item, 'amount') }),
        });
      }
    },

    async putBalance(account: string, balance: number): Promise<void> {
      await dynamo.send(
        new PutItemCommand({
          TableName: table,
          Item: { account: { S: account }, record: { S: balanceRecord }, balance: { N: String(balance) } },
        }),
      );
    },

    async hasEntry({ account, id }: Entry): Promise<boolean> {
      const { Item } = await dynamo.send(
        new GetItemCommand({
          TableName: table,
          Key: { account: { S: account }, record: { S: `entry#${id}` } },
          ConsistentRead: true,
        }),
      );
      return Item !== undefined;
    },

    async putEntry(entry: Entry): Promise<void> {
      await dynamo.send(new PutItemCommand({ TableName: table, Item: entryItem(entry) }));
    },
  };
}

function entryItem({ account, id, amount }: Entry): Record<string, AttributeValue> {
  return { account: { S: account }, record: { S: `entry#${id}` }, amount: { N: String(amount) } };
}

/** Clicks by page and shard. */
export function counters(table: string, dynamo = new DynamoDBClient(bounded)) {
  return {
    /** All shards of the page, added up; they lie together, so that one query of half a unit reads them all. */
    async clicks(page: string, consistency: Consistency): Promise<number> {
      let clicks = 0;
      const pages = paginateQuery(
        { client: dynamo },
        {
          TableName: table,
          KeyConditionExpression: 'page = :page',
          ExpressionAttributeValues: { ':page': { S: page } },
          ConsistentRead: consistency === 'strong',
        },
      );
      for await (const { Items = [] } of pages) {
        for (const item of Items) clicks += numberOf(item, 'clicks');
      }
      return clicks;
    },

    /** One more click in the page's only shard. */
    async addOne(page: string): Promise<void> {
      await dynamo.send(
        new UpdateItemCommand({
          TableName: table,
          Key: { page: { S: page }, shard: { S: '0' } },
          UpdateExpression: 'ADD clicks :one',
          ExpressionAttributeValues: { ':one': { N: '1' } },
        }),
      );
    },
  };
}

/** Which clicks are counted, and the counters that count them. */
export function seenClicks(table: string, countersTable: string, dynamo = new DynamoDBClient(bounded)) {
  return {
    /** All marks of a window. */
    async read(window: string): Promise<Seen> {
      const found: Uint8Array[] = [];
      const pages = paginateQuery(
        { client: dynamo },
        {
          TableName: table,
          KeyConditionExpression: '#window = :window',
          ExpressionAttributeNames: { '#window': 'window' },
          ExpressionAttributeValues: { ':window': { S: window } },
          ConsistentRead: true,
        },
      );
      for await (const { Items = [] } of pages) found.push(...Items.map(({ marks }) => marks!.B!));
      return { marks: joined(found), segments: found.length };
    },

    /** Marks and counts move together, unless somebody marked in these windows since they were read: nothing changes. */
    async count({ segments, added }: Tally, shard: string): Promise<{ counted: boolean }> {
      try {
        await dynamo.send(
          new TransactWriteItemsCommand({
            TransactItems: [
              ...segments.map(({ window, number, marks, expiresAt }) => ({
                Put: {
                  TableName: table,
                  Item: {
                    window: { S: window },
                    segment: { S: String(number).padStart(segmentDigits, '0') },
                    marks: { B: marks },
                    expiresAt: { N: String(expiresAt) },
                  },
                  ConditionExpression: 'attribute_not_exists(marks)',
                },
              })),
              ...[...added].map(([page, clicks]) => ({
                Update: {
                  TableName: countersTable,
                  Key: { page: { S: page }, shard: { S: shard } },
                  UpdateExpression: 'ADD clicks :added',
                  ExpressionAttributeValues: { ':added': { N: String(clicks) } },
                },
              })),
            ],
          }),
        );
        return { counted: true };
      } catch (error) {
        if (isLostRace(error)) return { counted: false };
        throw error;
      }
    },
  };
}

/** Of a segment's number, so that it sorts as a text: more than a window has marks. */
const segmentDigits = 6;

/** The queue between the clicks and their counter. */
export function clicksQueue(url: string, sqs = new SQSClient(bounded)) {
  return {
    async send(click: Click): Promise<void> {
      await sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody: JSON.stringify(click) }));
    },
  };
}

/** Longer than the service takes when it is slow. */
const rankingTimeoutMs = 5_000;
/** One attempt: who asks in the background asks again later, and who waits waits once. */
const once = { maxAttempts: 1, requestHandler: { connectionTimeout: 1_000, socketTimeout: rankingTimeoutMs } } as const;

/** The ranking service: a dependency that another team runs, and that may be slow. */
export function rankingService(functionName: string, lambda = new LambdaClient(once)) {
  return {
    async rank(topic: string): Promise<Ranking> {
      const { FunctionError, Payload } = await lambda.send(
        new InvokeCommand({ FunctionName: functionName, Payload: JSON.stringify({ topic }) }),
      );
      if (FunctionError !== undefined)
        throw new Error(`the ranking service failed for ${topic}: ${Payload?.transformToString().slice(0, 500)}`);
      return JSON.parse(Payload!.transformToString()) as Ranking;
    },
  };
}

/** The ranking service's own table. */
export function rankings(table: string, dynamo = new DynamoDBClient(bounded)) {
  return {
    /** The ranking, and how slow the service is today; nothing for a topic that has none. */
    async get(topic: string): Promise<(Ranking & { readonly delayMs: number }) | undefined> {
      const { Item } = await dynamo.send(
        new GetItemCommand({ TableName: table, Key: { topic: { S: topic } }, ConsistentRead: true }),
      );
      if (Item === undefined) return undefined;
      return {
        suggestions: Item['suggestions']!.L!.map(({ S }) => S!),
        version: numberOf(Item, 'version'),
        delayMs: numberOf(Item, 'delayMs'),
      };
    },
  };
}

function numberOf(item: Record<string, AttributeValue>, name: string): number {
  return Number(item[name]!.N);
}
