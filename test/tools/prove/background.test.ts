import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { buildBundles } from '../../../tools/bundle/bundle.ts';
import { profiles } from '../../../tools/emulator/profiles.ts';
import { backgrounds, possible, writesTransactions } from '../../../tools/prove/background.ts';

describe('the profiles of background faults', () => {
  it.each(Object.entries(backgrounds))('%s strikes a share of the calls, and ends for each event', (_, faults) => {
    expect(faults.length).toBeGreaterThan(0);
    for (const { share, timesPerEvent } of faults) {
      expect(share).toBeLessThanOrEqual(0.1);
      expect(timesPerEvent).toBeLessThanOrEqual(2);
    }
  });

  it('lost-replies loses two for an event, so that three attempts are enough', () => {
    expect(backgrounds['lost-replies'].reduce((sum, { timesPerEvent }) => sum + timesPerEvent!, 0)).toBe(2);
  });

  it.each(Object.entries(backgrounds))('%s kills an event once, so that the next delivery survives', (_, faults) => {
    // Crashes before and after a call count together.
    const kills = faults.filter(({ kind }) => kind.startsWith('crash'));
    expect(kills.map(({ timesPerEvent }) => timesPerEvent)).toEqual(kills.map(() => 1));
  });

  it('storm is all of it', () => {
    expect(backgrounds.storm).toEqual([
      ...backgrounds.crashes,
      ...backgrounds['lost-replies'],
      ...backgrounds.conflicts,
    ]);
  });

  it('fit into the 4 KB that a function has for its environment, and leave most of it', () => {
    for (const faults of Object.values(backgrounds)) expect(JSON.stringify(faults).length).toBeLessThan(1200);
  });

  it('have names of their own', () => {
    expect(Object.keys(backgrounds).filter((name) => Object.hasOwn(profiles, name))).toEqual([]);
  });
});

describe('conflicts', () => {
  it('of single writes are left out where no transaction writes', () => {
    const calls = (writes: boolean) => possible(backgrounds.conflicts, writes).map(({ call }) => call);
    expect(calls(true)).toEqual(['TransactWriteItems', 'TransactGetItems', 'PutItem', 'UpdateItem', 'DeleteItem']);
    expect(calls(false)).toEqual(['TransactWriteItems', 'TransactGetItems']);
    expect(possible(backgrounds.crashes, false)).toEqual(backgrounds.crashes);
  });

  it('belong to the variants whose handlers write in transactions', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'background-'));
    onTestFinished(() => rm(directory, { recursive: true, force: true }));
    const command = 'node_modules/@aws-sdk/client-dynamodb/dist-es/commands/TransactWriteItemsCommand.js';
    const output = (bytesInOutput: number) => ({ inputs: { [command]: { bytesInOutput } } });
    const metafile = async (handlers: Readonly<Record<string, number>>) => {
      const outputs = Object.entries(handlers).map(([name, bytes]) => [`out/demo/${name}/index.mjs`, output(bytes)]);
      await writeFile(join(directory, 'metafile.json'), JSON.stringify({ outputs: Object.fromEntries(outputs) }));
    };
    const variants = ['naive', 'improved'];
    const writers = async () => {
      const writes = await Promise.all(variants.map((variant) => writesTransactions(directory, variant, variants)));
      return variants.filter((_, index) => writes[index]);
    };
    await metafile({ 'charge.naive': 0, 'charge.improved': 900, read: 0 });
    expect(await writers()).toEqual(['improved']);
    await metafile({ 'charge.naive': 0, 'charge.improved': 0, read: 0 });
    expect(await writers()).toEqual([]);
    await metafile({ 'charge.naive': 0, 'charge.improved': 0, settle: 900 });
    expect(await writers()).toEqual(['naive', 'improved']);
  });

  it('are found in a real build', async () => {
    const outdir = await mkdtemp(join(tmpdir(), 'background-'));
    onTestFinished(() => rm(outdir, { recursive: true, force: true }));
    // Its one handler writes in transactions.
    const probe = await buildBundles({ root: import.meta.dirname, instrumented: true, outdir });
    expect(await writesTransactions(probe, 'naive', ['naive'])).toBe(true);
    // This question's write to DynamoDB, one item at a time.
    const single = await buildBundles({ slugs: ['xml-processing'], instrumented: true, outdir });
    expect(await writesTransactions(single, 'improved', ['naive', 'improved'])).toBe(false);
  });
});
