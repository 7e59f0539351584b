import { costOf } from '../../engines/estimate/cost.ts';
import type { Scale, Usage } from '../../lib/kit/proof.ts';
import type { Question } from '../../lib/kit/question.ts';
import { UsageError } from '../cli/errors.ts';
import { number } from '../io/words.ts';
import { readRecord } from './record.ts';

/** Larger than any handler's share of the sum: a bound, not an estimate. */
const memoryGbMax = 10;

interface Budget {
  readonly capUsd: number;
  /** How often all of the work may be done: more than once where faults disturb it. */
  readonly repeats: number;
  readonly say: (text: string) => void;
}

/**
 * Says what a proof run on an account will ask for and cost, by what the recorded run used.
 *
 * @throws {UsageError} when that is more than the cap, or when no run of that scale is recorded.
 */
export async function checkBudget(question: Question, scale: Scale, { capUsd, repeats, say }: Budget): Promise<void> {
  const record = readRecord(question.slug);
  if (record === undefined || record.scale !== scale) {
    throw new UsageError(
      `what ${question.slug} costs at scale ${scale} is not known: record a run on the emulator first, ` +
        `designs prove ${question.slug} --scale ${scale} --record`,
    );
  }
  const usages = Object.values(record.units);
  const usd = repeats * usages.reduce((sum, usage) => sum + costUsd(usage), 0);
  const requests = usages.reduce(
    (sum, { calls }) => sum + Object.values(calls).reduce((all, times) => all + times, 0),
    0,
  );
  const about = repeats === 1 ? 'about' : 'at most about';
  say(
    `${question.slug} will make ${about} ${number(repeats * requests)} requests and cost at most ${usd.toFixed(2)} USD`,
  );
  if (usd > capUsd) {
    throw new UsageError(
      `${question.slug} may cost ${usd.toFixed(2)} USD, over the cap of ${capUsd}: raise --cap, or take a smaller --scale`,
    );
  }
}

/** What a recorded use costs at list prices, in USD. */
export function costUsd(usage: Usage): number {
  const calls = (pattern: RegExp) =>
    Object.entries(usage.calls).reduce((sum, [call, times]) => (pattern.test(call) ? sum + times : sum), 0);
  return costOf({
    'lambda.requests': usage.invocations,
    'lambda.gbSeconds': (usage.handlerMs / 1000) * memoryGbMax,
    'dynamodb.readUnits': usage.readUnits,
    'dynamodb.writeUnits': usage.writeUnits,
    's3.putRequests': calls(/^s3\.(Put|List|Copy|Upload|Create|Complete)/),
    's3.getRequests': calls(/^s3\.(Get|Head)/),
    'sqs.requests': usage.messages.sent + usage.messages.received + usage.messages.deleted,
    'stepFunctions.transitions': usage.stateTransitions,
  }).usd;
}
