import { operator, type RunResult } from '../../../clients/missing-notifications/operator.ts';
import {
  makeWorld,
  moreLogs,
  shippedAgain,
  type World,
  type WorldOptions,
} from '../../../clients/missing-notifications/servers.ts';
import type { Measured, Proof, Property, Scale, Target, Template, TemplateResource, Usage } from '../../kit/proof.ts';
import { question } from './question.ts';

const properties: readonly Property[] = [
  {
    name: 'sends for documents whose notification is still on its way',
    unit: 'sends',
    points: [1],
    tier: 'emulator',
    naive: { above: 0 },
    improved: { exactly: 0 },
  },
  {
    name: 'capacity read to find the signed documents',
    unit: 'read units per 1,000 of them',
    points: [1],
    tier: 'model',
    naive: { above: 1000 },
    improved: { atMost: 50 },
  },
  {
    name: 'workers that read at the same time',
    unit: 'functions in the larger map',
    points: [2],
    tier: 'emulator',
    naive: { exactly: 1 },
    improved: { above: 1 },
  },
  {
    name: 'partitions that are subtracted independently',
    unit: 'functions in the smaller map',
    points: [3],
    tier: 'emulator',
    naive: { exactly: 1 },
    improved: { above: 1 },
  },
  {
    name: 'peak memory of a worker at ten times the logs',
    unit: 'times its peak at once the logs',
    points: [2],
    tier: 'emulator',
    naive: { above: 1.5 },
    improved: { atMost: 1.25 },
  },
  {
    name: 'false sends when the log of one server in 500 is missing',
    unit: 'sends',
    points: [2],
    tier: 'emulator',
    naive: { above: 0 },
    improved: { exactly: 0 },
  },
  {
    name: 'results from 499 of 500 logs that pass for whole',
    unit: 'runs of 2',
    points: [2],
    tier: 'emulator',
    naive: { exactly: 2 },
    improved: { exactly: 0 },
  },
  {
    name: 'documents in the answer that should not be, and the reverse',
    unit: 'documents',
    points: [3],
    tier: 'emulator',
    naive: { above: 0 },
    improved: { exactly: 0 },
  },
  {
    name: 'difference that a killed worker makes to the repeated run’s result',
    unit: 'lines',
    points: [3],
    tier: 'emulator',
    naive: { above: 0 },
    improved: { exactly: 0 },
  },
  {
    name: 'missed documents left behind by a sender that died',
    unit: 'documents',
    points: [4],
    tier: 'emulator',
    naive: { above: 0 },
    improved: { exactly: 0 },
  },
  {
    name: 'sends beyond one for a missed document, after crashes and repeated runs',
    unit: 'sends',
    points: [5],
    tier: 'emulator',
    naive: { above: 0 },
    improved: { exactly: 0 },
  },
  {
    name: 'calls of the notification service for documents that an earlier run sent',
    unit: 'calls',
    points: [5],
    tier: 'emulator',
    naive: { above: 0 },
    improved: { exactly: 0 },
  },
];

/**
 * Documents signed in the window. An emulator on two cores stores some 12,000 a second and scans its table at 40,000 a
 * second, and the workload is a dozen runs: these are what it does in a minute or two, hence not a million by default.
 */
const sizes = {
  // More of them missed, so that a batch of the queue holds several.
  small: { documents: 3_000, missedShare: 0.015 },
  default: { documents: 20_000 },
  full: { documents: 1_000_000 },
} as const satisfies Record<Scale, Omit<WorldOptions, 'seed'>>;

