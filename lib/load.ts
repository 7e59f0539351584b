import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { App, IStackSynthesizer } from 'aws-cdk-lib';
import type { Design, DesignStacks } from './kit/design.ts';

/** @throws {Error} when the variant's file exports no `design`; unknown names are the caller's to check. */
export async function loadVariant(slug: string, variant: string): Promise<Design> {
  const module = (await import(`./questions/${slug}/${variant}.ts`)) as { design?: Design };
  if (module.design === undefined) {
    throw new Error(`lib/questions/${slug}/${variant}.ts has no design: export one under that name`);
  }
  return module.design;
}

export interface AppOptions {
  readonly slug: string;
  readonly variant: string;
  /** Directory of the pre-built Lambda bundles. */
  readonly bundles: string;
  /** Goes into the stacks' physical names, so that runs stand side by side; none when absent. */
  readonly run?: string;
  /** `sandbox` when absent: data is deleted with its stack. */
  readonly stage?: 'sandbox' | 'production';
  /** False creates schedules disabled; true when absent. */
  readonly schedules?: boolean;
  /** What AWS_ENDPOINT_URL names, if anything: an emulator has no roles that publish assets for a deployer. */
  readonly endpoint?: string | undefined;
  /** Of the cloud assembly; CDK's choice when absent (the CLI's, or a temporary directory). */
  readonly outdir?: string;
  /** The question's own file when absent. */
  readonly design?: Design;
  /** Beside the feature flags of cdk.json; none when absent. */
  readonly context?: Readonly<Record<string, unknown>>;
}

/**
 * One variant in a CDK App of its own, with every check installed: `app.synth()` throws when one finds something. The
 * stack ids are the same in all variants, so that a diff pairs them; the physical names are not.
 */
export async function buildApp(options: AppOptions): Promise<{ readonly app: App; readonly stacks: DesignStacks }> {
  const { slug, variant, run, bundles, stage = 'sandbox', schedules = true, endpoint, outdir } = options;
  const cdk = await import('aws-cdk-lib');
  const { bundlesContext } = await import('./kit/bundles.ts');
  const { schedulesContext, stageContext } = await import('./kit/stage.ts');
  const app = new cdk.App({
    ...(outdir === undefined ? {} : { outdir }),
    // The metadata resource would stand in every template and every diff.
    analyticsReporting: false,
    context: {
      ...featureFlags(),
      ...options.context,
      [bundlesContext]: bundles,
      [stageContext]: stage,
      [schedulesContext]: schedules ? 'on' : 'off',
    },
  });
  const synthesizer = () =>
    (endpoint
      ? new cdk.CliCredentialsStackSynthesizer()
      : // The CLI checks the bootstrap version itself; a rule in every template would say it again.
        new cdk.DefaultStackSynthesizer({ generateBootstrapVersionRule: false })) as IStackSynthesizer;
  const design = options.design ?? (await loadVariant(slug, variant));
  const stacks = design(app, {
    stack: (role) => {
      const suffix = role === 'main' ? '' : `-${role}`;
      const stackName = `${slug}-${variant}${suffix}${run === undefined ? '' : `-${run}`}`;
      return { id: `${slug}${suffix}`, props: { stackName, synthesizer: synthesizer() } };
    },
  });
  await addChecks(app);
  return { app, stacks };
}

/** cdk-nag, through CDK's own validation, which checks the templates against the resources' schemas as well. */
export async function addChecks(app: App): Promise<void> {
  const { Validations } = await import('aws-cdk-lib');
  const { AwsSolutionsChecks } = await import('cdk-nag');
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
}

/** What `cdk synth` passes to the app; an App that a tool makes in process must agree with it. */
function featureFlags(): Readonly<Record<string, unknown>> {
  const file = join(import.meta.dirname, '../cdk.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { context: Record<string, unknown> }).context;
}
