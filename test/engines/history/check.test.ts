import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { checkStrictSerializability as check, type Access, type Transaction } from '../../../engines/history/check.ts';
import { bugs, runBank, type Plan } from './bank.ts';
import { histories, tangles } from './histories.ts';
import { isStrictlySerializable, shortestCycleOf } from './obvious.ts';

/** `'x1 y0'` as versions of keys. */
function accesses(text: string): readonly Access[] {
  return [...text.matchAll(/([a-z])(\S+)/g)].map(([, key, version]) => ({ key: key!, version: Number(version) }));
}

/** Read and written versions from one moment to another; never returned where that is missing. */
function transaction(
  id: string,
  [invokedAt, returnedAt]: readonly [number, number?],
  reads: string,
  writes = '',
  outcome: Transaction['outcome'] = 'committed',
): Transaction {
  return { id, invokedAt, returnedAt, outcome, reads: accesses(reads), writes: accesses(writes) };
}

const ok = { ok: true };
const impossible = (because: string) => ({ ok: false, because, cycle: [] });

describe('a history is strictly serializable', () => {
  it('when nothing happened', () => {
    expect(check([])).toEqual(ok);
  });

  it('when transactions that overlap can be put in an order that real time does not forbid', () => {
    const history = [
      transaction('a', [0, 10], 'x0', 'x1'),
      transaction('b', [1, 9], 'x1 y0', 'x2 y1'),
      transaction('c', [2, 8], 'x0 y0'),
      transaction('d', [11, 12], 'x2 y1'),
    ];
    expect(check(history)).toEqual(ok);
    expect(check(history.toReversed())).toEqual(ok);
  });

  it('when one returned at the very moment another was invoked, in either order', () => {
    expect(check([transaction('a', [0, 5], '', 'x1'), transaction('b', [5, 6], 'x0')])).toEqual(ok);
  });

  it('when a transaction reads what it writes itself, before or after', () => {
    expect(check([transaction('a', [0, 1], 'x0 x1 x2', 'x1 x2')])).toEqual(ok);
  });
});

describe('a cycle is refused, with the kind of each of its edges', () => {
  const cyclic: readonly (readonly [string, readonly Transaction[], readonly string[]])[] = [
    [
      'a stale read',
      [transaction('write', [0, 1], 'x0', 'x1'), transaction('read', [2, 3], 'x0')],
      [
        '"read" read version 0 of x, which "write" replaced (rw)',
        '"write" returned at 1, before "read" was invoked at 2 (real time)',
      ],
    ],
    [
      'half of a transfer',
      [transaction('transfer', [0, 9], '', 'x1 y1'), transaction('read', [0, 9], 'x1 y0')],
      [
        '"transfer" made version 1 of x, which "read" read (wr)',
        '"read" read version 0 of y, which "transfer" replaced (rw)',
      ],
    ],
    [
      'a lost update',
      [transaction('a', [0, 9], 'x0', 'x1'), transaction('b', [0, 9], 'x0', 'x2')],
      ['"a" made version 1 of x, which "b" replaced (ww)', '"b" read version 0 of x, which "a" replaced (rw)'],
    ],
    [
      'writes in two orders',
      [transaction('a', [0, 9], '', 'x1 y2'), transaction('b', [0, 9], '', 'x2 y1')],
      ['"a" made version 1 of x, which "b" replaced (ww)', '"b" made version 1 of y, which "a" replaced (ww)'],
    ],
    [
      'two that each read what the other wrote',
      [transaction('a', [0, 9], 'y1', 'x1'), transaction('b', [0, 9], 'x1', 'y1')],
      ['"a" made version 1 of x, which "b" read (wr)', '"b" made version 1 of y, which "a" read (wr)'],
    ],
    [
      'write skew',
      [transaction('a', [0, 9], 'x0 y0', 'x1'), transaction('b', [0, 9], 'x0 y0', 'y1')],
      ['"a" read version 0 of y, which "b" replaced (rw)', '"b" read version 0 of x, which "a" replaced (rw)'],
    ],
    [
      'a version that its maker then replaced',
      [transaction('write', [0, 9], '', 'x1 x2'), transaction('read', [0, 9], 'x1')],
      [
        '"write" made version 1 of x, which "read" read (wr)',
        '"read" read version 1 of x, which "write" replaced (rw)',
      ],
    ],
    [
      'a read of what was invoked only later',
      [transaction('read', [0, 1], 'x1'), transaction('write', [2, 3], '', 'x1')],
      [
        '"write" made version 1 of x, which "read" read (wr)',
        '"read" returned at 1, before "write" was invoked at 2 (real time)',
      ],
    ],
    [
      'three that no two of them refute',
      [
        transaction('a', [0, 9], 'z1', 'x1'),
        transaction('b', [0, 9], 'x1', 'y1'),
        transaction('c', [0, 9], 'y1', 'z1 w1'),
        transaction('bystander', [0, 9], 'w1'),
      ],
      [
        '"a" made version 1 of x, which "b" read (wr)',
        '"b" made version 1 of y, which "c" read (wr)',
        '"c" made version 1 of z, which "a" read (wr)',
      ],
    ],
  ];

  it.each(cyclic)('%s', (_, history, cycle) => {
    expect(check(history)).toEqual({
      ok: false,
      because: `no order explains ${cycle.length} transactions: ${cycle.join('; ')}`,
      cycle,
    });
  });

  it('a shortest one, when there are several', () => {
    const ring = ['a', 'b', 'c', 'd', 'e'].map((key, index, all) =>
      transaction(`ring ${key}`, [0, 9], `${key}0`, `${all[(index + 1) % all.length]}1`),
    );
    const verdict = check([...ring, transaction('write', [0, 1], '', 'x1 y1'), transaction('read', [2, 3], 'x1 y0')]);
    expect(verdict).toMatchObject({ ok: false, cycle: { length: 2 } });
    expect(check(ring)).toMatchObject({ ok: false, cycle: { length: 5 } });
  });
});

