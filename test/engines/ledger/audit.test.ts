import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { type AuditCheckpoint, parseCheckpoint, type StoredSlot } from '../../../engines/ledger/audit.ts';
import {
  type ArchivedChange,
  type Entry,
  genesis,
  parseSlot,
  type Slot,
  slotText,
} from '../../../engines/ledger/chain.ts';
import { auditOf, auditSince, type Books, booksOf, honestBooks, sha256, slotsOf } from './books.ts';

const seed = fc.nat();

/** The slot as edited; what follows it stays. */
function edited(stored: StoredSlot, edit: (slot: Slot) => Slot): StoredSlot {
  return { ...stored, text: slotText(edit(parseSlot(stored.text)!)) };
}

function pick<T>(all: readonly T[], by: number): T {
  return all[by % all.length]!;
}

describe('an audit of books in which all is well', () => {
  test.prop([honestBooks])('finds nothing, and has looked at everything', (books) => {
    const report = auditOf(books);
    expect(report.findings).toEqual([]);
    expect(report).toMatchObject({
      ok: true,
      slots: books.slots.length,
      entries: books.ledger.length,
      repeats: 0,
      onTheirWay: 0,
      head: { slot: books.slots.length, hash: sha256(books.slots.at(-1)!.text) },
    });
  });

  test.prop([honestBooks, seed])('finds nothing when changes are archived twice or out of order', (books, by) => {
    const changes = books.slots.flatMap(({ text }) => parseSlot(text)!.changes);
    const at = by % changes.length;
    const shuffled = [...changes.slice(0, at), ...changes.slice(at).toReversed(), pick(changes, by)];
    const report = auditOf({ ...books, slots: slotsOf(shuffled, [3]) });
    expect(report).toMatchObject({ ok: true, findings: [], repeats: 1 });
  });

  test.prop([honestBooks, seed])('finds nothing while the newest entries are on their way', (books, by) => {
    const slots = books.slots.slice(0, by % (books.slots.length + 1));
    expect(auditOf({ ...books, slots }, 1100, 10_000)).toMatchObject({ ok: true, findings: [] });
  });

  it('finds nothing in no books', () => {
    expect(auditOf({ balances: [], ledger: [], slots: [] })).toMatchObject({ ok: true, slots: 0, entries: 0 });
  });

  test.prop([honestBooks])('finds nothing when transfers go on after the balances were read', (books) => {
    const earlier = booksOf([[0, 0, 5]], [1]).balances;
    const balances = earlier
      .filter(({ part }) => books.balances.some((one) => one.part === part))
      .map((one) => ({ ...one, version: 0, balanceMinor: 0 }));
    expect(auditOf({ ...books, balances }, 900, 0)).toMatchObject({ ok: true });
  });
});

/** Through the text in which it is kept. */
function kept(checkpoint: AuditCheckpoint): AuditCheckpoint {
  return parseCheckpoint(JSON.stringify(checkpoint))!;
}

/** The books as they were when so many slots had been archived. */
function booksUntil({ slots, ledger }: Books, count: number): Books {
  const early = slots.slice(0, count);
  const archived = early.flatMap(({ text }) => parseSlot(text)!.changes);
  const places = new Set(archived.map(({ entry }) => `${entry.part} ${entry.version}`));
  const entries = ledger.filter(({ part, version }) => places.has(`${part} ${version}`));
  const balances = new Map<string, Books['balances'][number]>();
  for (const { part, version, balanceMinor, atMs } of entries)
    balances.set(part, { part, currency: 'EUR', version, balanceMinor, changedAtMs: atMs });
  return { slots: early, ledger: entries, balances: [...balances.values()] };
}

