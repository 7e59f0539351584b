import {
  type AttributeValue,
  BatchGetItemCommand,
  type BatchGetItemCommandOutput,
  DynamoDBClient,
  GetItemCommand,
  type KeysAndAttributes,
  PutItemCommand,
  QueryCommand,
  ScanCommand,
  type TransactWriteItem,
  TransactWriteItemsCommand,
  UpdateItemCommand,
  DeleteItemCommand,
} from '@aws-sdk/client-dynamodb';
import { retry } from '../../engines/retry/retry.ts';
import { bounded } from '../kit/clients.ts';
import { isLostRace } from '../kit/lost-race.ts';
import { patience } from '../kit/patience.ts';
import {
  type Bit,
  type Counter,
  type CounterWrite,
  limits,
  type Party,
  type Post,
  races,
  type Side,
  type State,
  type Writes,
} from './domain.ts';

type Item = Record<string, AttributeValue>;

const dayS = 86_400;
/** `user`, `state`, `before` and others are reserved words of expressions. */
const names = (...attributes: readonly string[]) =>
  Object.fromEntries(attributes.map((attribute) => [`#${attribute}`, attribute]));
const number = (value: number): AttributeValue => ({ N: String(value) });

/** Members, by their ID. */
export function users(table: string, dynamo = new DynamoDBClient(bounded)) {
  return {
    async put(user: string, name: string): Promise<void> {
      await dynamo.send(new PutItemCommand({ TableName: table, Item: { user: { S: user }, name: { S: name } } }));
    },

    /** Strongly consistent: one who has just registered is there. */
    async exists(user: string): Promise<boolean> {
      const { Item } = await dynamo.send(
        new GetItemCommand({ TableName: table, Key: { user: { S: user } }, ConsistentRead: true }),
      );
      return Item !== undefined;
    },

    /** The next members in the table's own order. */
    async page(from: string | undefined, max: number): Promise<{ readonly users: readonly string[]; next?: string }> {
      const { Items = [], LastEvaluatedKey } = await dynamo.send(
        new ScanCommand({
          TableName: table,
          Limit: max,
          ProjectionExpression: '#user',
          ExpressionAttributeNames: names('user'),
          ...(from === undefined ? {} : { ExclusiveStartKey: { user: { S: from } } }),
        }),
      );
      const next = LastEvaluatedKey?.['user']?.S;
      return { users: Items.map((item) => item['user']!.S!), ...(next === undefined ? {} : { next }) };
    },
  };
}

/** Posts, by author. */
export function posts(table: string, dynamo = new DynamoDBClient(bounded)) {
  return {
    async put({ user, post, text }: Post): Promise<void> {
      await dynamo.send(
        new PutItemCommand({ TableName: table, Item: { user: { S: user }, post: { S: post }, text: { S: text } } }),
      );
    },

    /** Eventually consistent, at half a unit; read again, strongly, before one that was just published is said not to be. */
    async get(user: string, post: string): Promise<Post | undefined> {
      const read = async (ConsistentRead: boolean): Promise<Item | undefined> => {
        const key = { user: { S: user }, post: { S: post } };
        return (await dynamo.send(new GetItemCommand({ TableName: table, Key: key, ConsistentRead }))).Item;
      };
      const item = (await read(false)) ?? (await read(true));
      return item === undefined ? undefined : { user, post, text: item['text']!.S! };
    },
  };
}

/** Both sides of every relation, as the naive design has them: rows to join, each written for itself. */
export function rows(table: string, dynamo = new DynamoDBClient(bounded)) {
  const keyOf = (user: string, other: string) => ({ user: { S: user }, other: { S: other } });
  return {
    async state(user: string, other: string): Promise<State> {
      const { Item } = await dynamo.send(
        new GetItemCommand({ TableName: table, Key: keyOf(user, other), ConsistentRead: true }),
      );
      return stateOf(Item);
    },

    async put(user: string, other: string, state: State): Promise<void> {
      if (state === 'none') {
        await dynamo.send(new DeleteItemCommand({ TableName: table, Key: keyOf(user, other) }));
        return;
      }
      await dynamo.send(new PutItemCommand({ TableName: table, Item: { ...keyOf(user, other), state: { S: state } } }));
    },

    /** The join: reads every side of the user, page by page, to count those that are friends. */
    async countFriends(user: string): Promise<number> {
      let count = 0;
      let from: Item | undefined;
      do {
        const page = await dynamo.send(
          new QueryCommand({
            TableName: table,
            Select: 'COUNT',
            KeyConditionExpression: '#user = :user',
            FilterExpression: '#state = :friends',
            ExpressionAttributeNames: names('user', 'state'),
            ExpressionAttributeValues: { ':user': { S: user }, ':friends': { S: 'friends' } },
            ExclusiveStartKey: from,
          }),
        );
        count += page.Count ?? 0;
        from = page.LastEvaluatedKey;
      } while (from !== undefined);
      return count;
    },
  };
}

