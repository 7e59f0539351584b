import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { checkStrictSerializability, type Transaction } from '../../engines/history/check.ts';
import { Audit, type AuditCheckpoint, type Finding } from '../../engines/ledger/audit.ts';
import { type ArchivedChange, type Entry, parseSlot, slotKey } from '../../engines/ledger/chain.ts';
import { randomFrom } from '../../engines/simulation/random.ts';
import {
  type Account,
  limits,
  type Posted,
  reversalId,
  reversalOf,
  type TransferRequest,
} from '../../lambdas/banking-consistency/domain.ts';
import {
  type ArchiveMemory,
  append,
  audit,
  type Auditing,
  auditNight,
  mayAttempt,
  reversible,
  transfer,
} from '../../lambdas/banking-consistency/steps.ts';
import { bank, impatient, Crash, memoryArchive, memoryCheckpoints, memoryHeads, sha256, stormy } from './fakes.ts';

const account = (accountId: string, more: Partial<Account> = {}): Account => ({
  accountId,
  currency: 'EUR',
  overdraftMinor: 0,
  parts: 1,
  ...more,
});
const accounts = [account('vault', { overdraftMinor: 10_000 }), account('a'), account('b', { parts: 3 }), account('c')];
const calm = stormy(1, 0);

function requests(seed: number, count: number): TransferRequest[] {
  const random = randomFrom(seed);
  return Array.from({ length: count }, (_, index) => {
    const [from, to] = [random.below(4), random.below(3)];
    return {
      transferId: `t${index}`,
      from: accounts[from]!.accountId,
      to: accounts[to >= from ? to + 1 : to]!.accountId,
      amountMinor: 1 + random.below(400),
      currency: 'EUR',
    };
  });
}

