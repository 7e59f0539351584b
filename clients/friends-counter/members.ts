import {
  BatchWriteItemCommand,
  type BatchWriteItemCommandOutput,
  DynamoDBClient,
  type DynamoDBClientConfig,
  GetItemCommand,
  paginateQuery,
  UpdateItemCommand,
  type WriteRequest,
} from '@aws-sdk/client-dynamodb';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Patience, retry, type RetryPolicy } from '../../engines/retry/retry.ts';
import type { ShownPost, State, Verb } from '../../lambdas/friends-counter/domain.ts';

/** What members and a person at the console need to know of a deployed variant. */
export interface Place {
  /** Constructor argument of the SDK's clients. */
  readonly aws: Pick<DynamoDBClientConfig, 'region' | 'credentials'> & { readonly endpoint?: string };
  /** CloudFormation outputs, by output key. */
  readonly outputs: Readonly<Record<string, string>>;
  http(
    apiId: string,
  ): (request: {
    readonly method: 'GET' | 'PUT' | 'DELETE';
    readonly path: string;
    readonly body?: unknown;
  }) => Promise<{ readonly status: number; readonly body: string }>;
}

/** One side of a relation, as the table has it. */
export interface StoredSide {
  readonly user: string;
  readonly other: string;
  readonly state: State;
  /** Absent where the variant counts nothing. */
  readonly counted?: number;
}

/** What a member's client got in the end: a status, or nothing as often as it tried. */
export type Outcome = { readonly status: number; readonly attempts: number } | { readonly gaveUp: true };

export interface RepairResult {
  /** Of a round. */
  readonly roundIsOver?: boolean;
}

const batchMax = 25;
const batchesAtOnce = 8;
/** A worker that was killed is replaced in that time; a busy emulator needs it twice over. */
const persistence: RetryPolicy = { attemptsMax: 40, baseMs: 50, maxMs: 100 };
/** The table's, whoever else loads it. */
const unprocessed: RetryPolicy = { attemptsMax: 8, baseMs: 25, maxMs: 6_400 };
const patience: Patience = { random: Math.random, wait: async (ms) => sleep(ms) };
const jobFailuresMax = 20;

const methods = {
  befriend: ['PUT', 'friends'],
  unfriend: ['DELETE', 'friends'],
  block: ['PUT', 'blocks'],
  unblock: ['DELETE', 'blocks'],
} as const satisfies Record<Verb, readonly ['PUT' | 'DELETE', string]>;