describe('an audit that knows the chain’s head', () => {
  test.prop([honestBooks, seed])('finds the same in books in which all is well, and comes as far', (books, by) => {
    const count = by % (books.slots.length + 1);
    const { report, checkpoint } = auditSince({ ...books, head: count }, undefined);
    const head = { slot: count, hash: count === 0 ? genesis : sha256(books.slots[count - 1]!.text) };
    expect(report).toEqual({ ...auditOf(books), head });
    expect(checkpoint).toEqual(auditSince({ ...books, slots: books.slots.slice(0, count) }, undefined).checkpoint);
    const next = auditSince({ ...books, head: books.slots.length }, kept(checkpoint));
    expect(next.report).toMatchObject({ ok: true, since: count, slots: books.slots.length - count });
    expect(next.checkpoint.slot).toBe(books.slots.length);
  });

  test.prop([honestBooks, seed])('misses slots at the end, with all that they held taken back', (books, by) => {
    const head = books.slots.length;
    const count = by % head;
    const early = booksUntil(books, count);
    // Nothing else tells: what is left agrees.
    expect(auditOf(early, 10_000_000, 20_000_000)).toMatchObject({ ok: true });
    const { report, checkpoint } = auditSince({ ...early, head }, undefined, 10_000_000, 20_000_000);
    const missing = { slot: count + 1, detail: `slot ${count + 1} of the archive is missing` };
    expect(report).toMatchObject({ ok: false, findingsTotal: 1, firstBrokenLink: missing, findings: [missing] });
    expect(auditSince({ ...early, head }, kept(checkpoint), 10_000_000, 20_000_000).report).toMatchObject({
      ok: false,
      findingsTotal: 1,
      firstBrokenLink: missing,
    });
  });

  test.prop([honestBooks, seed])('names the first slot that is gone, that of the night before too', (books, by) => {
    const count = 1 + (by % books.slots.length);
    const { checkpoint } = auditSince({ ...books, head: count }, undefined);
    const head = books.slots.length;
    const { report } = auditSince({ ...books, slots: books.slots.slice(0, count - 1), head }, kept(checkpoint));
    expect(report.firstBrokenLink).toEqual({ slot: count, detail: `slot ${count} of the archive is missing` });
    expect(report.findings.filter(({ slot }) => slot === count + 1)).toHaveLength(count < head ? 1 : 0);
  });

  test.prop([honestBooks, seed])('is not led past it by slots that somebody planted', (books, by) => {
    const count = by % books.slots.length;
    const { ledger, balances, slots } = booksUntil(books, count);
    const last = slots.at(-1);
    const planted = [...(by % 2 === 0 ? [count + 1] : []), 999_999_999_998, 999_999_999_999].map((slot): StoredSlot => {
      const text = slotText({
        slot,
        previous: last === undefined ? '' : sha256(last.text),
        writtenAtMs: 0,
        changes: [],
      });
      return { slot, text: by % 3 === 0 ? 'anything' : text, versions: 1 + (by % 2) };
    });
    const first = auditSince({ ledger, balances, slots: [...slots, ...planted], head: count }, undefined);
    expect(first.report.ok).toBe(false);
    expect(first.checkpoint).toEqual(auditSince({ ledger, balances, slots }, undefined).checkpoint);
    // The next night reads what was written since, and names what is wrong with it, however far ahead others lie.
    const at = count + (by % (books.slots.length - count));
    const wrong = books.slots.map((stored, index) => (index === at ? { ...stored, versions: 2 } : stored));
    const ahead = planted.filter(({ slot }) => slot > books.slots.length);
    const next = auditSince(
      { ...books, slots: [...wrong, ...ahead], head: books.slots.length },
      kept(first.checkpoint),
    );
    expect(next.report.firstBrokenLink).toMatchObject({ slot: at + 1, detail: expect.stringContaining('2 versions') });
    expect(next.checkpoint.slot).toBe(books.slots.length);
  });
});

