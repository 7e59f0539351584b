import { describe, expect, it } from 'vitest';
import { benches } from '../../bench/benches.ts';
import type { Bench } from '../../bench/contest.ts';
import { type RecordedContest, withContest, withNumbers } from '../../bench/record.ts';

const bench: Bench = {
  name: 'letters',
  reads: { full: 'all', small: 'few' },
  contestNames: ['a', 'b', 'c'],
  peerNames: [],
  makeContest: () => {
    throw new Error('nobody runs it');
  },
};

const contest = (name: string, more: Partial<RecordedContest> = {}): RecordedContest => ({
  name,
  what: `the letter ${name}`,
  runs: 5,
  date: '2026-11-25',
  machine: '2 x CPU',
  standings: [standing('ours', 2), { ...standing('theirs', 3), bar: { atLeast: 1.7 }, meets: false }],
  failed: [{ name: 'third', why: 'cannot read a | b' }],
  skipped: ['fourth: xyz is not installed'],
  ...more,
});

function standing(name: string, seconds: number) {
  const memory = { memoryBytes: 12e6, temporaryBytes: 0 };
  return {
    name,
    formulation: 'as it is',
    seconds,
    secondsMin: seconds,
    secondsMax: seconds,
    ...memory,
    ratio: seconds / 2,
  };
}

const marked = (numbers: string): string =>
  `before\n<!-- npm run bench -- letters -->\n${numbers}<!-- end of npm run bench -- letters -->\nafter\n`;

describe('the record of a bench', () => {
  it('keeps the contests that were not run again', () => {
    const first = withContest(bench, undefined, contest('c'));
    const second = withContest(bench, first, contest('a', { date: '2026-11-26' }));
    const third = withContest(bench, second, contest('c', { date: '2026-11-27' }));
    expect(third.contests.map(({ name, date }) => [name, date])).toEqual([
      ['a', '2026-11-26'],
      ['c', '2026-11-27'],
    ]);
  });

  it('forgets a contest that there is no more', () => {
    const recorded = { contests: [contest('z'), contest('b')] };
    expect(withContest(bench, recorded, contest('a')).contests.map(({ name }) => name)).toEqual(['a', 'b']);
  });
});

describe('the numbers of a bench in the README', () => {
  it('stand between its marks, one row a contestant, who is below the bar or failed among them', () => {
    const memory = { bytes: 12e6, leanestPeerBytes: 11e6, meets: false };
    const recorded = {
      contests: [contest('a', { memory }), contest('b'), contest('c', { date: '2026-11-26', failed: [], skipped: [] })],
    };
    const rows = [
      '| | seconds | MB | times ours | bar |',
      '|---|---:|---:|---:|---|',
      '| ours | 2.00 | 12 | 1.00 |  |',
    ];
    const theirs = '| theirs | 3.00 | 12 | 1.50 | 1.7x ours: BELOW THE BAR |';
    const others = ['| third | failed |  |  | cannot read a \\| b |', '', 'Skipped: fourth: xyz is not installed.', ''];
    const leanest = rows.with(2, '| ours | 2.00 | 12 | 1.00 | at most the leanest peer’s 11 MB: BELOW THE BAR |');
    expect(withNumbers(marked('what was there before\n'), bench, recorded)).toBe(
      marked(
        [
          '',
          'Medians of 5 runs in turns, 2026-11-25, 2 x CPU.',
          '',
          '`a`, the letter a:',
          '',
          ...leanest,
          theirs,
          ...others,
          '`b`, the letter b:',
          '',
          ...rows,
          theirs,
          ...others,
          'Medians of 5 runs in turns, 2026-11-26, 2 x CPU.',
          '',
          '`c`, the letter c:',
          '',
          ...rows,
          theirs,
          '',
          '',
        ].join('\n'),
      ),
    );
  });

  it('say what each ID takes, and what a thousand million would', () => {
    const ours = { ...standing('ours', 120), memoryBytes: 2e9, temporaryBytes: 3.2e9 };
    const recorded = { contests: [contest('a', { ids: 100_000_000, standings: [ours] })] };
    expect(withNumbers(marked(''), bench, recorded)).toContain(
      'Each signed ID takes 1.20 µs, 20.0 bytes of memory and 32.0 bytes of temporary files; at that rate, a projection, ' +
        '1 B would take 20 minutes and 32 GB of temporary files.',
    );
  });

  it('are none where nothing is recorded', () => {
    expect(withNumbers(marked('\nold\n\n'), bench, undefined)).toBe(marked(''));
    expect(withNumbers(marked(''), bench, undefined)).toBe(marked(''));
  });

  it('need their marks', () => {
    expect(() => withNumbers('nothing\n', bench, undefined)).toThrow('add <!-- npm run bench -- letters -->');
  });
});

describe('the benches', () => {
  it('have names of their own, and so have the contests of each', () => {
    expect(benches.map(({ name }) => name)).toEqual(['log-diff', 'out-of-core', 'xml']);
    for (const { contestNames } of benches) expect(new Set(contestNames).size).toBe(contestNames.length);
  });
});
