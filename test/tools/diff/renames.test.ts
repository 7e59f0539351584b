import { describe, expect, it } from 'vitest';
import { renamesBetween, type Resources } from '../../../tools/diff/renames.ts';

const side = (resources: Resources, paths: Readonly<Record<string, string>> = {}) => ({
  resources,
  pathOf: (id: string) => paths[id] ?? id,
});
const queue = { Type: 'AWS::SQS::Queue', Properties: { DelaySeconds: 5 } };
const policy = (id: string) => ({
  Type: 'AWS::SQS::QueuePolicy',
  Properties: { Queues: [{ Ref: id }], Text: { 'Fn::Sub': `\${${id}.Arn}` }, Arn: { 'Fn::GetAtt': [id, 'Arn'] } },
  DependsOn: [id],
});

describe('renamesBetween', () => {
  it('pairs what is the same but for its id, and what mentions it', () => {
    const renames = renamesBetween(
      side({ Old: queue, OldPolicy: policy('Old') }),
      side({ NewPolicy: policy('New'), New: queue }),
    );
    expect([...renames]).toEqual([
      ['Old', 'New'],
      ['OldPolicy', 'NewPolicy'],
    ]);
  });

  it('pairs resources that mention each other', () => {
    const ring = (other: string) => ({ Type: 'Custom::Half', Properties: { Other: { Ref: other } } });
    const renames = renamesBetween(
      side({ A1: ring('A2'), A2: ring('A1') }, { A1: 'A/One', A2: 'A/Two' }),
      side({ B1: ring('B2'), B2: ring('B1') }, { B1: 'B/One', B2: 'B/Two' }),
    );
    expect(new Map(renames)).toEqual(
      new Map([
        ['A1', 'B1'],
        ['A2', 'B2'],
      ]),
    );
  });

  it('leaves alone what changed as well', () => {
    expect(
      renamesBetween(side({ Old: queue }), side({ New: { ...queue, Properties: { DelaySeconds: 6 } } })).size,
    ).toBe(0);
  });

  it('renames a construct as a whole or not at all: roles that look alike prove nothing', () => {
    const role = { Type: 'AWS::IAM::Role' };
    const code = (text: string) => ({ Type: 'AWS::Lambda::Function', Properties: { Text: text } });
    const before = { FindRole: role, FindFunction: code('scan') };
    const after = { NotifyRole: role, NotifyFunction: code('notify') };
    const paths = {
      FindRole: 'Find/Role',
      FindFunction: 'Find/Fn',
      NotifyRole: 'Notify/Role',
      NotifyFunction: 'Notify/Fn',
    };
    expect(renamesBetween(side(before, paths), side(after, paths)).size).toBe(0);
    const same = { NotifyRole: role, NotifyFunction: code('scan') };
    expect(renamesBetween(side(before, paths), side(same, paths)).size).toBe(2);
  });

  it('takes a name that is the resource’s own id for its name', () => {
    const named = (id: string) => ({ Type: 'AWS::IAM::Policy', Properties: { PolicyName: id } });
    expect(renamesBetween(side({ Old: named('Old') }), side({ New: named('New') })).size).toBe(1);
    expect(renamesBetween(side({ Old: named('Old') }), side({ New: named('Old') })).size).toBe(0);
  });
});
