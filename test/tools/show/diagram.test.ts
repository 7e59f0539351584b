import { describe, expect, it } from 'vitest';
import type { Template } from '../../../lib/kit/proof.ts';
import { diagram, diagramText, mermaid } from '../../../tools/show/diagram.ts';

const template: Template = {
  Resources: {
    Orders: {
      Type: 'AWS::SQS::Queue',
      Properties: { RedrivePolicy: { deadLetterTargetArn: { 'Fn::GetAtt': ['Dead', 'Arn'] } } },
    },
    Dead: { Type: 'AWS::SQS::Queue' },
    Table: { Type: 'AWS::DynamoDB::Table' },
    Charge: {
      Type: 'AWS::Lambda::Function',
      Properties: {
        Role: { 'Fn::GetAtt': ['ChargeRole', 'Arn'] },
        Environment: { Variables: { TABLE: { Ref: 'Table' }, UNUSED: { Ref: 'Dead' } } },
      },
    },
    ChargeRole: { Type: 'AWS::IAM::Role' },
    ChargePolicy: {
      Type: 'AWS::IAM::Policy',
      Properties: {
        Roles: [{ Ref: 'ChargeRole' }],
        PolicyDocument: {
          Statement: [
            {
              Effect: 'Allow',
              Action: ['dynamodb:PutItem', 'dynamodb:GetItem'],
              Resource: [{ 'Fn::GetAtt': ['Table', 'Arn'] }, { 'Fn::Sub': '${Table.Arn}/index/*' }],
            },
            { Effect: 'Deny', Action: 'sqs:SendMessage', Resource: { 'Fn::GetAtt': ['Dead', 'Arn'] } },
            { Effect: 'Allow', Action: 'logs:PutLogEvents', Resource: '*' },
          ],
        },
      },
    },
    Mapping: {
      Type: 'AWS::Lambda::EventSourceMapping',
      Properties: { EventSourceArn: { 'Fn::GetAtt': 'Orders.Arn' }, FunctionName: { Ref: 'Charge' } },
    },
    Flow: {
      Type: 'AWS::StepFunctions::StateMachine',
      Properties: {
        DefinitionString: { 'Fn::Join': ['', ['{"Resource":"', { 'Fn::GetAtt': ['Charge', 'Arn'] }, '"}']] },
      },
    },
    Alarm: {
      Type: 'AWS::CloudWatch::Alarm',
      Properties: { Dimensions: [{ Name: 'QueueName', Value: { 'Fn::GetAtt': ['Dead', 'QueueName'] } }] },
    },
  },
};
const paths = {
  Orders: 'Orders/Queue/Resource',
  Dead: 'Orders/DeadLetters/Resource',
  Table: 'Charges/Table/Resource',
  Charge: 'Charge/Function/Resource',
};

describe('diagram', () => {
  const drawn = diagram(template, paths);

  it('shows what is deployed, without roles, policies and mappings, under construct paths', () => {
    expect(drawn.nodes).toEqual([
      { id: 'Orders', name: 'Orders', type: 'SQS Queue' },
      { id: 'Dead', name: 'Orders/DeadLetters', type: 'SQS Queue' },
      { id: 'Table', name: 'Charges', type: 'DynamoDB Table' },
      { id: 'Charge', name: 'Charge', type: 'Lambda Function' },
      { id: 'Flow', name: 'Flow', type: 'StepFunctions StateMachine' },
      { id: 'Alarm', name: 'Alarm', type: 'CloudWatch Alarm' },
    ]);
  });

  it('draws grants, event sources, dead letters, calls and alarms as arrows, and no denial or variable', () => {
    expect(drawn.edges).toEqual([
      { from: 'Orders', to: 'Dead', labels: ['dead letters'] },
      { from: 'Charge', to: 'Table', labels: ['GetItem', 'PutItem'] },
      { from: 'Orders', to: 'Charge', labels: ['events'] },
      { from: 'Flow', to: 'Charge', labels: [] },
      { from: 'Dead', to: 'Alarm', labels: ['watched by'] },
    ]);
  });

  it('draws a route of an HTTP API as an arrow to what answers it', () => {
    const integration = (charge: string) => ({
      Type: 'AWS::ApiGatewayV2::Integration',
      Properties: { ApiId: { Ref: 'Api' }, IntegrationUri: { 'Fn::GetAtt': [charge, 'Arn'] } },
    });
    const route = (RouteKey: string, to: string) => ({
      Type: 'AWS::ApiGatewayV2::Route',
      Properties: { ApiId: { Ref: 'Api' }, RouteKey, Target: { 'Fn::Join': ['', ['integrations/', { Ref: to }]] } },
    });
    const { nodes, edges } = diagram(
      {
        Resources: {
          Api: { Type: 'AWS::ApiGatewayV2::Api' },
          Stage: { Type: 'AWS::ApiGatewayV2::Stage', Properties: { ApiId: { Ref: 'Api' } } },
          Charge: { Type: 'AWS::Lambda::Function' },
          ToCharge: integration('Charge'),
          Put: route('PUT /charges/{id}', 'ToCharge'),
          Post: route('POST /charges', 'ToCharge'),
        },
      },
      {},
    );
    expect(nodes.map(({ id }) => id)).toEqual(['Api', 'Charge']);
    expect(edges).toEqual([{ from: 'Api', to: 'Charge', labels: ['POST /charges', 'PUT /charges/{id}'] }]);
  });

  it('is a Mermaid flowchart', () => {
    const lines = mermaid(drawn).split('\n');
    expect(lines[0]).toBe('flowchart LR');
    expect(lines).toContain('  Charge["Charge<br/><small>Lambda Function</small>"]');
    expect(lines).toContain('  Charge -->|"GetItem, PutItem"| Table');
    expect(lines).toContain('  Flow --> Charge');
  });

  it('reads as text on a terminal', () => {
    expect(diagramText(drawn).split('\n')).toEqual([
      'Orders              SQS Queue',
      '  → Orders/DeadLetters: dead letters',
      '  → Charge: events',
      'Orders/DeadLetters  SQS Queue',
      '  → Alarm: watched by',
      'Charges             DynamoDB Table',
      'Charge              Lambda Function',
      '  → Charges: GetItem, PutItem',
      'Flow                StepFunctions StateMachine',
      '  → Charge',
      'Alarm               CloudWatch Alarm',
    ]);
  });

  it('names three actions, and counts the rest', () => {
    const edges = [{ from: 'Orders', to: 'Dead', labels: ['a', 'b', 'c', 'd', 'e'] }];
    expect(mermaid({ nodes: drawn.nodes, edges })).toContain('"a, b, c and 2 more"');
  });

  it('is empty for a stack without resources', () => {
    expect(diagram({ Resources: {} }, {})).toEqual({ nodes: [], edges: [] });
    expect(diagramText({ nodes: [], edges: [] })).toBe('');
  });
});
