import { systemClock } from '../kit/clock.ts';
import { readEnv } from '../kit/env.ts';
import { logger, run } from '../kit/run.ts';
import { type Report, reportLine } from './domain.ts';
import { missedMetric, reportVariables } from './env.ts';
import { report } from './steps.ts';
import { metric, runFiles } from './store.ts';

const env = readEnv(reportVariables);
const files = runFiles(env.runsBucket);
const missed = metric(missedMetric);

/** Last step: the report is the execution's output too, and the metric is what the alarm looks at. */
export const handler = run(
  async ({ runId }: { readonly runId: string }): Promise<Report & { readonly line: string }> => {
    const result = await report({ files: files(runId), clock: systemClock });
    const line = reportLine(result);
    logger.info(line);
    await missed.put(result.missed);
    return { ...result, line };
  },
);
