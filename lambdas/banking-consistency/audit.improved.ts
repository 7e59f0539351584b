import { createHash } from 'node:crypto';
import type { AuditReport } from '../../engines/ledger/audit.ts';
import { systemClock } from '../kit/clock.ts';
import { readEnv } from '../kit/env.ts';
import { logger, run } from '../kit/run.ts';
import { auditVariables, findingsMetric } from './env.ts';
import { parseAuditInput } from './input.ts';
import { audit } from './steps.ts';
import { accounts, archive, checkpoints, entries, heads, metric } from './store.ts';

const env = readEnv(auditVariables);
const effects = {
  accounts: accounts(env.accountsTable),
  entries: entries(env.entriesTable),
  archive: archive(env.archiveBucket),
  heads: heads(env.headsTable),
  clock: systemClock,
  sha256: (text: string) => createHash('sha256').update(text).digest('hex'),
};
const nights = checkpoints(env.archiveBucket);
const findings = metric(findingsMetric);

/** What is left for the ledger and the balances when the walk stops. */
const stopBeforeMs = 120_000;

/**
 * Every night: goes on from where the last night came to, or walks the whole chain if it is asked to. The report goes to
 * the log, the number of findings to the metric that the alarms look at. A walk that time does not suffice for fails,
 * and the next one goes on behind it.
 */
export const handler = run(async (input: unknown, context): Promise<AuditReport> => {
  const { toleranceMs, whole } = parseAuditInput(input);
  const since = whole ? undefined : await nights.latest();
  const isLate = () => context.getRemainingTimeInMillis() < stopBeforeMs;
  const { report, checkpoint } = await audit({ ...effects, toleranceMs, since, isLate });
  if (!whole) await nights.put(checkpoint);
  if (report === undefined)
    throw new Error(`time was up at slot ${checkpoint.slot} of the archive: start again, and it goes on from there`);
  logger.info(report.ok ? 'the ledger adds up' : 'the ledger does not add up', { report });
  await findings.put(report.findingsTotal);
  return report;
});
