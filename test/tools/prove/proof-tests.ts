import { beforeAll, describe, expect, inject, it } from 'vitest';
import type { Scale } from '../../../lib/kit/proof.ts';
import type { Question } from '../../../lib/kit/question.ts';
import type { EditableTemplate } from '../../../tools/deploy/deploy.ts';
import type { FiredFaults } from '../../../tools/prove/faults.ts';
import { type FaultsName, proveDisturbed } from '../../../tools/prove/disturbed.ts';
import type { ProofResult, ProveOptions } from '../../../tools/prove/prove.ts';

type Edits = NonNullable<ProveOptions['edits']>;

/**
 * What a property rests on, taken away. Ablations that leave each other alone share a deployment; besides the
 * properties that each is aimed at, `also` names those that cannot but suffer with them. Every other one must still
 * hold.
 */
export interface Ablation {
  readonly properties: readonly string[];
  /** What is taken away, as in "without the claim's condition". */
  readonly without: string;
  readonly edits?: Edits;
  readonly template?: (template: EditableTemplate) => void;
  readonly also?: readonly string[];
}

export interface ProofTests {
  readonly question: Question;
  readonly proof: { readonly properties: readonly { readonly name: string }[] };
  /** Ablations by deployment: each entry is deployed once and proved once, at the small scale. */
  readonly deployments: Readonly<Record<string, readonly Ablation[]>>;
  /** Of the whole proof; DESIGNS_SCALE has the last word. */
  readonly scale?: Scale;
  /** How many seeds in sequence the whole proof takes at full scale. One by default. */
  readonly seedsAtFull?: number;
  /** Faults under which the whole proof is taken again when all is at full scale, with each seed. None by default. */
  readonly faultsAtFull?: { readonly faults: FaultsName; readonly scale: Scale };
  /** Of every ablated template: what makes waiting shorter without being what is tested. */
  readonly template?: (template: EditableTemplate) => void;
  /** Two proofs at a time: for a question whose proof mostly waits. */
  readonly inPairs?: boolean;
  /** Further tests of the whole proof's result. */
  readonly more: (result: () => ProofResult) => void;
}

/** The seed of this run, which a failure's title shows: DESIGNS_SEED repeats it. */
export const proofSeed = Number(process.env['DESIGNS_SEED'] ?? 1);

/**
 * A question's proof on the emulator: every property of the whole proof holds; without what it rests on each fails, and
 * the others hold; none is left without an ablation.
 */
export function testProof(tests: ProofTests): void {
  const { question, proof, deployments, seedsAtFull = 1, more } = tests;
  const aws = inject('aws');
  const scale = (process.env['DESIGNS_SCALE'] ?? tests.scale ?? 'small') as Scale;
  const seeds = Array.from({ length: scale === 'full' ? seedsAtFull : 1 }, (_, index) => proofSeed + index);
  const names = proof.properties.map(({ name }) => name);
  const run = tests.inPairs === true ? pairs() : later;
  const options = { question, aws, say } as const;

  const wholes = seeds.map((seed) => ({ seed, proved: run({ ...options, seed, scale }) }));
  const { faultsAtFull } = tests;
  const disturbed = seeds.flatMap((seed) =>
    scale !== 'full' || faultsAtFull === undefined
      ? []
      : [{ ...faultsAtFull, seed, proved: run({ ...options, scale: faultsAtFull.scale, seed }, faultsAtFull.faults) }],
  );
  const ablated = Object.entries(deployments).map(([without, ablations]) => ({
    without,
    ablations,
    proved: run({
      ...options,
      seed: proofSeed,
      scale: 'small',
      variants: ['improved'],
      edits: merged(ablations),
      editTemplate: (_role, template) => {
        for (const { template: change } of ablations) change?.(template);
        tests.template?.(template);
      },
    }),
  }));

  describe.each(wholes)(`the proof of ${question.slug} (seed $seed, scale ${scale})`, ({ proved }) => {
    const result = holds(names, proved);

    it('grants nothing that the workload leaves unused, but for a reason', () => {
      const unexplained = Object.entries(result().unused).flatMap(([variant, functions]) =>
        functions.flatMap(({ function: name, actions }) =>
          actions.flatMap(({ action, resource = '*', reason }) =>
            reason === undefined ? [`${variant}: ${name} ${action} ${resource}`] : [],
          ),
        ),
      );
      expect(unexplained, 'take the grant away, or say in `unusedGrants` of proof.ts why it is there').toEqual([]);
    });

    more(result);
  });

  describe.each(disturbed)(`the proof of ${question.slug} under $faults (seed $seed, scale $scale)`, ({ proved }) => {
    const result = holds(names, proved);

    it('comes to its end', () => expect(result().stopped?.['improved']).toBeUndefined());
  });

  describe.each(ablated)('without $without', ({ ablations, proved }) => {
    const aimed = ablations.flatMap(({ properties, without }) =>
      properties.map((property) => [without, property] as const),
    );
    const broken = new Set(ablations.flatMap(({ properties, also = [] }) => [...properties, ...also]));
    let result: ProofResult;
    beforeAll(async () => {
      result = await proved();
    }, proofTimeoutMs);

    it.each(aimed)('%s, this fails: %s', (_without, name) => {
      const { pass, measured } = propertyOf(result, name);
      expect(pass, JSON.stringify(measured)).toBe(false);
    });

    it.each(names.filter((name) => !broken.has(name)))('still holds: %s', (name) => {
      const { pass, measured } = propertyOf(result, name);
      expect(pass, JSON.stringify(measured)).toBe(true);
    });
  });

  it('has an ablation for every property', () => {
    const aimed = Object.values(deployments).flatMap((ablations) => ablations.flatMap(({ properties }) => properties));
    expect(aimed.toSorted()).toEqual(names.toSorted());
  });
}