describe('an audit that goes on from a checkpoint', () => {
  test.prop([honestBooks, seed])(
    'finds all well where all is, and reads only what was archived since',
    (inOrder, by) => {
      const changes = inOrder.slots.flatMap(({ text }) => parseSlot(text)!.changes);
      const at = by % changes.length;
      const shuffled = [...changes.slice(0, at), ...changes.slice(at).toReversed()];
      const books = { ...inOrder, slots: slotsOf(shuffled, [2, 1, 3]) };
      const count = (by >> 4) % (books.slots.length + 1);
      const { checkpoint } = auditSince(booksUntil(books, count), undefined, 1100, 10_000);
      const { report, checkpoint: next } = auditSince(books, kept(checkpoint));
      expect(report).toMatchObject({ ok: true, findings: [], since: count, slots: books.slots.length - count });
      const byPart = ({ parts, ...rest }: AuditCheckpoint) => ({
        ...rest,
        parts: parts.toSorted((a, b) => (a.part < b.part ? -1 : 1)),
      });
      expect(byPart(next)).toEqual(byPart(auditSince(books, undefined).checkpoint));
      expect(auditSince(books, kept(next)).report).toMatchObject({ ok: true, slots: 0 });
    },
  );

  test.prop([honestBooks, seed])(
    'finds a balance that was changed, an account and a slot that were taken away',
    (books, by) => {
      const { checkpoint } = auditSince(books, undefined);
      const { part } = pick(books.balances, by);
      const others = books.balances.filter((one) => one.part !== part);
      const own = books.balances.find((one) => one.part === part)!;
      const raised = [...others, { ...own, balanceMinor: own.balanceMinor + 1 }];
      expect(auditSince({ ...books, balances: raised }, kept(checkpoint)).report.findings).toMatchObject([{ part }]);
      const back = [...others, { ...own, version: own.version - 1 }];
      expect(auditSince({ ...books, balances: back }, kept(checkpoint)).report.findings).toContainEqual(
        expect.objectContaining({ part, version: own.version }),
      );
      expect(auditSince({ ...books, balances: others }, kept(checkpoint)).report.findings).toMatchObject([{ part }]);
      const { slot } = checkpoint;
      const replaced = books.slots.map((one) => (one.slot === slot ? { ...one, text: `${one.text} ` } : one));
      for (const slots of [books.slots.slice(0, -1), replaced])
        expect(auditSince({ ...books, slots }, kept(checkpoint)).report.firstBrokenLink).toMatchObject({ slot });
    },
  );

  test.prop([honestBooks, seed])(
    'finds a version that is none and a currency that is another, also of entries that came since',
    (books, by) => {
      const { checkpoint } = auditSince(books, undefined);
      const own = pick(books.balances, by);
      const others = books.balances.filter((one) => one !== own);
      const audited = (change: Partial<typeof own>, more: readonly Entry[] = []) => {
        const balances = [...others, { ...own, ...change }];
        const changes = more.map((entry): ArchivedChange => ({ sequence: 'new', change: 'insert', entry }));
        const last = books.slots.at(-1)!;
        const text = slotText({ slot: last.slot + 1, previous: sha256(last.text), writtenAtMs: 0, changes });
        const slots = [...books.slots, { slot: last.slot + 1, text, versions: 1 }];
        return auditSince({ balances, ledger: [...books.ledger, ...more], slots }, kept(checkpoint)).report.findings;
      };
      const finding = expect.objectContaining({ part: own.part });
      for (const version of [1.5, Number.NaN, own.version + 1, 1e9])
        expect(audited({ version })).toContainEqual(finding);
      expect(audited({ currency: 'KWD' })).toContainEqual(finding);
      const { part, version, balanceMinor } = own;
      const entry = {
        part,
        version: version + 1,
        transferId: 'new',
        deltaMinor: 0,
        balanceMinor,
        currency: 'KWD',
        atMs: 1,
      };
      expect(audited({ currency: 'KWD', version: version + 1 }, [entry])).toContainEqual(
        expect.objectContaining({ part, version: version + 1 }),
      );
    },
  );

  test.prop([honestBooks, seed], { numRuns: 60 })('reports again what stands in slots before it', (books, by) => {
    const slot = 1 + (by % books.slots.length);
    const slots = books.slots.map((one) => (one.slot === slot ? { ...one, versions: 2 } : one));
    const first = auditSince({ ...books, slots }, undefined);
    const second = auditSince({ ...books, slots }, kept(first.checkpoint));
    const third = auditSince({ ...books, slots }, kept(second.checkpoint));
    for (const { report, checkpoint } of [first, second, third]) {
      expect(report).toMatchObject({ ok: false, findings: [{ slot }], findingsTotal: 1 });
      expect(checkpoint).toMatchObject({ findings: [{ slot }], findingsTotal: 1 });
    }
    const again = slots.map((one) => (one.slot === slot ? { ...one, versions: 3 } : one));
    const last = auditSince({ ...books, slots: again }, kept(third.checkpoint)).report;
    expect(last.findingsTotal).toBe(slot === books.slots.length ? 2 : 1);
  });

  it.each(['', '{', '[]', 'null', '{"slot":1,"hash":"x","parts":[{"part":"a"}],"open":[]}'])(
    'takes no %j for one',
    (text) => {
      expect(parseCheckpoint(text)).toBeUndefined();
    },
  );
});

