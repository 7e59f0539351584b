import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { publish, relate, repair, repairRound, settle, view } from '../../lambdas/friends-counter/steps.ts';
import { counters, ledger, posts, repairs, users } from '../../lambdas/friends-counter/store.ts';
import { accesses, question, tables } from '../../lib/questions/friends-counter/question.ts';
import { synthesise } from '../../tools/diff/synthesise.ts';

type Item = Readonly<Record<string, object>>;

/** Of what the stores send, that which the page tells. */
interface Input {
  readonly TableName?: string;
  readonly Key?: Item;
  readonly Item?: Item;
  readonly UpdateExpression?: string;
  readonly KeyConditionExpression?: string;
  readonly ExpressionAttributeValues?: Item;
  readonly RequestItems?: Readonly<Record<string, { readonly Keys: readonly Item[] }>>;
  readonly TransactItems?: readonly Readonly<Record<string, Input>>[];
}

const timing = { clock: () => 1_800_000_000_000, patience: { random: () => 0, wait: async () => {} } };

/** Names of the keys, partition key first. */
function documentedKeys(table: string): readonly string[] {
  return Object.entries(tables[table as keyof typeof tables])
    .filter(([, says]) => /^S, (partition|sort) key: /.test(says))
    .map(([name]) => name);
}