/** One count a member. */
export function counters(table: string, dynamo = new DynamoDBClient(bounded)) {
  return {
    /** Eventually consistent: what a post shows. */
    async friends(user: string): Promise<number> {
      const { Item } = await dynamo.send(new GetItemCommand({ TableName: table, Key: { user: { S: user } } }));
      return counterOf(user, Item).friends;
    },

    /**
     * Begins an epoch, so many after the one that the counter has, from which on writers of the others are refused, and
     * tells the count at that moment. Nothing when a transaction is under way at the counter, which DynamoDB does not let
     * wait.
     */
    async fence(user: string, epochs = 1): Promise<Counter | undefined> {
      const update = new UpdateItemCommand({
        TableName: table,
        Key: { user: { S: user } },
        UpdateExpression: 'ADD #epoch :epochs, #version :one',
        ExpressionAttributeNames: names('epoch', 'version'),
        ExpressionAttributeValues: { ':epochs': number(epochs), ':one': number(1) },
        ReturnValues: 'ALL_NEW',
      });
      const reply = await unlessLost(dynamo.send(update));
      return reply === undefined ? undefined : counterOf(user, reply.Attributes);
    },

    /** Adds to the count once an epoch, and only as long as it lasts. */
    async correct({ user, add, epoch }: CounterWrite): Promise<{ readonly corrected: boolean }> {
      const update = new UpdateItemCommand({
        TableName: table,
        Key: { user: { S: user } },
        UpdateExpression: 'ADD #friends :add, #version :one SET #corrected = :epoch',
        ConditionExpression: '#epoch = :epoch AND (attribute_not_exists(#corrected) OR #corrected < :epoch)',
        ExpressionAttributeNames: names('friends', 'version', 'corrected', 'epoch'),
        ExpressionAttributeValues: { ':add': number(add), ':one': number(1), ':epoch': number(epoch) },
      });
      return { corrected: (await unlessLost(dynamo.send(update))) !== undefined };
    },
  };
}

/** How far the repair job has come in its round, and whom it owes a repair. */
export function repairs(table: string, dynamo = new DynamoDBClient(bounded)) {
  const key = { job: { S: 'friends' } };
  /** Each changes what it names and nothing else: of two jobs neither forgets whom the other one left. */
  async function update(expression: string, attribute: string, value?: AttributeValue): Promise<void> {
    await dynamo.send(
      new UpdateItemCommand({
        TableName: table,
        Key: key,
        UpdateExpression: expression,
        ExpressionAttributeNames: names(attribute),
        ...(value === undefined ? {} : { ExpressionAttributeValues: { ':value': value } }),
      }),
    );
  }
  return {
    async progress(): Promise<{ readonly from: string | undefined; readonly left: readonly string[] }> {
      const { Item } = await dynamo.send(new GetItemCommand({ TableName: table, Key: key, ConsistentRead: true }));
      return { from: Item?.['from']?.S, left: Item?.['left']?.SS ?? [] };
    },

    /** Undefined begins a round. */
    async goOn(from: string | undefined): Promise<void> {
      await (from === undefined ? update('REMOVE #from', 'from') : update('SET #from = :value', 'from', { S: from }));
    },

    async leave(user: string): Promise<void> {
      await update('ADD #left :value', 'left', { SS: [user] });
    },

    async makeGood(user: string): Promise<void> {
      await update('DELETE #left :value', 'left', { SS: [user] });
    },
  };
}

export interface Applied {
  readonly applied: boolean;
}

/**
 * The reply; nothing when the race was lost. The SDK tries none of them again but a transaction that is in progress, which
 * is still so after its attempts.
 */
async function unlessLost<Reply>(call: Promise<Reply>): Promise<Reply | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isLostRace(error)) return undefined;
    throw error;
  }
}

