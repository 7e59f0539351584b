import { randomBytes } from 'node:crypto';
import { CloudFormationClient, paginateListStackResources } from '@aws-sdk/client-cloudformation';
import type { Bar, Fault, Measured, Proof, Property, Scale, Target, Tier, Usage } from '../../lib/kit/proof.ts';
import { meets } from '../../lib/kit/proof.ts';
import type { AwsConfig } from '../../lib/kit/proof.ts';
import type { Question } from '../../lib/kit/question.ts';
import { buildBundles, type BundleOptions } from '../bundle/bundle.ts';
import { RunError } from '../cli/errors.ts';
import { deploy, type Deployed, type DeployOptions } from '../deploy/deploy.ts';
import { destroyStacks } from '../deploy/destroy.ts';
import type { FiredFault } from '../emulator/microburst.ts';
import { armBackground, forget, possible, writesTransactions } from './background.ts';
import { faultControl, type FiredFaults, sumFired } from './faults.ts';
import { type UnusedGrants, unusedGrants } from './grants.ts';
import { httpClient } from './http.ts';
import { readProofLines } from './lines.ts';
import { actionsUsed, readUsage, sumUsage } from './meter.ts';
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
  /** Faults that strike besides those that the proof arms; none when absent. */
  readonly disturbance?: Disturbance;
  readonly say?: (text: string) => void;
}

/** What `designs prove --faults` does to a run. */
export interface Disturbance {
  /** The name of its profile. */
  readonly profile: string;
  /** Faults at the AWS calls of every function, from the beginning to the end; none when absent. */
  readonly background?: readonly Fault[];
  /** A proxy through which the functions are sent; none when absent. */
  readonly wire?: WireFaults;
}

/** The variant whose bars are claims. The others show what goes wrong without its decisions. */
const claiming = 'improved';

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
  readonly faults: Readonly<Record<string, readonly FiredFaults[]>>;
  /** Grants of the functions' roles that no call of this run needed, by variant, and why each is granted. */
  readonly unused: Readonly<Record<string, readonly UnusedGrants[]>>;
  /** The profile of faults that disturbed the run; absent when none did, as everything below. */
  readonly disturbedBy?: string;
  /** Faults on the wire that fired, of all variants together; only of profiles that make some. */
  readonly wire?: readonly FiredFault[];
  /** Why a variant's workload did not come to its end: a design that does not survive the faults. */
  readonly stopped?: Readonly<Record<string, string>>;
  readonly pass: boolean;
}

export interface ProvenProperty {
  readonly name: string;
  readonly unit: string;
  readonly points: readonly number[];
  readonly tier: Tier;
  readonly bars: Readonly<Record<string, Bar>>;
  readonly measured: Measured;
  /** Variants whose bars decide, in a disturbed run; absent when all do. */
  readonly judged?: readonly string[];
  /** Why none is judged in a disturbed run, if the property says so. */
  readonly changedByFaults?: string;
  readonly pass: boolean;
}

/**
 * Deploys every variant side by side under names of this run's own, drives the question's workload against each at the
 * same time, and takes everything away again.
 *
 * @throws {RunError} when a variant cannot be deployed or its workload cannot be driven to the end. A bar that is not
 * met is no error: `pass` says so. In a disturbed run only the improved variant's bars decide, and a workload that faults
 * stopped is a result too.
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
        const background = possible(
          options.disturbance?.background ?? [],
          await writesTransactions(bundles, variant, question.variants),
        );
        const measurement = await measureVariant(proof, variant, deployed[variant]!, { ...options, background });
        say(`${variant}: ${measurement.stopped === undefined ? 'measured' : `stopped: ${measurement.stopped}`}`);
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
  readonly faults: readonly FiredFaults[];
  readonly unused: readonly UnusedGrants[];
  readonly stopped?: string;
}

async function measureVariant(
  proof: Proof<string>,
  variant: string,
  { outputs, templates, stackNames }: Deployed,
  { aws, seed, scale, disturbance, background, say = () => {} }: ProveOptions & { background: readonly Fault[] },
): Promise<Measurement> {
  const resources = await resourcesOf(aws, Object.values(stackNames));
  const names = resources.filter(({ isFunction }) => isFunction).map(({ physicalName }) => physicalName);
  const shortNames = new Map(resources.map(({ physicalName, shortName }) => [physicalName, shortName]));
  if (disturbance?.wire !== undefined) await sendThrough(disturbance.wire, aws, names);
  const faults = faultControl(aws, { functions: names, seed });
  const sinceMs = Date.now();
  const usage: Target['usage'] = (from, executions) =>
    readUsage(aws, { functions: names, sinceMs: from, ...(executions && { executions }) });
  const target: Target = {
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
  };
  const hits = background.length === 0 ? undefined : await armBackground(aws, names, { faults: background, seed });
  try {
    const driven = await drive(proof, target, disturbance !== undefined);
    const lines = await readProofLines(aws, names, sinceMs, { partly: driven.stopped !== undefined });
    const usageLines = lines.filter((line) => line.designs === 'usage');
    // A call may be on what is no resource of the stacks.
    const nameOf = (name: string) => shortNames.get(name) ?? name;
    return {
      ...driven,
      // The executions are the workload's, which asks for their transitions itself.
      usage: { ...sumUsage(usageLines), stateTransitions: 0 },
      faults: sumFired(
        lines.filter((line) => line.designs === 'fault'),
        nameOf,
      ),
      unused: unusedGrants(
        Object.values(templates),
        actionsUsed(usageLines, nameOf),
        shortName,
        proof.unusedGrants?.[variant],
      ),
    };
  } finally {
    if (hits !== undefined) await forget(hits);
  }
}

/** An undisturbed workload must come to its end; faults may stop that of a design which does not survive them. */
async function drive(
  proof: Proof<string>,
  target: Target,
  disturbed: boolean,
): Promise<Pick<Measurement, 'measured' | 'stopped'>> {
  let measured: Measured;
  try {
    measured = await proof.measure(target);
  } catch (error) {
    if (!disturbed) throw error;
    return { measured: {}, stopped: error instanceof Error ? error.message : String(error) };
  }
  const missing = proof.properties.find(({ name }) => measured[name] === undefined);
  if (missing !== undefined) throw new RunError(`the proof measures no "${missing.name}": return it from measure()`);
  return { measured };
}

