import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { BootstrapEnvironments, StackSelectionStrategy, type DeployResult } from '@aws-cdk/toolkit-lib';
import type { Design, DesignStacks } from '../../lib/kit/design.ts';
import type { AwsConfig, Template } from '../../lib/kit/proof.ts';
import { buildApp, loadVariant, type AppOptions } from '../../lib/load.ts';
import { buildBundles } from '../bundle/bundle.ts';
import { RunError } from '../cli/errors.ts';
import { destroyStacks } from './destroy.ts';
import { withEndpoint } from './endpoint.ts';
import { createToolkit } from './toolkit.ts';

const stacksAtOnce = 8;

export interface DesignSource {
  readonly slug: string;
  readonly variants: readonly string[];
  readonly aws: AwsConfig;
  /** Goes into the stacks' physical names; none when absent. */
  readonly run?: string;
  /** Directory of Lambda bundles: instrumented or edited ones; plain ones are built when absent. */
  readonly bundles?: string;
  /** Where a variant's design comes from; the question's own file when absent. */
  readonly load?: (variant: string) => Promise<Design>;
  readonly say?: (text: string) => void;
}

export interface DeployOptions extends DesignSource, Pick<AppOptions, 'stage' | 'schedules' | 'context'> {
  /** Whether to deploy the `extras` role, which emulators reject; only where no endpoint is named, when absent. */
  readonly extras?: boolean;
  /** Changes a synthesised template in place before it is deployed: an ablation takes one construct away. */
  readonly editTemplate?: (role: string, template: EditableTemplate, variant: string) => void;
}

/** A template to change at will. */
export interface EditableTemplate {
  Resources: Record<string, { Type: string; Properties?: Record<string, unknown>; [attribute: string]: unknown }>;
  Outputs?: Record<string, unknown>;
  [section: string]: unknown;
}

export interface Deployed {
  /** Of all stacks, by output key. */
  readonly outputs: Readonly<Record<string, string>>;
  /** What was deployed, by role. */
  readonly templates: Readonly<Record<string, Template>>;
  /** Physical names, by role. */
  readonly stackNames: Readonly<Record<string, string>>;
  /** False when everything stood there already. */
  readonly changed: boolean;
}

/**
 * Deploys the variants side by side, and again with no change.
 *
 * @throws {RunError} with the failing resource's reason, or with what a check found in a template.
 */
export async function deploy(options: DeployOptions): Promise<Readonly<Record<string, Deployed>>> {
  const { slug, variants, aws, say = () => {} } = options;
  const bundles = options.bundles ?? (await buildBundles({ slugs: [slug] }));
  return await withEndpoint(aws.endpoint, async () => {
    const deployments = variants.map(async (variant) => {
      const deployed = await deployVariant({ ...options, bundles, say: (text) => say(`${variant}: ${text}`) }, variant);
      return [variant, deployed] as const;
    });
    // Every one is at its end before an error is reported: nothing goes on behind the caller's back.
    await Promise.allSettled(deployments);
    return Object.fromEntries(await Promise.all(deployments));
  });
}

/** Makes the bucket and roles that a deployment needs; nothing when they are there. @throws {RunError} */
export async function bootstrap(aws: AwsConfig, say: (text: string) => void = () => {}): Promise<void> {
  const { toolkit, failures } = createToolkit(aws, () => {});
  say('bootstrapping');
  await withEndpoint(aws.endpoint, () =>
    toolkit
      .bootstrap(BootstrapEnvironments.fromList([`aws://unknown-account/${aws.region}`]))
      .catch((error: unknown) => fail('bootstrap', error, failures)),
  );
}

/**
 * Takes away all that `deploy` made under the same names: buckets are emptied of every version first, log groups go
 * too. What a production stage retains stays, and its data. @throws {RunError} naming what stands in the way.
 */
export async function destroy(options: DesignSource): Promise<void> {
  const { slug, variants, aws, say = () => {} } = options;
  const bundles = options.bundles ?? (await buildBundles({ slugs: [slug] }));
  await Promise.all(
    variants.map(async (variant) => {
      const stacks = await withAssembly({ ...options, bundles }, variant, async ({ stacks }) => Object.values(stacks));
      await destroyStacks(
        stacks.map(({ stackName }) => stackName),
        aws,
        (text) => say(`${variant}: ${text}`),
      );
    }),
  );
}

