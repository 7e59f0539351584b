import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defineCommand } from 'citty';
import type { Scale } from '../../lib/kit/proof.ts';
import { RunError, UsageError } from '../cli/errors.ts';
import { findBuilt } from '../cli/find-question.ts';
import { placeArguments, withPlace } from '../deploy/place.ts';
import { checkBudget } from './budget.ts';
import { atCalls, type FaultsName, isFaults, isWire, onWire, proveDisturbed } from './disturbed.ts';
import type { ProofResult } from './prove.ts';
import { recordFile } from './record.ts';
import { renderProof } from './render.ts';

const scales = ['small', 'default', 'full'] as const satisfies readonly Scale[];
const seedMax = 2 ** 32 - 1;

export const command = defineCommand({
  meta: { name: 'prove', description: 'drives the same workload against every variant and measures each property' },
  args: {
    slug: { type: 'positional', description: 'the questions', required: true, valueHint: 'slug…' },
    json: { type: 'boolean', description: 'the result as JSON' },
    scale: { type: 'enum', description: 'how large the workload is', options: [...scales], default: 'default' },
    seed: { type: 'string', description: 'repeats a run', valueHint: 'number', default: '1' },
    faults: {
      type: 'string',
      description:
        `faults that strike all the time, besides those of the proof: at the functions' AWS calls ${atCalls.join(', ')}; ` +
        `on the wire, of an emulator only: ${onWire.join(', ')}`,
      valueHint: 'profile',
    },
    record: { type: 'boolean', description: 'writes the result beside the question, for the book' },
    cap: { type: 'string', description: 'the most that a run on an account may cost', valueHint: 'USD', default: '1' },
    ...placeArguments,
  },
  run: async ({ args }) => {
    const questions = args._.map((slug) => findBuilt(slug));
    const seed = numberOf('seed', args.seed, 0, seedMax, Number.isInteger);
    const cap = numberOf('cap', args.cap, 0, 1000, () => true);
    const profile = profileOf(args.faults);
    if (args.record && profile !== 'none') {
      throw new UsageError('--record keeps what a run without --faults measures: leave one of them out');
    }
    const startMs = Date.now();
    const say = (text: string) => console.error(`${((Date.now() - startMs) / 1000).toFixed(1).padStart(6)} s  ${text}`);
    const results = await withPlace(args, say, async (aws) => {
      if (aws.endpoint === undefined && isWire(profile)) {
        throw new UsageError(
          `--faults ${profile} needs an emulator, as a proxy of this machine does not stand before an account: ` +
            `use ${atCalls.join(', ')}`,
        );
      }
      const proven: ProofResult[] = [];
      for (const question of questions) {
        const repeats = profile === 'none' ? 1 : deliveriesMax;
        if (aws.endpoint === undefined) await checkBudget(question, args.scale, { capUsd: cap, repeats, say });
        const result = await proveDisturbed({ question, aws, seed, scale: args.scale, say }, profile);
        proven.push(result);
        // Not when all are proved: a later one may end with an error.
        if (args.record) await record(result, say);
        if (!args.json) console.log(renderProof(result));
      }
      return proven;
    });
    if (args.json) console.log(JSON.stringify(results.length === 1 ? results[0] : results, undefined, 2));
    const failed = results.flatMap(({ slug, properties, stopped, pass }) => [
      ...properties.filter(({ pass }) => !pass).map(({ name }) => `${slug}: ${name}`),
      ...(pass ? [] : Object.entries(stopped ?? {})).map(([variant, why]) => `${slug}: ${variant} stopped: ${why}`),
    ]);
    if (failed.length > 0) throw new RunError(`not proved:\n  ${failed.join('\n  ')}`);
  },
});

/** Faults at calls kill a function once for an event. */
const deliveriesMax = 2;

async function record(result: ProofResult, say: (text: string) => void): Promise<void> {
  const file = recordFile(result.slug);
  await writeFile(join(import.meta.dirname, '../..', file), `${JSON.stringify(result, undefined, 2)}\n`);
  say(`recorded in ${file}`);
}

function profileOf(name = 'none'): FaultsName {
  if (isFaults(name)) return name;
  throw new UsageError(`unknown faults "${name}": use ${[...atCalls, ...onWire].join(', ')}`);
}

function numberOf(name: string, text: string, min: number, max: number, also: (value: number) => boolean): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= min && value <= max && also(value)) return value;
  throw new UsageError(`--${name} ${text} is no number from ${min} to ${max}: give one, such as --${name} ${min + 1}`);
}
