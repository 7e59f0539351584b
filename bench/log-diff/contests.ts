import { join } from 'node:path';
import { number } from '../../tools/io/words.ts';
import type { Bench, Contest, Contestant, ContestRequest, Formulation } from '../contest.ts';
import { type Data, type DataOptions, makeData } from './data.ts';

interface Sort {
  readonly name: string;
  readonly what: string;
  readonly ids: DataOptions['ids'];
  readonly format: DataOptions['format'];
  /** Times the full size; absent: a small input, whatever the size. */
  readonly share?: number;
  /** How many times our own time each takes, at least. */
  readonly bars: Readonly<Partial<Record<PeerName, number>>>;
  readonly peers: readonly PeerName[];
  readonly pattern?: string;
  readonly memoryBar?: boolean;
}

type PeerName = keyof typeof peers;

const root = join(import.meta.dirname, '../..');
const uuid = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';

/** Each tool's formulations; the best one takes part. */
const peers = {
  'chDB, hand-tuned': { script: 'chdb_peer.py', formulations: ['substring+group', 'substring+join'] },
  'chDB, regex': { script: 'chdb_peer.py', formulations: ['regex+group', 'regex+join', 'regex+in'] },
  DuckDB: { script: 'duckdb_peer.py', formulations: ['substring', 'regex'] },
  Polars: { script: 'polars_peer.py', formulations: ['slice', 'regex'] },
  // Its readers take UTF-8 only, and a log may hold anything.
  DataFusion: { script: 'datafusion_peer.py', formulations: ['substring', 'regex'], mayFail: true },
  shell: { script: 'shell_peer.sh', formulations: ['grep'] },
  ripgrep: { script: 'shell_peer.sh', formulations: ['ripgrep'], needs: ['rg'] },
  mawk: { script: 'shell_peer.sh', formulations: ['mawk'], needs: ['mawk'] },
  Spark: { script: 'spark_peer.py', formulations: ['sort-merge'], needs: ['java'] },
} as const satisfies Record<
  string,
  { script: string; formulations: readonly string[]; needs?: readonly string[]; mayFail?: true }
>;

const sorts: readonly Sort[] = [
  {
    name: 'plain',
    what: 'UUIDs in plain logs',
    ids: 'uuid',
    format: 'plain',
    share: 1,
    peers: ['chDB, hand-tuned', 'chDB, regex', 'DuckDB', 'Polars', 'DataFusion', 'shell', 'ripgrep', 'mawk', 'Spark'],
    bars: { 'chDB, hand-tuned': 3, 'chDB, regex': 3, DuckDB: 7, Polars: 4.5, shell: 13, ripgrep: 13, Spark: 35 },
    memoryBar: true,
  },
  {
    name: 'regex',
    what: 'UUIDs in plain logs, found by a regular expression that only a run of it can judge',
    ids: 'uuid',
    format: 'plain',
    share: 0.25,
    peers: ['chDB, regex', 'DuckDB'],
    bars: {},
    pattern: `(?:^|.* )notification\\.sent doc=(${uuid})(?: |$)`,
  },
  {
    name: 'gzip',
    what: 'UUIDs in gzip logs',
    ids: 'uuid',
    format: 'gzip',
    share: 0.25,
    peers: ['chDB, hand-tuned', 'DuckDB', 'Polars', 'shell'],
    bars: { 'chDB, hand-tuned': 1.6, DuckDB: 3.4 },
  },
  {
    name: 'zstd',
    what: 'UUIDs in zstd logs',
    ids: 'uuid',
    format: 'zstd',
    share: 0.25,
    peers: ['chDB, hand-tuned', 'DuckDB', 'shell'],
    bars: { 'chDB, hand-tuned': 2.2 },
  },
  {
    name: 'strings',
    what: 'IDs of any bytes in plain logs',
    ids: 'string',
    format: 'plain',
    share: 1,
    peers: ['chDB, hand-tuned', 'chDB, regex', 'DuckDB', 'Polars'],
    bars: { 'chDB, hand-tuned': 1.8, 'chDB, regex': 1.8 },
  },
  {
    name: 'start',
    what: 'a small run, which is to start in 0.1 s',
    ids: 'uuid',
    format: 'plain',
    peers: ['chDB, hand-tuned', 'DuckDB', 'Polars', 'shell'],
    bars: {},
  },
];

