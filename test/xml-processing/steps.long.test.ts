import { setImmediate as turn } from 'node:timers/promises';
import { DOMParser, type Element } from '@xmldom/xmldom';
import { describe, expect, it } from 'vitest';
import { cutOff, makeCatalogue, makeMisleading, type Offer } from '../../clients/xml-processing/documents.ts';
import { randomFrom } from '../../engines/simulation/random.ts';
import {
  batch,
  LoadRefused,
  type LoadRequest,
  type Report,
  stopBeforeMs,
} from '../../lambdas/xml-processing/domain.ts';
import { load, plan } from '../../lambdas/xml-processing/steps.ts';
import { type Cloud, cloudOf, type CrashPoint, mortal, storesOf, type Wire, WorkerKilled } from './fakes.ts';
import { itemsOf, runWorkflow } from './workflow.ts';

const key = 'documents/a.xml';
const rangeBytes = 64 * 1024;

function requestOf(more: Partial<LoadRequest> = {}): LoadRequest {
  return { key, tag: 'offer', sum: 'price', by: 'category', rangeBytes, oneWorkerBytesMax: 0, ...more };
}

/** Stored records as JSON, in the document's order. */
function recordsIn(cloud: Cloud): readonly string[] {
  return [...cloud.records]
    .map(([place, { json }]) => ({ byte: Number(place.split(' ').at(-1)), json }))
    .toSorted((a, b) => a.byte - b.byte)
    .map(({ json }) => json);
}

function jsonOf(offers: readonly Offer[]): readonly string[] {
  return offers.map(({ json }) => json);
}

/** Groups, their counts and their sums in cents, by a calculation that knows nothing of XML. */
function totalsOf(offers: readonly Offer[]): ReadonlyMap<string | null, readonly [number, number]> {
  const totals = new Map<string, readonly [number, number]>();
  for (const { category, cents } of offers) {
    const [records, sum] = totals.get(category) ?? [0, 0];
    totals.set(category, [records + 1, sum + cents]);
  }
  return totals;
}

function totalsIn(cloud: Cloud): ReadonlyMap<string | null, readonly [number, number]> {
  const { groups = [] } = reportIn(cloud);
  return new Map(groups.map(({ by, records, sum }) => [by, [records, Math.round(Number(sum) * 100)]]));
}

function reportIn(cloud: Cloud): Report {
  const [text] = [...cloud.files].filter(([name]) => name.endsWith('/report.json')).map(([, body]) => body);
  return JSON.parse(text!) as Report;
}

/** What a load leaves: two clouds with the same of it hold the same load. */
function bytesOf({ files, records, progress }: Cloud) {
  const sorted = <T>(entries: Iterable<readonly [string, T]>) => [...entries].toSorted(([a], [b]) => (a < b ? -1 : 1));
  // A summary may say the same in other stretches when its bytes came in other chunks.
  const told = [...files].filter(([name]) => !name.includes('/summaries/'));
  return { files: sorted(told), records: sorted(records), progress: sorted(progress) };
}

const catalogue = makeCatalogue({ seed: 5, offers: 400, linesPerOffer: 8 });
const misleading = makeMisleading({ seed: 6, offers: 400 });

