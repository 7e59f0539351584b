import { type Catalogue, cutOff, makeCatalogue, makeMisleading } from '../../../clients/xml-processing/documents.ts';
import { type Group, type LoadInput, type LoadResult, operator } from '../../../clients/xml-processing/operator.ts';
import type { Measured, Proof, Property, Scale, Target, Usage } from '../../kit/proof.ts';

const properties: readonly Property[] = [
  {
    name: 'peak memory of a worker at ten times the document, with as many records',
    unit: 'times its peak at once the document',
    points: [1],
    tier: 'emulator',
    naive: { above: 2 },
    improved: { atMost: 1.6 },
  },
  {
    name: 'peak memory of a worker at ten times the records',
    unit: 'times its peak at once the records',
    points: [4],
    tier: 'emulator',
    naive: { above: 2 },
    improved: { atMost: 1.6 },
  },
  {
    name: 'workers that parse one document at the same time',
    unit: 'functions in the smaller map',
    points: [2],
    tier: 'emulator',
    naive: { exactly: 1 },
    improved: { atLeast: 4 },
  },
  {
    name: 'records that differ from what a person sees in a document made to mislead a splitter',
    unit: 'records',
    points: [2],
    tier: 'emulator',
    naive: { above: 0 },
    improved: { exactly: 0 },
  },
  {
    name: 'complete records lost from a document that is cut off at 90 %',
    unit: 'records',
    points: [3],
    tier: 'emulator',
    naive: { above: 0 },
    improved: { exactly: 0 },
  },
  {
    name: 'records that stored aggregates count wrongly after killed workers and repeated runs',
    unit: 'records',
    points: [3],
    tier: 'emulator',
    naive: { above: 0 },
    improved: { exactly: 0 },
  },
  {
    name: 'records stored more than once after killed workers and repeated runs',
    unit: 'records',
    points: [3],
    tier: 'emulator',
    naive: { above: 0 },
    improved: { exactly: 0 },
  },
  {
    name: 'bytes that the run after a killed one reads again',
    unit: 'times the document',
    points: [3],
    tier: 'emulator',
    changedByFaults: 'what a lost reply held is read once more, and a killed repetition reads again too',
    naive: { atLeast: 1 },
    improved: { below: 0.75 },
  },
];

/**
 * An emulator on two cores makes some 450 single writes a second, and the workload is eight loads: these are what the
 * naive variant does in half a minute, hence offers of 10 KB, and not a gigabyte of them, by default.
 */
const sizes = {
  small: { offers: 150, lines: 120 },
  default: { offers: 150, lines: 120 },
  full: { offers: 1_500, lines: 120 },
} as const satisfies Record<Scale, { readonly offers: number; readonly lines: number }>;

const offers = { tag: 'offer', sum: 'price', by: 'category' } as const;
/** By maps over so many ranges: each child is a process, of which two cores start two a second. */
const ranges = 4;
const step = 64 * 1024;

function mapped({ body }: Catalogue): Pick<LoadInput, 'oneWorkerBytesMax' | 'rangeBytes'> {
  return { oneWorkerBytesMax: 0, rangeBytes: Math.ceil(body.length / ranges / step) * step };
}