describe('versions that nobody can have made are refused', () => {
  it('two makers of one version', () => {
    expect(check([transaction('a', [0, 1], '', 'x1'), transaction('b', [0, 1], '', 'x1')])).toEqual(
      impossible('"a" and "b" both made version 1 of x'),
    );
  });

  it('a read of a version that nobody made', () => {
    expect(check([transaction('a', [0, 1], '', 'x1'), transaction('b', [0, 1], 'x2')])).toEqual(
      impossible('nobody made version 2 of x, and "b" read it'),
    );
  });

  it('a gap below a version that was made', () => {
    expect(check([transaction('a', [0, 1], '', 'x1'), transaction('b', [0, 1], '', 'x3')])).toEqual(
      impossible('nobody made version 2 of x, and "b" made version 3'),
    );
  });

  it('named by the nearest that met it', () => {
    const history = [
      transaction('a', [0, 1], 'x9'),
      transaction('b', [0, 1], 'x3'),
      transaction('c', [0, 1], '', 'x5'),
    ];
    expect(check(history)).toEqual(impossible('nobody made version 1 of x, and "b" read version 3'));
  });

  it('a read of what an unknown outcome can not have made, since another made the rest of it', () => {
    const history = [
      transaction('lost', [0], '', 'x1 y1', 'unknown'),
      transaction('a', [0, 1], '', 'y1'),
      transaction('b', [0, 1], 'x1'),
    ];
    expect(check(history)).toEqual(impossible('nobody made version 1 of x, and "b" read it'));
  });

  it('a read of what only a refused transaction made', () => {
    expect(check([transaction('a', [0, 1], '', 'x1', 'refused'), transaction('b', [0, 1], 'x1')])).toEqual(
      impossible('nobody but the refused "a" made version 1 of x, and "b" read it'),
    );
  });

  it.each(['x-1', 'x0.5', 'xNaN', 'xInfinity'])('a read of %s', (read) => {
    expect(check([transaction('a', [0, 1], '', 'x1'), transaction('b', [0, 1], read)])).toEqual(
      impossible(`"b" read version ${read.slice(1)} of x: versions are 0, 1, 2, and so on`),
    );
  });

  it.each(['x0', 'x-1', 'x1.5', 'xNaN'])('a write of %s', (write) => {
    expect(check([transaction('a', [0, 1], '', write)])).toEqual(
      impossible(`"a" made version ${write.slice(1)} of x: versions made are 1, 2, and so on`),
    );
  });
});