describe('a load', () => {
  it.each([
    ['a plain catalogue', catalogue],
    ['a catalogue made to mislead', misleading],
  ])('stores each record of %s once, as it stands in the document, and adds it up once', async (_, document) => {
    for (const seed of [1, 2, 3]) {
      const cloud = cloudOf({ [key]: document.body });
      const summary = await runWorkflow(cloud, requestOf(), { random: randomFrom(seed) });
      expect(summary.cuts).toBeGreaterThan(2);
      expect(summary).toMatchObject({ records: 400, complete: true, groupCount: totalsOf(document.offers).size });
      expect(recordsIn(cloud)).toEqual(jsonOf(document.offers));
      expect(totalsIn(cloud)).toEqual(totalsOf(document.offers));
    }
  });

  it('gives the same records and aggregates in one worker as by maps', async () => {
    const [alone, mapped] = [cloudOf({ [key]: misleading.body }), cloudOf({ [key]: misleading.body })];
    const { loadId } = await runWorkflow(mapped, requestOf());
    const summary = await runWorkflow(alone, requestOf({ oneWorkerBytesMax: misleading.body.length }));
    expect(summary).toMatchObject({ loadId, cuts: 1 });
    expect(recordsIn(alone)).toEqual(recordsIn(mapped));
    expect(reportIn(alone)).toEqual({ ...reportIn(mapped), cuts: 1 });
  });

  it('agrees with a DOM of the document', async () => {
    const cloud = cloudOf({ [key]: misleading.body });
    await runWorkflow(cloud, requestOf());
    const tree = new DOMParser().parseFromString(misleading.body.toString('utf16le').slice(1), 'text/xml');
    const isOutermost = (element: Element) => {
      for (let up = element.parentNode; up !== null; up = up.parentNode) if (up.nodeName === 'offer') return false;
      return true;
    };
    const elements = [...tree.getElementsByTagName('offer')].filter(isOutermost);
    const childText = (element: Element, name: string) =>
      [...element.childNodes].find(({ nodeName }) => nodeName === name)?.textContent;
    expect(recordsIn(cloud).map((json) => JSON.parse(json) as object)).toMatchObject(
      elements.map((element) => ({
        '@id': element.getAttribute('id'),
        category: childText(element, 'category'),
        price: childText(element, 'price'),
      })),
    );
  });

  it('leaves the same bytes whatever the order of its ranges and cuts and the sizes of chunks', async () => {
    const clouds = await Promise.all(
      [1, 2, 3, 4].map(async (seed) => {
        const cloud = cloudOf({ [key]: misleading.body });
        await runWorkflow(cloud, requestOf(), { random: randomFrom(seed) });
        return bytesOf(cloud);
      }),
    );
    for (const other of clouds) expect(other).toEqual(clouds[0]);
  });

  it('started again writes nothing that was not there', async () => {
    const cloud = cloudOf({ [key]: catalogue.body });
    await runWorkflow(cloud, requestOf());
    const before = bytesOf(cloud);
    const { wire, passed } = mortal();
    await runWorkflow(cloud, requestOf(), { wire });
    expect(bytesOf(cloud)).toEqual(before);
    // It reads no more than the head.
    expect(passed.filter((call) => /^(records|progress\.move)/.test(call))).toEqual([]);
    expect(passed.filter((call) => call.startsWith('documents.read')).length).toBeLessThan(20);
  });

  it('of a new version is another load, and the old one stays as it was', async () => {
    const cloud = cloudOf({ [key]: catalogue.body });
    const first = await runWorkflow(cloud, requestOf());
    cloud.documents.get(key)!.push(misleading.body);
    const second = await runWorkflow(cloud, requestOf());
    expect(second.loadId).not.toBe(first.loadId);
    expect(cloud.records.size).toBe(800);
    const again = await runWorkflow(cloud, requestOf({ versionId: '0' }));
    expect(again).toEqual(first);
    expect(cloud.records.size).toBe(800);
  });

  it('reads the version that it pinned, whatever is uploaded meanwhile', async () => {
    const cloud = cloudOf({ [key]: catalogue.body });
    const uploading: Wire = async (call, commit) => {
      const result = commit();
      if (call === 'files.createJsonOnce manifest.json') cloud.documents.get(key)!.push(misleading.body);
      return result;
    };
    await runWorkflow(cloud, requestOf(), { wire: uploading });
    expect(recordsIn(cloud)).toEqual(jsonOf(catalogue.offers));
  });

  it('counts and groups without a path as it does with one', async () => {
    const cloud = cloudOf({ [key]: catalogue.body });
    const { sum: _sum, by: _by, ...bare } = requestOf();
    const summary = await runWorkflow(cloud, bare);
    expect(summary).toMatchObject({ records: 400 });
    expect(summary).not.toHaveProperty('sum');
    expect(summary).not.toHaveProperty('groupCount');
  });
});

