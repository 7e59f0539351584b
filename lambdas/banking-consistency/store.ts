import { CloudWatchClient, PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { ConditionalCheckFailedException, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  type ListObjectVersionsCommandOutput,
  NoSuchKey,
  NotFound,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import {
  BatchGetCommand,
  DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  ScanCommand,
  type ScanCommandInput,
  type ScanCommandOutput,
  TransactGetCommand,
  TransactWriteCommand,
  type TransactWriteCommandInput,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { type AuditCheckpoint, type KeptBalance, parseCheckpoint, type Place } from '../../engines/ledger/audit.ts';
import {
  checkpointKey,
  checkpointOf,
  checkpointPrefix,
  type Entry,
  slotKey,
  slotOf,
  slotPrefix,
} from '../../engines/ledger/chain.ts';
import { persist, persistence, retry } from '../../engines/retry/retry.ts';
import { bounded } from '../kit/clients.ts';
import { isLostRace } from '../kit/lost-race.ts';
import { patience } from '../kit/patience.ts';
import {
  type Account,
  after,
  type Balance,
  type Cursor,
  entryOf,
  partsOf,
  type Posted,
  type Posting,
  type TransferRecord,
  type TransferRequest,
} from './domain.ts';

const client = DynamoDBDocumentClient.from(new DynamoDBClient(bounded));

export interface BankTables {
  readonly accountsTable: string;
  readonly entriesTable: string;
  readonly transfersTable: string;
}

/** An item of the accounts' table: an account, with its balance unless that is kept in parts, or a part. */
type AccountItem = Account & Balance & { readonly changedAtMs: number };

/** Accounts remembered by an execution environment: what is remembered of them never changes. */
const rememberedMax = 10_000;

/** What is the same in both designs: opening accounts, and who they are. */
export function accounts(table: string, dynamo = client) {
  const remembered = new Map<string, Account>();

  async function find(accountId: string): Promise<Account | undefined> {
    const { Item } = await dynamo.send(
      new GetCommand({ TableName: table, Key: { part: accountId }, ConsistentRead: true }),
    );
    return Item === undefined ? undefined : accountOf(Item as AccountItem);
  }

  return {
    /**
     * Creates the account and its parts, all of them or none; one that is there already is returned as it is. Undefined
     * when another writer was in the way.
     */
    async open(
      account: Account,
      atMs: number,
    ): Promise<{ opened: true } | { opened: false; existing: Account } | undefined> {
      const parts = partsOf(account);
      const names = parts.length === 1 ? parts : [account.accountId, ...parts];
      const items = names.map((part): AccountItem => ({
        ...account,
        part,
        version: 0,
        balanceMinor: 0,
        changedAtMs: atMs,
      }));
      try {
        await dynamo.send(
          new TransactWriteCommand({
            TransactItems: items.map((Item) => ({
              Put: { TableName: table, Item, ConditionExpression: 'attribute_not_exists(part)' },
            })),
          }),
        );
        return { opened: true };
      } catch (error) {
        if (!isLostRace(error)) throw error;
        const existing = await find(account.accountId);
        return existing === undefined ? undefined : { opened: false, existing };
      }
    },

    /** The accounts by these ids; undefined for one that there is not. */
    async find(...accountIds: readonly string[]): Promise<readonly (Account | undefined)[]> {
      return Promise.all(
        accountIds.map(async (accountId) => {
          const account = remembered.get(accountId) ?? (await find(accountId));
          if (account !== undefined) {
            if (remembered.size >= rememberedMax) remembered.clear();
            remembered.set(accountId, account);
          }
          return account;
        }),
      );
    },

    /** Every balance that the bank keeps. Items are read one after the other: this is no snapshot. */
    async *balances(): AsyncGenerator<KeptBalance> {
      let from: Pick<ScanCommandInput, 'ExclusiveStartKey'> | undefined = {};
      while (from !== undefined) {
        const page = new ScanCommand({ TableName: table, ConsistentRead: true, ...from });
        const { Items = [], LastEvaluatedKey }: ScanCommandOutput = await persist(persistence, patience, async () =>
          dynamo.send(page),
        );
        for (const { part, currency, version, balanceMinor, changedAtMs } of Items as AccountItem[])
          yield { part, currency, version, balanceMinor, changedAtMs };
        from = LastEvaluatedKey === undefined ? undefined : { ExclusiveStartKey: LastEvaluatedKey };
      }
    },

    /** Balances as some replica has them: each of them perhaps old, and all of them of different times. */
    async anyBalances(parts: readonly string[]): Promise<readonly Balance[]> {
      return Promise.all(
        parts.map(async (part) => {
          const { Item } = await dynamo.send(new GetCommand({ TableName: table, Key: { part } }));
          return balanceOf(Item);
        }),
      );
    },

    /** Balances that nobody has changed before the read began: each of them, and of different moments. */
    async strongBalances(parts: readonly string[]): Promise<readonly Balance[]> {
      return Promise.all(
        parts.map(async (part) => {
          const { Item } = await dynamo.send(new GetCommand({ TableName: table, Key: { part }, ConsistentRead: true }));
          return balanceOf(Item);
        }),
      );
    },

    /** Balances as they were together at one moment; undefined when writers were at them again and again. */
    async snapshot(parts: readonly string[]): Promise<readonly Balance[] | undefined> {
      const items = await readTogether(
        dynamo,
        parts.map((part) => ({ TableName: table, Key: { part } })),
      );
      return items?.map(balanceOf);
    },
  };
}

/** The ledger of the improved design: whatever it does, it does whole. */
export function ledger({ accountsTable, entriesTable, transfersTable }: BankTables, dynamo = client) {
  return {
    /** What the id stands for, and the balances, as they were together; undefined when writers were in the way. */
    async snapshot(
      transferId: string,
      parts: readonly string[],
    ): Promise<{ readonly record: TransferRecord | undefined; readonly balances: readonly Balance[] } | undefined> {
      const items = await readTogether(dynamo, [
        { TableName: transfersTable, Key: { transferId } },
        ...parts.map((part) => ({ TableName: accountsTable, Key: { part } })),
      ]);
      if (items === undefined) return undefined;
      const [record, ...balances] = items;
      return {
        record: record as TransferRecord | undefined,
        balances: balances.map(balanceOf),
      };
    },

    async find(transferId: string): Promise<TransferRecord | undefined> {
      const { Item } = await dynamo.send(
        new GetCommand({ TableName: transfersTable, Key: { transferId }, ConsistentRead: true }),
      );
      return Item as TransferRecord | undefined;
    },

    /**
     * Balances, entries and the transfer's own record, all of them or nothing: nothing when one of the balances is no
     * longer the one that was decided on, or the id has a record already.
     */
    async post(
      request: TransferRequest,
      postings: readonly Posting[],
      atMs: number,
    ): Promise<TransferRecord | undefined> {
      const posted = postings.map(after);
      const record: TransferRecord = { ...request, atMs, state: 'posted', posted };
      const items: TransactWriteCommandInput['TransactItems'] = [
        {
          Put: { TableName: transfersTable, Item: record, ConditionExpression: 'attribute_not_exists(transferId)' },
        },
        ...postings.map(({ before, deltaMinor, floorMinor }, index) => ({
          Update: {
            TableName: accountsTable,
            Key: { part: before.part },
            UpdateExpression: 'SET balanceMinor = :balance, version = :next, changedAtMs = :at',
            ConditionExpression: 'version = :version AND balanceMinor >= :needed',
            ExpressionAttributeValues: {
              ':balance': posted[index]!.balanceMinor,
              ':next': posted[index]!.version,
              ':at': atMs,
              ':version': before.version,
              ':needed': floorMinor - deltaMinor,
            },
          },
        })),
        ...posted.map((one) => ({
          Put: {
            TableName: entriesTable,
            Item: entryItem(entryOf(record, one)),
            ConditionExpression: 'attribute_not_exists(part)',
          },
        })),
      ];
      try {
        await dynamo.send(new TransactWriteCommand({ TransactItems: items }));
        return record;
      } catch (error) {
        if (isLostRace(error)) return undefined;
        throw error;
      }
    },

    /** Records that the id was refused; false when it has a record already. */
    async refuse(record: TransferRecord): Promise<boolean> {
      try {
        await dynamo.send(
          new PutCommand({
            TableName: transfersTable,
            Item: record,
            ConditionExpression: 'attribute_not_exists(transferId)',
          }),
        );
        return true;
      } catch (error) {
        if (isLostRace(error)) return false;
        throw error;
      }
    },
  };
}

/** The ledger of the naive design: every write alone, on no condition. */
export function plainLedger({ accountsTable, entriesTable, transfersTable }: BankTables, dynamo = client) {
  return {
    async find(transferId: string): Promise<TransferRecord | undefined> {
      const { Item } = await dynamo.send(new GetCommand({ TableName: transfersTable, Key: { transferId } }));
      return Item as TransferRecord | undefined;
    },

    async setBalance({ part, version, balanceMinor }: Posted, atMs: number): Promise<void> {
      await dynamo.send(
        new UpdateCommand({
          TableName: accountsTable,
          Key: { part },
          UpdateExpression: 'SET balanceMinor = :balance, version = :version, changedAtMs = :at',
          ExpressionAttributeValues: { ':balance': balanceMinor, ':version': version, ':at': atMs },
        }),
      );
    },

    /** Under a key that nobody else has. */
    async addEntry(entry: Entry, uniqueId: string): Promise<void> {
      const item = entryItem(entry);
      await dynamo.send(
        new PutCommand({ TableName: entriesTable, Item: { ...item, entry: `${item.entry}#${uniqueId}` } }),
      );
    },

    async record(record: TransferRecord): Promise<void> {
      await dynamo.send(new PutCommand({ TableName: transfersTable, Item: record }));
    },
  };
}

/** The entries of accounts, in their order. */
export function entries(table: string, dynamo = client) {
  return {
    /** A page of one part's entries, the oldest first. `next` is absent at the part's end. */
    async page(part: string, limit: number, { after }: Cursor): Promise<{ entries: readonly Entry[]; next?: string }> {
      const { Items = [], LastEvaluatedKey } = await dynamo.send(
        new QueryCommand({
          TableName: table,
          ConsistentRead: true,
          KeyConditionExpression: after === undefined ? 'part = :part' : 'part = :part AND entry > :after',
          ExpressionAttributeValues: { ':part': part, ...(after === undefined ? {} : { ':after': after }) },
          Limit: limit,
        }),
      );
      return {
        entries: Items.map(entryOfItem),
        ...(LastEvaluatedKey === undefined ? {} : { next: LastEvaluatedKey['entry'] as string }),
      };
    },

    /** The entries at these places, in this order; undefined where there is none. */
    async at(places: readonly Place[]): Promise<readonly (Entry | undefined)[]> {
      const found = new Map<string, Entry>();
      const keys = new Map(
        places.map((place) => [placeOf(place), { part: place.part, entry: entryKey(place.version) }]),
      );
      for (const chunk of chunksOf([...keys.values()], batchGetMax)) {
        let left: Record<string, unknown>[] = chunk;
        const readSome = async (): Promise<boolean> => {
          const request = new BatchGetCommand({ RequestItems: { [table]: { Keys: left, ConsistentRead: true } } });
          const { Responses, UnprocessedKeys } = await persist(persistence, patience, async () => dynamo.send(request));
          for (const item of Responses?.[table] ?? []) {
            const entry = entryOfItem(item);
            found.set(placeOf(entry), entry);
          }
          const before = left.length;
          left = UnprocessedKeys?.[table]?.Keys ?? [];
          return left.length < before;
        };
        // The service says what it left, not when to come again: back off where it left all (AWS, "Error retries").
        const all = await retry(persistence, patience, async () => {
          while (left.length > 0) if (!(await readSome())) return undefined;
          return true;
        });
        if (all === undefined)
          throw new Error(`DynamoDB left ${left.length} entries unread ${persistence.attemptsMax} times: start again`);
      }
      return places.map((place) => found.get(placeOf(place)));
    },
  };
}

/** Where the text of a slot is. */
export interface SlotPlace {
  readonly slot: number;
  /** The oldest version, which object lock keeps, whatever is put over it; undefined where deletions are all there is. */
  readonly oldest: string | undefined;
  /** How many versions and delete markers the key has; an untouched one has one. */
  readonly versions: number;
}

/** Where the text of a checkpoint is: as of a slot. */
export type CheckpointPlace = Omit<SlotPlace, 'versions'>;

/** The archive: slots that are written once, in a bucket that keeps them. */
export function archive(bucket: string, s3 = new S3Client(bounded)) {
  return {
    /** The text of a slot; empty when somebody has taken it away. */
    get: async (slot: number): Promise<string> => textOf(s3, bucket, slotKey(slot)),

    /** Also where a delete marker hides it: what is written there would be a version that no audit reads. */
    async exists(slot: number): Promise<boolean> {
      try {
        await s3.send(new HeadObjectCommand({ Bucket: bucket, Key: slotKey(slot) }));
        return true;
      } catch (error) {
        if (error instanceof NotFound) return error.$response?.headers['x-amz-delete-marker'] === 'true';
        throw error;
      }
    },

    /** Writes the slot; false when there is one. One's own whose reply was lost is one too. */
    create: async (slot: number, text: string): Promise<boolean> => createObject(s3, bucket, slotKey(slot), text),

    /** Every slot after that one, in order: where its text is, which `read` gets. */
    async *slots(after = 0): AsyncGenerator<SlotPlace> {
      for await (const { key, oldest, versions } of objectsIn(s3, bucket, slotPrefix, slotKey(after))) {
        const slot = slotOf(key);
        if (slot !== undefined) yield { slot, oldest, versions };
      }
    },

    /** A slot's text as its oldest version has it; empty when nothing is left of it but deletions. */
    async read({ slot, oldest }: SlotPlace): Promise<string> {
      if (oldest === undefined) return '';
      // The SDK tries a request again, and not a body that breaks off while it is read.
      return persist(persistence, patience, async () => textOf(s3, bucket, slotKey(slot), oldest));
    },
  };
}

/** Where the archive's chain ends: a writer that starts anew goes on from there, an audit misses what is not there. */
export function heads(table: string, dynamo = client) {
  const Key = { chain: 'ledger' };
  return {
    /** A slot that is written; those that come behind it are few. 0 before the first. */
    async get(): Promise<number> {
      const { Item } = await dynamo.send(new GetCommand({ TableName: table, Key, ConsistentRead: true }));
      return (Item?.['slot'] as number | undefined) ?? 0;
    },

    /** Moves on to that slot, never back: writers that race tell of theirs in any order. */
    async advance(slot: number): Promise<void> {
      try {
        await dynamo.send(
          new UpdateCommand({
            TableName: table,
            Key,
            UpdateExpression: 'SET slot = :slot',
            ConditionExpression: 'attribute_not_exists(slot) OR slot < :slot',
            ExpressionAttributeValues: { ':slot': slot },
          }),
        );
      } catch (error) {
        if (!(error instanceof ConditionalCheckFailedException)) throw error;
      }
    },
  };
}

/** What audits came to, beside the chain, under the same lock. */
export function checkpoints(bucket: string, s3 = new S3Client(bounded)) {
  return {
    /** Where there is one, or something under its key, in the order of their slots. */
    async places(): Promise<readonly CheckpointPlace[]> {
      const found = await Array.fromAsync(objectsIn(s3, bucket, checkpointPrefix));
      return found.flatMap(({ key, oldest }) => {
        const slot = checkpointOf(key);
        return slot === undefined ? [] : [{ slot, oldest }];
      });
    },

    /** As its oldest version has it; undefined for what is no checkpoint of that slot. */
    async read({ slot, oldest }: CheckpointPlace): Promise<AuditCheckpoint | undefined> {
      if (oldest === undefined) return undefined;
      const text = await persist(persistence, patience, async () => textOf(s3, bucket, checkpointKey(slot), oldest));
      const checkpoint = parseCheckpoint(text);
      return checkpoint?.slot === slot ? checkpoint : undefined;
    },

    /** Stores it; one of the same slot stays as it is. */
    async put(checkpoint: AuditCheckpoint): Promise<void> {
      await createObject(s3, bucket, checkpointKey(checkpoint.slot), JSON.stringify(checkpoint));
    },
  };
}

/** Empty when there is no such object. */
async function textOf(s3: S3Client, bucket: string, key: string, version?: string): Promise<string> {
  try {
    const { Body } = await s3.send(
      new GetObjectCommand({ Bucket: bucket, Key: key, ...(version === undefined ? {} : { VersionId: version }) }),
    );
    return await Body!.transformToString();
  } catch (error) {
    if (error instanceof NoSuchKey) return '';
    throw error;
  }
}

/** False when there is one. */
async function createObject(s3: S3Client, bucket: string, key: string, text: string): Promise<boolean> {
  try {
    await s3.send(
      new PutObjectCommand({
        Bucket: bucket,
        Key: key,
        Body: text,
        ContentType: 'application/json',
        IfNoneMatch: '*',
      }),
    );
    return true;
  } catch (error) {
    const status = error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
    // 409: another conditional write of the same key is under way (S3: "Add preconditions to S3 operations").
    if (status === 412 || status === 409) return false;
    throw error;
  }
}

/** One metric of CloudWatch. */
export function metric(
  { namespace, name }: { readonly namespace: string; readonly name: string },
  cloudwatch = new CloudWatchClient(bounded),
) {
  return {
    async put(value: number): Promise<void> {
      await cloudwatch.send(
        new PutMetricDataCommand({
          Namespace: namespace,
          MetricData: [{ MetricName: name, Value: value, Unit: 'Count' }],
        }),
      );
    },
  };
}

interface ObjectPlace {
  readonly key: string;
  /** The oldest version; undefined where there are delete markers only. */
  readonly oldest: string | undefined;
  /** Versions and delete markers. */
  readonly versions: number;
}

/** The objects below a prefix whose keys come after that one, in the order of their keys. */
async function* objectsIn(s3: S3Client, bucket: string, prefix: string, after?: string): AsyncGenerator<ObjectPlace> {
  let group: { readonly key: string; oldest: string | undefined; versions: number } | undefined;
  for await (const { key, versionId } of versionsIn(s3, bucket, prefix, after)) {
    if (group?.key !== key) {
      if (group !== undefined) yield group;
      group = { key, oldest: undefined, versions: 0 };
    }
    group.versions += 1;
    // The newest comes first.
    if (versionId !== undefined) group.oldest = versionId;
  }
  if (group !== undefined) yield group;
}

/** Versions and, without a version's id, delete markers: by key, the newest first. */
async function* versionsIn(
  s3: S3Client,
  bucket: string,
  prefix: string,
  after?: string,
): AsyncGenerator<{ readonly key: string; readonly versionId: string | undefined }> {
  let marker: { KeyMarker?: string; VersionIdMarker?: string } | undefined =
    after === undefined ? {} : { KeyMarker: after };
  while (marker !== undefined) {
    const request = new ListObjectVersionsCommand({ Bucket: bucket, Prefix: prefix, ...marker });
    const page: ListObjectVersionsCommandOutput = await persist(persistence, patience, async () => s3.send(request));
    const all = [
      ...(page.Versions ?? []).map(({ Key, VersionId }) => ({ key: Key!, versionId: VersionId })),
      ...(page.DeleteMarkers ?? []).map(({ Key }) => ({ key: Key!, versionId: undefined })),
    ];
    // Both lists are in order; a stable sort leaves the versions of a key as they are.
    yield* all.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
    marker =
      page.IsTruncated === true
        ? { KeyMarker: page.NextKeyMarker!, VersionIdMarker: page.NextVersionIdMarker! }
        : undefined;
  }
}

const batchGetMax = 100;
const versionDigits = 12;

function entryKey(version: number): string {
  return String(version).padStart(versionDigits, '0');
}

/** Sorts by version within its part. */
function entryItem(entry: Entry): Entry & { readonly entry: string } {
  return { ...entry, entry: entryKey(entry.version) };
}

function entryOfItem(item: Record<string, unknown>): Entry {
  const { part, version, transferId, deltaMinor, balanceMinor, currency, atMs } = item as unknown as Entry;
  return { part, version, transferId, deltaMinor, balanceMinor, currency, atMs };
}

function placeOf({ part, version }: Place): string {
  return `${part} ${version}`;
}

function accountOf({ accountId, currency, overdraftMinor, parts }: AccountItem): Account {
  return { accountId, currency, overdraftMinor, parts };
}

/** Whoever asks knows the part from its account, and accounts are never deleted. */
function balanceOf(item: Record<string, unknown> | undefined): Balance {
  const { part, version, balanceMinor } = item as unknown as AccountItem;
  return { part, version, balanceMinor };
}

/** All items as they are at one moment; undefined when a transaction that was under way stood against it. */
async function readTogether(
  dynamo: DynamoDBDocumentClient,
  places: readonly { readonly TableName: string; readonly Key: Record<string, unknown> }[],
): Promise<readonly (Record<string, unknown> | undefined)[] | undefined> {
  try {
    const { Responses = [] } = await dynamo.send(
      new TransactGetCommand({ TransactItems: places.map((Get) => ({ Get })) }),
    );
    return Responses.map(({ Item }) => Item);
  } catch (error) {
    if (isLostRace(error)) return undefined;
    throw error;
  }
}

function* chunksOf<T>(items: readonly T[], size: number): Generator<T[]> {
  for (let from = 0; from < items.length; from += size) yield items.slice(from, from + size);
}
