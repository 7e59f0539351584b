import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defineCommand } from 'citty';
import type { AwsConfig, Scale } from '../../lib/kit/proof.ts';
import type { Question } from '../../lib/kit/question.ts';
import { RunError, UsageError } from '../cli/errors.ts';
import { findBuilt } from '../cli/find-question.ts';
import { placeArguments, withPlace } from '../deploy/place.ts';
import { startMicroburst } from '../emulator/microburst.ts';
import { profiles, type ProfileName } from '../emulator/profiles.ts';
import { checkBudget } from './budget.ts';
import { prove, type ProofResult } from './prove.ts';
import { recordFile } from './record.ts';
import { renderProof } from './render.ts';

const scales = ['small', 'default', 'full'] as const satisfies readonly Scale[];
const faultProfiles = Object.keys(profiles);
const seedMax = 2 ** 32 - 1;

export const command = defineCommand({
  meta: { name: 'prove', description: 'drives the same workload against every variant and measures each property' },
  args: {
    slug: { type: 'positional', description: 'the questions', required: true, valueHint: 'slug…' },
    json: { type: 'boolean', description: 'the result as JSON' },
    scale: { type: 'enum', description: 'how large the workload is', options: [...scales], default: 'default' },
    seed: { type: 'string', description: 'repeats a run', valueHint: 'number', default: '1' },
    faults: { type: 'string', description: `faults on the wire: ${faultProfiles.join(', ')}`, valueHint: 'profile' },
    record: { type: 'boolean', description: 'writes the result beside the question, for the book' },
    cap: { type: 'string', description: 'the most that a run on an account may cost', valueHint: 'USD', default: '1' },
    ...placeArguments,
  },
  run: async ({ args }) => {
    const questions = args._.map((slug) => findBuilt(slug));
    const seed = numberOf('seed', args.seed, 0, seedMax, Number.isInteger);
    const cap = numberOf('cap', args.cap, 0, 1000, () => true);
    const profile = profileOf(args.faults);
    const startMs = Date.now();
    const say = (text: string) => console.error(`${((Date.now() - startMs) / 1000).toFixed(1).padStart(6)} s  ${text}`);
    const results = await withPlace(args, say, async (aws) => {
      if (aws.endpoint === undefined && profile !== 'none') {
        throw new UsageError('--faults needs an emulator: a proxy of this machine does not stand before an account');
      }
      const proven: ProofResult[] = [];
      for (const question of questions) {
        if (aws.endpoint === undefined) await checkBudget(question, args.scale, cap, say);
        proven.push(await proveThroughProxy(question, aws, { seed, scale: args.scale, profile, say }));
      }
      return proven;
    });
    for (const result of results) {
      if (args.record) await record(result, say);
      if (!args.json) console.log(renderProof(result));
    }
    if (args.json) console.log(JSON.stringify(results.length === 1 ? results[0] : results, undefined, 2));
    const failed = results.flatMap(({ slug, properties }) =>
      properties.filter(({ pass }) => !pass).map(({ name }) => `${slug}: ${name}`),
    );
    if (failed.length > 0) throw new RunError(`not proved:\n  ${failed.join('\n  ')}`);
  },
});

interface Run {
  readonly seed: number;
  readonly scale: Scale;
  readonly profile: ProfileName;
  readonly say: (text: string) => void;
}

async function proveThroughProxy(question: Question, aws: AwsConfig, { profile, ...run }: Run): Promise<ProofResult> {
  if (profile === 'none') return prove({ question, aws, ...run });
  const proxy = await startMicroburst({ upstream: aws.endpoint!, profile, seed: run.seed, say: run.say });
  try {
    const result = await prove({ question, aws, ...run, wireFaults: proxy });
    const fired = await proxy.counts();
    return { ...result, faults: { ...result.faults, wire: fired.map((fault) => JSON.stringify(fault)) } };
  } finally {
    await proxy.stop();
  }
}

async function record(result: ProofResult, say: (text: string) => void): Promise<void> {
  const file = recordFile(result.slug);
  await writeFile(join(import.meta.dirname, '../..', file), `${JSON.stringify(result, undefined, 2)}\n`);
  say(`recorded in ${file}`);
}

function profileOf(name: string | undefined): ProfileName {
  if (name === undefined) return 'none';
  if (!Object.hasOwn(profiles, name)) throw new UsageError(`unknown faults "${name}": use ${faultProfiles.join(', ')}`);
  return name as ProfileName;
}

function numberOf(name: string, text: string, min: number, max: number, also: (value: number) => boolean): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= min && value <= max && also(value)) return value;
  throw new UsageError(`--${name} ${text} is no number from ${min} to ${max}: give one, such as --${name} ${min + 1}`);
}
