import {
  type AttributeValue,
  ConditionalCheckFailedException,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  type TransactWriteItem,
  TransactWriteItemsCommand,
  TransactionConflictException,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { type Patience, retry, type RetryPolicy } from '../../engines/retry/retry.ts';
import { bounded, NoAnswer } from '../kit/clients.ts';
import type { Reply } from '../kit/http.ts';
import { isLostRace } from '../kit/lost-race.ts';
import { patience } from '../kit/patience.ts';
import type { Charge, DoneKey, KeyRecord, NetworkAnswer, NetworkRequest, RunningKey } from './domain.ts';

type Item = Record<string, AttributeValue>;

/** What became of a write; a lost race says what won. */
export type Written =
  | { readonly written: true }
  | { readonly written: false; readonly because: 'key'; readonly found: KeyRecord }
  | { readonly written: false; readonly because: 'email' }
  | { readonly written: false; readonly because: 'contention' };

export type Ledger = ReturnType<typeof ledger>;

interface Tables {
  readonly chargesTable: string;
  readonly keysTable: string;
  readonly customersTable: string;
}

/** Nobody has the key, or who had it had it a day ago: TTL deletes late, so the condition does not wait for it. */
const isFree = 'attribute_not_exists(idempotencyKey) OR expiresAt <= :now';

/** Charges, the keys under which they were asked for and the customers who pay them: what belongs together is one transaction. */
export function ledger(tables: Tables, dynamo = new DynamoDBClient(bounded), waiting = patience) {
  const putKey = (record: KeyRecord, ConditionExpression: string, values: Item) => ({
    TableName: tables.keysTable,
    Item: keyItem(record),
    ConditionExpression,
    ExpressionAttributeValues: values,
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD' as const,
  });
  const secondOf = (nowMs: number): Item => ({ ':now': { N: String(Math.floor(nowMs / 1000)) } });
  const transaction = async (items: readonly TransactWriteItem[]): Promise<Written> => {
    const stood = await transact(dynamo, waiting, items);
    if (stood === 'nothing') return { written: true };
    if (stood === 'contention') return { written: false, because: 'contention' };
    const { index, item } = stood;
    if (index === 0 && item !== undefined) return { written: false, because: 'key', found: keyRecordOf(item) };
    if (items[index]?.Update?.TableName === tables.customersTable) return { written: false, because: 'email' };
    throw new Error(`write ${index} of a transaction met what no request can make: look at its tables`);
  };
  /** One item needs no transaction, and costs half. */
  const single = async (command: PutItemCommand): Promise<Written> => {
    try {
      const answered = await besideTransactions(waiting, () => dynamo.send(command));
      return answered === undefined ? { written: false, because: 'contention' } : { written: true };
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
      if (error.Item === undefined)
        throw new Error('a key was deleted while it was running: look at the TTL of its table', { cause: error });
      return { written: false, because: 'key', found: keyRecordOf(error.Item) };
    }
  };
  return {
    /** The charge, the reply under its key and the customer under their email, if the key is free and the email theirs. */
    charge: (record: DoneKey, charge: Charge, nowMs: number): Promise<Written> =>
      transaction([
        { Put: putKey(record, isFree, secondOf(nowMs)) },
        registration(tables.customersTable, charge),
        { Put: newCharge(tables.chargesTable, charge) },
      ]),

    /** A free key's first owner, and the customer: who may not have the email is told before a card is charged. */
    claim: (record: RunningKey, customer: Customer, nowMs: number): Promise<Written> =>
      transaction([{ Put: putKey(record, isFree, secondOf(nowMs)) }, registration(tables.customersTable, customer)]),

    /**
     * The next owner of a key whose lease has lapsed, if `last` has it still and its day is not over: after that, somebody
     * may have claimed it afresh, with the same first token and for another charge.
     */
    takeOver: (record: RunningKey, last: RunningKey, nowMs: number): Promise<Written> =>
      single(
        new PutItemCommand({
          ...putKey(record, '#state = :running AND #owner = :last AND expiresAt > :now', {
            ':running': { S: 'running' },
            ':last': { S: last.owner },
            ...secondOf(nowMs),
          }),
          ExpressionAttributeNames: { '#state': 'state', '#owner': 'owner' },
        }),
      ),

    /** The reply under a key, with the charge if there was one, as long as its owner still owns it. */
    settle: (record: DoneKey, charge: Charge | undefined): Promise<Written> => {
      const put = {
        ...putKey(record, '#state = :running AND fencingToken = :mine AND #owner = :owner', {
          ':running': { S: 'running' },
          ':mine': { N: String(record.fencingToken) },
          ':owner': { S: record.owner },
        }),
        ExpressionAttributeNames: { '#state': 'state', '#owner': 'owner' },
      };
      return charge === undefined
        ? single(new PutItemCommand(put))
        : transaction([{ Put: put }, { Put: newCharge(tables.chargesTable, charge) }]);
    },

    /** The reply under a free key, of a request that has no effect. */
    keep: (record: DoneKey, nowMs: number): Promise<Written> =>
      single(new PutItemCommand(putKey(record, isFree, secondOf(nowMs)))),

    async find(key: string): Promise<KeyRecord | undefined> {
      const { Item } = await dynamo.send(
        new GetItemCommand({ TableName: tables.keysTable, Key: { idempotencyKey: { S: key } }, ConsistentRead: true }),
      );
      return Item && keyRecordOf(Item);
    },
  };
}

type Customer = Pick<Charge, 'customerId' | 'email'>;

/** The unique constraint: an item of its own under the email, since DynamoDB keeps nothing unique but keys. */
function registration(TableName: string, { customerId, email }: Customer): TransactWriteItem {
  return {
    Update: {
      TableName,
      Key: { email: { S: email } },
      UpdateExpression: 'SET customerId = :customer',
      ConditionExpression: 'attribute_not_exists(email) OR customerId = :customer',
      ExpressionAttributeValues: { ':customer': { S: customerId } },
    },
  };
}

function newCharge(TableName: string, charge: Charge) {
  return { TableName, Item: chargeItem(charge), ConditionExpression: 'attribute_not_exists(chargeId)' };
}

/** Of writes to an item that another transaction has: the SDK repeats none of them. */
const conflicts = { attemptsMax: 5, baseMs: 20, maxMs: 320 } as const satisfies RetryPolicy;

/**
 * `nothing` when all was written; else the first item that stood in the way, and which condition's. A conflict with
 * another transaction is no answer: again, and at last `contention`.
 */
async function transact(
  dynamo: DynamoDBClient,
  waiting: Patience,
  items: readonly TransactWriteItem[],
): Promise<'nothing' | 'contention' | { readonly index: number; readonly item?: Item | undefined }> {
  const stood = await retry(conflicts, waiting, async () => {
    try {
      await dynamo.send(new TransactWriteItemsCommand({ TransactItems: [...items] }));
      return 'nothing';
    } catch (error) {
      if (!isLostRace(error)) throw error;
      const { CancellationReasons: reasons = [] } = error;
      const index = reasons.findIndex(({ Code }) => Code === 'ConditionalCheckFailed');
      return index === -1 ? undefined : { index, item: reasons[index]!.Item };
    }
  });
  return stood ?? 'contention';
}

/** What a write of one item gives; nothing when a transaction had the item each time. */
function besideTransactions<Result>(waiting: Patience, write: () => Promise<Result>): Promise<Result | undefined> {
  return retry(conflicts, waiting, async () => {
    try {
      return await write();
    } catch (error) {
      if (error instanceof TransactionConflictException) return undefined;
      throw error;
    }
  });
}

/** The same three tables, one write at a time. */
export function separateWrites(
  { chargesTable, keysTable, customersTable }: Tables,
  dynamo = new DynamoDBClient(bounded),
) {
  return {
    async findReply(key: string): Promise<Reply | undefined> {
      const { Item } = await dynamo.send(
        new GetItemCommand({ TableName: keysTable, Key: { idempotencyKey: { S: key } } }),
      );
      return Item && (JSON.parse(Item['reply']!.S!) as Reply);
    },

    async keepReply(key: string, reply: Reply, expiresAtS: number): Promise<void> {
      await dynamo.send(
        new PutItemCommand({
          TableName: keysTable,
          Item: {
            idempotencyKey: { S: key },
            reply: { S: JSON.stringify(reply) },
            expiresAt: { N: String(expiresAtS) },
          },
        }),
      );
    },

    async findCustomer(email: string): Promise<string | undefined> {
      const { Item } = await dynamo.send(
        new GetItemCommand({ TableName: customersTable, Key: { email: { S: email } } }),
      );
      return Item?.['customerId']?.S;
    },

    async addCustomer({ email, customerId }: Customer): Promise<void> {
      const Item = { email: { S: email }, customerId: { S: customerId } };
      await dynamo.send(new PutItemCommand({ TableName: customersTable, Item }));
    },

    /** False when the email is another customer's. */
    async addCustomerOnce(customer: Customer): Promise<boolean> {
      try {
        await dynamo.send(new UpdateItemCommand(registration(customersTable, customer).Update!));
        return true;
      } catch (error) {
        if (error instanceof ConditionalCheckFailedException) return false;
        throw error;
      }
    },

    async addCharge(charge: Charge): Promise<void> {
      await dynamo.send(new PutItemCommand({ TableName: chargesTable, Item: chargeItem(charge) }));
    },
  };
}

/** Charges by ID. */
export function charges(table: string, dynamo = new DynamoDBClient(bounded), waiting = patience) {
  const update = async (id: string, expression: string, values: Item, ifExists: boolean) => {
    try {
      const { Attributes } = await dynamo.send(
        new UpdateItemCommand({
          TableName: table,
          Key: { chargeId: { S: id } },
          UpdateExpression: expression,
          ...(ifExists ? { ConditionExpression: 'attribute_exists(chargeId)' } : {}),
          ...(expression.includes('#state') ? { ExpressionAttributeNames: { '#state': 'state' } } : {}),
          ExpressionAttributeValues: values,
          ReturnValues: 'ALL_NEW',
        }),
      );
      return Attributes;
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return undefined;
      throw error;
    }
  };
  return {
    async find(id: string): Promise<Charge | undefined> {
      const { Item } = await dynamo.send(
        new GetItemCommand({ TableName: table, Key: { chargeId: { S: id } }, ConsistentRead: true }),
      );
      return Item && chargeFrom(Item);
    },

    /**
     * Sets the state of a charge: done again, it is the same. False when there is none. It can meet the transaction of an
     * owner that settles the same charge too late.
     */
    async cancel({ id, amount }: Pick<Charge, 'id' | 'amount'>): Promise<boolean | 'contention'> {
      const values = { ':cancelled': { S: 'cancelled' }, ':amount': { N: String(amount) } };
      const set = async () =>
        (await update(id, 'SET #state = :cancelled, refunded = :amount', values, true)) !== undefined;
      return (await besideTransactions(waiting, set)) ?? 'contention';
    },

    /** Adds to what was given back. */
    async addRefund({ id, amount }: Pick<Charge, 'id' | 'amount'>): Promise<void> {
      const values = { ':cancelled': { S: 'cancelled' }, ':amount': { N: String(amount) } };
      await update(id, 'SET #state = :cancelled ADD refunded :amount', values, true);
    },

    /** Reads a charge and counts that, in one call. */
    async findAndCount(id: string): Promise<Charge | undefined> {
      const found = await update(id, 'ADD timesRead :one', { ':one': { N: '1' } }, false);
      return found?.['orderId'] && chargeFrom(found);
    },
  };
}

/**
 * The SDK asks once: when a connection breaks, the call may still run, and a second one would bear the same fencing token,
 * so that nothing kept the first from charging after the answer to the second.
 */
const askedOnce = { ...bounded, maxAttempts: 1 };

/** The card network, as its clients see it. */
export function network(functionName: string, lambda = new LambdaClient(askedOnce)) {
  return {
    /** @throws {NoAnswer} when it is not known what the network did, or what the SDK throws: ask again, with the same key and a higher token. */
    async ask(request: NetworkRequest): Promise<NetworkAnswer> {
      const { FunctionError, Payload } = await lambda.send(
        new InvokeCommand({ FunctionName: functionName, Payload: JSON.stringify(request) }),
      );
      const text = Payload?.transformToString() ?? '';
      if (FunctionError !== undefined || text === '')
        throw new NoAnswer(`the card network failed: ${text.slice(0, 200)}`);
      return JSON.parse(text) as NetworkAnswer;
    },
  };
}

/** A payment in the network's books. */
export interface Payment {
  /** Of the first call, then of the highest that was answered: calls with a lower one are stale. */
  readonly fencingToken: number;
  /** Absent as long as the issuer has not said. */
  readonly outcome?: 'charged' | 'declined';
}

/** The network's own books, where our transactions do not reach. */
export function payments(table: string, dynamo = new DynamoDBClient(bounded)) {
  /** Nothing is charged under this key yet, and no call with a higher token was answered. */
  const isOpen = 'attribute_not_exists(outcome) AND fencingToken <= :token';
  /** The payment as it is after the update, or as it stood in the way of it. */
  const update = async (key: string, expression: string, condition: string, values: Item) => {
    try {
      const { Attributes } = await dynamo.send(
        new UpdateItemCommand({
          TableName: table,
          Key: { paymentKey: { S: key } },
          UpdateExpression: expression,
          ConditionExpression: condition,
          ExpressionAttributeValues: values,
          ReturnValues: 'ALL_NEW',
          ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        }),
      );
      return { written: true, payment: paymentOf(Attributes!) } as const;
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
      return { written: false, payment: paymentOf(error.Item!) } as const;
    }
  };
  return {
    /**
     * Notes the call, unless one with a higher token was answered. It makes none stale that is under way: of an issuer
     * slower than a lease, each call would stop the one before, and none would ever end.
     */
    open: (key: string, fencingToken: number, orderId: string) =>
      update(
        key,
        'SET fencingToken = if_not_exists(fencingToken, :token), orderId = :order',
        'attribute_not_exists(fencingToken) OR fencingToken <= :token',
        { ':token': { N: String(fencingToken) }, ':order': { S: orderId } },
      ),

    /** Writes what the issuer said, unless it has said something before or a higher token was answered meanwhile. */
    close: (key: string, fencingToken: number, outcome: 'charged' | 'declined') =>
      update(key, 'SET outcome = :outcome, fencingToken = :token', isOpen, {
        ':outcome': { S: outcome },
        ':token': { N: String(fencingToken) },
      }),

    /** Makes the calls up to this token stale, unless one has charged: who is told that none has must be told the truth. */
    fence: (key: string, fencingToken: number) =>
      update(key, 'SET fencingToken = :next', isOpen, {
        ':next': { N: String(fencingToken + 1) },
        ':token': { N: String(fencingToken) },
      }),

    /** Notes a refund under its key: noted again, it is the same. */
    async refund(key: string, orderId: string): Promise<void> {
      const Item = { paymentKey: { S: `refund ${key}` }, orderId: { S: orderId }, outcome: { S: 'refunded' } };
      await dynamo.send(new PutItemCommand({ TableName: table, Item }));
    },

    /** How many calls there were about an order, with this one. */
    async countCall(orderId: string): Promise<number> {
      const { Attributes } = await dynamo.send(
        new UpdateItemCommand({
          TableName: table,
          Key: { paymentKey: { S: `calls ${orderId}` } },
          UpdateExpression: 'ADD calls :one',
          ExpressionAttributeValues: { ':one': { N: '1' } },
          ReturnValues: 'ALL_NEW',
        }),
      );
      return Number(Attributes!['calls']!.N);
    },
  };
}

function paymentOf({ fencingToken, outcome }: Item): Payment {
  return {
    fencingToken: Number(fencingToken!.N),
    ...(outcome === undefined ? {} : { outcome: outcome.S as 'charged' | 'declined' }),
  };
}

function keyItem(record: KeyRecord): Item {
  return {
    idempotencyKey: { S: record.key },
    payloadHash: { S: record.payloadHash },
    owner: { S: record.owner },
    chargeId: { S: record.chargeId },
    fencingToken: { N: String(record.fencingToken) },
    expiresAt: { N: String(record.expiresAtS) },
    state: { S: record.state },
    ...(record.state === 'running'
      ? { leaseUntilMs: { N: String(record.leaseUntilMs) } }
      : { reply: { S: JSON.stringify(record.reply) } }),
  };
}

function keyRecordOf(item: Item): KeyRecord {
  const head = {
    key: item['idempotencyKey']!.S!,
    payloadHash: item['payloadHash']!.S!,
    owner: item['owner']!.S!,
    chargeId: item['chargeId']!.S!,
    fencingToken: Number(item['fencingToken']!.N),
    expiresAtS: Number(item['expiresAt']!.N),
  };
  return item['state']!.S === 'running'
    ? { ...head, state: 'running', leaseUntilMs: Number(item['leaseUntilMs']!.N) }
    : { ...head, state: 'done', reply: JSON.parse(item['reply']!.S!) as Reply };
}

function chargeItem({ id, orderId, customerId, email, amount, currency, method, state, refunded }: Charge): Item {
  return {
    chargeId: { S: id },
    orderId: { S: orderId },
    customerId: { S: customerId },
    email: { S: email },
    amount: { N: String(amount) },
    currency: { S: currency },
    method: { S: method },
    state: { S: state },
    refunded: { N: String(refunded) },
  };
}

function chargeFrom(item: Item): Charge {
  return {
    id: item['chargeId']!.S!,
    orderId: item['orderId']!.S!,
    customerId: item['customerId']!.S!,
    email: item['email']!.S!,
    amount: Number(item['amount']!.N),
    currency: item['currency']!.S!,
    method: item['method']!.S as Charge['method'],
    state: item['state']!.S as Charge['state'],
    refunded: Number(item['refunded']!.N),
  };
}