/** The same workload for every variant: what differs is what the variant's outputs offer to start and to look at. */
async function measure(target: Target): Promise<Measured> {
  const { seed, scale } = target;
  const { offers: count, lines } = sizes[scale];
  const session = operator(target);
  const workers = session.output('Workers').split(',');
  const catalogue = (more: { readonly times?: number; readonly lines?: number; readonly bulkBytes?: number } = {}) =>
    makeCatalogue({
      seed,
      offers: count * (more.times ?? 1),
      linesPerOffer: more.lines ?? lines,
      bulkBytes: more.bulkBytes ?? 0,
    });
  const load = async (name: string, document: Catalogue, options: Partial<LoadInput> = {}): Promise<LoadResult> => {
    await session.storeDocument(keyOf(name), document.body);
    return session.load({ key: keyOf(name), ...offers, ...options });
  };
  const usageSince = async (sinceMs: number): Promise<Usage> => {
    const usage = await target.usage(sinceMs);
    if (peakKb(usage, workers) > 0) return usage;
    throw new Error(`no log line of ${workers.join(', ')} has arrived since ${new Date(sinceMs).toISOString()}`);
  };
  const arm = async (faults: Parameters<Target['faults']['arm']>[1]) => {
    for (const worker of workers) await target.faults.arm(worker, faults);
  };

  target.say('a document, and ten times as much of it around as many records, and ten times the records');
  const once = catalogue();
  const peaks: number[] = [];
  for (const [name, document] of [
    ['once', once],
    ['bulk', catalogue({ bulkBytes: 9 * once.body.length })],
    ['many', catalogue({ times: 10 })],
  ] as const) {
    // Arming and disarming replaces the functions' environments: peaks are of fresh processes.
    await arm([]);
    await target.faults.disarm();
    const sinceMs = Date.now();
    whole(await load(name, document));
    peaks.push(peakKb(await usageSince(sinceMs), workers));
  }

  target.say('a document whose workers are killed when they have moved their checkpoint, then two runs at once');
  await arm([{ call: 'UpdateItem', kind: 'crash-after', nth: 1, times: 3 }]);
  await load('raced', once, mapped(once));
  await target.faults.disarm();
  const raced = (
    await Promise.all([1, 2].map(() => session.load({ key: keyOf('raced'), ...offers, ...mapped(once) })))
  ).map(whole);

  target.say('a document whose workers are killed between storing records and moving their checkpoint');
  const killed = catalogue({ lines: 3 * lines });
  await arm([
    { call: 'PutItem', kind: 'crash-after', nth: Math.ceil(count / 2) },
    { call: 'BatchWriteItem', kind: 'crash-after', nth: 4 },
  ]);
  await load('killed', killed);
  await target.faults.disarm();
  const againMs = Date.now();
  const again = whole(await session.load({ key: keyOf('killed'), ...offers }));
  const read = (await usageSince(againMs)).bytesIn;

  target.say('a document that is cut off, and one that is made to mislead');
  const torn = cutOff(once, 0.9);
  await load('torn', torn, mapped(torn));
  const misleading = makeMisleading({ seed, offers: 2 * count });
  await load('misleading', misleading, mapped(misleading));

  const stored = await session.records();
  const difference = (name: string, { offers: expected }: Catalogue) =>
    compare(
      stored.get(keyOf(name)) ?? [],
      expected.map(({ json }) => json),
    );
  const miscounted = async (name: string, { offers: expected }: Catalogue, result: LoadResult) =>
    countWrong(await session.aggregates(keyOf(name), result), expected);

  return {
    'peak memory of a worker at ten times the document, with as many records': peaks[1]! / peaks[0]!,
    'peak memory of a worker at ten times the records': peaks[2]! / peaks[0]!,
    'workers that parse one document at the same time': Math.max(1, Math.min(...raced.flatMap(smallestMap))),
    'records that differ from what a person sees in a document made to mislead a splitter': sumOf(
      difference('misleading', misleading),
    ),
    'complete records lost from a document that is cut off at 90 %': difference('torn', torn).lost,
    'records that stored aggregates count wrongly after killed workers and repeated runs':
      (await miscounted('raced', once, raced[0]!)) + (await miscounted('killed', killed, again)),
    'records stored more than once after killed workers and repeated runs':
      difference('raced', once).surplus + difference('killed', killed).surplus,
    'bytes that the run after a killed one reads again': read / killed.body.length,
  };
}

function keyOf(name: string): string {
  return `documents/${name}.xml`;
}

/** A run that nothing disturbed must end well: what failed for another reason would look like a refusal. */
function whole(result: LoadResult): LoadResult {
  if (result.error !== undefined) throw new Error(`an undisturbed run failed: ${result.error}`);
  return result;
}

function peakKb({ peakMemoryKb }: Usage, functions: readonly string[]): number {
  return Math.max(...functions.map((name) => peakMemoryKb[name] ?? 0));
}

/** A run without maps has one worker for everything. */
function smallestMap({ mapChildren }: LoadResult): readonly number[] {
  return mapChildren.length === 0 ? [1] : mapChildren;
}

interface Difference {
  /** Expected and not there. */
  readonly lost: number;
  /** There more often than expected. */
  readonly surplus: number;
}

function compare(found: readonly string[], expected: readonly string[]): Difference {
  const counts = new Map<string, number>();
  for (const record of expected) counts.set(record, (counts.get(record) ?? 0) + 1);
  for (const record of found) counts.set(record, (counts.get(record) ?? 0) - 1);
  const values = [...counts.values()];
  return {
    lost: values.reduce((sum, value) => sum + Math.max(0, value), 0),
    surplus: values.reduce((sum, value) => sum + Math.max(0, -value), 0),
  };
}

function sumOf({ lost, surplus }: Difference): number {
  return lost + surplus;
}

/** Records that some group counts too often or not at all, and one for each sum that is wrong. */
function countWrong(groups: ReadonlyMap<string, Group>, expected: Catalogue['offers']): number {
  const left = new Map([...groups].map(([group, { records, sum }]) => [group, { records: Number(records), sum }]));
  let wrong = 0;
  for (const [category, members] of Map.groupBy(expected, (offer) => offer.category)) {
    const found = left.get(category);
    left.delete(category);
    const cents = members.reduce((sum, offer) => sum + offer.cents, 0);
    wrong += Math.abs((found?.records ?? 0) - members.length);
    if (found === undefined || Math.round(Number(found.sum) * 100) !== cents) wrong += 1;
  }
  return [...left.values()].reduce((sum, { records }) => sum + records, wrong);
}

const notFound = 'S3 says 404 for what is not there yet to those who may list, and 403 to others';

const unusedGrants: Proof['unusedGrants'] = {
  improved: { 'Plan s3:ListBucket Documents': notFound, 'Scan s3:ListBucket Loads': notFound },
};

export const proof: Proof = { properties, unusedGrants, measure };