type Ready<Options> = Options & { readonly bundles: string };

async function deployVariant(options: Ready<DeployOptions>, variant: string): Promise<Deployed> {
  const { slug, aws, say = () => {}, extras = aws.endpoint === undefined } = options;
  return await withAssembly(options, variant, async ({ directory, stacks }) => {
    const roles = Object.entries(stacks).filter(([role]) => role !== 'extras' || extras);
    const templates: Record<string, Template> = {};
    for (const [role, { artifactId }] of roles) {
      templates[role] = await editTemplate(directory, artifactId, (template) =>
        options.editTemplate?.(role, template, variant),
      );
    }
    const { toolkit, failures, changed } = createToolkit(aws, say);
    const source = await toolkit.fromAssemblyDirectory(directory);
    const result = await toolkit
      .deploy(source, {
        stacks: {
          strategy: StackSelectionStrategy.PATTERN_MUST_MATCH,
          patterns: roles.map(([, { artifactId }]) => artifactId),
        },
        concurrency: stacksAtOnce,
        assetBuildConcurrency: stacksAtOnce,
        // On loopback a poll costs nothing, and most stacks are there in a second.
        ...(aws.endpoint === undefined ? {} : { stackEventPollingInterval: 200 }),
      })
      .catch((error: unknown): Promise<DeployResult> => fail(`${slug} ${variant}`, error, failures));
    return {
      outputs: Object.assign({}, ...result.stacks.map(({ outputs }) => outputs)) as Record<string, string>,
      templates,
      stackNames: Object.fromEntries(roles.map(([role, { stackName }]) => [role, stackName])),
      changed: changed(),
    };
  });
}

interface Assembly {
  readonly directory: string;
  readonly stacks: DesignStacks;
}

async function withAssembly<T>(
  { slug, aws, load, ...options }: Ready<DeployOptions>,
  variant: string,
  use: (assembly: Assembly) => Promise<T>,
): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'designs-assembly-'));
  try {
    const design = await (load?.(variant) ?? loadVariant(slug, variant));
    // In process, what the checks found stands in the exception.
    const context = { ...options.context, '@aws-cdk/core:appMode': 'inmemory' };
    const { app, stacks } = await buildApp({
      ...options,
      slug,
      variant,
      design,
      context,
      endpoint: aws.endpoint,
      outdir: directory,
    });
    try {
      app.synth();
    } catch (error) {
      throw new RunError(
        `${slug} ${variant} does not synthesise: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
    return await use({ directory, stacks });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** The template is an asset, named by its hash: an edited one needs its own, or an old upload would stand in for it. */
async function editTemplate(
  directory: string,
  artifactId: string,
  edit: (template: EditableTemplate) => void,
): Promise<Template> {
  const file = join(directory, `${artifactId}.template.json`);
  const template = JSON.parse(await readFile(file, 'utf8')) as EditableTemplate;
  const before = JSON.stringify(template);
  edit(template);
  if (JSON.stringify(template) === before) return template;
  const text = JSON.stringify(template, null, 1);
  await writeFile(file, text);
  const manifest = join(directory, `${artifactId}.assets.json`);
  const { files } = JSON.parse(await readFile(manifest, 'utf8')) as {
    files: Record<string, { source: { path: string } }>;
  };
  const [hash] = Object.entries(files).find(([, { source }]) => source.path === basename(file)) ?? [];
  if (hash === undefined) return template;
  const editedHash = createHash('sha256').update(text).digest('hex');
  for (const mention of [manifest, join(directory, 'manifest.json')]) {
    await writeFile(mention, (await readFile(mention, 'utf8')).replaceAll(hash, editedHash));
  }
  return template;
}

function fail(what: string, error: unknown, failures: readonly string[]): never {
  const reason = failures.length > 0 ? failures.join('\n  ') : error instanceof Error ? error.message : String(error);
  throw new RunError(`${what} is not deployed: ${reason}`);
}