/** Stores on a DynamoDB that has every item it is asked for, with these attributes, and notes what it is asked. */
function noted(attributes: Item = {}) {
  const calls = new Set<string>();
  /** Types by table and attribute. */
  const written = new Map<string, string>();

  function note(operation: string, table: string, input: Input): void {
    const { Key, Item: item, KeyConditionExpression: condition = '', UpdateExpression: update } = input;
    const asked = [...condition.matchAll(/#(\w+)/g)].map(([, name]) => name!);
    const key = item === undefined ? [...Object.keys(Key ?? {}), ...asked] : documentedKeys(table);
    calls.add(`${operation} ${table}${key.length === 0 ? '' : ` by ${key.join(', ')}`}`);
    const values = [...(update ?? '').matchAll(/#(\w+)(?: =)? (:\w+)/g)].map(
      ([, name, value]) => [name!, input.ExpressionAttributeValues![value!]!] as const,
    );
    const writes = [...Object.entries(item ?? {}), ...(update === undefined ? [] : Object.entries(Key!)), ...values];
    for (const [name, value] of writes) written.set(`${table}.${name}`, Object.keys(value)[0]!);
  }

  async function send(command: { readonly input: Input }) {
    const { input } = command;
    const operation = command.constructor.name.replace('Command', '');
    const batches = Object.entries(input.RequestItems ?? {});
    expect(JSON.stringify(input)).not.toContain('IndexName');
    if (input.TableName !== undefined) note(operation, input.TableName, input);
    for (const [table, { Keys }] of batches) for (const Key of Keys) note(operation, table, { Key });
    for (const part of input.TransactItems ?? [])
      for (const [kind, one] of Object.entries(part)) note(`${operation}: ${kind}`, one.TableName!, one);
    return {
      Item: { ...input.Key, ...attributes },
      Items: [{ user: { S: 'ann' }, other: { S: 'bob' }, ...attributes }],
      Attributes: { epoch: { N: '1' }, friends: { N: '9' } },
      Responses: Object.fromEntries(
        batches.map(([table, { Keys }]) => [table, Keys.map((key) => ({ ...key, ...attributes }))]),
      ),
    };
  }

  const client = { send } as unknown as DynamoDBClient;
  const stores = {
    users: users('users', client),
    posts: posts('posts', client),
    ledger: ledger({ users: 'users', friends: 'friends', counters: 'counters' }, client),
    counters: counters('counters', client),
    repairs: repairs('repairs', client),
  };
  return { stores, calls, written };
}

type Functions = Record<string, (...args: readonly unknown[]) => unknown>;
type Stores = ReturnType<typeof noted>['stores'];

const strangers = {};
const friends = { state: { S: 'friends' }, counted: { N: '1' }, revision: { N: '1' } };
const uncounted = { ...friends, counted: { N: '0' } };
const change = (verb: 'befriend' | 'unfriend' | 'block') => async (stores: Stores) =>
  relate({ verb, user: 'ann', other: 'bob' }, stores, { streamedFrom: 1_000, ...timing });

/** What is done, by its name on the page, and what there is before. */
const done: Readonly<
  Record<keyof typeof accesses, readonly (readonly [before: Item, run: (stores: Stores) => Promise<unknown>])[]>
> = {
  'register a user': [[{}, async ({ users }) => users.put('ann', 'Ann')]],
  'publish a post': [[{}, async (stores) => publish({ user: 'ann', post: 'p', text: 'text' }, stores)]],
  'show a post with its author’s friends': [
    [
      { text: { S: 'text' } },
      async ({ posts, counters }) => view({ user: 'ann', post: 'p' }, { posts, friends: counters.friends }),
    ],
  ],
  'make or end a friendship or a block': [
    [strangers, change('befriend')],
    [strangers, change('block')],
    [friends, change('unfriend')],
  ],
  'count the sides of a user that were left to the stream': [
    [uncounted, async (stores) => settle('ann', ['bob'], stores, timing)],
  ],
  'recount the friends of a user, which is the join': [[friends, async (stores) => repair('ann', stores, timing)]],
  'go through all users': [
    [
      { left: { SS: ['bob'] } },
      async (stores) => {
        const fence = async (user: string) => (user === 'ann' ? undefined : { user, friends: 0, epoch: 1 });
        const page = async () => ({ sides: [] });
        const still = {
          ...stores,
          counters: { ...stores.counters, fence },
          ledger: { ...stores.ledger, page },
        };
        // One who was left is made good, one who fails is left.
        expect(await repairRound(still, timing, () => Infinity)).toMatchObject({ repaired: 1, left: ['ann'] });
        await stores.repairs.goOn('ann');
      },
    ],
  ],
};

describe('the schema on the page', () => {
  const written = new Map<string, string>();
  const called = new Map<string, ReadonlySet<string>>();
  const functions = new Map<string, boolean>();
  beforeAll(async () => {
    for (const [does, runs] of Object.entries(done)) {
      const all = new Set<string>();
      for (const [before, run] of runs) {
        const place = noted(before);
        const spies = Object.entries(place.stores).flatMap(([of, store]: [string, Readonly<Record<string, unknown>>]) =>
          Object.keys(store).map((name) => [`${of}.${name}`, vi.spyOn(store as Functions, name)] as const),
        );
        await run(place.stores);
        for (const [name, spy] of spies) functions.set(name, functions.get(name) === true || spy.mock.calls.length > 0);
        for (const [name, type] of place.written) written.set(name, type);
        for (const call of place.calls) all.add(call);
      }
      called.set(does, all);
    }
  });

  it('has every attribute that a store writes, with its type, and no other', () => {
    const documented = Object.entries(tables).flatMap(([table, attributes]) =>
      Object.entries(attributes).map(([name, says]) => [`${table}.${name}`, /^[A-Z]+/.exec(says)![0]]),
    );
    expect(Object.fromEntries(written)).toEqual(Object.fromEntries(documented));
  });

  it.each(Object.entries(accesses))('names the calls that it takes to %s', (does, calls) => {
    expect([...called.get(does)!].toSorted()).toEqual([...calls].toSorted());
  });

  it('is of all that the stores do, but for what bare-add does without looking', () => {
    const left = [...functions].filter(([, isCalled]) => !isCalled).map(([name]) => name);
    expect(left).toEqual(['ledger.increment']);
  });

  it('has the keys of the stack’s tables, which have no other index', async () => {
    const { Resources } = (await synthesise({ slug: question.slug, variant: 'improved' })).stacks['main']!.template;
    const made = Object.entries(Resources)
      .filter(([, { Type }]) => Type === 'AWS::DynamoDB::Table')
      .map(([id, { Properties }]) => {
        const { KeySchema: keys, ...others } = Properties as { KeySchema: { AttributeName: string }[] };
        expect(Object.keys(others).filter((name) => name.endsWith('Indexes'))).toEqual([]);
        return [id.slice(0, -8).toLowerCase(), keys.map(({ AttributeName }) => AttributeName)];
      });
    expect(Object.fromEntries(made)).toEqual(
      Object.fromEntries(Object.keys(tables).map((table) => [table, documentedKeys(table)])),
    );
  });

  it('is on the page, table by table and call by call', () => {
    const [point] = question.points;
    for (const [table, attributes] of Object.entries(tables)) {
      const lines = Object.entries(attributes).map(([name, says]) => `  - ${name}, ${says}`);
      expect(point.answer).toContain([`- Table ${table}:`, ...lines].join('\n'));
    }
    for (const [does, calls] of Object.entries(accesses))
      expect(point.answer).toContain(`- To ${does}: ${calls.join('; ')}.`);
  });
});