/** What somebody might do, and where the audit must say that it was done. */
const tamperings: Readonly<
  Record<string, (books: Books, by: number) => { slot?: number; part?: string; version?: number }>
> = {
  'an entry is deleted from the ledger': (books, by) => {
    const { part, version } = pick(books.ledger, by);
    books.ledger = books.ledger.filter((entry) => entry.part !== part || entry.version !== version);
    return { part, version };
  },
  'an amount is changed in the ledger': (books, by) => {
    const one = pick(books.ledger, by);
    books.ledger = books.ledger.map((entry) =>
      entry === one ? { ...entry, deltaMinor: entry.deltaMinor + 1 } : entry,
    );
    return { part: one.part, version: one.version };
  },
  'a balance is changed': (books, by) => {
    const one = pick(books.balances, by);
    books.balances = books.balances.map((balance) =>
      balance === one ? { ...balance, balanceMinor: balance.balanceMinor - 1 } : balance,
    );
    return { part: one.part };
  },
  'the version of a balance is raised, or is no whole number': (books, by) => {
    const one = pick(books.balances, by);
    const version = pick([one.version + 1, 1e9, 1.5, Number.NaN, undefined as unknown as number], by >> 3);
    books.balances = books.balances.map((balance) => (balance === one ? { ...balance, version } : balance));
    return { part: one.part };
  },
  'a balance is no whole number': (books, by) => {
    const one = pick(books.balances, by);
    books.balances = books.balances.map((balance) => (balance === one ? { ...balance, balanceMinor: 0.5 } : balance));
    return { part: one.part };
  },
  'the currency of an account is changed': (books, by) => {
    const one = pick(books.balances, by);
    books.balances = books.balances.map((balance) => (balance === one ? { ...balance, currency: 'KWD' } : balance));
    return { part: one.part };
  },
  'an account is taken away': (books, by) => {
    const one = pick(books.balances, by);
    books.balances = books.balances.filter((balance) => balance !== one);
    return { part: one.part };
  },
  'the last slots are cut off': (books, by) => {
    const left = by % books.slots.length;
    const lost = books.slots.slice(left).flatMap(({ text }) => parseSlot(text)!.changes)[0]!.entry;
    books.slots = books.slots.slice(0, left);
    return { part: lost.part, version: lost.version };
  },
  'a slot is deleted': (books, by) => {
    const one = pick(books.slots.slice(0, -1), by);
    if (one === undefined) return {};
    books.slots = books.slots.filter((slot) => slot !== one);
    return { slot: one.slot };
  },
  'a slot is overwritten, its old version kept by the lock': (books, by) => {
    const one = pick(books.slots, by);
    books.slots = books.slots.map((slot) => (slot === one ? { ...slot, versions: 2 } : slot));
    return { slot: one.slot };
  },
  'a slot is replaced past the lock': (books, by) => {
    const one = pick(books.slots, by);
    const isLast = one === books.slots.at(-1);
    const { part } = parseSlot(one.text)!.changes[0]!.entry;
    books.slots = books.slots.map((slot) =>
      slot === one ? edited(slot, (was) => ({ ...was, changes: was.changes.slice(1) })) : slot,
    );
    return isLast ? { part } : { slot: one.slot };
  },
  'a transfer is backdated in the ledger and past the lock': (books, by) => {
    const one = pick(books.slots.slice(0, -1), by);
    if (one === undefined) return {};
    const { entry: target } = parseSlot(one.text)!.changes[0]!;
    const backdated = { ...target, atMs: target.atMs - 500 };
    const isIt = ({ part, version }: { part: string; version: number }) =>
      part === target.part && version === target.version;
    books.ledger = books.ledger.map((entry) => (isIt(entry) ? backdated : entry));
    books.slots = books.slots.map((slot) =>
      slot === one
        ? edited(slot, (was) => ({
            ...was,
            changes: was.changes.map((change) => (isIt(change.entry) ? { ...change, entry: backdated } : change)),
          }))
        : slot,
    );
    return { slot: one.slot };
  },
  'a slot is spoiled': (books, by) => {
    const one = pick(books.slots, by);
    books.slots = books.slots.map((slot) => (slot === one ? { ...slot, text: slot.text.slice(0, -2) } : slot));
    return { slot: one.slot };
  },
  'an entry is changed and the stream tells of it': (books, by) => {
    const one = pick(books.ledger, by);
    const changes = books.slots.flatMap(({ text }) => parseSlot(text)!.changes);
    books.slots = slotsOf([...changes, { sequence: 'x', change: 'modify', entry: { ...one, atMs: 1 } }], [4]);
    return { part: one.part, version: one.version };
  },
  'half a transfer is made past the bank': (books, by) => {
    const one = pick(books.balances, by);
    const forged = {
      part: one.part,
      version: one.version + 1,
      transferId: 'forged',
      deltaMinor: 7,
      balanceMinor: one.balanceMinor + 7,
      currency: 'EUR',
      atMs: 2000,
    };
    books.balances = books.balances.map((balance) =>
      balance === one ? { ...balance, version: forged.version, balanceMinor: forged.balanceMinor } : balance,
    );
    books.ledger = [...books.ledger, forged];
    const changes = books.slots.flatMap(({ text }) => parseSlot(text)!.changes);
    books.slots = slotsOf([...changes, { sequence: 'x', change: 'insert', entry: forged }], [4]);
    return {};
  },
};