/** The same workload for every variant: what differs is what the variant's outputs offer to start and to look at. */
async function measure(target: Target): Promise<Measured> {
  const world = worldOf(target);
  const session = operator(target);
  const [workers, senders] = ['Workers', 'Senders'].map((role) => session.output(role).split(',')) as [
    string[],
    string[],
  ];
  target.say(
    `storing ${world.documents.length} documents and ${world.logs.length} logs of ${world.servers.length} servers`,
  );
  await Promise.all([session.storeDocuments(world), session.storeServers(world), session.storeLogs(world.logs)]);
  const missed = new Set(world.missed);
  const window = {
    from: new Date(world.fromMs).toISOString(),
    to: new Date(world.toMs).toISOString(),
    mode: 'shuffle',
  };

  target.say('first run, whose sender is killed, once before it claims and once after it sent');
  const firstAtMs = Date.now();
  for (const sender of senders) {
    await target.faults.arm(sender, [
      { call: 'UpdateItem', kind: 'crash-before', nth: 3, times: 1 },
      { call: 'Invoke', kind: 'crash-after', nth: 3, times: 1 },
    ]);
  }
  const first = await session.run('first', window);
  await target.faults.disarm();
  await session.settle();
  const firstSends = await session.sends();
  const leftBehind = world.missed.filter((id) => !firstSends.has(id)).length;

  target.say('the same run again, with nothing in its way');
  const again = whole(await session.run('first', window));
  await session.settle();
  const result = await session.result('first', firstSends);
  const [answer, firstUsage] = [
    await session.sends(),
    await target.usage(firstAtMs, [...first.executions, ...again.executions]),
  ];
  const wrong =
    [...answer.keys()].filter((id) => !missed.has(id)).length + world.missed.filter((id) => !answer.has(id)).length;

  const beforeKill = await session.sends();
  for (const worker of workers) {
    target.say('a run whose workers are killed');
    await target.faults.arm(worker, [
      { call: 'PutObject', kind: 'crash-before' },
      { call: 'Invoke', kind: 'crash-after', nth: 5 },
    ]);
    await session.run('killed', window);
    await target.faults.disarm();
    // Meanwhile a log changes: a repeated run that read it anew would come to another result.
    await session.storeLogs([shippedAgain(world)]);
  }
  target.say('that run again, to its end');
  whole(await session.run('killed', window));
  await session.settle();
  await session.storeLogs(world.logs.filter(({ key }) => key === shippedAgain(world).key));
  const resultAfterKill = await session.result('killed', beforeKill);

  target.say('another run over the same window');
  const anotherAtMs = Date.now();
  whole(await session.run('another', window));
  await session.settle();
  const another = await target.usage(anotherAtMs);

  target.say('a run without the log of one server, then one that allows it');
  const lost = world.servers[Math.floor(world.servers.length / 2)]!;
  const beforeLoss = await session.sends();
  await session.deleteLogs(world.logs.filter(({ key }) => key.startsWith(`logs/${lost}/`)));
  const refused = await session.run('lost', window);
  await session.settle();
  const falseSends = difference(await session.sends(), beforeLoss).filter((id) =>
    world.loggedOnlyBy(lost).includes(id),
  ).length;
  const partial = whole(await session.run('partial', { ...window, allowPartial: true }));
  await session.settle();
  const passedForWhole = [refused, partial].filter(
    ({ output }) => output !== undefined && output.complete !== false,
  ).length;
  const sendsOfMissed = await session.sends();

  target.say('a run over ten times the logs');
  await session.storeLogs(world.logs.filter(({ key }) => key.startsWith(`logs/${lost}/`)));
  await session.storeLogs(moreLogs(world, target.seed, 10));
  // Arming and disarming replaces the functions' environments: peaks are of fresh processes.
  for (const worker of workers) await target.faults.arm(worker, []);
  await target.faults.disarm();
  const largeAtMs = Date.now();
  whole(await session.run('large', window));
  await session.settle();
  const large = await target.usage(largeAtMs);

  return {
    'sends for documents whose notification is still on its way': count(answer, (id) => world.onTheirWay.has(id)),
    'capacity read to find the signed documents': readUnitsToFind(target.templates['main']!),
    'workers that read at the same time': Math.max(1, ...again.mapChildren),
    'partitions that are subtracted independently': smallest(again.mapChildren),
    'peak memory of a worker at ten times the logs': peakKb(large, workers) / peakKb(firstUsage, workers),
    'false sends when the log of one server in 500 is missing': falseSends,
    'results from 499 of 500 logs that pass for whole': passedForWhole,
    'documents in the answer that should not be, and the reverse': wrong,
    'difference that a killed worker makes to the repeated run’s result': linesThatDiffer(result, resultAfterKill),
    'missed documents left behind by a sender that died': leftBehind,
    'sends beyond one for a missed document, after crashes and repeated runs': count(
      sendsOfMissed,
      (id, sends) => missed.has(id) && sends > 1,
    ),
    'calls of the notification service for documents that an earlier run sent': another.calls['lambda.Invoke'] ?? 0,
  };
}