describe('transfers by many at the same time, whose processes die', () => {
  test.prop([fc.nat()], { numRuns: 200 })(
    'create no money, overdraw nothing, take effect once, and happen in one order',
    async (seed) => {
      const world = bank(accounts, stormy(seed, 0.05));
      let clock = 0;
      const history = new Map<string, Transaction>();
      const send = async (request: TransferRequest): Promise<void> => {
        const invokedAt = (clock += 1);
        for (let attempt = 0; attempt < 30; attempt += 1) {
          const reply = await transfer(request, {
            ...world,
            clock: () => 1,
            patience: impatient(seed + attempt),
          }).catch((error: unknown) => {
            if (error instanceof Crash || (error as { status?: number }).status === 409) return undefined;
            throw error;
          });
          if (reply === undefined) continue;
          const { posted = [], seen = [] } = JSON.parse(reply.body) as { posted?: Posted[]; seen?: Posted[] };
          expect(reply.status).toBe(posted.length > 0 ? 201 : 422);
          const key = ({ part }: Posted) => part;
          history.set(request.transferId, {
            id: request.transferId,
            invokedAt: Math.min(invokedAt, history.get(request.transferId)?.invokedAt ?? invokedAt),
            returnedAt: (clock += 1),
            outcome: 'committed',
            reads: [
              ...posted.map((one) => ({ key: key(one), version: one.version - 1 })),
              ...seen.map((one) => ({ key: key(one), version: one.version })),
            ],
            writes: posted.map((one) => ({ key: key(one), version: one.version })),
          });
          return;
        }
        throw new Error('thirty attempts met a crash or a conflict each');
      };
      const all = requests(seed, 12);
      // Every third is sent twice.
      await Promise.all([...all, ...all.filter((_, index) => index % 3 === 0)].map(send));

      const balances = [...world.balances.values()];
      expect(balances.reduce((sum, { balanceMinor }) => sum + balanceMinor, 0)).toBe(0);
      for (const { part, balanceMinor } of balances)
        expect(balanceMinor).toBeGreaterThanOrEqual(part === 'vault' ? -10_000 : 0);
      const credits = world.entries.filter(({ deltaMinor }) => deltaMinor > 0);
      expect(new Set(credits.map(({ transferId }) => transferId)).size).toBe(credits.length);
      expect(checkStrictSerializability([...history.values()])).toEqual({ ok: true });
    },
  );

  it('get the same reply, byte for byte, whenever they are sent again; another payload is refused', async () => {
    const world = { ...bank(accounts, calm), clock: () => 5, patience: impatient(1) };
    const paid: TransferRequest = { transferId: 'x', from: 'vault', to: 'b', amountMinor: 7, currency: 'EUR' };
    const poor: TransferRequest = { transferId: 'y', from: 'c', to: 'a', amountMinor: 7, currency: 'EUR' };
    for (const request of [paid, poor]) {
      const first = await transfer(request, world);
      const again = await transfer(request, world);
      expect(again.body).toBe(first.body);
      expect(again.status).toBe(first.status);
      expect(again.headers!['idempotency-replayed']).toBe('true');
      await expect(transfer({ ...request, amountMinor: 8 }, world)).rejects.toMatchObject({ status: 422 });
    }
  });

  it('stay refused when money comes in later: an attempt that was slow must not succeed', async () => {
    const world = { ...bank(accounts, calm), clock: () => 5, patience: impatient(1) };
    const poor: TransferRequest = { transferId: 'y', from: 'c', to: 'a', amountMinor: 7, currency: 'EUR' };
    expect((await transfer(poor, world)).status).toBe(422);
    await transfer({ transferId: 'x', from: 'vault', to: 'c', amountMinor: 100, currency: 'EUR' }, world);
    expect((await transfer(poor, world)).status).toBe(422);
    expect(world.balances.get('a')!.balanceMinor).toBe(0);
  });

  it('that would be more than a balance may be are refused, by the name of the one that would', async () => {
    const world = { ...bank(accounts, calm), clock: () => 5, patience: impatient(1) };
    for (const part of ['a', 'b~0', 'b~1', 'b~2'])
      world.balances.set(part, { part, version: 1, balanceMinor: limits.balanceMinorMax - 5 });
    const pay = async (to: string, amountMinor: number) => {
      const request = { transferId: `${to}-${amountMinor}`, from: 'vault', to, amountMinor, currency: 'EUR' };
      const { status, body } = await transfer(request, world);
      return { status, ...(JSON.parse(body) as { readonly code?: string; readonly detail?: string }) };
    };
    expect(await pay('a', 6)).toMatchObject({
      status: 422,
      code: 'balance-overflow',
      detail: 'account "a" would hold more than 90000000000000 minor units: make room there, and give a new id',
    });
    expect((await pay('b', 6)).detail).toMatch(/^part "b~\d" of account "b" would hold more than/);
    expect((await pay('a', 5)).status).toBe(201);
  });

  it('out of an account in parts look at one that has enough, and at all before they refuse', async () => {
    const world = { ...bank(accounts, calm), clock: () => 5, patience: impatient(1) };
    const send = async (transferId: string, from: string, to: string, amountMinor: number) => {
      const looks: (readonly string[])[] = [];
      const snapshot: typeof world.ledger.snapshot = async (id, parts) => {
        looks.push(parts);
        return world.ledger.snapshot(id, parts);
      };
      const request = { transferId, from, to, amountMinor, currency: 'EUR' };
      const reply = await transfer(request, { ...world, ledger: { ...world.ledger, snapshot } });
      return { status: reply.status, looks };
    };
    for (const number of Array.from({ length: 30 }, (_, index) => index)) await send(`in-${number}`, 'vault', 'b', 10);
    for (const part of ['b~0', 'b~1', 'b~2']) expect(world.balances.get(part)!.balanceMinor).toBeGreaterThan(0);
    const few = await send('few', 'b', 'a', 10);
    expect(few.status).toBe(201);
    expect(few.looks).toEqual([[expect.stringMatching(/^b~\d$/), 'a']]);
    const all = await send('all', 'b', 'a', 290);
    expect(all.status).toBe(201);
    expect(all.looks).toEqual([
      [expect.stringMatching(/^b~\d$/), 'a'],
      ['b~0', 'b~1', 'b~2', 'a'],
    ]);
    const none = await send('none', 'b', 'a', 1);
    expect(none.status).toBe(422);
    expect(none.looks).toHaveLength(2);
  });

  it('that take back one are attempted again when they were refused, and of all attempts one is posted', async () => {
    const world = { ...bank(accounts, calm), clock: () => 5, patience: impatient(1) };
    const send = async (transferId: string, from: string, to: string) =>
      transfer({ transferId, from, to, amountMinor: 100, currency: 'EUR' }, world);
    await send('t', 'vault', 'a');
    await send('spent', 'a', 'c');
    const reverse = async (attempt: number) => {
      const before = attempt === 1 ? undefined : await world.ledger.find(reversalId('t', attempt - 1));
      mayAttempt('t', attempt, before);
      return transfer(reversalOf(reversible('t', await world.ledger.find('t')), attempt), world);
    };
    const refused = await reverse(1);
    expect(refused.status).toBe(422);
    expect(JSON.parse(refused.body)).toMatchObject({
      detail: expect.stringContaining('pay in first, and send attempt 2'),
    });
    expect((await reverse(1)).body).toBe(refused.body);
    await expect(reverse(3)).rejects.toMatchObject({ status: 422, message: expect.stringContaining('was not made') });
    await send('more', 'vault', 'a');
    expect((await reverse(1)).status).toBe(422);
    expect((await reverse(2)).status).toBe(201);
    expect((await reverse(2)).headers).toMatchObject({ 'idempotency-replayed': 'true' });
    await expect(reverse(3)).rejects.toMatchObject({ status: 422, message: expect.stringContaining('already') });
    expect(world.balances.get('a')!.balanceMinor).toBe(0);
  });

  it('are told to come again after so many conflicts', async () => {
    const world = bank(accounts, calm);
    const busy = { ...world.ledger, post: async () => Promise.resolve(undefined) };
    await expect(
      transfer(
        { transferId: 'x', from: 'vault', to: 'c', amountMinor: 100, currency: 'EUR' },
        { ...world, ledger: busy, clock: () => 5, patience: impatient(1) },
      ),
    ).rejects.toMatchObject({ status: 409, headers: { 'retry-after': '1' } });
  });
});

