import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Template } from '../../../lib/kit/proof.ts';
import { changesOf, type DiffInput, type DiffModel, diffModel } from '../../../tools/diff/model.ts';
import { renderModel } from '../../../tools/diff/render.ts';
import { question } from './fixture/question.ts';
import { fixtureInput } from './fixture/synthesised.ts';
import { leftOut, placesOf, tokensOf } from './oracle.ts';

const seed = 20_261_124;
/** Every generated text and number bears its place and one of a few versions, so that each can be searched for. */
const token = /t-[\w-]+-v\d/;

const ids = ['Alpha', 'Beta', 'Gamma', 'Delta', 'Epsilon'];
const types = ['AWS::SQS::Queue', 'AWS::DynamoDB::Table', 'AWS::Lambda::Function', 'AWS::IAM::Policy', 'Custom::Thing'];
const properties = ['Timeout', 'QueueName', 'KeySchema', 'Code', 'PolicyDocument', 'Tags', 'Environment'];

const leaf = (place: string) => fc.integer({ min: 0, max: 3 }).map((version) => `t-${place}-v${version}`);

function value(place: string): fc.Arbitrary<unknown> {
  const id = fc.constantFrom(...ids);
  return fc.letrec((tie) => ({
    any: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      leaf(place),
      fc.oneof(
        id.map((Ref) => ({ Ref })),
        id.map((name) => ({ 'Fn::GetAtt': [name, 'Arn'] })),
        fc.tuple(leaf(place), id).map(([text, name]) => ({ 'Fn::Join': ['/', [text, { Ref: name }]] })),
        fc.tuple(leaf(place), id).map(([text, name]) => ({ 'Fn::Sub': `${text}/\${${name}}` })),
        leaf(place).map((text) => JSON.stringify({ States: { [`A ${text}`]: { Type: text } } })),
        leaf(place).map((text) => `first line\n${text}\n`),
        leaf(place).map((text) => ({ S3Bucket: text, S3Key: `${'0f'.repeat(32)}.zip`, Other: text })),
        fc.tuple(leaf(place), leaf(place), leaf(place)).map(([action, resource, wanted]) => ({
          Version: '2012-10-17',
          Statement: [
            { Effect: 'Allow', Action: action, Resource: [resource, '*'] },
            {
              Effect: 'Deny',
              Principal: '*',
              NotAction: [action],
              Resource: '*',
              Condition: { Bool: { [wanted]: 'false' } },
            },
          ],
        })),
      ),
      fc.array(tie('any'), { maxLength: 4 }),
      fc.dictionary(fc.constantFrom('Name', 'Value', 'Key', 'Variables'), tie('any'), { maxKeys: 4 }),
    ),
  })).any;
}

const record = (names: readonly string[], of: (name: string) => fc.Arbitrary<unknown>) =>
  fc.record(Object.fromEntries(names.map((name) => [name, of(name)])), { requiredKeys: [] });

const resource = (id: string) =>
  fc.record(
    {
      Type: fc.constantFrom(...types),
      Properties: record(properties, (name) => value(`${id}-${name}`)),
      DependsOn: fc.subarray(ids),
      DeletionPolicy: fc.constantFrom('Retain', 'Delete'),
      Metadata: value(`${id}-Metadata`),
      Condition: leaf(`${id}-Condition`),
    },
    { requiredKeys: ['Type'] },
  );

const template = fc.record(
  {
    Resources: record(ids, resource),
    Outputs: record(['Url', 'Arn'], (name) => fc.record({ Value: value(`Output-${name}`) })),
    Parameters: record(['Stage'], (name) =>
      fc.record({ Type: fc.constant('String'), Default: leaf(`Parameter-${name}`) }),
    ),
    Conditions: record(['Big'], (name) => value(`Condition-${name}`)),
    Mappings: record(['Regions'], (name) => fc.record({ a: fc.record({ b: leaf(`Mapping-${name}`) }) })),
    Metadata: record(['Author'], (name) => value(`Metadata-${name}`)),
    Rules: record(['Check'], (name) => value(`Rule-${name}`)),
    Description: leaf('Description'),
    Transform: leaf('Transform'),
  },
  { requiredKeys: ['Resources'] },
) as fc.Arbitrary<Template>;

function side(name: string, main: Template, extras: Template | undefined): DiffInput['from'] {
  const stack = (content: Template) => ({
    template: content,
    paths: Object.fromEntries(ids.map((id) => [id, `Made/${id}/Resource`])),
    answers: [{ path: 'Made/Alpha', points: [2, 1], why: 'because' }],
    uses: [],
    handlers: [],
  });
  return { name, stacks: { main: stack(main), ...(extras === undefined ? {} : { extras: stack(extras) }) } };
}

const inputs = fc
  .tuple(template, template, fc.option(template, { nil: undefined }), fc.option(template, { nil: undefined }))
  .map(([a, b, c, d]): DiffInput => ({ question, from: side('naive', a, c), to: side('improved', b, d) }));

describe('the diff', () => {
  it('says all that cloudformation-diff finds between any two templates, once', () => {
    fc.assert(
      fc.property(inputs, (input) => {
        const model = diffModel(input);
        expect(leftOut(input, model, renderModel(model), token)).toEqual([]);
      }),
      { seed, numRuns: 100 },
    );
  });

  it('is the same whatever the order of the templates’ keys', () => {
    fc.assert(
      fc.property(template, (content) => {
        const turned = { ...content, Resources: Object.fromEntries(Object.entries(content.Resources).toReversed()) };
        const input = { question, from: side('naive', content, undefined), to: side('improved', turned, undefined) };
        expect(diffModel(input).rest).toEqual([]);
        expect(placesOf(input)).toEqual([]);
      }),
      { seed, numRuns: 50 },
    );
  });
});

describe('the fixture’s diff', () => {
  let input: DiffInput;
  let model: DiffModel;
  const everything = /"(?:\w*[a-z]\w*)"|\b\d{2,}\b/;

  beforeAll(async () => {
    input = await fixtureInput();
    model = diffModel(input);
  }, 60_000);

  it('says all that cloudformation-diff finds', () => {
    expect(placesOf(input).length).toBeGreaterThan(10);
    expect(leftOut(input, model, renderModel(model), /\b(1209600|345600|360|30000|60000|900|dynamodb:Scan)\b/)).toEqual(
      [],
    );
    expect(tokensOf(input, everything).length).toBeGreaterThan(10);
  });

  it('is caught when it hides any one of its changes', () => {
    for (const hidden of changesOf(model)) {
      const without = {
        ...model,
        rest: model.rest.filter((change) => change !== hidden),
        points: model.points.map((point) => ({
          ...point,
          reasons: point.reasons.map((reason) => ({
            ...reason,
            changes: reason.changes.filter((change) => change !== hidden),
          })),
        })),
      };
      expect(leftOut(input, without, renderModel(model), token), hidden.path).not.toEqual([]);
      expect(leftOut(input, model, renderModel(without), token), hidden.path).not.toEqual([]);
    }
  });
});