describe('a worker whose time is nearly over', () => {
  it('hands over after the records that it has, and others load the rest of the cut', async () => {
    const cloud = cloudOf({ [key]: catalogue.body });
    let invocations = 0;
    const wire: Wire = async (call, commit) => {
      if (call === 'progress.get') invocations += 1;
      return commit();
    };
    await runWorkflow(cloud, requestOf({ oneWorkerBytesMax: catalogue.body.length }), {
      wire,
      remainingMs: () => stopBeforeMs - 1,
    });
    // The parser takes 64 KiB at a time; one `get` is the report's.
    expect(invocations).toBeGreaterThan(catalogue.body.length / 65_536);
    expect(recordsIn(cloud)).toEqual(jsonOf(catalogue.offers));
    expect(totalsIn(cloud)).toEqual(totalsOf(catalogue.offers));
  });

  it('holds no more than one batch and what a chunk adds to it', async () => {
    const cloud = cloudOf({ [key]: makeCatalogue({ seed: 1, offers: 3000, linesPerOffer: 0 }).body });
    let records = 0;
    let most = 0;
    const wire: Wire = async (call, commit) => {
      const before = cloud.records.size;
      const result = commit();
      records += cloud.records.size - before;
      if (call === 'progress.move') [most, records] = [Math.max(most, records), 0];
      return result;
    };
    await runWorkflow(cloud, requestOf({ oneWorkerBytesMax: 2 ** 24 }), { wire });
    // A record has some 80 bytes, and the parser takes 64 KiB at a time.
    expect(most).toBeGreaterThanOrEqual(batch.recordsMax);
    expect(most).toBeLessThan(batch.recordsMax + 65_536 / 60);
  });
});

