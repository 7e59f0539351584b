import {
  CreateTableCommand,
  DynamoDBClient,
  TransactionCanceledException,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { DynamoDBDocumentClient, paginateScan } from '@aws-sdk/lib-dynamodb';
import type { FinalizeRequestMiddleware, InitializeMiddleware, MetadataBearer, MiddlewareStack } from '@smithy/types';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import {
  type ArchivedChange,
  checkpointKey,
  type Entry,
  parseSlot,
  slotKey,
  slotText,
} from '../../engines/ledger/chain.ts';
import { Audit, type AuditCheckpoint } from '../../engines/ledger/audit.ts';
import { bounded } from '../../lambdas/kit/clients.ts';
import {
  type Account,
  partsOf,
  reversalOf,
  type TransferRecord,
  type TransferRequest,
} from '../../lambdas/banking-consistency/domain.ts';
import { append, open, readOne, togetherFrom, transfer } from '../../lambdas/banking-consistency/steps.ts';
import {
  accounts,
  archive,
  checkpoints,
  entries,
  heads,
  ledger,
  plainLedger,
} from '../../lambdas/banking-consistency/store.ts';
import { impatient, sha256 } from './fakes.ts';

const aws = inject('aws');
const names = {
  accountsTable: 'bank-store-accounts',
  entriesTable: 'bank-store-entries',
  transfersTable: 'bank-store-transfers',
};
const bucket = 'bank-store-archive';
const headsTable = 'bank-store-heads';

class Crash extends Error {}

/**
 * A client that ends its process at the nth call: before it leaves, or when it has committed and nobody has heard of
 * it. `lost` breaks the connection instead, so that the SDK repeats the call. Returns how many calls were made.
 */
function fail(
  clients: readonly (DynamoDBClient | S3Client)[],
  { nth, how }: { readonly nth: number; readonly how: 'before' | 'after' | 'lost' },
): () => number {
  let calls = 0;
  const act: FinalizeRequestMiddleware<object, MetadataBearer> = (next) => async (args) => {
    calls += 1;
    const isIt = calls === nth;
    if (isIt && how === 'before') throw new Crash('before');
    const result = await next(args).catch((error: unknown) => {
      if (isIt && how === 'after') throw new Crash('after');
      throw error;
    });
    if (isIt && how === 'after') throw new Crash('after');
    if (isIt) throw Object.assign(new Error('socket hang up'), { name: 'TimeoutError' });
    return result;
  };
  // Below the SDK's retries.
  for (const { middlewareStack } of clients)
    (middlewareStack as MiddlewareStack<object, MetadataBearer>).add(act, { step: 'finalizeRequest', priority: 'low' });
  return () => calls;
}

/** A process of its own: nothing remembered, its calls counted, and at one of them it fails. */
function process(fault: Parameters<typeof fail>[1] = { nth: 0, how: 'before' }) {
  const client = new DynamoDBClient({ ...bounded, ...aws });
  const calls = fail([client], fault);
  const dynamo = DynamoDBDocumentClient.from(client);
  return {
    calls,
    accounts: accounts(names.accountsTable, dynamo),
    entries: entries(names.entriesTable, dynamo),
    ledger: ledger(names, dynamo),
    plain: plainLedger(names, dynamo),
    clock: () => 1_000,
    patience: impatient(1),
    dynamo,
  };
}

const calm = process();
const account = (accountId: string, more: Partial<Account> = {}): Account => ({
  accountId,
  currency: 'EUR',
  overdraftMinor: 0,
  parts: 1,
  ...more,
});
const vault = account('vault', { overdraftMinor: 1_000_000 });

beforeAll(async () => {
  const dynamo = new DynamoDBClient(aws);
  for (const [TableName, ...keys] of [
    [names.accountsTable, 'part'],
    [names.entriesTable, 'part', 'entry'],
    [names.transfersTable, 'transferId'],
    [headsTable, 'chain'],
  ] as const) {
    await dynamo.send(
      new CreateTableCommand({
        TableName,
        BillingMode: 'PAY_PER_REQUEST',
        KeySchema: keys.map((AttributeName, index) => ({ AttributeName, KeyType: index === 0 ? 'HASH' : 'RANGE' })),
        AttributeDefinitions: keys.map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
      }),
    );
    await waitUntilTableExists({ client: dynamo, minDelay: 1, maxDelay: 1, maxWaitTime: 60 }, { TableName });
  }
  await calm.accounts.open(vault, 1);
});

async function entriesOf(transferId: string): Promise<readonly Entry[]> {
  const found: Entry[] = [];
  for await (const { Items = [] } of paginateScan({ client: calm.dynamo }, { TableName: names.entriesTable }))
    found.push(...(Items as Entry[]).filter((entry) => entry.transferId === transferId));
  return found;
}

async function sumOfBalances(): Promise<number> {
  const all = await Array.fromAsync(calm.accounts.balances());
  return all.reduce((sum, { balanceMinor }) => sum + balanceMinor, 0);
}

describe('an account', () => {
  it('is opened once, with all its parts, and never again as another', async () => {
    const many = account('many', { parts: 3 });
    const outcomes = await Promise.all(Array.from({ length: 10 }, async () => process().accounts.open(many, 5)));
    expect(outcomes.filter((outcome) => outcome?.opened)).toHaveLength(1);
    for (const outcome of outcomes) if (outcome?.opened !== true) expect(outcome?.existing).toEqual(many);
    expect(await calm.accounts.find('many', 'none')).toEqual([many, undefined]);
    expect(await calm.accounts.snapshot(partsOf(many))).toEqual(
      partsOf(many).map((part) => ({ part, version: 0, balanceMinor: 0 })),
    );
    await expect(open({ ...many, currency: 'USD' }, calm)).rejects.toMatchObject({ status: 409 });
    expect((await open(many, calm)).status).toBe(201);
  });
});

describe('a transaction that DynamoDB cancels', () => {
  /** A process whose first transactions are answered so. */
  function canceled(code: string, times: number): typeof calm {
    const by = process();
    let left = times;
    const answer: InitializeMiddleware<object, MetadataBearer> = (next, context) => async (args) => {
      if (!/^Transact(?:Get|Write)ItemsCommand$/.test(String(context['commandName'])) || left === 0) return next(args);
      left -= 1;
      throw new TransactionCanceledException({
        message: `Transaction cancelled [${code}, None]`,
        CancellationReasons: [{ Code: code }, { Code: 'None' }],
        $metadata: {},
      });
    };
    (by.dynamo.middlewareStack as MiddlewareStack<object, MetadataBearer>).add(answer, { step: 'initialize' });
    return by;
  }
  const codes = ['TransactionConflict', 'ThrottlingError', 'ProvisionedThroughputExceeded'];

  it.each(codes)(
    'for a %s is tried again, ten times at most, and then the client is asked to come again',
    async (code) => {
      const payee = `canceled-${code}`;
      const pay = (by: typeof calm, id: string) =>
        transfer({ transferId: id, from: 'vault', to: payee, amountMinor: 5, currency: 'EUR' }, by);
      await expect(open(account(payee), canceled(code, 10))).rejects.toMatchObject({
        status: 409,
        headers: { 'retry-after': '1' },
      });
      expect((await open(account(payee), canceled(code, 9))).status).toBe(201);
      await expect(pay(canceled(code, 10), `${payee}-1`)).rejects.toMatchObject({ status: 409 });
      expect((await pay(canceled(code, 9), `${payee}-1`)).status).toBe(201);
      const look = (times: number) => togetherFrom(canceled(code, times).accounts, impatient(1))([payee]);
      await expect(look(10)).rejects.toMatchObject({ status: 409 });
      expect(await look(9)).toEqual([{ part: payee, version: 1, balanceMinor: 5 }]);
    },
  );

  it('for any other reason is an error', async () => {
    await expect(open(account('odd'), canceled('ValidationError', 1))).rejects.toThrow('Transaction cancelled');
  });

  it('when it looks at an account in parts leaves them to be read one by one, which the answer says', async () => {
    const many = account('many-busy', { parts: 2 });
    await open(many, calm);
    const pay = { transferId: 'many-1', from: 'vault', to: 'many-busy', amountMinor: 5, currency: 'EUR' };
    await transfer(pay, calm);
    const busy = canceled('TransactionConflict', Infinity);
    const together = togetherFrom(busy.accounts, impatient(1));
    const view = await readOne('many-busy', busy.accounts, together);
    expect(view).toMatchObject({ balanceMinor: 5, atOneMoment: false });
    expect(await readOne('many-busy', calm.accounts, togetherFrom(calm.accounts, impatient(1)))).toEqual({
      ...view,
      atOneMoment: undefined,
    });
    await expect(readOne('vault', busy.accounts, together)).rejects.toMatchObject({ status: 409 });
  });
});

describe('a process that dies at a call, whichever it is, and another that repeats the request', () => {
  const send = { transferId: '', from: 'vault', to: '', amountMinor: 70, currency: 'EUR' };

  /** What a request does from a state of its own, and what must be true when it was repeated. */
  const requests: Readonly<
    Record<string, (id: string) => Promise<{ run(by: typeof calm): Promise<unknown>; check(): Promise<void> }>>
  > = {
    'a transfer': async (id) => {
      await calm.accounts.open(account(id, { parts: 2 }), 1);
      const request: TransferRequest = { ...send, transferId: `pay-${id}`, to: id };
      return {
        run: async (by) => transfer(request, by),
        check: async () =>
          expect(
            (await entriesOf(request.transferId)).map(({ deltaMinor }) => deltaMinor).toSorted((a, b) => a - b),
          ).toEqual([-70, 70]),
      };
    },
    'a transfer that is refused': async (id) => {
      await calm.accounts.open(account(id), 1);
      const request: TransferRequest = { ...send, transferId: `poor-${id}`, from: id, to: 'vault' };
      return {
        run: async (by) => transfer(request, by),
        check: async () => {
          expect(await entriesOf(request.transferId)).toEqual([]);
          expect(await calm.ledger.find(request.transferId)).toMatchObject({
            state: 'refused',
            because: 'insufficient-funds',
          });
        },
      };
    },
    'a reversal': async (id) => {
      await calm.accounts.open(account(id), 1);
      const request: TransferRequest = { ...send, transferId: `back-${id}`, to: id };
      await transfer(request, calm);
      const back = reversalOf((await calm.ledger.find(request.transferId))!, 1);
      return {
        run: async (by) => transfer(back, by),
        check: async () => {
          expect(await entriesOf(back.transferId)).toHaveLength(2);
          expect(await calm.accounts.snapshot([id])).toEqual([{ part: id, version: 2, balanceMinor: 0 }]);
        },
      };
    },
    'an account': async (id) => ({
      run: async (by) => open(account(id, { parts: 2 }), by),
      check: async () => expect(await Promise.resolve(calm.accounts.find(id))).toEqual([account(id, { parts: 2 })]),
    }),
  };

  it.each(Object.entries(requests))('%s: happens whole, and once', async (name, prepare) => {
    const how = ['before', 'after', 'lost'] as const;
    const died: Record<string, number> = {};
    for (const one of how) {
      for (let nth = 1; ; nth += 1) {
        const { run, check } = await prepare(`${name.replaceAll(' ', '-')}-${one}-${nth}`);
        const dying = process({ nth, how: one });
        const end = await run(dying).catch((error: unknown) => error);
        const reached = dying.calls() >= nth;
        if (one !== 'lost' && reached) expect(end).toBeInstanceOf(Crash);
        else expect(end).not.toBeInstanceOf(Error);
        await run(process());
        await check();
        expect(await sumOfBalances()).toBe(0);
        if (!reached) break;
        died[one] = nth;
      }
    }
    // The parties, the balances, the write: each call of the request was died at.
    expect(Math.min(...how.map((one) => died[one]!))).toBeGreaterThanOrEqual(name === 'an account' ? 1 : 4);
  });
});

describe('entries that a batch leaves unread', () => {
  /** Gives so many of the keys that it is asked for, in each answer, and in the first answers none. */
  function sparing({ first, each }: { readonly first: number; readonly each: number }) {
    const by = process();
    let calls = 0;
    const answer: InitializeMiddleware<object, MetadataBearer> = (next, context) => async (args) => {
      if (context['commandName'] !== 'BatchGetItemCommand') return next(args);
      calls += 1;
      const { RequestItems } = args.input as { RequestItems: Record<string, { Keys: object[]; ConsistentRead: true }> };
      const { Keys, ConsistentRead } = RequestItems[names.entriesTable]!;
      const given = calls <= first ? [] : Keys.slice(0, each);
      const left = { [names.entriesTable]: { Keys: Keys.slice(given.length), ConsistentRead } };
      if (given.length === 0) return { output: { Responses: {}, UnprocessedKeys: left, $metadata: {} }, response: {} };
      const input = { RequestItems: { [names.entriesTable]: { Keys: given, ConsistentRead } } };
      const result = await next({ ...args, input });
      Object.assign(result.output, left[names.entriesTable]!.Keys.length === 0 ? {} : { UnprocessedKeys: left });
      return result;
    };
    (by.dynamo.middlewareStack as MiddlewareStack<object, MetadataBearer>).add(answer, { step: 'initialize' });
    return { entries: by.entries, calls: () => calls };
  }

  it('are asked for again: without a wait while some come, and with one while none do', async () => {
    await calm.accounts.open(account('spared'), 1);
    for (const number of Array.from({ length: 30 }, (_, index) => index))
      await transfer(
        { transferId: `spared-${number}`, from: 'vault', to: 'spared', amountMinor: 1, currency: 'EUR' },
        calm,
      );
    const places = Array.from({ length: 31 }, (_, index) => ({ part: 'spared', version: index + 1 }));
    const { entries: spared, calls } = sparing({ first: 2, each: 2 });
    const found = await spared.at(places);
    expect(found.map((entry) => entry?.version)).toEqual([
      ...places.slice(0, 30).map(({ version }) => version),
      undefined,
    ]);
    // More than one who waits for each would try.
    expect(calls()).toBe(2 + 16);
  });

  it('are an error when none ever comes', async () => {
    const none = sparing({ first: Infinity, each: 0 });
    await expect(none.entries.at([{ part: 'spared', version: 1 }])).rejects.toThrow('left 1 entries unread 12 times');
    expect(none.calls()).toBe(12);
  });
});

describe('postings', () => {
  it('are refused, all of them, when a balance is another by now, has not enough, or the id is taken', async () => {
    await calm.accounts.open(account('p'), 1);
    await calm.accounts.open(account('q'), 1);
    const request: TransferRequest = { transferId: 'p-1', from: 'vault', to: 'p', amountMinor: 100, currency: 'EUR' };
    await transfer(request, calm);
    const [p, q] = (await calm.accounts.snapshot(['p', 'q']))!;
    const moves = (transferId: string, versionOfP: number, amountMinor: number) =>
      calm.ledger.post(
        { transferId, from: 'p', to: 'q', amountMinor, currency: 'EUR' },
        [
          { before: { ...p!, version: versionOfP }, deltaMinor: -amountMinor, floorMinor: 0 },
          { before: q!, deltaMinor: amountMinor, floorMinor: -1_000 },
        ],
        7,
      );
    expect(await moves('p-2', 0, 10)).toBeUndefined();
    expect(await moves('p-2', 2, 10)).toBeUndefined();
    expect(await moves('p-2', 1, 101)).toBeUndefined();
    expect(await moves('p-1', 1, 10)).toBeUndefined();
    expect(await calm.accounts.snapshot(['p', 'q'])).toEqual([p, q]);
    expect(await calm.ledger.find('p-2')).toBeUndefined();
    expect(await moves('p-2', 1, 10)).toMatchObject({
      state: 'posted',
      posted: [
        { part: 'p', version: 2 },
        { part: 'q', version: 1 },
      ],
    });
    expect(
      await calm.entries.at([
        { part: 'q', version: 1 },
        { part: 'q', version: 2 },
        { part: 'p', version: 2 },
      ]),
    ).toMatchObject([
      { transferId: 'p-2', deltaMinor: 10, balanceMinor: 10, atMs: 7 },
      undefined,
      { transferId: 'p-2', deltaMinor: -10, balanceMinor: 90 },
    ]);
  });

  it('of fifty at the same time are made one after the other, and each once', async () => {
    await calm.accounts.open(account('busy'), 1);
    const sendOne = async (number: number): Promise<number> => {
      const request: TransferRequest = {
        transferId: `busy-${number}`,
        from: 'vault',
        to: 'busy',
        amountMinor: 1,
        currency: 'EUR',
      };
      for (;;) {
        const status = await transfer(request, { ...process(), patience: impatient(number) }).then(
          (reply) => reply.status,
          (error: { readonly status: number }) => error.status,
        );
        if (status !== 409) return status;
      }
    };
    expect(new Set(await Promise.all(Array.from({ length: 50 }, async (_, number) => sendOne(number % 25))))).toEqual(
      new Set([201]),
    );
    expect(await calm.accounts.snapshot(['busy'])).toEqual([{ part: 'busy', version: 25, balanceMinor: 25 }]);
    const { entries, next } = await calm.entries.page('busy', 10, { index: 0 });
    expect(entries.map(({ version }) => version)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    const rest = await calm.entries.page('busy', 100, { index: 0, after: next! });
    expect(rest.entries.map(({ version }) => version)).toEqual(Array.from({ length: 15 }, (_, n) => n + 11));
    expect(rest.next).toBeUndefined();
  });
});

describe('the naive ledger', () => {
  it('writes what it is told, whatever stands there', async () => {
    await calm.accounts.open(account('plain'), 1);
    await calm.plain.setBalance({ part: 'plain', version: 1, balanceMinor: 5, deltaMinor: 5 }, 9);
    await calm.plain.setBalance({ part: 'plain', version: 1, balanceMinor: 3, deltaMinor: 3 }, 9);
    expect(await calm.accounts.anyBalances(['plain'])).toEqual([{ part: 'plain', version: 1, balanceMinor: 3 }]);
    const record = {
      transferId: 'plain-1',
      from: 'a',
      to: 'b',
      amountMinor: 1,
      currency: 'EUR',
      atMs: 1,
      state: 'posted',
      posted: [],
    } as const satisfies TransferRecord;
    await calm.plain.record(record);
    expect(await calm.plain.find('plain-1')).toEqual(record);
    await calm.plain.setBalance({ part: 'plain', version: 1, balanceMinor: 0, deltaMinor: 0 }, 9);
  });
});

describe('the archive', () => {
  const s3 = new S3Client({ ...bounded, ...aws, forcePathStyle: true });
  const calmHeads = heads(headsTable, DynamoDBDocumentClient.from(new DynamoDBClient({ ...bounded, ...aws })));
  beforeAll(async () => {
    await s3.send(new CreateBucketCommand({ Bucket: bucket }));
    await s3.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration: { Status: 'Enabled' } }));
  });
  const change = (index: number): ArchivedChange => ({
    sequence: String(index),
    change: 'insert',
    entry: {
      part: 'a',
      version: index,
      transferId: `t${index}`,
      deltaMinor: 0,
      balanceMinor: 0,
      currency: 'EUR',
      atMs: 1,
    },
  });

  const storedSlots = async (after?: number) => {
    const { slots, read } = archive(bucket, s3);
    return Array.fromAsync(slots(after), async (place) => {
      const { slot, versions } = place;
      return { slot, versions, text: await read(place) };
    });
  };

  it('holds every change once when its writer dies at a call, whichever it is, and the batch comes again with other bounds', async () => {
    const perBatch = 4;
    let at = 1;
    let nowMs = 0;
    const write = async (count: number, fault: Parameters<typeof fail>[1]) => {
      const client = new S3Client({ ...bounded, ...aws, forcePathStyle: true });
      const changes = Array.from({ length: count }, (_, index) => change(at + index));
      const one = new DynamoDBClient({ ...bounded, ...aws });
      const calls = fail([client, one], fault);
      const effects = {
        archive: archive(bucket, client),
        heads: heads(headsTable, DynamoDBDocumentClient.from(one)),
        memory: { slots: new Map() },
        clock: () => nowMs,
        sha256,
      };
      const end = await append(changes, nowMs, effects).catch((error: unknown) => error);
      return { end, calls: calls() };
    };
    let died = 0;
    for (const how of ['before', 'after', 'lost'] as const) {
      for (let nth = 1; ; nth += 1) {
        // So late that what stands there is no concern of these changes: else a writer would look back over all of it.
        nowMs += 1_000_000;
        const { end, calls } = await write(perBatch, { nth, how });
        if (calls >= nth && how !== 'lost') expect(end).toBeInstanceOf(Crash);
        else expect(end).toBeUndefined();
        // Smaller first, as after a restart of the poller, then with what has come in since.
        await write(2, { nth: 0, how });
        at += 2;
        await write(perBatch + 1, { nth: 0, how });
        at += perBatch + 1;
        if (calls < nth) break;
        died += 1;
      }
    }
    expect(died).toBeGreaterThan(9);

    const audit = new Audit([], { readAtMs: 0, toleranceMs: 0, sha256 });
    const found: ArchivedChange[] = [];
    for (const stored of await storedSlots()) {
      audit.addSlot(stored);
      found.push(...parseSlot(stored.text)!.changes);
    }
    expect(audit.report()).toMatchObject({ ok: true, repeats: 0 });
    expect(found.map(({ sequence }) => Number(sequence))).toEqual(Array.from({ length: at - 1 }, (_, n) => n + 1));
  });

  it('is read in the oldest version of each slot, and tells of the others and of deletions', async () => {
    const before = await storedSlots();
    const text = slotText({ slot: 2, previous: '', writtenAtMs: 0, changes: [] });
    await s3.send(new PutObjectCommand({ Bucket: bucket, Key: slotKey(2), Body: text }));
    await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: slotKey(3) }));
    const { Versions = [] } = await s3.send(new ListObjectVersionsCommand({ Bucket: bucket, Prefix: slotKey(4) }));
    await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: slotKey(4), VersionId: Versions[0]!.VersionId }));
    const now = await storedSlots();
    expect(now).toEqual(
      before
        .filter(({ slot }) => slot !== 4)
        .map((stored) => (stored.slot === 2 || stored.slot === 3 ? { ...stored, versions: 2 } : stored)),
    );
  });

  it('is read from any slot on', async () => {
    const all = await storedSlots();
    expect(await storedSlots(all[4]!.slot)).toEqual(all.slice(5));
    expect(await storedSlots(all.at(-1)!.slot)).toEqual([]);
  });

  it('has a slot where a delete marker hides it: what is written there no audit would read', async () => {
    const slots = archive(bucket, s3);
    const head = Math.max(...(await storedSlots()).map(({ slot }) => slot));
    await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: slotKey(head) }));
    expect(await slots.exists(head)).toBe(true);
    await calmHeads.advance(head - 1);
    const effects = { archive: slots, heads: calmHeads, memory: { slots: new Map() }, clock: () => 0, sha256 };
    await append([change(100_000)], 0, effects);
    expect((await storedSlots(head - 1)).map(({ slot, versions }) => ({ slot, versions }))).toEqual([
      { slot: head, versions: 2 },
      { slot: head + 1, versions: 1 },
    ]);
  });

  it('knows where it ends, and goes on there though slots before are gone', async () => {
    const before = await storedSlots();
    // Slot 4 was deleted above: a writer that looked for the end among slots might take it.
    expect(before.map(({ slot }) => slot)).not.toContain(4);
    const head = before.at(-1)!.slot;
    expect(await calmHeads.get()).toBe(head);
    const effects = { heads: calmHeads, memory: { slots: new Map() }, clock: () => 0, sha256 };
    await append([change(100_001)], 0, { archive: archive(bucket, s3), ...effects });
    const after = await storedSlots();
    expect(after.slice(0, -1)).toEqual(before);
    expect(after.at(-1)).toMatchObject({ slot: head + 1, versions: 1 });
    expect(await calmHeads.get()).toBe(head + 1);
    await calmHeads.advance(head);
    expect(await calmHeads.get()).toBe(head + 1);
  });

  it('keeps the audits’ checkpoints beside the chain, of each slot the first', async () => {
    const nights = checkpoints(bucket, s3);
    const before = await storedSlots();
    const newest = async () => nights.read((await nights.places()).at(-1)!);
    expect(await nights.places()).toEqual([]);
    const found = (slot: number, hash: string): AuditCheckpoint => ({
      slot,
      hash,
      parts: [{ part: 'a', currency: 'EUR', version: 1, balanceMinor: 5, waiting: [change(3).entry] }],
      findings: [{ slot: 2, detail: 'slot 2 was overwritten' }],
      findingsTotal: 1,
      open: [{ transferId: 't', sumMinor: -5, atMs: 7 }],
    });
    await nights.put(found(9, 'nine'));
    await nights.put(found(10, 'ten'));
    await nights.put(found(10, 'another'));
    expect(await newest()).toEqual(found(10, 'ten'));
    // An overwritten one is read as it was.
    await s3.send(new PutObjectCommand({ Bucket: bucket, Key: checkpointKey(10), Body: '{}' }));
    expect(await newest()).toEqual(found(10, 'ten'));
    // What is none, or another slot's, or a deletion of what was never there, is not one.
    for (const Body of ['{"slot":11}', JSON.stringify(found(10, 'ten'))]) {
      const slot = (await nights.places()).at(-1)!.slot + 1;
      await s3.send(new PutObjectCommand({ Bucket: bucket, Key: checkpointKey(slot), Body }));
      expect(await newest()).toBeUndefined();
    }
    await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: checkpointKey(13) }));
    await s3.send(new PutObjectCommand({ Bucket: bucket, Key: 'checkpoints/else.json', Body: '' }));
    expect((await nights.places()).map(({ slot }) => slot)).toEqual([9, 10, 11, 12, 13]);
    expect(await newest()).toBeUndefined();
    expect(await storedSlots()).toEqual(before);
  });

  it('takes a slot once: of twenty that want it one gets it', async () => {
    const created = await Promise.all(
      Array.from({ length: 20 }, async (_, n) => archive(bucket, s3).create(900, `${n}`)),
    );
    expect(created.filter(Boolean)).toHaveLength(1);
    expect(await archive(bucket, s3).exists(900)).toBe(true);
    expect(await archive(bucket, s3).exists(901)).toBe(false);
  });
});