describe('a refused transaction', () => {
  it('has no effect, and what it read binds nothing', () => {
    const history = [
      transaction('a', [0, 1], '', 'x1 y1'),
      transaction('b', [2, 3], 'x0 y1 z7', 'x1', 'refused'),
      transaction('c', [4, 5], 'x1'),
    ];
    expect(check(history)).toEqual(ok);
  });
});

describe('an unknown outcome', () => {
  const lost = transaction('lost', [0], 'x0', 'x1 y1', 'unknown');

  it('may be left out when nobody saw it', () => {
    expect(check([lost, transaction('a', [0, 1], 'x0'), transaction('b', [2, 3], 'x0', 'x1')])).toEqual(ok);
  });

  it('counts when its version was read: all of it', () => {
    expect(check([lost, transaction('a', [2, 3], 'x1 y1')])).toEqual(ok);
    expect(check([lost, transaction('a', [2, 3], 'x1 y0')])).toMatchObject({ ok: false, cycle: { length: 2 } });
  });

  it('counts when its version was replaced', () => {
    expect(check([lost, transaction('a', [0, 1], '', 'x2'), transaction('b', [2, 3], 'y0')])).toMatchObject({
      ok: false,
      cycle: { length: 3 },
    });
  });

  it('counts when one that counts saw it', () => {
    const history = [
      lost,
      transaction('also lost', [0], 'y1', 'z1', 'unknown'),
      transaction('a', [2, 3], 'z1'),
      transaction('b', [4, 5], 'x0'),
    ];
    expect(check(history)).toMatchObject({ ok: false });
    expect(check(history.slice(0, 3))).toEqual(ok);
  });

  it('may come later than its client gave up, and never sooner than it was invoked', () => {
    const gaveUp = transaction('lost', [2, 3], '', 'x1', 'unknown');
    expect(check([gaveUp, transaction('a', [4, 5], 'x0'), transaction('b', [6, 7], 'x1')])).toEqual(ok);
    expect(check([gaveUp, transaction('a', [0, 1], 'x1')])).toMatchObject({ ok: false });
  });

  it('is whichever of several explains what was seen', () => {
    const either = [
      transaction('wrong', [0], '', 'x1 y1', 'unknown'),
      transaction('right', [0], '', 'x1 z1', 'unknown'),
      transaction('a', [0, 1], 'x1 y0'),
    ];
    expect(check(either)).toEqual(ok);
    expect(check(either.toReversed())).toEqual(ok);
    expect(check([...either, transaction('b', [2, 3], 'z0')])).toMatchObject({ ok: false, cycle: { length: 2 } });
  });

  describe('of which many are seen, each in doubt', () => {
    const keys = [...'abcdefghijklmno'];
    const pairs = keys.flatMap((key) =>
      ['one', 'other'].map((id) => transaction(`${id} ${key}`, [0], '', `${key}1`, 'unknown')),
    );
    const seen = transaction('seen', [0, 1], keys.map((key) => `${key}1`).join(' '));

    it('is explained', () => {
      expect(check([...pairs, seen])).toEqual(ok);
    });

    it('is not asked for where a cycle stands without it', () => {
      const stale = [transaction('write', [0, 1], '', 'z1'), transaction('read', [2, 3], 'z0')];
      expect(check([...pairs, seen, ...stale])).toMatchObject({ ok: false, cycle: { length: 2 } });
    });

    it('is given up on when too many explanations fail', () => {
      const contradicted = ['one', 'other'].map((id) => transaction(`${id} z`, [0], '', 'y1 z1', 'unknown'));
      const half = transaction('half', [0, 1], 'y0 z1');
      expect(() => check([half, ...contradicted, ...pairs, seen])).toThrow(
        '1000 explanations of the unknown outcomes tried: let clients repeat until a reply comes',
      );
    });
  });
});

