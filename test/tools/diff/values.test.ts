import { describe, expect, it } from 'vitest';
import { differences, readable, type Scope } from '../../../tools/diff/values.ts';

const paths: Record<string, string> = {
  Documents1A2B3C4D: 'Documents',
  ExtractFn9: 'Extract/Function',
  Role7: 'Extract/Role',
};
const scope: Scope = {
  pathOf: (id) => paths[id],
  handedOver: (name) => (name === 'Exported' ? '${Documents} of stack main' : undefined),
  logicalId: 'Policy5',
  asset: 'asset(extract: 3 lines changed)',
  subject: 'Extract',
};
const statement = {
  Effect: 'Allow',
  Action: 'dynamodb:Query',
  Resource: { 'Fn::Join': ['', [{ 'Fn::GetAtt': ['Documents1A2B3C4D', 'Arn'] }, '/index/*']] },
};

describe('readable', () => {
  it.each([
    [{ Ref: 'Documents1A2B3C4D' }, '${Documents}'],
    [{ 'Fn::GetAtt': ['Documents1A2B3C4D', 'Arn'] }, '${Documents.Arn}'],
    [{ 'Fn::GetAtt': 'Documents1A2B3C4D.Arn' }, '${Documents.Arn}'],
    [
      { 'Fn::Sub': 'arn:${AWS::Partition}:${Documents1A2B3C4D.Arn}/${!kept}' },
      'arn:${AWS::Partition}:${Documents.Arn}/${!kept}',
    ],
    [{ 'Fn::Sub': ['${a}-${AWS::Region}', { a: { Ref: 'ExtractFn9' } }] }, '${Extract/Function}-${AWS::Region}'],
    [{ 'Fn::If': ['Big', { Ref: 'ExtractFn9' }, 'no'] }, '${if Big then ${Extract/Function} else no}'],
    [{ 'Fn::ImportValue': 'Exported' }, '${Documents} of stack main'],
    [{ 'Fn::ImportValue': 'Foreign' }, '${ImportValue Foreign}'],
    ['${Documents.Arn}', '${!Documents.Arn}'],
    ['Policy5', '(its own id)'],
    [
      { S3Bucket: { 'Fn::Sub': 'cdk-assets-${AWS::Region}' }, S3Key: `${'ab'.repeat(32)}.zip` },
      'asset(extract: 3 lines changed)',
    ],
    ['{"StartAt":"Plan"}', { StartAt: 'Plan' }],
    ['{not json', '{not json'],
  ])('reads %j as %j', (value, expected) => {
    expect(readable(value, scope)).toEqual(expected);
  });

  it.each([
    [statement, 'allow Extract: dynamodb:Query on Documents/index/*'],
    [
      {
        Effect: 'Deny',
        Principal: { AWS: '*' },
        Action: 's3:*',
        Resource: ['a', 'b'],
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      },
      'deny anyone: s3:* on a, b when aws:SecureTransport is false',
    ],
    [
      { Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' },
      'allow lambda.amazonaws.com: sts:AssumeRole',
    ],
    [
      { Sid: 'Most', Effect: 'Allow', NotAction: 'iam:*', NotResource: 'x', NotPrincipal: { AWS: 'root' } },
      'allow anyone but root: anything but iam:* on anything but x (Most)',
    ],
  ])('says the statement %j', (value, expected) => {
    expect(readable(value, scope)).toBe(expected);
  });
});

describe('differences', () => {
  const between = (before: unknown, after: unknown) => differences('P', before, after, scope, scope);

  it('goes as deep as the structures agree', () => {
    expect(between({ a: { b: 1, c: 2 }, d: [1, 2, 3] }, { a: { b: 1, c: 4 }, d: [1, 3] })).toEqual([
      { path: 'P.a.c', before: 2, after: 4 },
      { path: 'P.d[1]', before: 2 },
    ]);
  });

  it('compares policies statement by statement', () => {
    const wider = { ...statement, Action: 'dynamodb:Scan' };
    const document = (...statements: unknown[]) => ({ Version: '2012-10-17', Statement: statements });
    const other = { Effect: 'Allow', Action: 'sqs:SendMessage', Resource: '*' };
    expect(between(document(other, wider), document(other, statement))).toEqual([
      {
        path: 'P.Statement[1]',
        before: 'allow Extract: dynamodb:Scan on Documents/index/*',
        after: 'allow Extract: dynamodb:Query on Documents/index/*',
      },
    ]);
  });

  it('compares a definition in a text as what it defines', () => {
    const definition = (seconds: number) => ({
      'Fn::Join': ['', ['{"States":{"A":{"Resource":"', { Ref: 'ExtractFn9' }, `","TimeoutSeconds":${seconds}}}}`]],
    });
    expect(between(definition(60), definition(90))).toEqual([
      { path: 'P.States.A.TimeoutSeconds', before: 60, after: 90 },
    ]);
  });

  it('shows values that read the same as the template has them', () => {
    expect(between({ Ref: 'ExtractFn9' }, { 'Fn::Sub': '${ExtractFn9}' })).toEqual([
      { path: 'P', before: '{"Ref":"ExtractFn9"}', after: '{"Fn::Sub":"${ExtractFn9}"}' },
    ]);
    expect(between(`x ${'ab'.repeat(32)}`, `x ${'cd'.repeat(32)}`)).toEqual([
      { path: 'P', text: '"x hash", with another hash' },
    ]);
  });

  it('takes 10 and "10" for the same, as CloudFormation does', () => {
    expect(between({ a: 10, b: true }, { a: '10', b: 'true' })).toEqual([]);
  });
});
