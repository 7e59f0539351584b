import { join } from 'node:path';
import type { AggregateResult } from '../../engines/xml/aggregate.ts';
import type { Bench, Contest, Contestant, ContestRequest, Size } from '../contest.ts';
import { type Data, makeData } from './data.ts';

interface Sort {
  readonly name: string;
  readonly what: string;
  readonly records: Readonly<Record<Size, number>>;
  /** Peers that cannot read so much at full size. */
  readonly beyond: readonly string[];
}

const sorts: readonly Sort[] = [
  {
    name: 'medium',
    what: 'a catalogue that parsers of whole documents can read',
    records: { small: 700, full: 80_000 },
    beyond: [],
  },
  {
    name: 'large',
    what: 'a catalogue longer than a string may be in V8',
    records: { small: 900, full: 500_000 },
    // It takes the document as one string.
    beyond: ['fast-xml-parser'],
  },
];

interface Peer {
  readonly script: string;
  readonly formulations: readonly string[];
  /** How many times our own time it takes, at least. */
  readonly bar?: number;
}

/** Each parser's formulations; the best one takes part. */
const peers: Readonly<Record<string, Peer>> = {
  saxes: {
    script: 'saxes-peer.ts',
    formulations: ['stream+65536', 'stream+1048576', 'read+65536', 'read+1048576'],
    bar: 1.7,
  },
  'sax-wasm': { script: 'sax-wasm-peer.ts', formulations: ['65536', '262144'] },
  'fast-xml-parser': { script: 'fast-xml-parser-peer.ts', formulations: ['pruned', 'objects'] },
  'Python iterparse': { script: 'etree_peer.py', formulations: ['end', 'start+end'] },
  'lxml iterparse': { script: 'lxml_peer.py', formulations: ['children', 'findtext'] },
  'Python expat': { script: 'expat_peer.py', formulations: ['wanted', 'all'] },
};

const root = join(import.meta.dirname, '../..');

export const xml: Bench = {
  name: 'xml',
  reads: { full: '500,000 records, 0.62 GB', small: 'hundreds of records' },
  contestNames: sorts.map(({ name }) => name),
  peerNames: Object.keys(peers),
  makeContest,
};

function makeContest(name: string, { size, python, directory, only }: ContestRequest): Contest {
  const sort = sorts.find((one) => one.name === name)!;
  const data = makeData(directory, { records: sort.records[size], seed: 1 });
  const taking = Object.entries(peers).filter(([peer]) => only === undefined || only.includes(peer));
  return {
    name,
    what:
      `sums of prices by category in ${sort.what}: ${data.records.toLocaleString('en-US')} records, ` +
      `${(data.bytes / 1e6).toFixed(0)} MB`,
    answer: data.answer,
    contestants: [
      ours('designs xml, two threads', data, 2),
      ours('designs xml, one thread', data, 1),
      ...taking.map(([peer, how]) => ({
        ...contestant(peer, how, data, python),
        ...(sort.beyond.includes(peer) ? { mayFail: true } : {}),
      })),
    ],
  };
}

function ours(name: string, { file }: Data, threads: number): Contestant {
  const command = [process.execPath, join(root, 'bin/designs.mjs'), 'xml', file];
  const options = ['--tag', 'item', '--sum', 'price', '--by', 'category', '--json', '--threads', String(threads)];
  return { name, formulations: [{ name: 'as it is', command: [...command, ...options] }], linesOf: linesOfReport };
}

/** Of the report that `--json` prints. */
function linesOfReport(output: Buffer): readonly string[] {
  const { groups = [] } = JSON.parse(output.toString()) as AggregateResult;
  const lines = groups.map(({ by, records, sum }) => `${by ?? ''}\t${records}\t${sum ?? ''}`);
  return lines.map((line) => Buffer.from(line).toString('latin1'));
}

function contestant(name: string, { script, formulations, bar }: Peer, data: Data, python: string): Contestant {
  const path = join(import.meta.dirname, 'peers', script);
  // -B: no compiled files beside the sources.
  const start = script.endsWith('.py') ? [python, '-B', path] : [process.execPath, path];
  return {
    name,
    formulations: formulations.map((formulation) => ({
      name: formulation,
      command: [...start, formulation, data.file],
    })),
    ...(bar === undefined ? {} : { bar: { atLeast: bar } }),
  };
}