describe('writers of the archive that race and die', () => {
  const changeOf = (shard: number, index: number): ArchivedChange => ({
    sequence: `${shard}-${index}`,
    change: 'insert',
    entry: {
      part: `part-${shard}`,
      version: index + 1,
      transferId: `t-${shard}-${index}`,
      deltaMinor: 0,
      balanceMinor: 0,
      currency: 'EUR',
      atMs: 1000,
    },
  });

  test.prop([fc.nat(), fc.integer({ min: 1, max: 4 })], { numRuns: 200 })(
    'append every change once, in the order of its shard, to one chain that holds',
    async (seed, shards) => {
      const weather = stormy(seed, 0.04);
      const [archive, heads] = [memoryArchive(weather), memoryHeads(weather)];
      const random = randomFrom(seed);
      const perShard = 20;
      /** As Lambda does: a batch is handed over until the handler has returned; the next try may have other bounds. */
      const consume = async (shard: number): Promise<void> => {
        let memory: ArchiveMemory = { slots: new Map() };
        for (let at = 0; at < perShard;) {
          const size = 1 + random.below(6);
          const batch = Array.from({ length: Math.min(size, perShard - at) }, (_, index) =>
            changeOf(shard, at + index),
          );
          const isDone = await append(batch, 1000, { archive, heads, memory, clock: () => 2000, sha256 }).then(
            () => true,
            (error: unknown) => {
              if (!(error instanceof Crash)) throw error;
              return false;
            },
          );
          if (isDone) at += batch.length;
          // A process that died remembers nothing.
          else memory = { slots: new Map() };
        }
      };
      await Promise.all(Array.from({ length: shards }, async (_, shard) => consume(shard)));

      const audit = new Audit([], { readAtMs: 0, toleranceMs: 0, sha256 });
      const found: ArchivedChange[] = [];
      for await (const place of archive.slots()) {
        const text = await archive.read(place);
        audit.addSlot({ ...place, text });
        found.push(...parseSlot(text)!.changes);
      }
      expect(audit.report()).toMatchObject({ ok: true, repeats: 0, entries: shards * perShard });
      for (let shard = 0; shard < shards; shard += 1) {
        expect(found.filter(({ entry }) => entry.part === `part-${shard}`)).toEqual(
          Array.from({ length: perShard }, (_, index) => changeOf(shard, index)),
        );
      }
    },
  );

  it('go on behind a slot that somebody took away or spoiled, and archive again what it held', async () => {
    for (const spoiled of ['', '{}']) {
      const archive = memoryArchive(calm);
      const objects = archive.objects;
      const effects = { archive, heads: memoryHeads(calm), clock: () => 1, sha256 };
      for (let index = 0; index < 3; index += 1)
        await append([changeOf(0, index)], 1000, { ...effects, memory: { slots: new Map() } });
      objects.set(slotKey(2), spoiled);
      await append([changeOf(0, 1), changeOf(0, 3)], 1000, { ...effects, memory: { slots: new Map() } });
      expect(parseSlot(objects.get(slotKey(4))!)).toMatchObject({
        previous: sha256(objects.get(slotKey(3))!),
        changes: [changeOf(0, 1), changeOf(0, 3)],
      });
    }
  });

  it('go on behind the last slot, whichever are gone and whatever is planted, however little they remember', async () => {
    const slots = 40;
    const holes = [
      ...Array.from({ length: slots }, (_, index) => [index + 1]),
      Array.from({ length: 30 }, (_, n) => n),
    ];
    for (const gone of holes) {
      const archive = memoryArchive(calm);
      const objects = archive.objects;
      const memory: ArchiveMemory = { slots: new Map() };
      const effects = { archive, heads: memoryHeads(calm), clock: () => 1, sha256 };
      for (let index = 0; index < slots; index += 1) await append([changeOf(0, index)], 1000, { ...effects, memory });
      for (const slot of gone) objects.delete(slotKey(slot));
      for (const ahead of [2, 6, 14, 30, 1000]) objects.set(slotKey(slots + ahead), '{}');
      await append([changeOf(0, slots)], 1000, { ...effects, memory: { slots: new Map() } });
      for (const slot of gone) expect(objects.has(slotKey(slot)), `${slot}`).toBe(false);
      expect(parseSlot(objects.get(slotKey(slots + 1))!)).toMatchObject({
        previous: sha256(objects.get(slotKey(slots)) ?? ''),
        changes: [changeOf(0, slots)],
      });
    }
  });

  it('leave the head where it is found, also when they died before they could tell', async () => {
    const archive = memoryArchive(calm);
    const heads = memoryHeads(calm);
    const dying = { ...heads, advance: async () => Promise.reject(new Crash('advance')) };
    const effects = { archive, clock: () => 1, sha256 };
    for (let index = 0; index < 3; index += 1)
      await append([changeOf(0, index)], 1000, { ...effects, heads, memory: { slots: new Map() } });
    const late = append([changeOf(0, 3)], 1000, { ...effects, heads: dying, memory: { slots: new Map() } });
    await expect(late).rejects.toThrow(Crash);
    expect([archive.objects.size, await heads.get()]).toEqual([4, 3]);
    // The same batch again: it is there, which is all that is left to tell.
    await append([changeOf(0, 3)], 1000, { ...effects, heads, memory: { slots: new Map() } });
    expect([archive.objects.size, await heads.get()]).toEqual([4, 4]);
  });
});

