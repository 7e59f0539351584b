import { once } from 'node:events';
import { defineCommand } from 'citty';
import type { AwsConfig } from '../../lib/kit/proof.ts';
import type { Question } from '../../lib/kit/question.ts';
import { UsageError } from '../cli/errors.ts';
import { findBuilt } from '../cli/find-question.ts';
import { startEmulator } from '../emulator/emulator.ts';
import { bootstrap, deploy, destroy, type Deployed } from './deploy.ts';
import { givenPlace, placeArguments } from './place.ts';
import { checkVariant } from './variants.ts';

const args = {
  slug: { type: 'positional', description: 'the question', required: true },
  variant: { type: 'string', description: 'one variant only (default: all of them)', valueHint: 'name' },
  ...placeArguments,
} as const;

export const deployCommand = defineCommand({
  meta: {
    name: 'deploy',
    description: 'deploys a question to what AWS_ENDPOINT_URL names, to an account, or to an emulator of its own',
  },
  args,
  run: async ({ args }) => {
    const question = findBuilt(args.slug);
    const variants = chosenVariants(question, args.variant);
    const aws = await givenPlace(args, say);
    if (aws !== undefined) {
      if (aws.endpoint !== undefined) await bootstrap(aws, say);
      return print(await deploy({ slug: question.slug, variants, aws, say }));
    }
    const emulator = await startEmulator({ say });
    try {
      await bootstrap(emulator.aws, say);
      print(await deploy({ slug: question.slug, variants, aws: emulator.aws, say }));
      console.log(`\nThe emulator runs until Ctrl-C. In another terminal:\n${exports(emulator.aws)}`);
      await interrupted();
    } finally {
      await emulator.stop();
    }
  },
});

export const destroyCommand = defineCommand({
  meta: { name: 'destroy', description: 'takes away what deploy made, buckets emptied' },
  args,
  run: async ({ args }) => {
    const question = findBuilt(args.slug);
    const variants = chosenVariants(question, args.variant);
    const aws = await givenPlace(args, say);
    if (aws === undefined) {
      throw new UsageError(
        'there is nothing to destroy: an emulator that `designs deploy` starts forgets all when it ends; ' +
          'set AWS_ENDPOINT_URL or give --profile',
      );
    }
    await destroy({ slug: question.slug, variants, aws, say });
  },
});

function chosenVariants(question: Question, variant: string | undefined): readonly string[] {
  if (variant === undefined) return question.variants;
  checkVariant(question, variant);
  return [variant];
}

function print(deployed: Readonly<Record<string, Deployed>>): void {
  for (const [variant, { outputs, stackNames, changed }] of Object.entries(deployed)) {
    console.log(`\n${variant}${changed ? '' : ' (no change)'}: ${Object.values(stackNames).join(', ')}`);
    for (const [key, value] of Object.entries(outputs)) console.log(`  ${key} = ${value}`);
  }
}

function exports({ endpoint, region, credentials }: AwsConfig): string {
  return [
    `export AWS_ENDPOINT_URL=${endpoint} AWS_REGION=${region}`,
    `export AWS_ACCESS_KEY_ID=${credentials?.accessKeyId} AWS_SECRET_ACCESS_KEY=${credentials?.secretAccessKey}`,
  ].join('\n');
}

async function interrupted(): Promise<void> {
  // A listener for a signal does not keep a process alive.
  const alive = setInterval(() => {}, 60_000);
  await Promise.race(['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => once(process, signal)));
  clearInterval(alive);
}

function say(text: string): void {
  console.error(text);
}