describe('a long history', () => {
  // All pairs of 50,000 transactions one after another would be more edges than memory holds.
  const serial = Array.from({ length: 50_000 }, (_, index) => {
    const version = Math.floor(index / 50);
    const key = `k${index % 50}`;
    const [reads, writes] = [[{ key, version }], [{ key, version: version + 1 }]];
    return { ...transaction(`t${index}`, [2 * index, 2 * index + 1], ''), reads, writes };
  });

  it('passes', () => {
    expect(check(serial)).toEqual(ok);
  });

  it('is refused for one stale read, though nearly all of it stands on some cycle', () => {
    const stale = transaction('stale', [100_000, 100_001], '');
    const history = [...serial, { ...stale, reads: [{ key: 'k7', version: 1 }] }];
    expect(check(history)).toMatchObject({
      cycle: [
        '"stale" read version 1 of k7, which "t57" replaced (rw)',
        '"t57" returned at 115, before "stale" was invoked at 100000 (real time)',
      ],
    });
  });
});

describe('a malformed history is an error of its recorder', () => {
  it('two transactions of one id', () => {
    expect(() => check([transaction('a', [0, 1], ''), transaction('a', [2, 3], '')])).toThrow(
      'two transactions are called "a": record the repeats of one as one',
    );
  });

  it.each([[[2, 1]], [[NaN, 1]], [[0, NaN]], [[-Infinity]]] as const)('times %j', (times) => {
    expect(() => check([transaction('a', times, '')])).toThrow('take both of one clock');
  });
});

describe('against obvious oracles', () => {
  test.prop([histories], { numRuns: 20_000 })('agrees with trying every order', (history) => {
    expect(check(history).ok).toBe(isStrictlySerializable(history));
  });

  test.prop([tangles], { numRuns: 5000 })('reports a shortest cycle', (history) => {
    const verdict = check(history);
    expect(verdict.ok ? Infinity : verdict.cycle.length).toBe(shortestCycleOf(history));
  });

  it('meets enough of both verdicts, and of long cycles', () => {
    const verdicts = fc.sample(histories, { numRuns: 2000, seed: 1 }).map((history) => check(history));
    const lengths = verdicts.map((verdict) => (verdict.ok ? undefined : verdict.cycle.length));
    const share = (is: (length: number | undefined) => boolean) => lengths.filter(is).length / lengths.length;
    expect(share((length) => length === undefined)).toBeGreaterThan(0.2);
    expect(share((length) => length === 0)).toBeGreaterThan(0.1);
    expect(share((length) => length === 2)).toBeGreaterThan(0.1);
    expect(share((length) => length !== undefined && length > 2)).toBeGreaterThan(0.01);
  });
});

describe('a bank', () => {
  const size = { clients: 8, operationsPerClient: 25, accounts: 5 };
  const seeds = Array.from({ length: 200 }, (_, index) => index + 1);

  it.each(['versions', 'locks'] as const)('that guards its writes with %s passes, whatever comes between', (guard) => {
    for (const seed of seeds) {
      const { transactions } = runBank({ ...size, seed, guard });
      expect(check(transactions), `seed ${seed}`).toEqual(ok);
    }
  });

  it('meets every outcome', () => {
    const runs = seeds.slice(0, 20).map((seed) => runBank({ ...size, seed, guard: 'versions' }));
    const results = runs.flatMap(({ operations }) => operations.map(({ result = 'read' }) => result));
    expect(new Set(results)).toEqual(new Set(['read', 'done', 'insufficient', 'refused', 'unknown']));
  });

  it.each(bugs)('is refused within three seeds when %s', (bug) => {
    const plan: Omit<Plan, 'seed'> = { ...size, bug, guard: bug.includes('lock') ? 'locks' : 'versions' };
    const caught = seeds.slice(0, 3).filter((seed) => !check(runBank({ ...plan, seed }).transactions).ok);
    expect(caught).not.toEqual([]);
  });
});
