import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import type { AwsConfig } from '../../lib/kit/proof.ts';
import { UsageError } from '../cli/errors.ts';
import { startEmulator } from '../emulator/emulator.ts';
import { bootstrap } from './deploy.ts';

/** Options of every command that needs a place to deploy to. */
export const placeArguments = {
  profile: { type: 'string', description: 'the AWS profile of an account', valueHint: 'name' },
  yes: { type: 'boolean', description: 'means the account of AWS_PROFILE' },
} as const;

export interface PlaceArguments {
  readonly profile?: string | undefined;
  readonly yes?: boolean | undefined;
}

/** Runs `use` where the environment or the arguments point, or on an emulator that lives as long as it takes. */
export async function withPlace<T>(
  args: PlaceArguments,
  say: (text: string) => void,
  use: (aws: AwsConfig) => Promise<T>,
): Promise<T> {
  const given = await givenPlace(args, say);
  if (given !== undefined) {
    if (given.endpoint !== undefined) await bootstrap(given, say);
    return await use(given);
  }
  const emulator = await startEmulator({ say });
  try {
    await bootstrap(emulator.aws, say);
    return await use(emulator.aws);
  } finally {
    await emulator.stop();
  }
}

/**
 * Where the environment or the arguments point; undefined when nowhere. An account is never meant by accident: a
 * profile that only stands in the environment needs --yes.
 */
export async function givenPlace(
  { profile, yes }: PlaceArguments,
  say: (text: string) => void,
): Promise<AwsConfig | undefined> {
  const env = process.env;
  if (env['AWS_ENDPOINT_URL']) {
    if (profile !== undefined) {
      throw new UsageError(
        `AWS_ENDPOINT_URL=${env['AWS_ENDPOINT_URL']} and --profile ${profile} name two places: unset one`,
      );
    }
    return (await startEmulator()).aws;
  }
  if (yes && profile === undefined && !env['AWS_PROFILE']) {
    throw new UsageError('--yes means the account of AWS_PROFILE, which is not set: set it, or give --profile');
  }
  if (profile === undefined && !yes) {
    if (env['AWS_PROFILE']) say(`AWS_PROFILE=${env['AWS_PROFILE']} is not used: --yes means its account`);
    return undefined;
  }
  if (profile !== undefined) {
    env['AWS_PROFILE'] = profile;
    // Keys in the environment would win over the profile in some SDKs.
    for (const key of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN']) delete env[key];
  }
  const name = profile ?? env['AWS_PROFILE'];
  const region = await new CloudFormationClient({}).config.region().catch(() => {
    throw new UsageError(`profile "${name}" has no region: set AWS_REGION`);
  });
  say(`account ${await accountOf(region, `${name}`)}, region ${region}`);
  return { region };
}

/** Read off the bootstrap stack, which a deployment needs anyway. */
async function accountOf(region: string, profile: string): Promise<string> {
  try {
    const { Stacks = [] } = await new CloudFormationClient({ region }).send(
      new DescribeStacksCommand({ StackName: 'CDKToolkit' }),
    );
    return Stacks[0]?.StackId?.split(':')[4] ?? 'unknown';
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const remedy = /does not exist/.test(message) ? `run npx cdk bootstrap --profile ${profile}` : 'check the profile';
    throw new UsageError(`cannot deploy with profile "${profile}" in ${region}: ${message}: ${remedy}`);
  }
}
