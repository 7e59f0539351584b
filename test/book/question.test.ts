import { describe, expect, it } from 'vitest';
import { frontPage } from '../../book/front.ts';
import { type Chapter, questionPage } from '../../book/question.ts';
import type { Question } from '../../lib/kit/question.ts';
import type { ProofResult } from '../../tools/prove/prove.ts';
import { attributes, textOf } from './read-html.ts';

/** Breaks out of text, of an attribute, and of a block of code, where it is not escaped. */
const hostile = (name: string) => `${name}</code></pre>"'><img src=x onerror=alert(1)>&amp;`;

const question: Question = {
  number: 23,
  slug: 'demo',
  title: hostile('title'),
  ask: hostile('ask'),
  load: { [hostile('name')]: { value: 1000, unit: hostile('unit') } },
  variants: ['naive', hostile('improved')],
  points: [{ n: 1, text: hostile('point'), answer: hostile('answer'), properties: [hostile('property')] }],
};

const record: ProofResult = {
  slug: 'demo',
  seed: 1,
  scale: 'default',
  target: 'emulator',
  properties: [
    {
      name: hostile('property'),
      unit: hostile('unit'),
      points: [1],
      tier: 'model',
      bars: { naive: { above: 0 }, [hostile('improved')]: { atMost: 0.5 } },
      measured: { naive: 2000, [hostile('improved')]: 0.25 },
      pass: true,
    },
  ],
  units: {},
  faults: {
    naive: [{ function: hostile('function'), armedBy: 'proof', kind: 'fail', call: hostile('call'), hits: 1 }],
  },
  unused: {
    naive: [{ function: hostile('function'), actions: [{ action: hostile('action'), reason: hostile('reason') }] }],
  },
  pass: true,
};

const chapter: Chapter = {
  question,
  files: [{ path: hostile('path'), source: hostile('source') }],
  diff: `# ${hostile('diff')}\n\n\`\`\`diff\n+ ${hostile('line')}\n\`\`\`\n`,
  record,
  previous: question,
  next: question,
};

const shown = (changes: Partial<Chapter>) => String(questionPage({ ...chapter, ...changes }).content);

describe('the page of a question', () => {
  it('shows markup in texts, whatever they are, and obeys none', () => {
    const page = shown({});
    expect(page).not.toContain('<img src=x');
    expect(attributes(page, 'onerror')).toEqual([]);
    const names = ['title', 'ask', 'name', 'unit', 'improved', 'point', 'property', 'function', 'call'];
    for (const name of [...names, 'action', 'reason', 'path', 'source', 'line']) {
      expect(textOf(page), name).toContain(hostile(name));
    }
    // Of Markdown, in which an entity is a character.
    expect(textOf(page)).toContain(hostile('answer').replace('&amp;', '&'));
  });

  it('has the lists and the code of an answer as such', () => {
    const answer = 'Tables:\n\n- users:\n  - user: the ID\n\nIn SQL:\n\n    SELECT 1\n      FROM users;';
    const page = shown({ question: { ...question, points: [{ ...question.points[0]!, answer }] } });
    expect(page).toMatch(/<li>users:\s*<ul>\s*<li>user: the ID/);
    expect(page).toContain('SELECT 1\n');
  });

  it('has numbers and bars in words, under the names of the variants', () => {
    expect(textOf(shown({}))).toContain('2,000 > 0 0.25 <= 0.5 yes model 1');
  });

  it('links a point to the row of its property, and back', () => {
    const page = shown({});
    expect(page).toContain('<a href="#property-1">property');
    expect(page).toContain('<tr id="property-1">');
    expect(page).toContain('<a href="#point-1">1</a>');
    expect(page).toContain('<li id="point-1">');
  });

  it('says so where a property does not hold', () => {
    const failed = { ...record, pass: false, properties: record.properties.map((one) => ({ ...one, pass: false })) };
    expect(textOf(shown({ record: failed }))).toContain('Not every property holds');
    expect(textOf(shown({ record: failed }))).toContain('<= 0.5 NO model');
  });

  it('explains the tiers of its properties, and no others', () => {
    expect(textOf(shown({}))).toContain('a seeded simulation');
    expect(textOf(shown({}))).not.toContain('not that DynamoDB');
  });

  it('says what to run as long as nothing is recorded', () => {
    const text = textOf(shown({ record: undefined, diff: undefined }));
    expect(text).toContain('None is recorded yet: npx designs prove demo --record');
    expect(text).toContain('None is recorded yet: npx designs diff demo --record');
    expect(text).toContain(`Proved by: ${hostile('property')}`);
  });

  it('leads to the questions before and after it, where there are any', () => {
    expect(shown({})).toMatch(/rel="prev".*rel="next"/s);
    expect(shown({ previous: undefined, next: undefined })).not.toMatch(/rel="prev"|rel="next"/);
  });
});

describe('the front page', () => {
  it('shows markup in texts, and obeys none', () => {
    const page = String(frontPage([question]).content);
    expect(page).not.toContain('<img src=x');
    for (const name of ['title', 'ask']) expect(textOf(page)).toContain(hostile(name));
  });

  it('marks what is not built', () => {
    const page = String(frontPage([{ ...question, variants: [] }]).content);
    expect(textOf(page)).toContain('1 question, 0 built, 1 point.');
    expect(textOf(page)).toContain('not built yet · 1 point');
    expect(page).not.toContain('href="/questions/demo"');
  });
});
