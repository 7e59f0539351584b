import { describe, expect, it } from 'vitest';
import { toJson } from '../../../engines/xml/record.ts';
import { catalogues, conformanceTests, refusal } from './conformance.ts';
import { domRecords } from './dom.ts';
import { errorOf } from './errors.ts';
import { read } from './split.ts';

const tests = conformanceTests();

describe('the conformance suite of the W3C', () => {
  it('is there, hundreds of documents of each kind', () => {
    const plain = tests.filter(({ hasDoctype }) => !hasDoctype);
    expect(plain.filter(({ isWellFormed }) => !isWellFormed).length).toBeGreaterThan(200);
    expect(plain.filter(({ isWellFormed }) => isWellFormed).length).toBeGreaterThan(40);
    expect(tests.filter(({ hasDoctype }) => hasDoctype).length).toBeGreaterThan(1000);
  });

  it('has no document that is well-formed and is refused, or the reverse', () => {
    const wrong = tests
      .filter(({ hasDoctype }) => !hasDoctype)
      .map((test) => ({ ...test, error: refusal(test.file, 'none') }))
      .filter(({ isWellFormed, error }) => isWellFormed !== (error === undefined));
    expect(wrong.map(({ uri, type, error }) => `${uri} is ${type}: ${error?.message ?? 'accepted'}`)).toEqual([]);
  });

  it('has no document with a DOCTYPE that is accepted', () => {
    // Three say <!DOCTYPE inside a comment, an instruction and a CDATA section only.
    const accepted = tests.filter(({ hasDoctype, file }) => hasDoctype && refusal(file, 'none') === undefined);
    expect(accepted.map(({ uri }) => uri).sort()).toEqual([
      'oasis/p15pass1.xml',
      'oasis/p16pass1.xml',
      'oasis/p18pass1.xml',
    ]);
  });

  it('gives the same error at the same place wherever its malformed documents are split', () => {
    const differing = tests
      .filter(({ isWellFormed, hasDoctype, file }) => !isWellFormed && !hasDoctype && file.length > 1)
      .flatMap(({ uri, file }) => {
        const whole = errorOf(file, 'doc', []);
        return Array.from({ length: Math.min(file.length - 1, 64) }, (_, i) => i + 1)
          .map((at) => ({ uri, at, error: errorOf(file, 'doc', [at]) }))
          .filter(({ error }) => JSON.stringify(error) !== JSON.stringify(whole))
          .slice(0, 1);
      });
    expect(differing).toEqual([]);
  });
});

describe('documents of other people', () => {
  it.each(catalogues())('are read as a DOM reads them: $name', ({ file }) => {
    const records = read(file, 'TEST').map(({ element }) => element);
    const expected = domRecords(Buffer.from(file).toString(), 'TEST');
    expect(records.length).toBeGreaterThan(0);
    expect(records).toEqual(expected);
    expect(records.map(toJson)).toEqual(expected.map(toJson));
  });
});
