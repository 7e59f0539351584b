import { defineCommand } from 'citty';
import type { AuditReport } from '../../engines/ledger/audit.ts';
import { auditing } from '../../lambdas/banking-consistency/domain.ts';
import { RunError, UsageError } from '../cli/errors.ts';
import { givenPlace, placeArguments } from '../deploy/place.ts';
import { count, number } from '../io/words.ts';
import { auditStack } from './audit.ts';

const minuteMs = 60_000;

export const command = defineCommand({
  meta: {
    name: 'audit',
    description: 'walks the bank’s archive, adds every entry again, compares with ledger and balances',
  },
  args: {
    stack: {
      type: 'string',
      description: 'the deployed stack',
      valueHint: 'name',
      default: 'banking-consistency-improved',
    },
    tolerance: {
      type: 'string',
      description: 'entries that are younger may be on their way to the archive',
      valueHint: 'minutes',
      default: String(auditing.toleranceMs / minuteMs),
    },
    json: { type: 'boolean', description: 'the report as JSON' },
    ...placeArguments,
  },
  async run({ args }) {
    const toleranceMs = toleranceOf(args.tolerance);
    const aws = await givenPlace(args, (text) => console.error(text));
    if (aws === undefined)
      throw new UsageError('there is nothing to audit: set AWS_ENDPOINT_URL to where the bank runs, or give --profile');
    const report = await auditStack(aws, args.stack, toleranceMs);
    console.log(args.json === true ? JSON.stringify(report, undefined, 2) : rendered(report));
    if (!report.ok) throw new RunError(`the books do not agree: ${count(report.findingsTotal, 'finding')}`);
  },
});

function toleranceOf(text: string): number {
  const minutes = Number(text);
  if (text.trim() !== '' && minutes >= 0 && minutes <= auditing.toleranceMaxMs / minuteMs) return minutes * minuteMs;
  throw new UsageError(
    `--tolerance ${text} is no number of minutes from 0 to ${auditing.toleranceMaxMs / minuteMs}: give one, such as 15`,
  );
}

/** The report as a person reads it. */
function rendered({ slots, entries, repeats, parts, onTheirWay, head, ...report }: AuditReport): string {
  const { firstBrokenLink, findings, findingsTotal } = report;
  return [
    [
      count(slots, 'slot'),
      count(entries, 'entry', 'entries'),
      count(parts, 'balance'),
      ...(repeats > 0 ? [`${number(repeats)} archived again`] : []),
      ...(onTheirWay > 0 ? [`${number(onTheirWay)} on their way`] : []),
    ].join(', '),
    `the chain ends at slot ${head.slot}, ${head.hash}`,
    ...(firstBrokenLink === undefined ? [] : [`first broken link: ${firstBrokenLink.detail}`]),
    ...findings.map(({ detail }) => `- ${detail}`),
    ...(findingsTotal > findings.length ? [`and ${number(findingsTotal - findings.length)} more`] : []),
    ...(report.ok ? ['every entry adds up, every balance agrees'] : []),
  ].join('\n');
}
