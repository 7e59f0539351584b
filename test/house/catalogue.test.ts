import { describe, expect, it } from 'vitest';
import { catalogue } from '../../lib/catalogue.ts';
import { isBuilt } from '../../lib/kit/question.ts';
import type { Proof } from '../../lib/kit/proof.ts';
import { readRecord } from '../../tools/prove/record.ts';
import { json, read } from './files.ts';

interface Seed {
  readonly number: number;
  readonly slug: string;
  readonly title: string;
  readonly points: readonly string[];
}

const seeds = json('test/house/questions.json') as readonly Seed[];

describe('the catalogue', () => {
  it('begins with the 22 questions of the seed document and their 126 points, in order', () => {
    const points = seeds.flatMap((seed) => seed.points);
    expect({ questions: seeds.length, points: points.length }).toEqual({ questions: 22, points: 126 });
    const listed = catalogue.slice(0, seeds.length).map(({ number, slug, title, points }) => ({
      number,
      slug,
      title,
      points: points.map(({ text }) => text),
    }));
    expect(listed).toEqual(seeds);
  });

  it('numbers its questions and their points from 1, without gaps', () => {
    expect(catalogue.map(({ number }) => number)).toEqual(catalogue.map((_, index) => index + 1));
    for (const { slug, points } of catalogue) {
      expect(
        points.map(({ n }) => n),
        slug,
      ).toEqual(points.map((_, index) => index + 1));
    }
  });

  it('has each slug once, in kebab case, and asks something under it', () => {
    const slugs = catalogue.map(({ slug }) => slug);
    expect(new Set(slugs).size).toBe(slugs.length);
    for (const { slug, title, ask } of catalogue) {
      expect(slug).toMatch(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/);
      expect(title.length, `title of ${slug}`).toBeGreaterThan(5);
      expect(ask, `ask of ${slug}`).toMatch(/^[A-Z0-9].{40,}[.?]$/s);
    }
  });

  it('imports every question from the folder of its slug', () => {
    const imported = [...read('lib/catalogue.ts').matchAll(/from '\.\/questions\/([^/]+)\/question\.ts'/g)];
    expect(imported.map(([, slug]) => slug).sort()).toEqual(catalogue.map(({ slug }) => slug).sort());
  });

  it('claims nothing for a question that is not built', () => {
    for (const question of catalogue.filter((question) => !isBuilt(question))) {
      const { slug, points } = question;
      const claims = points.filter(({ answer, properties }) => answer !== '' || properties.length > 0);
      expect(claims, `${slug} answers points: give it variants, or write its points with planned()`).toEqual([]);
    }
  });
});

describe.each(catalogue.filter(isBuilt))('the built question $slug', ({ slug, variants, points, load }) => {
  it('names its load, with units', () => {
    expect(Object.keys(load), `load of ${slug} is empty: state what the design is made for`).not.toEqual([]);
    for (const [name, { value, unit }] of Object.entries(load)) {
      expect(value, name).toBeGreaterThan(0);
      expect(unit, name).not.toBe('');
    }
  });

  it('answers every point, and names properties that its proof measures', async () => {
    const { properties } = await proofOf(slug);
    const names = properties.map(({ name }) => name);
    expect(new Set(names).size, `two properties of ${slug} have one name`).toBe(names.length);
    for (const { n, answer, properties: claimed } of points) {
      expect(answer, `point ${n} of ${slug} has no answer: say how the improved design answers it`).not.toBe('');
      expect(claimed, `point ${n} of ${slug} names no property: name those of proof.ts that prove it`).not.toEqual([]);
      for (const name of claimed) {
        expect(names, `point ${n} of ${slug} names a property that proof.ts lacks`).toContain(name);
      }
    }
  });

  it('measures only properties that a point names, and the other way round', async () => {
    const { properties } = await proofOf(slug);
    const byProperty = properties.map(({ name, points }) => ({ name, points: [...points].sort((a, b) => a - b) }));
    const byPoint = properties.map(({ name }) => ({
      name,
      points: points.filter((point) => point.properties.includes(name)).map(({ n }) => n),
    }));
    expect(byProperty, `points in proof.ts and properties in question.ts of ${slug} disagree`).toEqual(byPoint);
  });

  it('has a bar for every variant in every property, and a unit', async () => {
    const { properties } = await proofOf(slug);
    for (const property of properties) {
      const { name, unit, points: _, tier, changedByFaults: __, ...bars } = property;
      expect(Object.keys(bars).sort(), `bars of "${name}"`).toEqual([...variants].sort());
      expect(unit, `unit of "${name}"`).not.toBe('');
      expect(['synth', 'emulator', 'model', 'bench'], `tier of "${name}"`).toContain(tier);
      for (const [variant, bar] of Object.entries(bars)) {
        expect(Object.keys(bar), `bar of ${variant} in "${name}"`).toHaveLength(1);
      }
    }
  });
});

/** Those of the seed document are published with their figures; one of a user's own may be recorded or not. */
const recorded = catalogue.filter(
  (question) => isBuilt(question) && (seeds.some(({ slug }) => slug === question.slug) || readRecord(question.slug)),
);

describe.each(recorded)('the recorded proof of $slug', ({ slug }) => {
  const remedy = `run: npx designs prove ${slug} --record`;

  it('is of the properties and bars that proof.ts has', async () => {
    const { properties } = await proofOf(slug);
    const ofRecord = readRecord(slug)?.properties.map(({ measured: _, pass: __, bars, ...head }) => ({
      ...head,
      ...bars,
    }));
    expect(ofRecord, remedy).toEqual(properties.map(({ changedByFaults: _, ...property }) => property));
  });

  it('is of the default scale, and passes', () => {
    const record = readRecord(slug);
    expect({ slug: record?.slug, scale: record?.scale, pass: record?.pass }, remedy).toEqual({
      slug,
      scale: 'default',
      pass: true,
    });
    expect(record?.properties.filter(({ pass }) => !pass).map(({ name }) => name)).toEqual([]);
  });
});

async function proofOf(slug: string): Promise<Proof> {
  const { proof } = (await import(`../../lib/questions/${slug}/proof.ts`)) as { proof: Proof };
  return proof;
}
