import { App, Stack } from 'aws-cdk-lib';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { describe, expect, it } from 'vitest';
import { uses, usesIn } from '../../../lib/kit/uses.ts';

describe('uses', () => {
  it('is found again by the path below the stack', () => {
    const stack = new Stack(new App(), 'Shop');
    uses(stack, { 'kms.keys': 1 });
    uses(new Topic(stack, 'News'), { 'sqs.requests': 5 }, 'five a month');
    expect(usesIn(stack)).toEqual([
      { path: '', usage: { 'kms.keys': 1 }, why: '' },
      { path: 'News', usage: { 'sqs.requests': 5 }, why: 'five a month' },
    ]);
  });

  it('refuses what a missing load would make of the expression', () => {
    const stack = new Stack(new App(), 'Shop');
    expect(() => uses(stack, { 'sqs.requests': Number.NaN })).toThrow('Shop uses NaN of sqs.requests: give a finite');
  });
});