describe('a document with an error', () => {
  const at = (share: number, change: (body: Buffer, byte: number) => Buffer) => {
    const byte = catalogue.body.indexOf('<line', Math.floor(catalogue.body.length * share));
    return { byte, body: change(catalogue.body, byte) };
  };
  const spoilt = at(0.6, (body, byte) =>
    Buffer.concat([body.subarray(0, byte), Buffer.from('</oops>'), body.subarray(byte)]),
  );

  it.each([
    ['in one worker', 2 ** 24],
    ['by maps', 0],
  ])(
    'is refused with file, line, column and byte, with all records before the error stored and counted, %s',
    async (_, most) => {
      const cloud = cloudOf({ [key]: spoilt.body });
      const line = spoilt.body.subarray(0, spoilt.byte).toString().split('\n').length;
      await expect(runWorkflow(cloud, requestOf({ oneWorkerBytesMax: most }))).rejects.toThrow(
        new RegExp(`^document ${key}, line ${line}, column \\d+, byte ${spoilt.byte}: .*oops`),
      );
      const before = spoilt.body.subarray(0, spoilt.byte).toString().split('</offer>').length - 1;
      expect(before).toBeGreaterThan(200);
      expect(recordsIn(cloud)).toEqual(jsonOf(catalogue.offers.slice(0, before)));
      expect(totalsIn(cloud)).toEqual(totalsOf(catalogue.offers.slice(0, before)));
      expect(reportIn(cloud)).toMatchObject({ complete: false, records: before, problem: { byte: spoilt.byte, line } });
    },
  );

  it('is refused the same way when it is started again, and nothing is stored that was not', async () => {
    const cloud = cloudOf({ [key]: spoilt.body });
    const refusals: unknown[] = [];
    for (let run = 0; run < 2; run += 1) {
      await runWorkflow(cloud, requestOf()).catch((error: unknown) => refusals.push(error));
    }
    expect(refusals).toHaveLength(2);
    expect(refusals[0]).toBeInstanceOf(LoadRefused);
    expect((refusals[0] as Error).message).toBe((refusals[1] as Error).message);
  });

  it('that is cut off anywhere keeps every record that ends before', async () => {
    for (const share of [0.1, 0.35, 0.5, 0.9, 0.999]) {
      const torn = cutOff(catalogue, share);
      const cloud = cloudOf({ [key]: torn.body });
      await expect(runWorkflow(cloud, requestOf())).rejects.toThrow(LoadRefused);
      expect(recordsIn(cloud)).toEqual(jsonOf(torn.offers));
      expect(totalsIn(cloud)).toEqual(totalsOf(torn.offers));
    }
  });

  it('that is no number to be summed stops the load there, with nothing of it counted or stored', async () => {
    const body = Buffer.from(
      '<c><offer><category>a</category><price>1.10</price></offer><offer><category>a</category><price>cheap</price></offer></c>',
    );
    const cloud = cloudOf({ [key]: body });
    await expect(runWorkflow(cloud, requestOf({ oneWorkerBytesMax: 1000 }))).rejects.toThrow(/price is "cheap"/);
    expect(cloud.records.size).toBe(1);
    expect(totalsIn(cloud)).toEqual(new Map([['a', [1, 110]]]));
  });

  const refused: Readonly<Record<string, readonly [body: string, because: RegExp]>> = {
    'a DOCTYPE': ['<!DOCTYPE c [<!ENTITY a "aa">]><c><offer>&a;</offer></c>', /DOCTYPE/],
    'a bomb of entities': [
      '<!DOCTYPE z [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><c><offer>&b;</offer></c>',
      /DOCTYPE/,
    ],
    'too deep elements': [`<c>${'<d>'.repeat(300)}`, /256/],
    'an encoding that is not known': ['<?xml version="1.0" encoding="EBCDIC"?><c/>', /EBCDIC/],
    'a record that is no item of the table': [`<c><offer>${'x'.repeat(140_000)}</offer></c>`, /131072/],
    'no XML': ['PK\u0003\u0004 zip', /./],
  };

  it.each(Object.entries(refused))('is refused for %s, with nothing stored', async (_, [text, because]) => {
    for (const most of [0, 2 ** 20]) {
      const cloud = cloudOf({ [key]: Buffer.from(text) });
      const error = await runWorkflow(cloud, requestOf({ oneWorkerBytesMax: most })).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(LoadRefused);
      expect((error as Error).message).toMatch(because);
      expect((error as Error).message).toMatch(new RegExp(`document ${key}, line \\d+, column \\d+, byte \\d+`));
      expect(cloud.records.size).toBe(0);
    }
  });
});

describe('a document that no load is made for', () => {
  it.each([
    [{}, {}, 'there is no document documents/a.xml: upload it, and start again'],
    [{ [key]: catalogue.body }, { versionId: '7' }, 'has no version 7'],
    [{ [key]: Buffer.alloc(0) }, {}, 'documents/a.xml is empty'],
  ])('is refused, and nothing is written (%#)', async (documents, more, message) => {
    const cloud = cloudOf(documents);
    await expect(runWorkflow(cloud, requestOf(more))).rejects.toThrow(message);
    expect(cloud.files.size + cloud.records.size + cloud.progress.size).toBe(0);
  });
});

describe('groups that are too many for one item', () => {
  it('are refused with the path that makes them, and the remedy', async () => {
    const cloud = cloudOf({ [key]: makeCatalogue({ seed: 1, offers: 12_000, linesPerOffer: 0 }).body });
    await expect(runWorkflow(cloud, requestOf({ by: '@id', oneWorkerBytesMax: 2 ** 24 }))).rejects.toThrow(
      /^"by" "@id" makes \d+ groups of document documents\/a.xml .*: group by a path with fewer values$/,
    );
  });
});

