import { createHash } from 'node:crypto';
import type { AuditReport } from '../../engines/ledger/audit.ts';
import { systemClock } from '../kit/clock.ts';
import { readEnv } from '../kit/env.ts';
import { logger, run } from '../kit/run.ts';
import { auditVariables, findingsMetric } from './env.ts';
import { parseAuditInput } from './input.ts';
import { audit } from './steps.ts';
import { accounts, archive, checkpoints, entries, metric } from './store.ts';

const env = readEnv(auditVariables);
const effects = {
  accounts: accounts(env.accountsTable),
  entries: entries(env.entriesTable),
  archive: archive(env.archiveBucket),
  clock: systemClock,
  sha256: (text: string) => createHash('sha256').update(text).digest('hex'),
};
const nights = checkpoints(env.archiveBucket);
const findings = metric(findingsMetric);

/**
 * Every night: goes on from the last night on which all was well, or walks the whole chain if it is asked to. The report
 * goes to the log, the number of findings to the metric that the alarms look at.
 */
export const handler = run(async (input: unknown): Promise<AuditReport> => {
  const { toleranceMs, whole } = parseAuditInput(input);
  const since = whole ? undefined : await nights.latest();
  const { report, checkpoint } = await audit({ ...effects, toleranceMs, since });
  if (report.ok) await nights.put(checkpoint);
  logger.info(report.ok ? 'the ledger adds up' : 'the ledger does not add up', { report });
  await findings.put(report.findingsTotal);
  return report;
});
