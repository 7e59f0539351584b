import { createHash } from 'node:crypto';
import type { AuditReport } from '../../engines/ledger/audit.ts';
import { systemClock } from '../kit/clock.ts';
import { readEnv } from '../kit/env.ts';
import { logger, run } from '../kit/run.ts';
import { auditVariables, findingsMetric } from './env.ts';
import { parseAuditInput } from './input.ts';
import { audit } from './steps.ts';
import { accounts, archive, entries, metric } from './store.ts';

const env = readEnv(auditVariables);
const effects = {
  accounts: accounts(env.accountsTable),
  entries: entries(env.entriesTable),
  archive: archive(env.archiveBucket),
  clock: systemClock,
  sha256: (text: string) => createHash('sha256').update(text).digest('hex'),
};
const findings = metric(findingsMetric);

/** Every night: the report goes to the log, the number of findings to the metric that the alarm looks at. */
export const handler = run(async (input: unknown): Promise<AuditReport> => {
  const report = await audit({ ...effects, toleranceMs: parseAuditInput(input).toleranceMs });
  logger.info(report.ok ? 'the ledger adds up' : 'the ledger does not add up', { report });
  await findings.put(report.findingsTotal);
  return report;
});
