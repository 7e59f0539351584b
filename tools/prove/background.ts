import { randomUUID } from 'node:crypto';
import { readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { LambdaClient } from '@aws-sdk/client-lambda';
import type { AwsConfig, Fault } from '../../lib/kit/proof.ts';
import { type Background, backgroundVariable } from '../bundle/proof/faults.ts';
import { changeEnvironment } from './environment.ts';

/**
 * One for each event, so that two deliveries are enough, and the retries and receives that a design has are left for
 * what the proof itself kills. Most strike around writes, which are what a kill can leave half done: a handler makes few
 * of them after many reads.
 */
const crashes: readonly Fault[] = [
  { call: 'writes', kind: 'crash-before', share: 0.05, timesPerEvent: 1 },
  { call: 'writes', kind: 'crash-after', share: 0.05, timesPerEvent: 1 },
  { call: '*', kind: 'crash-before', share: 0.002, timesPerEvent: 1 },
];

/** Two for each event, so that the SDK's three attempts are enough. */
const lostReplies: readonly Fault[] = [
  { call: 'writes', kind: 'lose-reply', share: 0.1, timesPerEvent: 1 },
  { call: '*', kind: 'lose-reply', share: 0.02, timesPerEvent: 1 },
];

/** Calls that conflict with a transaction under way, and what DynamoDB answers them ("Transaction conflict handling"). */
const conflictErrors = {
  TransactWriteItems: 'TransactionCanceledException',
  TransactGetItems: 'TransactionCanceledException',
  PutItem: 'TransactionConflictException',
  UpdateItem: 'TransactionConflictException',
  DeleteItem: 'TransactionConflictException',
} as const;

/** The SDK retries none of these: two for each event, so that three attempts of a handler's own are enough. */
const conflicts: readonly Fault[] = Object.entries(conflictErrors).map(([call, error]) => ({
  call,
  kind: 'fail',
  error,
  share: 0.1,
  timesPerEvent: 2,
}));

/**
 * Faults that strike in every function from the beginning of a run to its end, by the name that `designs prove --faults`
 * takes. Injected at the AWS calls of the functions, so that they work on an account too; each is bounded for the event
 * that it disturbs, so that a design which repeats what failed comes to an end.
 */
export const backgrounds = {
  crashes,
  'lost-replies': lostReplies,
  conflicts,
  storm: [...crashes, ...lostReplies, ...conflicts],
} as const satisfies Readonly<Record<string, readonly Fault[]>>;

export type BackgroundName = keyof typeof backgrounds;

/** Without what cannot happen: a single write conflicts only with a transaction that writes. */
export function possible(faults: readonly Fault[], writesTransactions: boolean): readonly Fault[] {
  return faults.filter(({ error }) => writesTransactions || error !== conflictErrors.PutItem);
}

interface Metafile {
  readonly outputs: Readonly<
    Record<string, { readonly inputs: Readonly<Record<string, { readonly bytesInOutput: number }>> }>
  >;
}

/** True when a handler that is this variant's, or every variant's, has a command that writes in transactions. */
export async function writesTransactions(
  bundles: string,
  variant: string,
  variants: readonly string[],
): Promise<boolean> {
  const { outputs } = JSON.parse(await readFile(join(bundles, 'metafile.json'), 'utf8')) as Metafile;
  const others = variants.filter((other) => other !== variant);
  return Object.entries(outputs).some(([file, { inputs }]) => {
    if (others.some((other) => basename(dirname(file)).endsWith(`.${other}`))) return false;
    return Object.entries(inputs).some(
      ([path, { bytesInOutput }]) =>
        bytesInOutput > 0 && /\/(TransactWriteItems|ExecuteTransaction)Command\.js$/.test(path),
    );
  });
}

/** Arms the functions for a whole run; what a proof arms comes on top of it. Returns what `forget` wants. */
export async function armBackground(
  aws: AwsConfig,
  functions: readonly string[],
  { faults, seed }: Pick<Background, 'faults' | 'seed'>,
): Promise<string> {
  const lambda = new LambdaClient(aws);
  const run = randomUUID();
  const background: Background = { faults, seed, run };
  await Promise.all(
    functions.map((name) =>
      changeEnvironment(lambda, name, (variables) => ({
        ...variables,
        [backgroundVariable]: JSON.stringify(background),
      })),
    ),
  );
  return run;
}

/** Removes the hits that functions of an emulator on this machine counted in its temporary directory. */
export async function forget(run: string): Promise<void> {
  const counted = (await readdir(tmpdir())).filter((name) => name.startsWith(`designs-${run}-`));
  await Promise.all(counted.map((name) => rm(join(tmpdir(), name), { force: true })));
}
