import { beforeAll, describe, expect, it } from 'vitest';
import { findingsMetric } from '../../lambdas/banking-consistency/env.ts';
import type { Template } from '../../lib/kit/proof.ts';
import { question } from '../../lib/questions/banking-consistency/question.ts';
import { synthesise } from '../../tools/diff/synthesise.ts';

interface AlarmProperties {
  readonly Namespace: string;
  readonly MetricName: string;
  readonly Statistic: 'Maximum' | 'SampleCount';
  readonly Period: number;
  readonly EvaluationPeriods: number;
  readonly Threshold: number;
  readonly ComparisonOperator: 'GreaterThanThreshold' | 'LessThanThreshold';
  readonly TreatMissingData: 'breaching' | 'notBreaching';
}

interface Sample {
  readonly atHour: number;
  readonly value: number;
}

/** The hours of a week at which the alarm goes off or stays so, as CloudWatch evaluates it (periods of a whole hour). */
function hoursOfAlarm(alarm: AlarmProperties, samples: readonly Sample[], hours: number): readonly number[] {
  const { Statistic, Period, EvaluationPeriods, Threshold, ComparisonOperator, TreatMissingData } = alarm;
  const hoursEach = Period / 3600;
  const breaches = Array.from({ length: hours / hoursEach }, (_, period) => {
    const values = samples.filter(({ atHour }) => Math.floor(atHour / hoursEach) === period).map(({ value }) => value);
    if (values.length === 0) return TreatMissingData === 'breaching';
    const datum = Statistic === 'Maximum' ? Math.max(...values) : values.length;
    return ComparisonOperator === 'GreaterThanThreshold' ? datum > Threshold : datum < Threshold;
  });
  return breaches.flatMap((_, period) => {
    const seen = breaches.slice(Math.max(0, period + 1 - EvaluationPeriods), period + 1);
    return seen.length === EvaluationPeriods && seen.every(Boolean) ? [(period + 1) * hoursEach] : [];
  });
}

describe('the alarms of the improved stack', () => {
  let template: Template;
  beforeAll(async () => {
    template = (await synthesise({ slug: question.slug, variant: 'improved' })).stacks['main']!.template;
  }, 60_000);

  const alarmOf = (idStart: string) =>
    Object.entries(template.Resources).find(([id]) => id.startsWith(idStart))![1]
      .Properties as unknown as AlarmProperties;
  /** An audit that comes to its end a little after two, on each of seven nights but those. */
  const nightsBut = (...missed: readonly number[]) =>
    [0, 1, 2, 3, 4, 5, 6]
      .filter((night) => !missed.includes(night))
      .map((night): Sample => ({ atHour: 24 * night + 2.1, value: 0 }));
  const week = 7 * 24;

  it('look at what the audit counts, as often as CloudWatch lets them', () => {
    for (const alarm of [alarmOf('FindingsAlarm'), alarmOf('AuditMissingAlarm')]) {
      expect(alarm).toMatchObject({ Namespace: findingsMetric.namespace, MetricName: findingsMetric.name });
      // Seven days where a period is an hour or more (PutMetricAlarm).
      expect(alarm.Period).toBeGreaterThanOrEqual(3600);
      expect(alarm.Period * alarm.EvaluationPeriods).toBeLessThanOrEqual(7 * 86_400);
    }
  });

  it('go off for an audit that finds something, whatever the nights before and after found', () => {
    const alarm = alarmOf('FindingsAlarm');
    expect(hoursOfAlarm(alarm, nightsBut(), week)).toEqual([]);
    expect(hoursOfAlarm(alarm, [...nightsBut(3), { atHour: 24 * 3 + 2.1, value: 4 }], week)).toEqual([24 * 3 + 3]);
  });

  it('go off for a night without an audit that came to its end, before noon, and not for one that is late', () => {
    const alarm = alarmOf('AuditMissingAlarm');
    expect(hoursOfAlarm(alarm, nightsBut(), week)).toEqual([]);
    const missed = hoursOfAlarm(alarm, nightsBut(3), week);
    expect(missed[0]).toBeGreaterThan(24 * 3 + 3);
    expect(missed[0]).toBeLessThanOrEqual(24 * 3 + 12);
    expect(missed.at(-1)).toBeLessThanOrEqual(24 * 4 + 3);
    expect(hoursOfAlarm(alarm, [...nightsBut(3), { atHour: 24 * 3 + 3.5, value: 0 }], week)).toEqual([]);
  });

  it('go off hours before the stream forgets what the archive has not', () => {
    const { Threshold, Statistic, MetricName } = alarmOf('ArchiveLateAlarm');
    expect({ Statistic, MetricName }).toEqual({ Statistic: 'Maximum', MetricName: 'IteratorAge' });
    expect(Threshold).toBeLessThan(12 * 3_600_000);
  });
});
