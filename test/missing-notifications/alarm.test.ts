import { beforeAll, describe, expect, it } from 'vitest';
import { missedMetric } from '../../lambdas/missing-notifications/env.ts';
import { synthesise } from '../../tools/diff/synthesise.ts';

interface AlarmProperties {
  readonly Namespace: string;
  readonly MetricName: string;
  readonly Statistic: 'Maximum';
  readonly Period: number;
  readonly Threshold: number;
  readonly ComparisonOperator: 'GreaterThanThreshold';
  readonly EvaluationPeriods: number;
  readonly TreatMissingData: 'notBreaching';
}

let alarm: AlarmProperties;

/**
 * The state that CloudWatch gives the alarm after each period, by its rules ("Using Amazon CloudWatch alarms",
 * "Evaluating an alarm" and "Configuring how CloudWatch alarms treat missing data"): a model, since emulators evaluate
 * no alarms. Each period has the values that were put in it.
 */
function states(periods: readonly (readonly number[])[]): readonly ('OK' | 'ALARM')[] {
  const breaching = periods.map((values) => values.length > 0 && Math.max(...values) > alarm.Threshold);
  return breaching.map((_, end) => {
    const evaluated = breaching.slice(Math.max(0, end + 1 - alarm.EvaluationPeriods), end + 1);
    return evaluated.length === alarm.EvaluationPeriods && evaluated.every(Boolean) ? 'ALARM' : 'OK';
  });
}

describe('the alarm', () => {
  beforeAll(async () => {
    const { stacks } = await synthesise({ slug: 'missing-notifications', variant: 'improved' });
    const { Resources } = stacks['main']!.template as unknown as {
      Resources: Readonly<Record<string, { readonly Type: string; readonly Properties: AlarmProperties }>>;
    };
    // The queue has an alarm of its own.
    const found = Object.values(Resources).find(
      ({ Type, Properties }) => Type === 'AWS::CloudWatch::Alarm' && Properties.Namespace === missedMetric.namespace,
    );
    alarm = found!.Properties;
  });

  it('looks at the metric that the report puts', () => {
    expect(alarm.MetricName).toBe(missedMetric.name);
  });

  it('is of the kind that the model below evaluates', () => {
    expect(alarm).toMatchObject({
      Statistic: 'Maximum',
      ComparisonOperator: 'GreaterThanThreshold',
      TreatMissingData: 'notBreaching',
    });
  });

  it.each([
    { when: 'one document was missed', periods: [[1]], expected: ['ALARM'] },
    { when: 'a night found nothing', periods: [[0]], expected: ['OK'] },
    { when: 'no run reported', periods: [[], []], expected: ['OK', 'OK'] },
    { when: 'another run of the same minutes found nothing', periods: [[0, 3, 0]], expected: ['ALARM'] },
    { when: 'the run is over', periods: [[2], []], expected: ['ALARM', 'OK'] },
    { when: 'two nights missed some', periods: [[2], [], [5]], expected: ['ALARM', 'OK', 'ALARM'] },
  ])('says $expected when $when', ({ periods, expected }) => {
    expect(states(periods)).toEqual(expected);
  });
});