/** One world for all variants of a run: making it takes seconds. */
const worlds = new Map<string, World>();

function worldOf({ seed, scale }: Target): World {
  const id = `${seed} ${scale}`;
  const world = worlds.get(id) ?? makeWorld({ seed, ...sizes[scale] });
  worlds.set(id, world);
  return world;
}

/**
 * Read units for 1,000 signed documents, at the question's load. Emulators do not weigh what they read, so this is
 * DynamoDB's rule applied to the template's own index: an eventually consistent Query or Scan costs half a unit for each
 * 4 KB of items ("Read consistency", DynamoDB Developer Guide), and 100 bytes are added to each item of an index ("Local
 * and global secondary indexes", same guide). Without an index, all that is stored is read.
 */
function readUnitsToFind({ Resources }: Template): number {
  const { storedDocuments, documentBytes, signedDocuments } = question.load;
  const [index] = Object.values(Resources).flatMap(({ Properties }) => indexesOf(Properties));
  const bytesRead =
    index === undefined
      ? storedDocuments.value * documentBytes.value
      : signedDocuments.value * (index.Projection.ProjectionType === 'KEYS_ONLY' ? 200 : documentBytes.value + 100);
  return ((bytesRead / 8192) * 1000) / signedDocuments.value;
}

interface Index {
  readonly Projection: { readonly ProjectionType: string };
}

function indexesOf(properties: TemplateResource['Properties']): readonly Index[] {
  return (properties?.['GlobalSecondaryIndexes'] ?? []) as readonly Index[];
}

function peakKb({ peakMemoryKb }: Usage, functions: readonly string[]): number {
  return Math.max(...functions.map((name) => peakMemoryKb[name] ?? 0));
}

/** A run that nothing disturbed must end well: what failed for another reason would look like a refusal. */
function whole(result: RunResult): RunResult {
  if (result.error !== undefined) throw new Error(`an undisturbed run failed: ${result.error}`);
  return result;
}

/** A run without maps has one worker for everything. */
function smallest(mapChildren: readonly number[]): number {
  return mapChildren.length === 0 ? 1 : Math.min(...mapChildren);
}

/** Documents with more sends than before. */
function difference(sends: ReadonlyMap<string, number>, before: ReadonlyMap<string, number>): readonly string[] {
  return [...sends].flatMap(([id, times]) => (times > (before.get(id) ?? 0) ? [id] : []));
}

function count(sends: ReadonlyMap<string, number>, which: (id: string, times: number) => boolean): number {
  return [...sends].filter(([id, times]) => which(id, times)).reduce((sum, [, times]) => sum + times, 0);
}

/** Lines of one list that the other lacks, either way; lists in order. */
function linesThatDiffer(a: readonly string[], b: readonly string[]): number {
  const counts = new Map<string, number>();
  for (const line of a) counts.set(line, (counts.get(line) ?? 0) + 1);
  for (const line of b) counts.set(line, (counts.get(line) ?? 0) - 1);
  return [...counts.values()].reduce((sum, times) => sum + Math.abs(times), 0);
}

const notFound = 'S3 says 404 for what is not there yet to those who may list, and 403 to others';
const otherMode = 'the workload asks for shuffle; test/missing-notifications/modes.emulator.test.ts needs it';

const unusedGrants: Proof['unusedGrants'] = {
  improved: {
    'Choose s3:ListBucket Runs': notFound,
    'Extract s3:ListBucket Runs': notFound,
    'Mark s3:ListBucket Runs': notFound,
    'Plan s3:ListBucket Runs': notFound,
    'Reconcile s3:ListBucket Runs': notFound,
    'Sign s3:ListBucket Runs': notFound,
    'Subtract s3:ListBucket Runs': notFound,
    'Mark s3:GetObject Runs': otherMode,
    'Mark s3:GetObjectVersion Logs': otherMode,
    'Mark s3:PutObject Runs': otherMode,
    'Reconcile s3:GetObject Runs': otherMode,
    'Reconcile s3:GetObjectVersion Logs': otherMode,
    'Reconcile s3:PutObject Runs': otherMode,
    'Reconcile sqs:SendMessage MissedQueue': otherMode,
  },
};

export const proof: Proof = { properties, unusedGrants, measure };