const smallLines = 10_000;

export const logDiff: Bench = {
  name: 'log-diff',
  reads: { full: '20 M lines, 2.4 GB, 10 M signed', small: 'a hundred thousand lines' },
  contestNames: sorts.map(({ name }) => name),
  peerNames: Object.keys(peers),
  makeContest,
};

function makeContest(name: string, { size, python, directory, only }: ContestRequest): Contest {
  const sort = sorts.find((one) => one.name === name)!;
  const lines =
    sort.share === undefined ? smallLines : Math.round((size === 'full' ? 20_000_000 : 100_000) * sort.share);
  const servers = size === 'full' && lines > smallLines ? 500 : 20;
  const { ids, format, pattern } = sort;
  const dataOf = (of: DataOptions['ids']): Data =>
    makeData(directory, { lines, signed: lines / 2, servers, ids: of, format, seed: 1 });
  const data = dataOf(ids);
  const taking = sort.peers.filter((peer) => only === undefined || only.includes(peer));
  return {
    name,
    what:
      (sort.share === undefined
        ? `${sort.what}: ${number(data.lines)} lines, ${(data.bytes / 1e6).toFixed(1)} MB, ${number(lines / 2)} signed, `
        : `${sort.what}: ${(data.lines / 1e6).toFixed(1)} M lines, ${(data.bytes / 1e9).toFixed(2)} GB, ` +
          `${(lines / 2e6).toFixed(2)} M signed, `) + `${number(data.missed)} missed`,
    answer: data.answer,
    ...(sort.memoryBar === undefined ? {} : { memoryBar: sort.memoryBar }),
    contestants: [
      { name: 'designs missing', formulations: [ours(data, pattern === undefined ? [] : ['--pattern', pattern])] },
      ...taking.map((peer) => contestant(peer, sort, data, python)),
      ...(sort.share === undefined ? [nodeAlone()] : []),
      ...(format === 'plain' && pattern === undefined && sort.share !== undefined
        ? [ids === 'uuid' ? lineCount(data) : fastPath(dataOf('uuid'))]
        : []),
    ],
  };
}

/** Our own command on these data, with options. */
export function ours({ directory }: Data, options: readonly string[]): Formulation {
  const command = [process.execPath, join(root, 'bin/designs.mjs'), 'missing'];
  const files = ['--signed', join(directory, 'signed.txt'), '--logs', join(directory, 'logs')];
  return { name: options.length === 0 ? 'as it is' : options.join(' '), command: [...command, ...files, ...options] };
}

function contestant(name: PeerName, { ids, bars }: Sort, data: Data, python: string): Contestant {
  const peer: {
    readonly script: string;
    readonly formulations: readonly string[];
    readonly needs?: readonly string[];
    readonly mayFail?: true;
  } = peers[name];
  const script = join(import.meta.dirname, 'peers', peer.script);
  const bar = bars[name];
  return {
    name,
    formulations: peer.formulations.map((formulation) => ({
      name: formulation,
      command: [
        peer.script.endsWith('.py') ? python : 'bash',
        script,
        formulation,
        ids,
        data.directory,
        data.extension,
      ],
    })),
    ...(bar === undefined ? {} : { bar: { atLeast: bar } }),
    ...(peer.needs === undefined ? {} : { needs: peer.needs }),
    ...(peer.mayFail === undefined ? {} : { mayFail: peer.mayFail }),
  };
}

/** What the machine needs to read the bytes and look at each once. */
function lineCount({ directory, extension }: Data): Contestant {
  const script = join(import.meta.dirname, 'peers/shell_peer.sh');
  return {
    name: 'wc -l, for scale',
    formulations: [{ name: 'count-lines', command: ['bash', script, 'count-lines', 'uuid', directory, extension] }],
    bar: { atMost: 6 },
    isReference: true,
  };
}

/** What of a small run is not ours. */
function nodeAlone(): Contestant {
  return {
    name: 'Node alone, for scale',
    formulations: [{ name: 'an empty program', command: [process.execPath, '-e', '0'] }],
    isReference: true,
  };
}

/** As many UUIDs: what it costs that an ID may be anything. */
function fastPath(data: Data): Contestant {
  return {
    name: 'designs missing on UUIDs, for scale',
    formulations: [ours(data, [])],
    bar: { atMost: 3 },
    isReference: true,
  };
}
