import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { RunError, UsageError } from '../cli/errors.ts';

const run = promisify(execFile);

const root = join(import.meta.dirname, '../..');
/** Everything that is made rather than written, out of git. */
const madeDirectory = join(root, '.designs');

const installTimeoutMs = 10 * 60_000;
const oldestMinor = 10;
const newestMinor = 14;

const remedy =
  `install Python 3.${oldestMinor} or newer (with its venv module), or name one in PYTHON, or start the Docker image ` +
  'ministackorg/ministack or LocalStack yourself and set AWS_ENDPOINT_URL to it';

/**
 * The Python executable of an environment that holds exactly the packages of a hash-pinned requirements file. Made at
 * the first use, in seconds; a changed file makes another one. Modules run by `python -m`: console scripts in it do
 * not work, since the environment is renamed into its place.
 *
 * @throws {UsageError} when there is no Python 3.10 or newer with venv.
 * @throws {RunError} when the packages cannot be installed.
 */
export async function pythonEnvironment(requirementsFile: string, say: (text: string) => void): Promise<string> {
  const requirements = await readFile(requirementsFile);
  const directory = join(
    madeDirectory,
    `python-${createHash('sha256').update(requirements).digest('hex').slice(0, 16)}`,
  );
  // A link to a Python that was since taken away counts as absent.
  if (!existsSync(executable(directory))) await make(directory, requirementsFile, say);
  return executable(directory);
}

/** Built aside and renamed: a run that was stopped leaves no half of one, and of two at once the first to end wins. */
async function make(directory: string, requirementsFile: string, say: (text: string) => void): Promise<void> {
  const python = await findPython();
  say(`making the Python environment of ${relative(root, requirementsFile)}: once, a few seconds`);
  await mkdir(madeDirectory, { recursive: true });
  const aside = await mkdtemp(join(madeDirectory, 'making-python-'));
  try {
    await run(python, ['-m', 'venv', aside], { timeout: installTimeoutMs });
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-input'];
    await run(executable(aside), [...pip, '--require-hashes', '-r', requirementsFile], { timeout: installTimeoutMs });
    if (!existsSync(executable(directory))) await rm(directory, { recursive: true, force: true });
    await rename(aside, directory);
  } catch (error) {
    await rm(aside, { recursive: true, force: true });
    if (existsSync(executable(directory))) return;
    const { stderr, message } = error as Error & { stderr?: string };
    const tail = (stderr || message).trim().split('\n').slice(-5).join('\n');
    throw new RunError(`${basename(python)} cannot install ${requirementsFile}: ${tail}`);
  }
}

async function findPython(): Promise<string> {
  const given = process.env['PYTHON'];
  const versioned = Array.from(
    { length: newestMinor - oldestMinor + 1 },
    (_, index) => `python3.${newestMinor - index}`,
  );
  const seen: string[] = [];
  for (const candidate of given ? [given] : ['python3', 'python', ...versioned]) {
    const version = await versionOf(candidate);
    if (version === undefined) continue;
    if (version.minor >= oldestMinor && version.hasVenv) return candidate;
    seen.push(`${candidate} is 3.${version.minor}${version.hasVenv ? '' : ' without venv'}`);
  }
  const found = seen.length > 0 ? seen.join(', ') : `no Python found${given ? ` at PYTHON=${given}` : ''}`;
  throw new UsageError(`Python 3.${oldestMinor} or newer with venv is needed, and ${found}: ${remedy}`);
}

async function versionOf(python: string): Promise<{ minor: number; hasVenv: boolean } | undefined> {
  // Debian ships venv without ensurepip, and it fails only half way.
  const probe =
    'import sys, importlib.util as u; print(sys.version_info[0], sys.version_info[1], ' +
    'int(all(u.find_spec(m) for m in ("venv", "ensurepip"))))';
  try {
    const { stdout } = await run(python, ['-c', probe], { timeout: 20_000 });
    const [major, minor, hasVenv] = stdout.trim().split(' ').map(Number);
    return major === 3 && minor !== undefined ? { minor, hasVenv: hasVenv === 1 } : undefined;
  } catch {
    return undefined;
  }
}

function executable(environment: string): string {
  return join(environment, 'bin', 'python');
}
