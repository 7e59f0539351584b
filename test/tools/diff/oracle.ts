import { fullDiff, type TemplateDiff } from '@aws-cdk/cloudformation-diff';
import type { Change } from '../../../tools/diff/changes.ts';
import { changesOf, type DiffInput, type DiffModel } from '../../../tools/diff/model.ts';

/** Walks cloudformation-diff's change set on its own: every place in the templates that it says has changed. */
export function placesOf(input: DiffInput): readonly string[] {
  const roles = new Set([...Object.keys(input.from.stacks), ...Object.keys(input.to.stacks)]);
  return [...roles].flatMap((role) => placesIn(diffOf(input, role)).map((place) => `${role}/${place}`)).toSorted();
}

/** Every text and number that stands on one side of a changed place only: a reader must find each of them. */
export function tokensOf(input: DiffInput, pattern: RegExp): readonly string[] {
  const roles = new Set([...Object.keys(input.from.stacks), ...Object.keys(input.to.stacks)]);
  const tokens = [...roles].flatMap((role) =>
    sidesOf(diffOf(input, role)).flatMap(([before, after]) => {
      const [old, young] = [found(before, pattern), found(after, pattern)];
      return [...old.filter((token) => !young.includes(token)), ...young.filter((token) => !old.includes(token))];
    }),
  );
  return [...new Set(tokens)].toSorted();
}

/** What a model and its text leave out of the change set. */
export function leftOut(input: DiffInput, model: DiffModel, text: string, pattern: RegExp): readonly string[] {
  const covered = changesOf(model).flatMap(({ covers }) => covers);
  const doubled = covered.filter((place, i) => covered.indexOf(place) !== i);
  return [
    ...placesOf(input).filter((place) => !covered.includes(place)),
    ...doubled.map((place) => `twice: ${place}`),
    ...covered.filter((place) => !placesOf(input).includes(place)).map((place) => `invented: ${place}`),
    ...changesOf(model)
      .filter((change) => !text.includes(titleOf(change)))
      .map((change) => `untitled: ${titleOf(change)}`),
    ...tokensOf(input, pattern)
      .filter((token) => !text.includes(token))
      .map((token) => `unsaid: ${token}`),
  ];
}

function titleOf({ action, path, stack }: Change): string {
  const name = `\`${path}\`${stack === 'main' ? '' : ` (stack ${stack})`},`;
  return action === 'renamed' ? ` is now ${name}` : `:** ${name}`;
}

function diffOf({ from, to }: DiffInput, role: string): TemplateDiff {
  const template = (side: DiffInput['from']) => side.stacks[role]?.template ?? { Resources: {} };
  return fullDiff(template(from), template(to));
}

function placesIn(diff: TemplateDiff): readonly string[] {
  const places: string[] = [];
  for (const [id, resource] of Object.entries(diff.resources.changes)) {
    const whole = resource.isAddition || resource.isRemoval || resource.oldResourceType !== resource.newResourceType;
    if (whole) places.push(`Resources/${id}`);
    else {
      places.push(...Object.keys(resource.propertyUpdates).map((name) => `Resources/${id}/Properties/${name}`));
      places.push(...Object.keys(resource.otherChanges).map((name) => `Resources/${id}/${name}`));
    }
  }
  for (const [section, { changes }] of Object.entries(sectionsOf(diff))) {
    places.push(...Object.keys(changes).map((id) => `${section}/${id}`));
  }
  return [...places, ...Object.keys(diff.unknown.changes), ...Object.keys(singlesOf(diff))];
}

function sidesOf(diff: TemplateDiff): readonly (readonly [unknown, unknown])[] {
  const sections = Object.values(sectionsOf(diff)).flatMap(({ changes }) => Object.values(changes));
  return [
    ...Object.values(diff.resources.changes),
    ...sections,
    ...Object.values(diff.unknown.changes),
    ...Object.values(singlesOf(diff)),
  ].map(({ oldValue, newValue }: { oldValue: unknown; newValue: unknown }) => [oldValue, newValue]);
}

function sectionsOf(diff: TemplateDiff) {
  return {
    Conditions: diff.conditions,
    Mappings: diff.mappings,
    Metadata: diff.metadata,
    Outputs: diff.outputs,
    Parameters: diff.parameters,
  };
}

function singlesOf(diff: TemplateDiff) {
  return {
    ...(diff.awsTemplateFormatVersion && { AWSTemplateFormatVersion: diff.awsTemplateFormatVersion }),
    ...(diff.description && { Description: diff.description }),
    ...(diff.transform && { Transform: diff.transform }),
  };
}

function found(value: unknown, pattern: RegExp): readonly string[] {
  return value === undefined
    ? []
    : [...JSON.stringify(value).matchAll(new RegExp(pattern, 'g'))].map(([token]) => token);
}