describe('start tags around the records that are too long for a checkpoint', () => {
  it('are refused with the byte, and the remedy', async () => {
    const { body } = makeCatalogue({ seed: 1, offers: 12_000, linesPerOffer: 0 });
    // As a checkpoint has it, each quote takes five bytes.
    const long = body.toString().replace(/<([a-z]+)/, `<$1 long='${'"'.repeat(100_000)}'`);
    const cloud = cloudOf({ [key]: Buffer.from(long) });
    await expect(runWorkflow(cloud, requestOf({ oneWorkerBytesMax: 2 ** 24 }))).rejects.toThrow(
      /^the start tags that are open at byte \d+ of document documents\/a.xml take \d+ bytes .*: give the elements/,
    );
  });
});

/** Two cuts, each with checkpoints before its end. */
const small = makeCatalogue({ seed: 9, offers: 2400, linesPerOffer: 0 });
const smallRequest = requestOf({ rangeBytes: 2 * rangeBytes });

/** Every call of a whole load that writes, in the order in which they are made. */
async function writesOfLoad(): Promise<readonly string[]> {
  const { wire, passed } = mortal();
  await runWorkflow(cloudOf({ [key]: small.body }), smallRequest, { wire });
  return passed.filter((call) => !/^(documents|progress\.get|files\.(getJson|exists))/.test(call));
}

const writes = await writesOfLoad();
const points: readonly CrashPoint[] = writes.flatMap((at) =>
  (['before', 'after'] as const).map((when) => ({ at, when })),
);

