import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Operation } from './bank.ts';

/** What porcupine is told: what each account held at first, and each operation as its client saw it. */
export interface BankHistory {
  readonly initial: readonly number[];
  readonly operations: readonly Operation[];
}

type PorcupineVerdict = 'Ok' | 'Illegal' | 'Unknown';

const run = promisify(execFile);
const program = join(import.meta.dirname, 'porcupine');
/** The sources as they are checked in, and the Go that is installed: nothing else is written or fetched. */
const go = {
  cwd: program,
  env: { ...process.env, GOFLAGS: '-mod=readonly', GOWORK: 'off', GOTOOLCHAIN: 'local' },
};

/** Why porcupine (https://github.com/anishathalye/porcupine) can not be built here, or nothing. */
export async function whyNoPorcupine(): Promise<string | undefined> {
  try {
    await run('go', ['version'], go);
  } catch {
    return 'go is not on the path: install Go 1.21 or later';
  }
  try {
    await run('go', ['mod', 'download'], { ...go, timeout: 60_000 });
  } catch (error) {
    return `its module can not be fetched: ${(error as { stderr?: string }).stderr?.trim() || String(error)}`;
  }
}

/** Compiles into the directory; answers a function that gives porcupine's verdict on each of some histories. */
export async function buildPorcupine(
  directory: string,
): Promise<(histories: readonly BankHistory[]) => Promise<readonly PorcupineVerdict[]>> {
  const binary = join(directory, 'porcupine');
  await run('go', ['build', '-o', binary, '.'], go);
  return async (histories) => {
    const answer = run(binary, [], { maxBuffer: 16 * 1024 * 1024 });
    // When it ends before it has read all, its status says why.
    answer.child.stdin!.on('error', () => undefined);
    answer.child.stdin!.end(
      histories.map(({ initial, operations }) => JSON.stringify({ initial, operations })).join('\n'),
    );
    const { stdout } = await answer;
    const verdicts = stdout.split('\n').slice(0, -1) as PorcupineVerdict[];
    if (verdicts.length !== histories.length) {
      throw new Error(`porcupine gave ${verdicts.length} verdicts on ${histories.length} histories`);
    }
    return verdicts;
  };
}
