import { existsSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { UsageError } from '../../../tools/cli/errors.ts';
import { pythonEnvironment } from '../../../tools/emulator/python.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'python-test-'));
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(directory, { recursive: true, force: true });
});

/** An environment with nothing in it, but of its own for each test: its hash is that of the comment. */
async function requirements(comment: string): Promise<string> {
  const file = join(directory, 'requirements.txt');
  await writeFile(file, `# ${comment} ${directory}\n`);
  return file;
}

async function fakePython(answer: string): Promise<string> {
  const file = join(directory, 'fake-python');
  await writeFile(file, `#!/bin/sh\necho "${answer}"\n`);
  await chmod(file, 0o755);
  return file;
}

describe('pythonEnvironment', () => {
  it('says what to install, or which variable to set, where there is no Python', async () => {
    vi.stubEnv('PYTHON', '');
    vi.stubEnv('PATH', directory);
    const made = pythonEnvironment(await requirements('no python'), () => {});
    await expect(made).rejects.toThrow(UsageError);
    await expect(made).rejects.toThrow(/no Python found.*install Python 3\.10.*AWS_ENDPOINT_URL/);
  });

  it('refuses a Python that is too old, and names its version', async () => {
    vi.stubEnv('PYTHON', await fakePython('3 9 1'));
    await expect(pythonEnvironment(await requirements('too old'), () => {})).rejects.toThrow(/fake-python is 3\.9:/);
  });

  it('refuses a Python without venv', async () => {
    vi.stubEnv('PYTHON', await fakePython('3 12 0'));
    await expect(pythonEnvironment(await requirements('no venv'), () => {})).rejects.toThrow(/3\.12 without venv/);
  });

  it('is made once when two ask for it at the same time, and not again', async () => {
    const file = await requirements('at once');
    const said: string[] = [];
    const ask = () => pythonEnvironment(file, (text) => said.push(text));
    const [one, two] = await Promise.all([ask(), ask()]);
    try {
      expect(one).toBe(two);
      expect(existsSync(one)).toBe(true);
      said.length = 0;
      expect(await ask()).toBe(one);
      expect(said).toEqual([]);
    } finally {
      await rm(join(one, '../..'), { recursive: true, force: true });
    }
  });
});
