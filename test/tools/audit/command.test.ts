import { describe, expect, it, vi } from 'vitest';
import { toolCommands } from '../../../tools/cli/commands.ts';
import { checkCommandLine } from '../../../tools/cli/main.ts';
import { command } from '../../../tools/audit/command.ts';

type Run = (context: { args: Record<string, unknown> }) => Promise<void>;

describe('designs audit', () => {
  const run = async (args: Record<string, unknown>) =>
    (command.run as unknown as Run)({ args: { stack: 'x', tolerance: '15', ...args } });

  it('takes its options, and no others', async () => {
    await expect(
      checkCommandLine(toolCommands, ['audit', '--stack', 'x', '--tolerance', '0', '--json']),
    ).resolves.not.toThrow();
    await expect(checkCommandLine(toolCommands, ['audit', '--frob'])).rejects.toThrow('unknown option "--frob"');
  });

  it.each(['', '-1', '1441', 'soon'])('refuses a tolerance of %j, and says which it takes', async (tolerance) => {
    await expect(run({ tolerance })).rejects.toThrow(/is no number of minutes from 0 to 1440: give one, such as 15/);
  });

  it('says where to look when nothing tells where the bank runs', async () => {
    for (const name of ['AWS_ENDPOINT_URL', 'AWS_PROFILE']) vi.stubEnv(name, '');
    await expect(run({})).rejects.toThrow('there is nothing to audit: set AWS_ENDPOINT_URL');
    vi.unstubAllEnvs();
  });
});