describe('an audit', () => {
  /** Twelve transfers, each archived at once, and an audit of them. */
  async function auditedBank() {
    const world = bank(accounts, calm);
    const [archive, heads] = [memoryArchive(calm), memoryHeads(calm)];
    const memory: ArchiveMemory = { slots: new Map() };
    const pay = async (request: TransferRequest): Promise<void> => {
      await transfer(request, { ...world, clock: () => 1000, patience: impatient(1) });
    };
    for (const request of requests(3, 12)) {
      const from = world.entries.length;
      await pay(request);
      const changes = world.entries
        .slice(from)
        .map((entry): ArchivedChange => ({ sequence: `${entry.part} ${entry.version}`, change: 'insert', entry }));
      await append(changes, 1000, { archive, heads, memory, clock: () => 1000, sha256 });
    }
    const auditing: Auditing = {
      accounts: {
        async *balances() {
          for (const balance of world.balances.values())
            yield await Promise.resolve({ ...balance, currency: 'EUR', changedAtMs: 1000 });
        },
      },
      entries: entriesIn(world.entries),
      archive,
      heads,
      checkpoints: memoryCheckpoints(calm),
      clock: () => 1_000_000,
      sha256,
      toleranceMs: 0,
      whole: false,
    };
    return { world, archive, heads, pay, auditing };
  }

  function entriesIn(ledger: readonly Entry[]): Auditing['entries'] {
    return {
      at: async (places) =>
        Promise.resolve(
          places.map(({ part, version }) => ledger.find((entry) => entry.part === part && entry.version === version)),
        ),
    };
  }

  const since = (checkpoint: AuditCheckpoint) => memoryCheckpoints(calm, new Map([[checkpoint.slot, checkpoint]]));

  /** Time is up when so many slots were looked at. */
  const lateAfter = (slots: number) => {
    let looks = 0;
    return () => (looks += 1) >= slots;
  };

  it('compares each archived entry with the ledger’s, and says what differs', async () => {
    const { world, archive, pay, auditing } = await auditedBank();
    expect(world.entries.length).toBeGreaterThan(6);
    const { report, checkpoint } = await audit(auditing);
    expect(report).toMatchObject({ ok: true, entries: world.entries.length });
    const [lost, ...left] = world.entries;
    const findings = [{ part: lost!.part, version: lost!.version }];
    expect((await audit({ ...auditing, entries: entriesIn(left) })).report).toMatchObject({ ok: false, findings });

    // One that time does not suffice for is gone on with where it stopped.
    const late = await audit({ ...auditing, isLate: () => true });
    expect(late).toMatchObject({ report: undefined, checkpoint: { slot: 1 } });
    const fromThere = { ...auditing, checkpoints: since(late.checkpoint) };
    const further = await audit({ ...fromThere, isLate: lateAfter(2) });
    expect(further).toMatchObject({ report: undefined, checkpoint: { slot: 2 } });
    const rest = await audit(fromThere);
    expect(rest.report).toMatchObject({ ok: true, since: 1, slots: checkpoint.slot - 1 });
    expect(rest.checkpoint).toEqual(checkpoint);
    const { slot } = checkpoint;
    expect(await audit({ ...auditing, isLate: lateAfter(slot - 1) })).toMatchObject({ report: undefined });
    expect(await audit({ ...auditing, isLate: lateAfter(slot) })).toEqual({ report, checkpoint });

    // Nor does it come to no end because of what somebody planted ahead.
    const planted = memoryArchive(calm);
    for (const [key, text] of archive.objects) planted.objects.set(key, text);
    for (let ahead = 2; ahead < 1000; ahead += 1) planted.objects.set(slotKey(slot + ahead), '{}');
    const led = await audit({ ...auditing, archive: planted, isLate: lateAfter(slot + 3) });
    const missing = { slot: slot + 1, detail: `slot ${slot + 1} of the archive is missing` };
    expect(led).toMatchObject({ report: { ok: false, firstBrokenLink: missing }, checkpoint });

    // The next one has nothing to add; what is made meanwhile and never archived is missed all the same.
    const next = { ...auditing, checkpoints: since(checkpoint) };
    expect((await audit(next)).report).toMatchObject({ ok: true, since: slot, slots: 0 });
    await pay({ transferId: 'later', from: 'vault', to: 'a', amountMinor: 1, currency: 'EUR' });
    const { version } = world.balances.get('vault')!;
    expect((await audit(next)).report!.findings).toContainEqual({
      part: 'vault',
      version,
      detail: `entry ${version} of vault is in the ledger and not in the archive`,
    });
  });

  it('goes on from the newest checkpoint that can be one, and finds whatever else stands there', async () => {
    const { heads, auditing } = await auditedBank();
    const { checkpoint: middle } = await audit({ ...auditing, isLate: lateAfter(1) });
    const head = await heads.get();
    const checkpoints = memoryCheckpoints(
      calm,
      new Map([
        [1, middle],
        [3, undefined],
        [head + 1, middle],
        [1e9, middle],
      ]),
    );
    const findings = [
      {
        detail: `checkpoint 1000000000 is beyond the archive’s head, slot ${head}: it was planted, or the head set back`,
      },
      {
        detail: `checkpoint ${head + 1} is beyond the archive’s head, slot ${head}: it was planted, or the head set back`,
      },
      { detail: 'what stands as checkpoint 3 is none: it was planted, or taken away' },
    ];
    const { report, checkpoint } = await audit({ ...auditing, checkpoints });
    expect(report).toMatchObject({ ok: false, since: 1, slots: head - 1, findings, findingsTotal: 3 });
    // They are found again as long as they stand there, and once.
    expect(checkpoint).toMatchObject({ slot: head, findings: [] });
    await checkpoints.put(checkpoint);
    expect((await audit({ ...auditing, checkpoints })).report).toMatchObject({
      since: head,
      findings: findings.slice(0, 2),
    });
    expect(
      (await audit({ ...auditing, checkpoints: memoryCheckpoints(calm, new Map([[2, undefined]])) })).report,
    ).toMatchObject({
      ok: false,
      slots: head,
      findingsTotal: 1,
    });
  });

  it('believes a checkpoint, which the one of the whole chain does not', async () => {
    const { world, auditing } = await auditedBank();
    const { checkpoint } = await audit(auditing);
    const [part] = checkpoint.parts;
    const raised = { ...part!, balanceMinor: part!.balanceMinor + 1 };
    const balance = world.balances.get(part!.part)!;
    const checkpoints = since({ ...checkpoint, parts: checkpoint.parts.with(0, raised) });
    world.balances.set(balance.part, { ...balance, balanceMinor: balance.balanceMinor + 1 });
    expect((await audit({ ...auditing, checkpoints })).report).toMatchObject({ ok: true });
    const { report } = await audit({ ...auditing, checkpoints, whole: true });
    expect(report!.findings).toContainEqual({
      detail: `checkpoint ${checkpoint.slot} is not what the slots up to it come to: audits that went on from it say nothing`,
    });
    world.balances.set(balance.part, balance);
    expect((await audit({ ...auditing, checkpoints: since(checkpoint), whole: true })).report).toMatchObject({
      ok: true,
    });
  });

  it('of a night that dies at whatever it writes finds the same when it is started again', async () => {
    for (const dies of [
      ['put', 'before'],
      ['put', 'after'],
      ['tell', 'before'],
      ['tell', 'after'],
    ]) {
      const { world, auditing } = await auditedBank();
      const [lost, ...left] = world.entries;
      const told: (readonly Finding[])[] = [];
      let isDead = false;
      const at = (when: string) => async (call: string) => {
        if (isDead || call !== dies[0] || when !== dies[1]) return Promise.resolve();
        isDead = true;
        return Promise.reject(new Crash(call));
      };
      const weather = { before: at('before'), after: at('after') };
      const night = async () =>
        auditNight({
          ...auditing,
          entries: entriesIn(left),
          checkpoints,
          tell: async ({ findings }) => {
            await weather.before('tell');
            told.push(findings);
            await weather.after('tell');
          },
        });
      const checkpoints = memoryCheckpoints(weather);
      await expect(night()).rejects.toThrow(Crash);
      const { findings } = await night();
      expect(findings, dies.join(' ')).toMatchObject([{ part: lost!.part, version: lost!.version }]);
      expect(told).toEqual(Array.from({ length: dies.join(' ') === 'tell after' ? 2 : 1 }, () => findings));
      expect([...checkpoints.stored.keys()]).toEqual([await auditing.heads.get()]);
    }
  });

  it('of a night without time leaves where to go on, and of the whole chain says who has the time', async () => {
    const { auditing } = await auditedBank();
    const checkpoints = memoryCheckpoints(calm);
    const tell = async () => Promise.reject(new Error('it has not come to its end'));
    const night = (whole: boolean) => auditNight({ ...auditing, checkpoints, tell, whole, isLate: lateAfter(2) });
    await expect(night(true)).rejects.toThrow(
      'time was up at slot 2 of the archive: walk the whole chain by designs audit',
    );
    expect(checkpoints.stored.size).toBe(0);
    await expect(night(false)).rejects.toThrow('time was up at slot 2 of the archive: start again');
    await expect(night(false)).rejects.toThrow('time was up at slot 3 of the archive');
    expect([...checkpoints.stored.keys()]).toEqual([2, 3]);
  });
});