describe('a load that is killed', () => {
  it('is killed at every kind of write that it has', () => {
    const kinds = new Set(writes.map((call) => call.replace(/[\d#]+/g, '').trim()));
    expect([...kinds].toSorted()).toEqual([
      'files.createJsonOnce cuts.json',
      'files.createJsonOnce manifest.json',
      'files.createJsonOnce summaries/.json',
      'files.putJson cut-items.json',
      'files.putJson ranges.json',
      'files.putJson report.json',
      'progress.move',
      'records.put',
    ]);
    expect(writes.length).toBeGreaterThan(12);
  });

  it.each(points)(
    '$when $at goes on when it is started again: each record is stored and counted once',
    async (point) => {
      const cloud = cloudOf({ [key]: small.body });
      const { wire } = mortal(point);
      await expect(runWorkflow(cloud, smallRequest, { wire })).rejects.toThrow(WorkerKilled);
      await runWorkflow(cloud, smallRequest);
      expect(recordsIn(cloud)).toEqual(jsonOf(small.offers));
      expect(totalsIn(cloud)).toEqual(totalsOf(small.offers));
    },
  );

  it('again and again at random still comes to the same end, and what counts is always stored (seeds 1 to 60)', async () => {
    const quiet = cloudOf({ [key]: small.body });
    await runWorkflow(quiet, smallRequest);
    for (let seed = 1; seed <= 60; seed += 1) {
      const random = randomFrom(seed);
      const cloud = cloudOf({ [key]: small.body });
      for (let life = 0, done = false; !done; life += 1) {
        const mayDie = life < 6;
        const dying: Wire = async (call, commit) => {
          if (!mayDie || !random.share(0.02)) return commit();
          if (random.share(0.5)) commit();
          throw new WorkerKilled(call);
        };
        done = await runWorkflow(cloud, smallRequest, { wire: dying, random }).then(
          () => true,
          () => false,
        );
        const counted = [...cloud.progress.values()].reduce((sum, { aggregate }) => sum + aggregate.records, 0);
        expect(counted, `seed ${seed}`).toBeLessThanOrEqual(cloud.records.size);
      }
      expect(recordsIn(cloud), `seed ${seed}`).toEqual(recordsIn(quiet));
      expect(totalsIn(cloud), `seed ${seed}`).toEqual(totalsIn(quiet));
    }
  });
});

/** Fewer records in what the parser takes at a time than a batch has: hand-overs leave checkpoints of their own. */
const wide = makeCatalogue({ seed: 9, offers: 250, linesPerOffer: 26 });

/** Workers of one cut whose calls are let through one at a time, in an order that the seed decides. */
async function interleave(seed: number): Promise<{ cloud: Cloud; takenBack: number; tooEarly: number }> {
  const random = randomFrom(seed);
  const cloud = cloudOf({ [key]: wide.body });
  const request = requestOf({ oneWorkerBytesMax: 2 ** 24 });
  const { loadId } = await plan(request, storesOf(cloud));
  const pending: { readonly worker: number; readonly go: () => void; readonly kill: () => void }[] = [];
  let takenBack = 0;
  let tooEarly = 0;
  let awake = 1;
  let kills = 3;
  const wireOf =
    (worker: number): Wire =>
    (call, commit) =>
      new Promise((resolve, reject) => {
        const act = () => {
          const before = cloud.progress.get(`${loadId}#0`);
          const result = commit();
          const after = cloud.progress.get(`${loadId}#0`);
          if (call === 'progress.move' && before !== undefined && after!.byte < before.byte) takenBack += 1;
          return result;
        };
        pending.push({
          worker,
          go: () => {
            try {
              resolve(act());
            } catch (error) {
              reject(error);
            }
          },
          kill: () => {
            if (random.share(0.5)) act();
            reject(new WorkerKilled(call));
          },
        });
      });
  // Now and then nearly no time is left: a hand-over after the next chunk with a record.
  const remainingMs = () => (random.share(0.01) ? 0 : stopBeforeMs);
  const workers = new Set([1, 2, 3]);
  const work = async (worker: number): Promise<void> => {
    for (let outcome = 'go on'; outcome === 'go on';) {
      outcome = await load(
        { loadId, cut: 0 },
        { ...storesOf(cloud, { wire: wireOf(worker), random }), remainingMs },
      ).catch(() => 'go on');
    }
    if (cloud.progress.get(`${loadId}#0`)?.state !== 'loaded') tooEarly += 1;
    workers.delete(worker);
  };
  const all = Promise.all([...workers].map(work));
  for (let turns = 0; workers.size > 0; turns += 1) {
    if (turns > 100_000) throw new Error('no end');
    if (pending.length > 0) {
      // One runs while the others sleep, so that whoever wakes is far behind.
      if (random.share(0.02)) awake = 1 + random.below(3);
      const favoured = pending.findIndex(({ worker }) => worker === awake);
      const [next] = pending.splice(favoured === -1 ? random.below(pending.length) : favoured, 1);
      if (kills > 0 && random.share(0.02)) {
        kills -= 1;
        next!.kill();
      } else next!.go();
    }
    await turn();
  }
  await all;
  return { cloud, takenBack, tooEarly };
}

describe('three workers at one cut, in any order of calls, kills and hand-overs', () => {
  it('store and count each record once, and none takes the progress of another back (seeds 1 to 25)', async () => {
    let refused = 0;
    for (let seed = 1; seed <= 25; seed += 1) {
      const { cloud, takenBack, tooEarly } = await interleave(seed);
      refused += cloud.refusedMoves.length;
      expect({ takenBack, tooEarly }, `seed ${seed}`).toEqual({ takenBack: 0, tooEarly: 0 });
      expect(recordsIn(cloud), `seed ${seed}`).toEqual(jsonOf(wide.offers));
      const [progress] = [...cloud.progress.values()];
      expect(progress, `seed ${seed}`).toMatchObject({ state: 'loaded', aggregate: { records: wide.offers.length } });
    }
    // The order did matter: stale workers came too late.
    expect(refused).toBeGreaterThan(20);
  });
});

describe('the items of the maps', () => {
  it('name each range and each cut once', async () => {
    const cloud = cloudOf({ [key]: catalogue.body });
    const { cuts, loadId } = await runWorkflow(cloud, requestOf());
    const items = (name: string) => itemsOf<object>(cloud, `loads/${loadId}/${name}`);
    const ranges = Math.ceil(catalogue.body.length / rangeBytes);
    expect(items('ranges.json')).toEqual(Array.from({ length: ranges }, (_, range) => ({ loadId, range })));
    expect(items('cut-items.json')).toEqual(Array.from({ length: cuts }, (_, cut) => ({ loadId, cut })));
  });
});
