import { beforeAll, describe, expect, it } from 'vitest';
import { issuerSlowMs, leaseMs } from '../../lambdas/idempotent-apis/domain.ts';
import type { Template } from '../../lib/kit/proof.ts';
import { question } from '../../lib/questions/idempotent-apis/question.ts';
import { synthesise } from '../../tools/diff/synthesise.ts';
import { propertiesOf } from '../tools/prove/proof-tests.ts';

describe('the improved stack', () => {
  let template: Template;
  beforeAll(async () => {
    template = (await synthesise({ slug: question.slug, variant: 'improved' })).stacks['main']!.template;
  }, 60_000);

  it('ends the function that charges before the lease of its claim ends', () => {
    expect((propertiesOf(template, 'AWS::Lambda::Function', 'Charge')['Timeout'] as number) * 1000).toBeLessThan(
      leaseMs,
    );
  });

  it('lets the network outlast an issuer that is slower than a lease', () => {
    const networkMs = (propertiesOf(template, 'AWS::Lambda::Function', 'Network')['Timeout'] as number) * 1000;
    expect(issuerSlowMs).toBeGreaterThan(leaseMs);
    expect(issuerSlowMs).toBeLessThan(networkMs);
  });

  it('deletes keys by the attribute that the conditions compare', () => {
    expect(propertiesOf(template, 'AWS::DynamoDB::Table', 'Keys')['TimeToLiveSpecification']).toEqual({
      AttributeName: 'expiresAt',
      Enabled: true,
    });
  });

  it('lets GET write nothing but its log', () => {
    const { Statement } = propertiesOf(template, 'AWS::IAM::Policy', 'ReadRole')['PolicyDocument'] as {
      readonly Statement: readonly { readonly Action: string | readonly string[] }[];
    };
    expect(Statement.flatMap(({ Action }) => Action)).toEqual([
      'logs:CreateLogStream',
      'logs:PutLogEvents',
      'dynamodb:GetItem',
    ]);
  });
});