interface StackResource {
  readonly physicalName: string;
  readonly shortName: string;
  readonly isFunction: boolean;
}

async function resourcesOf(aws: AwsConfig, stackNames: readonly string[]): Promise<readonly StackResource[]> {
  const client = new CloudFormationClient(aws);
  const resources: StackResource[] = [];
  for (const StackName of stackNames) {
    for await (const { StackResourceSummaries = [] } of paginateListStackResources({ client }, { StackName })) {
      for (const { ResourceType, PhysicalResourceId = '', LogicalResourceId = '' } of StackResourceSummaries) {
        const isFunction = ResourceType === 'AWS::Lambda::Function';
        resources.push({ physicalName: PhysicalResourceId, shortName: shortName(LogicalResourceId), isFunction });
      }
    }
  }
  return resources;
}

/** A resource's construct: `Plan` of `PlanFunction0A1B2C3D`, `Orders` of `Orders0A1B2C3D`. */
function shortName(logicalId: string): string {
  return logicalId.replace(/(?:Function)?[0-9A-F]{8}$/, '');
}

function assemble(
  { question, aws, seed, scale, disturbance }: ProveOptions,
  properties: readonly Property<string>[],
  variants: readonly string[],
  measurements: Readonly<Record<string, Measurement>>,
): ProofResult {
  const byVariant = <T>(of: (measurement: Measurement) => T) =>
    Object.fromEntries(variants.map((variant) => [variant, of(measurements[variant]!)]));
  const proven = properties.map((property) =>
    judge(
      property,
      Object.fromEntries(variants.map((variant) => [variant, measurements[variant]!.measured[property.name]])),
      disturbance !== undefined,
    ),
  );
  const stopped = Object.entries(measurements).flatMap(([variant, { stopped }]) =>
    stopped === undefined ? [] : [[variant, stopped] as const],
  );
  return {
    slug: question.slug,
    seed,
    scale,
    target: aws.endpoint === undefined ? 'account' : 'emulator',
    properties: proven,
    units: byVariant(({ usage }) => usage),
    faults: byVariant(({ faults }) => faults),
    unused: byVariant(({ unused }) => unused),
    ...(disturbance && { disturbedBy: disturbance.profile }),
    ...(stopped.length > 0 && { stopped: Object.fromEntries(stopped) }),
    pass: proven.every(({ pass }) => pass) && !stopped.some(([variant]) => variant === claiming),
  };
}

/** Compares what each variant measured, undefined where its workload stopped, with the property's bars. */
export function judge<Variant extends string>(
  property: Property<Variant>,
  numbers: Readonly<Record<Variant, number | undefined>>,
  disturbed: boolean,
): ProvenProperty {
  const { name, unit, points, tier, changedByFaults } = property;
  const variants = Object.keys(numbers) as Variant[];
  const bars: Readonly<Record<string, Bar>> = Object.fromEntries(
    variants.map((variant) => [variant, property[variant]]),
  );
  const measured: Readonly<Record<string, number>> = Object.fromEntries(
    variants.flatMap((variant) => (numbers[variant] === undefined ? [] : [[variant, numbers[variant]] as const])),
  );
  const claims = variants.filter((variant) => variant === claiming && changedByFaults === undefined);
  const judged = disturbed ? claims : variants;
  return {
    name,
    unit,
    points,
    tier,
    bars,
    measured,
    ...(disturbed && { judged }),
    ...(disturbed && changedByFaults !== undefined && { changedByFaults }),
    pass: judged.every((variant) => variant in measured && meets(bars[variant]!, measured[variant]!)),
  };
}
