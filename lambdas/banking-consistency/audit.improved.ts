import { createHash } from 'node:crypto';
import type { AuditReport } from '../../engines/ledger/audit.ts';
import { systemClock } from '../kit/clock.ts';
import { readEnv } from '../kit/env.ts';
import { logger, run } from '../kit/run.ts';
import { auditVariables, findingsMetric } from './env.ts';
import { parseAuditInput } from './input.ts';
import { auditNight } from './steps.ts';
import { accounts, archive, checkpoints, entries, heads, metric } from './store.ts';

const env = readEnv(auditVariables);
const effects = {
  accounts: accounts(env.accountsTable),
  entries: entries(env.entriesTable),
  archive: archive(env.archiveBucket),
  heads: heads(env.headsTable),
  checkpoints: checkpoints(env.archiveBucket),
  clock: systemClock,
  sha256: (text: string) => createHash('sha256').update(text).digest('hex'),
};
const findings = metric(findingsMetric);

/** What is left for the ledger and the balances when the walk stops. */
const stopBeforeMs = 120_000;

/**
 * Every night: goes on from where the last night came to, or walks the whole chain if it is asked to. The report goes to
 * the log, the number of findings to the metric that the alarms look at.
 */
export const handler = run(async (input: unknown, context): Promise<AuditReport> =>
  auditNight({
    ...effects,
    ...parseAuditInput(input),
    isLate: () => context.getRemainingTimeInMillis() < stopBeforeMs,
    tell: async (report) => {
      logger.info(report.ok ? 'the ledger adds up' : 'the ledger does not add up', { report });
      await findings.put(report.findingsTotal);
    },
  }),
);
