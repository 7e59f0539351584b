import { describe, expect, it } from 'vitest';
import { priceUnits } from '../../../engines/estimate/cost.ts';
import { type Price, prices } from '../../../engines/estimate/prices.ts';

describe('the price book', () => {
  it.each(priceUnits())('gives %s a price, a unit, a date, and a source or an assumption', (unit) => {
    const price: Price = prices[unit];
    expect(price.usd).toBeGreaterThan(0);
    expect(price.per).toBeGreaterThanOrEqual(1);
    expect(price.unit).not.toBe('');
    expect(price.asOf).toMatch(/^20\d\d-(0[1-9]|1[0-2])$/);
    if ('source' in price) expect(price.source).toMatch(/^https:\/\//);
    else expect(price.assumption.length).toBeGreaterThan(20);
  });

  it('prices every service that the designs use or are compared with', () => {
    const services = new Set(priceUnits().map((unit) => prices[unit].service));
    expect([...services].toSorted()).toEqual([
      'API Gateway',
      'Athena',
      'CloudWatch',
      'Data transfer',
      'DynamoDB',
      'EC2',
      'EventBridge Scheduler',
      'KMS',
      'Lambda',
      'S3',
      'SQS',
      'Step Functions',
      'X-Ray',
    ]);
  });
});
