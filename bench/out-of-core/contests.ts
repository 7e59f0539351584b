import { join } from 'node:path';
import type { Bench, Contest, ContestRequest } from '../contest.ts';
import { ours } from '../log-diff/contests.ts';
import { makeData } from '../log-diff/data.ts';

interface Sort {
  readonly name: string;
  /** Signed IDs at full size. */
  readonly ids: number;
  /** DuckDB takes part: at 300 M, its own temporary files and ours together are too much for most disks. */
  readonly hasPeer: boolean;
}

const sorts: readonly Sort[] = [
  { name: '10M', ids: 10_000_000, hasPeer: true },
  { name: '100M', ids: 100_000_000, hasPeer: true },
  { name: '300M', ids: 300_000_000, hasPeer: false },
];
const memory = '2GB';

export const outOfCore: Bench = {
  name: 'out-of-core',
  reads: {
    full: `10, 100 and 300 M signed IDs in ${memory} of memory; 300M takes 50 GB on disk, delete .designs/bench/data then`,
    small: 'a thousandth of that',
  },
  contestNames: sorts.map(({ name }) => name),
  peerNames: ['DuckDB'],
  makeContest,
};

function makeContest(name: string, { size, python, directory, only }: ContestRequest): Contest {
  const sort = sorts.find((one) => one.name === name)!;
  const ids = size === 'full' ? sort.ids : sort.ids / 1000;
  const data = makeData(directory, {
    lines: ids,
    signed: ids,
    servers: size === 'full' ? 500 : 20,
    ids: 'uuid',
    format: 'plain',
    isLean: true,
    seed: 1,
  });
  const peer = join(import.meta.dirname, '../log-diff/peers/duckdb_peer.py');
  const hasPeer = sort.hasPeer && (only === undefined || only.includes('DuckDB'));
  return {
    name,
    what:
      `${(ids / 1e6).toLocaleString('en-US')} M signed UUIDs, ${(data.lines / 1e6).toFixed(1)} M lines of short plain logs ` +
      `(${((data.bytes + 37 * ids) / 1e9).toFixed(1)} GB with the list), ${memory} of memory, ` +
      `${data.missed.toLocaleString('en-US')} missed`,
    answer: data.answer,
    ids,
    contestants: [
      { name: 'designs missing', formulations: [ours(data, ['--memory', memory])] },
      ...(hasPeer
        ? [
            {
              name: 'DuckDB',
              formulations: [
                {
                  name: `substring in ${memory}`,
                  command: [python, peer, `substring in ${memory}`, 'uuid', data.directory, data.extension],
                },
              ],
            },
          ]
        : []),
    ],
  };
}
