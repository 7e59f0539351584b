import { createHash } from 'node:crypto';
import type { DynamoDBStreamEvent } from 'aws-lambda';
import { systemClock } from '../kit/clock.ts';
import { readEnv } from '../kit/env.ts';
import { run } from '../kit/run.ts';
import { archiveVariables } from './env.ts';
import { parseStreamRecord } from './input.ts';
import { append } from './steps.ts';
import { archive, heads } from './store.ts';

const env = readEnv(archiveVariables);
const effects = {
  archive: archive(env.archiveBucket),
  heads: heads(env.headsTable),
  memory: { slots: new Map() },
  clock: systemClock,
  sha256: (text: string) => createHash('sha256').update(text).digest('hex'),
};

/** Consumes the stream of the ledger's entries. A batch that failed comes again, before any that follows it. */
export const handler = run(async ({ Records }: DynamoDBStreamEvent): Promise<void> => {
  const changes = Records.map(parseStreamRecord);
  await append(
    changes.map(({ change }) => change),
    Math.min(...changes.map(({ madeAtMs }) => madeAtMs)),
    effects,
  );
});