/** Faults that fired, a line each, such as `Notify: crash-after Invoke`. */
export function firedText(faults: readonly FiredFaults[] | undefined): string {
  return (faults ?? []).map(({ function: name, kind, call }) => `${name}: ${kind} ${call}`).join('\n');
}

/** An edit of one source file: `from`, which must stand in it, becomes `to`, character by character. */
export function edit(file: string, from: string, to: string): Edits {
  return { [file]: (source) => source.replace(from, () => to) };
}

/** The properties of the template's resource of that type whose logical ID begins so. */
export function propertiesOf(template: EditableTemplate, type: string, pathPart: string): Record<string, unknown> {
  const found = Object.entries(template.Resources).find(([id, { Type }]) => Type === type && id.startsWith(pathPart));
  if (found === undefined) throw new Error(`no ${type} ${pathPart} in the template`);
  return found[1].Properties!;
}

/** The environments of all functions that have the variable. */
export function variablesOf({ Resources }: EditableTemplate, name: string): readonly Record<string, unknown>[] {
  const found = Object.values(Resources)
    .map(({ Properties }) => (Properties?.['Environment'] as { Variables?: Record<string, unknown> })?.Variables ?? {})
    .filter((variables) => name in variables);
  if (found.length === 0) throw new Error(`no function has the variable ${name}: the ablation changes nothing`);
  return found;
}

/** Sets a variable of one function (`Suggest`), or of all that have it. */
export function setVariable(name: string, value: string, handler?: string): NonNullable<Ablation['template']> {
  return (template) => {
    const ofHandler = Object.entries(template.Resources).filter(
      ([id, { Type }]) =>
        Type === 'AWS::Lambda::Function' && id.startsWith(handler === undefined ? '' : `${handler}Function`),
    );
    for (const variables of variablesOf({ ...template, Resources: Object.fromEntries(ofHandler) }, name)) {
      if (variables[name] === value) throw new Error(`${name} is ${value} already: the ablation changes nothing`);
      variables[name] = value;
    }
  };
}

const proofTimeoutMs = 3_000_000;

/** Proves, and has a test for each property. */
function holds(names: readonly string[], proved: () => Promise<ProofResult>): () => ProofResult {
  let result: ProofResult;
  beforeAll(async () => {
    result = await proved();
  }, proofTimeoutMs);

  it.each(names)('%s', (name) => {
    const { measured, bars, pass } = propertyOf(result, name);
    expect(pass, `measured ${JSON.stringify(measured)}, bars ${JSON.stringify(bars)}`).toBe(true);
  });
  return () => result;
}

/** What a proof says as it goes, but for its counting. */
function say(text: string): void {
  if (!/\d+\/\d+/.test(text)) console.error(text);
}

function propertyOf(result: ProofResult, name: string): ProofResult['properties'][number] {
  const found = result.properties.find((property) => property.name === name);
  if (found === undefined) throw new Error(`the proof has no property ${name}`);
  return found;
}

/** Proves when it is asked for. */
function later(options: ProveOptions, faults: FaultsName = 'none'): () => Promise<ProofResult> {
  return () => proveDisturbed(options, faults);
}

/** Proves as soon as those that were asked for before have ended, but for one: while one waits, another computes. */
function pairs(): typeof later {
  const ends: Promise<unknown>[] = [];
  return (options, faults) => {
    const turn = ends.at(-2) ?? Promise.resolve();
    const result = turn.then(later(options, faults));
    // Who asked for it hears of a failure; who comes next goes on.
    ends.push(result.catch(() => {}));
    return () => result;
  };
}

/** Several edits of one file, one after the other; each must change something. */
function merged(ablations: readonly Ablation[]): Edits {
  const all: Record<string, (source: string) => string> = {};
  for (const [file, change] of ablations.flatMap(({ edits = {} }) => Object.entries(edits))) {
    const before = all[file] ?? ((source: string) => source);
    all[file] = (source) => {
      const from = before(source);
      const to = change(from);
      if (from === to) throw new Error(`an ablation changes nothing in ${file}: it must match the source`);
      return to;
    };
  }
  return all;
}
