import { runCommand } from 'citty';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { UsageError } from '../../../tools/cli/errors.ts';
import { deployCommand, destroyCommand } from '../../../tools/deploy/command.ts';

const question = 'missing-notifications';

beforeEach(() => {
  for (const name of ['AWS_ENDPOINT_URL', 'AWS_PROFILE', 'AWS_REGION', 'AWS_DEFAULT_REGION'])
    vi.stubEnv(name, undefined);
});

afterEach(() => {
  vi.unstubAllEnvs();
});

const deploying = (...rawArgs: string[]) => runCommand(deployCommand, { rawArgs: [question, ...rawArgs] });
const destroying = (...rawArgs: string[]) => runCommand(destroyCommand, { rawArgs: [question, ...rawArgs] });

async function refusal(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(UsageError);
  return (error as Error).message;
}

describe('designs deploy', () => {
  it('refuses an unknown variant before anything starts', async () => {
    expect(await refusal(deploying('--variant', 'best'))).toBe('unknown variant "best": use naive or improved');
  });

  it('refuses to choose between an endpoint and a profile', async () => {
    vi.stubEnv('AWS_ENDPOINT_URL', 'http://127.0.0.1:1');
    expect(await refusal(deploying('--profile', 'sandbox'))).toMatch(
      /http:\/\/127\.0\.0\.1:1 and --profile sandbox name two places/,
    );
  });

  it('takes --yes for the account of AWS_PROFILE only', async () => {
    expect(await refusal(deploying('--yes'))).toMatch(/AWS_PROFILE, which is not set/);
  });

  it('asks for the region of a profile that names none', async () => {
    vi.stubEnv('AWS_CONFIG_FILE', '/nonexistent');
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nonexistent');
    expect(await refusal(deploying('--profile', 'sandbox'))).toBe('profile "sandbox" has no region: set AWS_REGION');
  });
});

describe('designs destroy', () => {
  it('says that an emulator of its own has nothing left, even with a profile in the environment', async () => {
    vi.stubEnv('AWS_PROFILE', 'production');
    expect(await refusal(destroying())).toMatch(/nothing to destroy.*set AWS_ENDPOINT_URL or give --profile/);
  });
});