describe('an audit of the whole chain that knows what others go on from', () => {
  /** What the books come to up to some slot, as a night that went on from another one stored it. */
  const checkpointOf = (books: Books, by: number): AuditCheckpoint => {
    const count = by % (books.slots.length + 1);
    const { checkpoint: first } = auditSince(booksUntil(books, (by >> 4) % (count + 1)), undefined, 1100, 10_000);
    return kept(auditSince(booksUntil(books, count), kept(first), 1100, 10_000).checkpoint);
  };

  test.prop([honestBooks, seed])('finds nothing when that is what the slots come to', (inOrder, by) => {
    const changes = inOrder.slots.flatMap(({ text }) => parseSlot(text)!.changes);
    const at = by % changes.length;
    const books = { ...inOrder, slots: slotsOf([...changes.slice(0, at), ...changes.slice(at).toReversed()], [2, 1]) };
    const expected = checkpointOf(books, by);
    const shuffled = { ...expected, parts: expected.parts.toReversed(), open: expected.open.toReversed() };
    for (const one of [expected, shuffled])
      expect(auditSince(books, undefined, undefined, undefined, one).report).toMatchObject({ ok: true });
  });

  test.prop([honestBooks, seed])('finds that it was forged', (books, by) => {
    const expected = checkpointOf(books, by);
    const { slot, parts, open } = expected;
    const poor = { part: 'none', currency: 'EUR', version: 1, balanceMinor: 5, waiting: [] };
    const forged: readonly AuditCheckpoint[] = [
      { ...expected, hash: 'f'.repeat(64) },
      { ...expected, parts: [...parts, poor] },
      { ...expected, open: [...open, { transferId: 'forged', sumMinor: 1, atMs: 1 }] },
      ...parts.flatMap((one, index) =>
        [
          { ...one, balanceMinor: one.balanceMinor + 1 },
          { ...one, version: one.version + 1 },
          { ...one, waiting: [...one.waiting, pick(books.ledger, by)] },
        ].map((edit) => ({ ...expected, parts: parts.with(index, edit) })),
      ),
    ];
    const detail = `checkpoint ${slot} is not what the slots up to it come to: audits that went on from it say nothing`;
    for (const one of forged) {
      const { report } = auditSince(books, undefined, undefined, undefined, one);
      expect(report.findings).toEqual([{ detail }]);
    }
  });

  test.prop([honestBooks, seed])('names the broken link alone where that explains the difference', (books, by) => {
    fc.pre(books.slots.length > 1);
    const expected = kept(auditSince(books, undefined).checkpoint);
    const [gone] = books.slots.slice(0, -1).slice(by % (books.slots.length - 1));
    const slots = books.slots.filter((slot) => slot !== gone);
    const { firstBrokenLink, findings } = auditSince(
      { ...books, slots },
      undefined,
      undefined,
      undefined,
      expected,
    ).report;
    expect(firstBrokenLink).toMatchObject({ slot: gone!.slot });
    expect(findings.filter(({ detail }) => detail.startsWith('checkpoint'))).toEqual([]);
  });
});

