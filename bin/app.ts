/**
 * The CDK app: `npx cdk synth|diff|deploy -c question=<slug> -c variant=<variant>`, and `-c stage=production`,
 * `-c schedules=off`, `-c run=<suffix of the stack names>`.
 */
import { App } from 'aws-cdk-lib';
import { catalogue } from '../lib/catalogue.ts';
import { isBuilt } from '../lib/kit/question.ts';
import { buildApp } from '../lib/load.ts';
import { buildBundles } from '../tools/bundle/bundle.ts';
import { UsageError } from '../tools/cli/errors.ts';
import { findBuilt } from '../tools/cli/find-question.ts';
import { describe } from '../tools/cli/main.ts';
import { checkVariant } from '../tools/deploy/variants.ts';

try {
  await synthesise();
} catch (error) {
  console.error(describe(error));
  process.exitCode = error instanceof UsageError ? error.exitCode : 1;
}

async function synthesise(): Promise<void> {
  // An App reads the context that the CLI passes; there is no other public way to it.
  const { node } = new App({ autoSynth: false });
  const [slug, variant, stage, schedules, run] = ['question', 'variant', 'stage', 'schedules', 'run'].map(
    (key): unknown => node.tryGetContext(key),
  );
  if (typeof slug !== 'string' || typeof variant !== 'string') throw new UsageError(usage());
  checkVariant(findBuilt(slug), variant);
  const { app } = await buildApp({
    slug,
    variant,
    stage: oneOf('stage', stage ?? 'sandbox', ['sandbox', 'production']),
    schedules: oneOf('schedules', schedules ?? 'on', ['on', 'off']) === 'on',
    ...(run === undefined ? {} : { run: String(run) }),
    bundles: await buildBundles({ slugs: [slug] }),
    endpoint: process.env['AWS_ENDPOINT_URL'],
  });
  app.synth();
}

function usage(): string {
  const built = catalogue
    .filter(isBuilt)
    .map(({ slug, variants }) => `\n  -c question=${slug} -c variant=${variants.join('|')}`);
  const given = 'no question and variant are given';
  return built.length === 0 ? `${given}, and no question is built yet` : `${given}: use one of${built.join('')}`;
}

function oneOf<const T extends string>(key: string, given: unknown, choices: readonly T[]): T {
  const choice = choices.find((candidate) => candidate === given);
  if (choice === undefined) throw new UsageError(`unknown ${key} "${String(given)}": use ${choices.join(' or ')}`);
  return choice;
}