/** The members' clients, and what a person could look up at the console, by the variant's outputs. */
export function members(place: Place) {
  const { outputs, aws } = place;
  const dynamo = new DynamoDBClient(aws);
  const lambda = new LambdaClient(aws);
  const output = (name: string): string => {
    const value = outputs[name];
    if (value === undefined)
      throw new Error(`the stack has no output "${name}": outputs are ${Object.keys(outputs).join(', ')}`);
    return value;
  };
  const http = place.http(output('ApiId'));
  const counters = outputs['CountersTable'];

  /** Items, 25 in a request, eight requests at a time. */
  async function putAll(table: string, items: readonly NonNullable<WriteRequest['PutRequest']>[]): Promise<void> {
    const batches = Array.from({ length: Math.ceil(items.length / batchMax) }, (_, index) =>
      items.slice(index * batchMax, (index + 1) * batchMax),
    );
    await Promise.all(
      Array.from({ length: batchesAtOnce }, async () => {
        for (let batch = batches.pop(); batch !== undefined; batch = batches.pop()) {
          let left: WriteRequest[] = batch.map((PutRequest) => ({ PutRequest }));
          const stored = await retry(unprocessed, patience, async () => {
            const request = new BatchWriteItemCommand({ RequestItems: { [table]: left } });
            const reply: BatchWriteItemCommandOutput = await dynamo.send(request);
            left = reply.UnprocessedItems?.[table] ?? [];
            return left.length === 0 ? true : undefined;
          });
          if (stored === undefined)
            throw new Error(`DynamoDB left ${left.length} items of ${table} unstored ${unprocessed.attemptsMax} times`);
        }
      }),
    );
  }

  /** Asks until there is an answer, which is to be that it was done: for what may be asked twice. */
  async function answered(request: Parameters<typeof http>[0]): ReturnType<typeof http> {
    let last: Awaited<ReturnType<typeof http>> | undefined;
    const reply = await retry(persistence, patience, async () => {
      last = await http(request).catch(() => undefined);
      return last === undefined || last.status >= 500 ? undefined : last;
    });
    if (reply !== undefined && reply.status < 300) return reply;
    throw new Error(`${request.method} ${request.path} answered ${last?.status ?? 'nothing'}: ${last?.body}`);
  }

  /** Runs of the repair job, up to one that is the last. */
  async function runRepair(
    input: { readonly user?: string },
    isLast: (result: RepairResult) => boolean,
  ): Promise<readonly RepairResult[]> {
    const job = outputs['RepairFunction'];
    const results: RepairResult[] = [];
    if (job === undefined) return results;
    // One that dies, or says that somebody is left, is run again, as its schedule would in a quarter of an hour.
    for (let failures = 0; results.length === 0 || !isLast(results.at(-1)!);) {
      const request = new InvokeCommand({ FunctionName: job, Payload: JSON.stringify(input) });
      const { Payload, FunctionError } = await lambda.send(request);
      const text = Buffer.from(Payload ?? []).toString();
      if (FunctionError === undefined) results.push(JSON.parse(text) as RepairResult);
      else if ((failures += 1) === jobFailuresMax) throw new Error(`the repair job failed ${failures} times: ${text}`);
    }
    return results;
  }

  return {
    output,

    async register(user: string, name: string): Promise<void> {
      await answered({ method: 'PUT', path: `/users/${user}`, body: { name } });
    },

    async publish(user: string, post: string, text: string): Promise<void> {
      await answered({ method: 'PUT', path: `/users/${user}/posts/${post}`, body: { text } });
    },

    /** Users, not registered one by one. */
    registerAll: (users: readonly string[]) =>
      putAll(
        output('UsersTable'),
        users.map((user) => ({ Item: { user: { S: user }, name: { S: user } } })),
      ),

    /** A post of each of these users, under the same ID. */
    publishAll: (users: readonly string[], post: string) =>
      putAll(
        output('PostsTable'),
        users.map((user) => ({ Item: { user: { S: user }, post: { S: post }, text: { S: `${post} of ${user}` } } })),
      ),

    /** Friends that a user has had for years, with the counter that goes with them: their sides are not looked at. */
    async befriendAll(user: string, others: readonly string[]): Promise<void> {
      await putAll(
        output('FriendsTable'),
        others.map((other) => ({
          Item: {
            user: { S: user },
            other: { S: other },
            state: { S: 'friends' },
            counted: { N: '1' },
            epoch: { N: '0' },
            before: { N: '0' },
            revision: { N: '1' },
          },
        })),
      );
      if (counters === undefined) return;
      await putAll(counters, [
        { Item: { user: { S: user }, friends: { N: String(others.length) }, version: { N: '0' } } },
      ]);
    },

    /** One attempt: nothing when the connection broke or the server failed. */
    async ask(verb: Verb, user: string, other: string): Promise<{ readonly status: number } | undefined> {
      const [method, noun] = methods[verb];
      const reply = await http({ method, path: `/users/${user}/${noun}/${other}` }).catch(() => undefined);
      return reply === undefined || reply.status >= 500 ? undefined : { status: reply.status };
    },

    /** A client that tries again while it gets no answer, up to so many attempts. */
    async insist(verb: Verb, user: string, other: string, attemptsMax: number): Promise<Outcome> {
      const outcome = await retry({ ...persistence, attemptsMax }, patience, async (attempts) => {
        const reply = await this.ask(verb, user, other);
        return reply && { ...reply, attempts };
      });
      return outcome ?? { gaveUp: true };
    },

    async view(user: string, post: string): Promise<ShownPost> {
      const { body } = await answered({ method: 'GET', path: `/users/${user}/posts/${post}` });
      return JSON.parse(body) as ShownPost;
    },

    /** All sides of a user. */
    async sides(user: string): Promise<readonly StoredSide[]> {
      const found: StoredSide[] = [];
      const pages = paginateQuery(
        { client: dynamo },
        {
          TableName: output('FriendsTable'),
          ConsistentRead: true,
          KeyConditionExpression: '#user = :user',
          ExpressionAttributeNames: { '#user': 'user' },
          ExpressionAttributeValues: { ':user': { S: user } },
        },
      );
      for await (const { Items = [] } of pages) {
        for (const item of Items) {
          found.push({
            user,
            other: item['other']!.S!,
            state: item['state']!.S as State,
            ...(item['counted']?.N === undefined ? {} : { counted: Number(item['counted'].N) }),
          });
        }
      }
      return found;
    },

    /** How often the user's counter was written, and its epoch: 0 where there is none. */
    async counter(user: string): Promise<{ readonly writes: number; readonly epoch: number }> {
      if (counters === undefined) return { writes: 0, epoch: 0 };
      const { Item } = await dynamo.send(
        new GetItemCommand({ TableName: counters, Key: { user: { S: user } }, ConsistentRead: true }),
      );
      return { writes: Number(Item?.['version']?.N ?? 0), epoch: Number(Item?.['epoch']?.N ?? 0) };
    },

    /** What a bug or a hand does to a counter; nothing where there is none. */
    async damage(user: string, by: number): Promise<void> {
      if (counters === undefined) return;
      await dynamo.send(
        new UpdateItemCommand({
          TableName: counters,
          Key: { user: { S: user } },
          UpdateExpression: 'ADD #friends :by',
          ExpressionAttributeNames: { '#friends': 'friends' },
          ExpressionAttributeValues: { ':by': { N: String(by) } },
        }),
      );
    },

    /** Runs of the repair job until a round over all users is over and left nobody; none where there is no such job. */
    repairRound: () => runRepair({}, ({ roundIsOver }) => roundIsOver === true),

    /** The repair of one user. */
    repair: (user: string) => runRepair({ user }, () => true),
  };
}

export type Members = ReturnType<typeof members>;