describe('an audit after', () => {
  test.prop([honestBooks, seed])('nothing but a copy finds nothing', (books) => {
    expect(auditOf(structuredClone(books)).ok).toBe(true);
  });

  describe.each(Object.entries(tamperings))('%s', (_, tamper) => {
    test.prop([honestBooks, seed], { numRuns: 60 })('says so, and where', (books, by) => {
      fc.pre(books.slots.length > 1);
      const tampered = structuredClone(books);
      const where = tamper(tampered, by);
      const { ok, findings, findingsTotal } = auditOf(tampered);
      expect(ok).toBe(false);
      expect(findingsTotal).toBeGreaterThanOrEqual(findings.length);
      expect(findings).toContainEqual(expect.objectContaining(where));
    });
  });

  test.prop([honestBooks, seed], { numRuns: 60 })(
    'a transfer that the archive lost says so, also of accounts that change all the time',
    (books, by) => {
      const changes = books.slots.flatMap(({ text }) => parseSlot(text)!.changes);
      const { transferId, atMs } = pick(books.ledger, by);
      fc.pre(atMs < 1000 + changes.length / 2 - 1);
      const left = changes.filter(({ entry }) => entry.transferId !== transferId);
      // So late that this one should have been archived, and the last one need not be.
      const report = auditOf({ ...books, slots: slotsOf(left, [3]) }, atMs + 11, 10);
      expect(report.onTheirWay).toBe(0);
      for (const { part, version } of books.ledger.filter((entry) => entry.transferId === transferId))
        expect(report.findings).toContainEqual(expect.objectContaining({ part, version }));
    },
  );

  test.prop([honestBooks, seed], { numRuns: 60 })(
    'a balance is raised behind entries that are on their way',
    (books, by) => {
      const slots = books.slots.slice(0, by % books.slots.length);
      const { part } = pick(books.balances, by);
      const raised = books.balances.map((one) =>
        one.part === part ? { ...one, balanceMinor: one.balanceMinor + 1 } : one,
      );
      const report = auditOf({ ...books, slots, balances: raised }, 1100, 10_000);
      expect(report.findings).toContainEqual(expect.objectContaining({ part }));
    },
  );

  it('names the first of several broken links', () => {
    const books = booksOf(
      Array.from({ length: 12 }, () => [0, 0, 5] as const),
      [2],
    );
    books.slots = books.slots.map((slot) =>
      [4, 7].includes(slot.slot) ? edited(slot, (was) => ({ ...was, writtenAtMs: 0 })) : slot,
    );
    expect(auditOf(books).firstBrokenLink).toMatchObject({
      slot: 4,
      detail: expect.stringContaining('slot 5 says it had'),
    });
  });
});
