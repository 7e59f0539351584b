import { randomBytes } from 'node:crypto';
import { CloudFormationClient, paginateListStackResources } from '@aws-sdk/client-cloudformation';
import type { Bar, Measured, Proof, Property, Scale, Target, Tier, Usage } from '../../lib/kit/proof.ts';
import { meets } from '../../lib/kit/proof.ts';
import type { AwsConfig } from '../../lib/kit/proof.ts';
import type { Question } from '../../lib/kit/question.ts';
import { buildBundles, type BundleOptions } from '../bundle/bundle.ts';
import { RunError } from '../cli/errors.ts';
import { deploy, type Deployed, type DeployOptions } from '../deploy/deploy.ts';
import { destroyStacks } from '../deploy/destroy.ts';
import { faultControl } from './faults.ts';
import { httpClient } from './http.ts';
import { readUsage } from './meter.ts';
import { sendThrough, type WireFaults } from './wire.ts';

export interface ProveOptions {
  readonly question: Question;
  readonly aws: AwsConfig;
  readonly seed: number;
  readonly scale: Scale;
  /** All of the question's when absent. */
  readonly variants?: readonly string[];
  /** Ablation: edited sources, by path from the root; none when absent. */
  readonly edits?: BundleOptions['edits'];
  /** Ablation: changes a template before it is deployed. */
  readonly editTemplate?: DeployOptions['editTemplate'];
  /** A fault proxy through which the functions are sent; none when absent. */
  readonly wireFaults?: WireFaults;
  readonly say?: (text: string) => void;
}

/** `designs prove --json`: bars and measured are keyed by variant. */
export interface ProofResult {
  readonly slug: string;
  readonly seed: number;
  readonly scale: Scale;
  readonly target: 'emulator' | 'account';
  readonly properties: readonly ProvenProperty[];
  /** What each variant used, which the estimates price. */
  readonly units: Readonly<Record<string, Usage>>;
  /** Injected faults that fired, by variant; the names of functions are shortened to their construct's. */
  readonly faults: Readonly<Record<string, readonly string[]>>;
  readonly pass: boolean;
}

export interface ProvenProperty {
  readonly name: string;
  readonly unit: string;
  readonly points: readonly number[];
  readonly tier: Tier;
  readonly bars: Readonly<Record<string, Bar>>;
  readonly measured: Measured;
  readonly pass: boolean;
}

/**
 * Deploys every variant side by side under names of this run's own, drives the question's workload against each at the
 * same time, and takes everything away again.
 *
 * @throws {RunError} when a variant cannot be deployed or its workload cannot be driven to the end. A bar that is not
 * met is no error: `pass` says so.
 */
export async function prove(options: ProveOptions): Promise<ProofResult> {
  const { question, aws, variants = question.variants, say = () => {} } = options;
  const { slug } = question;
  const { proof } = (await import(`../../lib/questions/${slug}/proof.ts`)) as { proof: Proof<string> };
  const bundles = await buildBundles({
    slugs: [slug],
    instrumented: true,
    ...(options.edits && { edits: options.edits }),
  });
  const run = randomBytes(3).toString('hex');
  const source = { slug, variants, aws, run, bundles, schedules: false };
  try {
    const deployed = await deploy({
      ...source,
      ...(options.editTemplate && { editTemplate: options.editTemplate }),
      say,
    });
    const measured = await Promise.all(
      variants.map(async (variant) => {
        const measurement = await measureVariant(proof, variant, deployed[variant]!, options);
        say(`${variant}: measured`);
        return [variant, measurement] as const;
      }),
    );
    return assemble(options, proof.properties, variants, Object.fromEntries(measured));
  } finally {
    await destroyStacks(
      variants.map((variant) => `${slug}-${variant}-${run}`),
      aws,
      () => {},
    );
  }
}

interface Measurement {
  readonly measured: Measured;
  readonly usage: Usage;
  readonly faults: readonly string[];
}

async function measureVariant(
  proof: Proof<string>,
  variant: string,
  { outputs, templates, stackNames }: Deployed,
  { aws, seed, scale, wireFaults, say = () => {} }: ProveOptions,
): Promise<Measurement> {
  const functions = await functionsOf(aws, Object.values(stackNames));
  if (wireFaults !== undefined) await sendThrough(wireFaults, aws, [...functions.keys()]);
  const faults = faultControl(aws, { functions: [...functions.keys()], seed });
  const sinceMs = Date.now();
  const usage: Target['usage'] = (from, executions) =>
    readUsage(aws, { functions: [...functions.keys()], sinceMs: from, ...(executions && { executions }) });
  const measured = await proof.measure({
    variant,
    outputs,
    templates,
    aws,
    seed,
    scale,
    faults,
    http: (apiId) => httpClient(aws, apiId),
    usage,
    say: (text) => say(`${variant}: ${text}`),
  });
  const missing = proof.properties.filter(({ name }) => measured[name] === undefined);
  if (missing.length > 0) throw new RunError(`the proof measures no "${missing[0]!.name}": return it from measure()`);
  const fired = await faults.fired();
  return {
    measured,
    usage: await usage(sinceMs),
    faults: fired.map(
      ({ functionName, fault, hits }) => `${functions.get(functionName)}: ${fault.kind} ${fault.call} x ${hits}`,
    ),
  };
}

/** Physical names of the stacks' functions, and their logical ids. */
async function functionsOf(aws: AwsConfig, stackNames: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const client = new CloudFormationClient(aws);
  const functions = new Map<string, string>();
  for (const StackName of stackNames) {
    for await (const { StackResourceSummaries = [] } of paginateListStackResources({ client }, { StackName })) {
      for (const { ResourceType, PhysicalResourceId = '', LogicalResourceId = '' } of StackResourceSummaries) {
        if (ResourceType === 'AWS::Lambda::Function')
          functions.set(PhysicalResourceId, LogicalResourceId.replace(/Function[0-9A-F]{8}$/, ''));
      }
    }
  }
  return functions;
}

function assemble(
  { question, aws, seed, scale }: ProveOptions,
  properties: readonly Property<string>[],
  variants: readonly string[],
  measurements: Readonly<Record<string, Measurement>>,
): ProofResult {
  const proven = properties.map((property): ProvenProperty => {
    const bars = Object.fromEntries(variants.map((variant) => [variant, property[variant] as unknown as Bar]));
    const measured = Object.fromEntries(
      variants.map((variant) => [variant, measurements[variant]!.measured[property.name]!]),
    );
    const { name, unit, points, tier } = property;
    return {
      name,
      unit,
      points,
      tier,
      bars,
      measured,
      pass: variants.every((variant) => meets(bars[variant]!, measured[variant]!)),
    };
  });
  return {
    slug: question.slug,
    seed,
    scale,
    target: aws.endpoint === undefined ? 'account' : 'emulator',
    properties: proven,
    units: Object.fromEntries(variants.map((variant) => [variant, measurements[variant]!.usage])),
    faults: Object.fromEntries(variants.map((variant) => [variant, measurements[variant]!.faults])),
    pass: proven.every(({ pass }) => pass),
  };
}
