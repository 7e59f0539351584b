import { beforeAll, describe, expect, it } from 'vitest';
import { findingsMetric } from '../../lambdas/banking-consistency/env.ts';
import type { Template } from '../../lib/kit/proof.ts';
import { question } from '../../lib/questions/banking-consistency/question.ts';
import { synthesise } from '../../tools/diff/synthesise.ts';
import { propertiesOf } from '../tools/prove/proof-tests.ts';

interface Threshold {
  readonly Period?: number;
  readonly EvaluationPeriods: number;
  readonly Threshold: number;
  readonly ComparisonOperator: 'GreaterThanThreshold' | 'LessThanThreshold';
  readonly TreatMissingData: 'breaching' | 'notBreaching';
}

/** Of one metric, or of an expression over one. */
interface AlarmProperties extends Threshold, Partial<OneMetric> {
  readonly Metrics?: readonly {
    readonly Id: string;
    readonly Expression?: string;
    readonly MetricStat?: { readonly Metric: OneMetric; readonly Period: number; readonly Stat: string };
  }[];
}

interface OneMetric {
  readonly Namespace: string;
  readonly MetricName: string;
  readonly Statistic?: string;
}

interface Sample {
  readonly atHour: number;
  readonly value: number;
}

/**
 * The first hour at which the alarm is on. CloudWatch looks back beyond the periods that are evaluated, and at real data
 * rather than at missing, as far as it likes ("How alarm state is evaluated when data is missing"): so a breaching period
 * sets off an alarm of one, and for more none may be missing.
 */
function firstHourOfAlarm(alarm: AlarmProperties, samples: readonly Sample[], hours: number): number | undefined {
  const { EvaluationPeriods, Threshold, ComparisonOperator, Metrics } = alarm;
  const { MetricStat } = Metrics?.find(({ MetricStat: stat }) => stat !== undefined) ?? {};
  const hoursEach = (alarm.Period ?? MetricStat!.Period) / 3600;
  const statistic = alarm.Statistic ?? MetricStat!.Stat;
  const fill = /^FILL\(\w+, (\d+)\)$/.exec(
    Metrics?.find(({ Expression }) => Expression !== undefined)?.Expression ?? '',
  );
  const breaches = Array.from({ length: hours / hoursEach }, (_, period) => {
    const values = samples.filter(({ atHour }) => Math.floor(atHour / hoursEach) === period).map(({ value }) => value);
    if (values.length === 0 && fill === null) return undefined;
    const datum =
      values.length === 0 ? Number(fill![1]) : statistic === 'Maximum' ? Math.max(...values) : values.length;
    return ComparisonOperator === 'GreaterThanThreshold' ? datum > Threshold : datum < Threshold;
  });
  if (EvaluationPeriods > 1 && breaches.includes(undefined))
    throw new Error('with periods that are missing: who knows');
  for (let period = EvaluationPeriods; period <= breaches.length; period += 1)
    if (breaches.slice(period - EvaluationPeriods, period).every((breach) => breach === true))
      return period * hoursEach;
  return undefined;
}

describe('the alarms of the improved stack', () => {
  let template: Template;
  beforeAll(async () => {
    template = (await synthesise({ slug: question.slug, variant: 'improved' })).stacks['main']!.template;
  }, 60_000);

  const alarmOf = (idStart: string) =>
    propertiesOf(template, 'AWS::CloudWatch::Alarm', idStart) as unknown as AlarmProperties;
  /** An audit that comes to its end a little after two, on each of seven nights but those. */
  const nightsBut = (...missed: readonly number[]) =>
    [0, 1, 2, 3, 4, 5, 6]
      .filter((night) => !missed.includes(night))
      .map((night): Sample => ({ atHour: 24 * night + 2.1, value: 0 }));
  const week = 7 * 24;

  it('look at what the audit counts, as far back as CloudWatch lets them', () => {
    const { Metrics, EvaluationPeriods } = alarmOf('AuditMissingAlarm');
    const { Metric, Period } = Metrics!.flatMap(({ MetricStat }) => MetricStat ?? [])[0]!;
    for (const one of [alarmOf('FindingsAlarm'), Metric])
      expect(one).toMatchObject({ Namespace: findingsMetric.namespace, MetricName: findingsMetric.name });
    // Seven days where a period is an hour or more (PutMetricAlarm).
    expect(Period).toBeGreaterThanOrEqual(3600);
    expect(Period * EvaluationPeriods).toBeLessThanOrEqual(7 * 86_400);
  });

  it('go off for an audit that finds something, whatever the nights before and after found', () => {
    const alarm = alarmOf('FindingsAlarm');
    expect(firstHourOfAlarm(alarm, nightsBut(), week)).toBeUndefined();
    const found = [...nightsBut(3), { atHour: 24 * 3 + 2.1, value: 1 }];
    expect(firstHourOfAlarm(alarm, found, week)).toBe(24 * 3 + 3);
  });

  it('go off for a night without an audit that came to its end, before noon, and not for one that is late', () => {
    const alarm = alarmOf('AuditMissingAlarm');
    expect(firstHourOfAlarm(alarm, nightsBut(), week)).toBeUndefined();
    const late = [...nightsBut(3), { atHour: 24 * 3 + 3.5, value: 0 }];
    expect(firstHourOfAlarm(alarm, late, week)).toBeUndefined();
    const missed = firstHourOfAlarm(alarm, nightsBut(3), week);
    expect(missed).toBeGreaterThan(24 * 3 + 3);
    expect(missed).toBeLessThanOrEqual(24 * 3 + 12);
    // Also when none ever did: what has no data at all is not filled.
    expect(alarm.TreatMissingData).toBe('breaching');
  });

  it('go off hours before the stream forgets what the archive has not', () => {
    const { Period, ...alarm } = alarmOf('ArchiveLateAlarm');
    expect(alarm).toMatchObject({
      Statistic: 'Maximum',
      MetricName: 'IteratorAge',
      ComparisonOperator: 'GreaterThanThreshold',
      EvaluationPeriods: 1,
    });
    // A writer may be a batching window and a retry late, and the stream forgets after a day.
    expect(alarm.Threshold).toBeGreaterThan(60_000);
    expect(alarm.Threshold + 1000 * Period!).toBeLessThanOrEqual(3_600_000);
  });
});
