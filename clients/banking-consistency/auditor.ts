import {
  paginateScan,
  type AttributeValue,
  DynamoDBClient,
  DeleteItemCommand,
  GetItemCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import {
  InvokeCommand,
  LambdaClient,
  paginateListEventSourceMappings,
  UpdateEventSourceMappingCommand,
} from '@aws-sdk/client-lambda';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import type { AuditReport } from '../../engines/ledger/audit.ts';
import {
  checkpointKey,
  type Entry,
  parseSlot,
  type Slot,
  slotKey,
  slotOf,
  slotText,
} from '../../engines/ledger/chain.ts';

/** What somebody with the keys of the account needs to know of a deployed variant. */
export interface Console {
  /** Constructor argument of the SDK's clients. */
  readonly aws: Pick<S3ClientConfig, 'region' | 'credentials'> & { readonly endpoint?: string };
  /** CloudFormation outputs, by output key. */
  readonly outputs: Readonly<Record<string, string>>;
}

/** A version of an archived slot's object. */
interface Version {
  readonly slot: number;
  readonly versionId: string;
}

const auditAttemptsMax = 3;

/** Reads everything that the bank keeps, and does to it what nobody should. */
export function auditor({ aws, outputs }: Console) {
  const dynamo = new DynamoDBClient(aws);
  const s3 = new S3Client({ ...aws, forcePathStyle: aws.endpoint !== undefined });
  const lambda = new LambdaClient(aws);
  const bucket = outputs['ArchiveBucket'];
  const output = (name: string): string => {
    const value = outputs[name];
    if (value === undefined)
      throw new Error(`the stack has no output "${name}": outputs are ${Object.keys(outputs).join(', ')}`);
    return value;
  };

  async function* scan(table: string): AsyncGenerator<Record<string, AttributeValue>> {
    for await (const { Items = [] } of paginateScan(
      { client: dynamo },
      { TableName: output(table), ConsistentRead: true },
    ))
      yield* Items;
  }

  async function versions(): Promise<readonly Version[]> {
    if (bucket === undefined) return [];
    const all: Version[] = [];
    let page: { KeyMarker?: string; VersionIdMarker?: string } | undefined = {};
    while (page !== undefined) {
      const { Versions = [], ...reply } = await s3.send(new ListObjectVersionsCommand({ Bucket: bucket, ...page }));
      for (const { Key, VersionId } of Versions) {
        const slot = slotOf(Key!);
        if (slot !== undefined) all.push({ slot, versionId: VersionId! });
      }
      page =
        reply.IsTruncated === true
          ? { KeyMarker: reply.NextKeyMarker!, VersionIdMarker: reply.NextVersionIdMarker! }
          : undefined;
    }
    return all;
  }

  // Whoever waits for the archive looks at it again and again, and a version never changes.
  const read = new Map<string, Slot | undefined>();

  async function readVersion({ slot, versionId }: Version): Promise<Slot | undefined> {
    const name = `${slot} ${versionId}`;
    if (!read.has(name)) {
      const place = { Bucket: bucket, Key: slotKey(slot), VersionId: versionId };
      const { Body } = await s3.send(new GetObjectCommand(place));
      read.set(name, parseSlot(await Body!.transformToString()));
    }
    return read.get(name);
  }

  /** Every slot that can be read, in whatever version. */
  async function slots(): Promise<readonly Slot[]> {
    const found = await Promise.all((await versions()).map(readVersion));
    return found.filter((slot) => slot !== undefined);
  }

  async function remove(table: string, key: Readonly<Record<string, string>>): Promise<void> {
    const Key = Object.fromEntries(Object.entries(key).map(([name, S]) => [name, { S }]));
    await dynamo.send(new DeleteItemCommand({ TableName: output(table), Key }));
  }

  async function set(table: string, key: Readonly<Record<string, string>>, attribute: string, value: number) {
    await dynamo.send(
      new UpdateItemCommand({
        TableName: output(table),
        Key: Object.fromEntries(Object.entries(key).map(([name, S]) => [name, { S }])),
        UpdateExpression: 'SET #attribute = :value',
        ExpressionAttributeNames: { '#attribute': attribute },
        ExpressionAttributeValues: { ':value': { N: String(value) } },
      }),
    );
  }

  return {
    hasArchive: bucket !== undefined,

    async balances(): Promise<
      readonly {
        readonly part: string;
        readonly version: number;
        readonly balanceMinor: number;
        readonly overdraftMinor: number;
        readonly parts: number;
      }[]
    > {
      return Array.fromAsync(scan('AccountsTable'), ({ part, version, balanceMinor, overdraftMinor, parts }) => ({
        part: part!.S!,
        version: Number(version!.N),
        balanceMinor: Number(balanceMinor!.N),
        overdraftMinor: Number(overdraftMinor!.N),
        parts: Number(parts!.N),
      }));
    },

    /** The ledger's entries, with the key that each has in its part. */
    async entries(): Promise<readonly (Entry & { readonly entry: string })[]> {
      return Array.fromAsync(scan('EntriesTable'), (item) => ({
        part: item['part']!.S!,
        entry: item['entry']!.S!,
        version: Number(item['version']!.N),
        transferId: item['transferId']!.S!,
        deltaMinor: Number(item['deltaMinor']!.N),
        balanceMinor: Number(item['balanceMinor']!.N),
        currency: item['currency']!.S!,
        atMs: Number(item['atMs']!.N),
      }));
    },

    /** The parts and versions that each recorded transfer made, by its id; none for one that was refused. */
    async transfers(): Promise<ReadonlyMap<string, readonly { readonly part: string; readonly version: number }[]>> {
      const all = new Map<string, readonly { readonly part: string; readonly version: number }[]>();
      for await (const { transferId, posted } of scan('TransfersTable')) {
        const made = (posted?.L ?? []).map(({ M }) => ({ part: M!['part']!.S!, version: Number(M!['version']!.N) }));
        all.set(transferId!.S!, made);
      }
      return all;
    },

    slots,

    /** The slot that the archive's writers know to be its last; 0 before the first. */
    async head(): Promise<number> {
      const Key = { chain: { S: 'ledger' } };
      const { Item } = await dynamo.send(
        new GetItemCommand({ TableName: output('HeadsTable'), Key, ConsistentRead: true }),
      );
      return Number(Item?.['slot']?.N ?? 0);
    },

    /**
     * What the deployed audit says now, of the whole chain or of what came since it last found all well; undefined where
     * there is none. Nothing is too young for it.
     */
    async audit({ whole = false } = {}): Promise<AuditReport | undefined> {
      const functionName = outputs['Auditor'];
      if (functionName === undefined) return undefined;
      // One that dies is started again, as Lambda does with its schedule's.
      for (let attempt = 1; ; attempt += 1) {
        const { FunctionError, Payload } = await lambda.send(
          new InvokeCommand({ FunctionName: functionName, Payload: JSON.stringify({ toleranceMs: 0, whole }) }),
        );
        const text = Payload!.transformToString();
        if (FunctionError === undefined) return JSON.parse(text) as AuditReport;
        if (attempt === auditAttemptsMax) throw new Error(`the audit failed ${attempt} times: ${text}`);
      }
    },

    /** Takes the archive off the stream. */
    async stopArchiving(): Promise<void> {
      const FunctionName = output('Archivers');
      for await (const { EventSourceMappings = [] } of paginateListEventSourceMappings(
        { client: lambda },
        { FunctionName },
      )) {
        for (const { UUID } of EventSourceMappings)
          await lambda.send(new UpdateEventSourceMappingCommand({ UUID, Enabled: false }));
      }
    },

    async removeEntry(place: { readonly part: string; readonly entry: string }): Promise<void> {
      await remove('EntriesTable', { part: place.part, entry: place.entry });
    },

    async removeTransfer(transferId: string): Promise<void> {
      await remove('TransfersTable', { transferId });
    },

    async setOfEntry(
      place: { readonly part: string; readonly entry: string },
      attribute: 'atMs' | 'deltaMinor',
      value: number,
    ) {
      await set('EntriesTable', { part: place.part, entry: place.entry }, attribute, value);
    },

    async setBalance(part: string, balanceMinor: number): Promise<void> {
      await set('AccountsTable', { part }, 'balanceMinor', balanceMinor);
    },

    /** Takes an entry, which must be the newest of its part, out of ledger and balance, as if it had never been. */
    async undo({ part, version, entry, balanceMinor, deltaMinor }: Entry & { readonly entry: string }): Promise<void> {
      await remove('EntriesTable', { part, entry });
      await set('AccountsTable', { part }, 'version', version - 1);
      await set('AccountsTable', { part }, 'balanceMinor', balanceMinor - deltaMinor);
    },

    /** Puts another slot over one. */
    async overwriteSlot(slot: Slot): Promise<void> {
      await s3.send(new PutObjectCommand({ Bucket: bucket, Key: slotKey(slot.slot), Body: slotText(slot) }));
    },

    /** Puts there what no audit wrote. */
    async plantCheckpoint(slot: number): Promise<void> {
      await s3.send(new PutObjectCommand({ Bucket: bucket, Key: checkpointKey(slot), Body: '{}' }));
    },

    /** Deletes every version of a slot that can be deleted, past the lock or not; says whether one is left. */
    async removeSlot(number: number, pastTheLock: boolean): Promise<boolean> {
      for (const { slot, versionId } of await versions()) {
        if (slot !== number) continue;
        await s3
          .send(
            new DeleteObjectCommand({
              Bucket: bucket,
              Key: slotKey(slot),
              VersionId: versionId,
              ...(pastTheLock ? { BypassGovernanceRetention: true } : {}),
            }),
          )
          .catch((error: unknown) => {
            if (!(error instanceof Error) || error.name !== 'AccessDenied') throw error;
          });
      }
      return (await versions()).some(({ slot }) => slot === number);
    },
  };
}

export type Auditor = ReturnType<typeof auditor>;