/** Sides and counters, changed together. `nowMs` says when what is no friendship any more may be forgotten. */
export function ledger(
  tables: { readonly users?: string; readonly friends: string; readonly counters: string },
  dynamo = new DynamoDBClient(bounded),
) {
  const keyOf = ({ user, other }: Pick<Side, 'user' | 'other'>): Item => ({ user: { S: user }, other: { S: other } });

  /** Strongly consistent, item by item: not all of one moment. */
  async function read(
    keys: Readonly<Record<string, readonly Item[]>>,
  ): Promise<(table: string, key: Item) => Item | undefined> {
    const found = new Map<string, Item>();
    const label = (table: string, key: Item) => JSON.stringify([table, key['user']!.S, key['other']?.S]);
    let left: Record<string, KeysAndAttributes> = Object.fromEntries(
      Object.entries(keys).map(([table, ofTable]) => [table, { Keys: [...ofTable], ConsistentRead: true }]),
    );
    // The service says what it left, not when to come again: back off (AWS, "Error retries", BatchGetItem).
    const all = await retry(races, patience, async () => {
      const reply: BatchGetItemCommandOutput = await dynamo.send(new BatchGetItemCommand({ RequestItems: left }));
      for (const [table, items] of Object.entries(reply.Responses ?? {})) {
        for (const item of items) found.set(label(table, item), item);
      }
      left = reply.UnprocessedKeys ?? {};
      return Object.keys(left).length === 0 ? true : undefined;
    });
    if (all === undefined) throw new Error(`DynamoDB left keys unread ${races.attemptsMax} times: try again`);
    return (table, key) => found.get(label(table, key));
  }

  return {
    /** The two members of a relation, each as it is when it is read. */
    async parties(user: string, other: string): Promise<readonly [mine: Party, theirs: Party]> {
      const members = [
        { user, other },
        { user: other, other: user },
      ] as const;
      const userKeys = members.map((member): Item => ({ user: { S: member.user } }));
      const itemOf = await read({
        ...(tables.users === undefined ? {} : { [tables.users]: userKeys }),
        [tables.friends]: members.map(keyOf),
        [tables.counters]: userKeys,
      });
      const partyOf = (member: Pick<Side, 'user' | 'other'>): Party => ({
        known: tables.users !== undefined && itemOf(tables.users, { user: { S: member.user } }) !== undefined,
        side: sideOf(member, itemOf(tables.friends, keyOf(member))),
        counter: counterOf(member.user, itemOf(tables.counters, { user: { S: member.user } })),
      });
      return [partyOf(members[0]), partyOf(members[1])];
    },

    /** A member's counter and up to 99 of their sides. */
    async sides(user: string, others: readonly string[]): Promise<{ counter: Counter; sides: readonly Side[] }> {
      const keys = others.map((other) => ({ user, other }));
      const itemOf = await read({ [tables.friends]: keys.map(keyOf), [tables.counters]: [{ user: { S: user } }] });
      return {
        counter: counterOf(user, itemOf(tables.counters, { user: { S: user } })),
        sides: keys.map((key) => sideOf(key, itemOf(tables.friends, keyOf(key)))),
      };
    },

    /** The next of a member's sides, each as it is when its page is read: as many as a page of DynamoDB's holds, or `max`. */
    async page(
      user: string,
      from: string | undefined,
      max?: number,
    ): Promise<{ readonly sides: readonly Side[]; readonly next?: string }> {
      const { Items = [], LastEvaluatedKey } = await dynamo.send(
        new QueryCommand({
          TableName: tables.friends,
          ConsistentRead: true,
          KeyConditionExpression: '#user = :user',
          ExpressionAttributeNames: names('user'),
          ExpressionAttributeValues: { ':user': { S: user } },
          ...(from === undefined ? {} : { ExclusiveStartKey: keyOf({ user, other: from }) }),
          ...(max === undefined ? {} : { Limit: max }),
        }),
      );
      const next = LastEvaluatedKey?.['other']?.S;
      return {
        sides: Items.map((item) => sideOf({ user, other: item['other']!.S! }, item)),
        ...(next === undefined ? {} : { next }),
      };
    },

    /** All of it or nothing: nothing when a side has another revision by now, or a counter another epoch. */
    async apply(writes: Writes, nowMs: number): Promise<Applied> {
      const transaction: TransactWriteItem[] = [
        ...writes.sides.map((side) => ({ Put: putOf(side, nowMs) })),
        ...writes.unchanged.map((side) => ({ ConditionCheck: checkOf(side) })),
        ...writes.counters.map((counter) => ({ Update: updateOf(counter) })),
      ];
      return transact(transaction);
    },

    /** Without a look at what is there, except that nobody is unblocked by it. */
    async increment(sides: readonly Pick<Side, 'user' | 'other' | 'state'>[], add: number): Promise<Applied> {
      const writes = sides.map((side): TransactWriteItem => {
        const unlessBlocked = {
          TableName: tables.friends,
          ...(side.state === 'blocked'
            ? {}
            : {
                ConditionExpression: 'attribute_not_exists(#state) OR #state <> :blocked',
                ExpressionAttributeNames: names('state'),
                ExpressionAttributeValues: { ':blocked': { S: 'blocked' } },
              }),
        };
        return side.state === 'none'
          ? { Delete: { ...unlessBlocked, Key: keyOf(side) } }
          : { Put: { ...unlessBlocked, Item: { ...keyOf(side), state: { S: side.state } } } };
      });
      const counts = sides.map(({ user }): TransactWriteItem => ({
        Update: {
          TableName: tables.counters,
          Key: { user: { S: user } },
          UpdateExpression: 'ADD #friends :add, #version :one',
          ExpressionAttributeNames: names('friends', 'version'),
          ExpressionAttributeValues: { ':add': number(add), ':one': number(1) },
        },
      }));
      return transact([...writes, ...(add === 0 ? [] : counts)]);
    },
  };

  async function transact(items: TransactWriteItem[]): Promise<Applied> {
    const reply = await unlessLost(dynamo.send(new TransactWriteItemsCommand({ TransactItems: items })));
    return { applied: reply !== undefined };
  }

  function putOf(side: Side, nowMs: number) {
    const isOver = side.state === 'none' && side.counted === 0;
    return {
      TableName: tables.friends,
      Item: {
        ...keyOf(side),
        state: { S: side.state },
        counted: number(side.counted),
        epoch: number(side.epoch),
        before: number(side.before),
        revision: number(side.revision),
        ...(isOver ? { expires: number(Math.floor(nowMs / 1000) + limits.tombstoneDays * dayS) } : {}),
      },
      ...onlyOver(side.revision - 1),
    };
  }

  function checkOf(side: Side) {
    return { TableName: tables.friends, Key: keyOf(side), ...onlyOver(side.revision) };
  }

  function updateOf({ user, add, epoch }: CounterWrite) {
    return {
      TableName: tables.counters,
      Key: { user: { S: user } },
      UpdateExpression: 'ADD #friends :add, #version :one',
      ConditionExpression: epoch === 0 ? 'attribute_not_exists(#epoch)' : '#epoch = :epoch',
      ExpressionAttributeNames: names('friends', 'version', 'epoch'),
      ExpressionAttributeValues: {
        ':add': number(add),
        ':one': number(1),
        ...(epoch === 0 ? {} : { ':epoch': number(epoch) }),
      },
    };
  }
}

export type Ledger = ReturnType<typeof ledger>;

function stateOf(item: Item | undefined): State {
  return (item?.['state']?.S as State | undefined) ?? 'none';
}

/** The condition that a side is of this revision; of 0, that there is none. */
function onlyOver(revision: number) {
  return revision === 0
    ? { ConditionExpression: 'attribute_not_exists(#revision)', ExpressionAttributeNames: names('revision') }
    : {
        ConditionExpression: '#revision = :seen',
        ExpressionAttributeNames: names('revision'),
        ExpressionAttributeValues: { ':seen': number(revision) },
      };
}

function numberOf(item: Item | undefined, attribute: string): number {
  return Number(item?.[attribute]?.N ?? 0);
}

function sideOf({ user, other }: Pick<Side, 'user' | 'other'>, item: Item | undefined): Side {
  return {
    user,
    other,
    state: stateOf(item),
    counted: numberOf(item, 'counted') as Bit,
    epoch: numberOf(item, 'epoch'),
    before: numberOf(item, 'before') as Bit,
    revision: numberOf(item, 'revision'),
  };
}

function counterOf(user: string, item: Item | undefined): Counter {
  return { user, friends: numberOf(item, 'friends'), epoch: numberOf(item, 'epoch') };
}
