import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Start } from '../../../engines/xml/cut.ts';
import { sniff, type Encoding } from '../../../engines/xml/encoding.ts';
import { XmlError } from '../../../engines/xml/error.ts';
import { findKey, follow, type Excerpt, type Guess } from '../../../engines/xml/guess.ts';
import type { XmlLimits } from '../../../engines/xml/limits.ts';
import { RecordReader } from '../../../engines/xml/reader.ts';
import type { XmlRecord } from '../../../engines/xml/record.ts';
import { encode, trickyDocument } from './documents.ts';

const tag = 'item';
const encodings: readonly Encoding[] = ['UTF-8', 'UTF-16LE', 'UTF-16BE'];

interface ReadTo {
  readonly records: readonly XmlRecord[];
  readonly next: Start | undefined;
  readonly excerpt: Excerpt;
  readonly error?: XmlError;
}

/** Reads from a start or a guess up to its stop at or behind an offset. */
function readTo(file: Uint8Array, start: Start | Guess, stopAt: number, limits: Partial<XmlLimits> = {}): ReadTo {
  const records: XmlRecord[] = [];
  const reader = new RecordReader({ tag, start, stopAt, limits, onRecord: (record) => records.push(record) });
  let error: XmlError | undefined;
  try {
    for (let at = start.from; at < file.length && reader.push(file.subarray(at, at + 777)); at += 777);
    reader.finish();
  } catch (thrown) {
    if (!(thrown instanceof XmlError)) throw thrown;
    error = thrown;
  }
  // As it travels between threads.
  const excerpt = JSON.parse(JSON.stringify(reader.excerpt())) as Excerpt;
  return { records, next: reader.next(), excerpt, ...(error ? { error } : {}) };
}

function beginning(file: Uint8Array): Start {
  const { encoding } = sniff(file);
  return { from: 0, line: 1, column: 1, encoding, open: [], rootSeen: false };
}

function guessFrom(file: Uint8Array, at: number): Guess | undefined {
  const { encoding } = sniff(file);
  const from = encoding === 'UTF-8' ? at : at + (at % 2);
  const found = findKey(file.subarray(from), tag, encoding);
  return found === -1 ? undefined : { from: from + found, encoding, isGuess: true };
}

/** A double is nearly always tiny. */
const share = fc.nat(999).map((n) => n / 1000);

const withoutPlaces = (records: readonly XmlRecord[]) =>
  records.map(({ from, to, element }) => ({ from, to, element }));

/**
 * Reads a file up to `first`, and what follows up to `second` once as a guess and once for certain: where the guess is
 * followed, it has to be what is certain. Says whether it was.
 */
function check(
  file: Uint8Array,
  first: number,
  second: number,
  limits?: Partial<XmlLimits>,
): 'right' | 'wrong' | 'none' {
  const { next } = readTo(file, beginning(file), first, limits);
  const guess = guessFrom(file, first);
  if (next === undefined || guess === undefined) return 'none';
  const guessed = readTo(file, guess, second, limits);
  const after = guessed.error ? undefined : follow(next, guessed.excerpt, limits);
  if (after === undefined) return 'wrong';
  const certain = readTo(file, next, second, limits);
  expect(certain.error, `${first} ${second}`).toBeUndefined();
  expect(after).toEqual(certain.next ?? 'end');
  expect(withoutPlaces(guessed.records)).toEqual(withoutPlaces(certain.records));
  return 'right';
}

describe('a guess, where it is found to be right', () => {
  it.each(encodings)('has read what a reader that knows its place has: from every byte, in %s', (encoding) => {
    const file = encode(trickyDocument(5, encoding === 'UTF-8' ? 9000 : 4500), encoding);
    const verdicts = { right: 0, wrong: 0, none: 0 };
    const seen = new Map<number, 'right' | 'wrong' | 'none'>();
    for (let at = 0; at < file.length; at++) {
      const from = guessFrom(file, at)?.from ?? -1;
      const stop = readTo(file, beginning(file), at).next?.from ?? -1;
      const key = from * file.length + stop;
      // Bytes with the same guess and the same stop before it differ in nothing.
      const verdict = seen.get(key) ?? check(file, at, Infinity);
      seen.set(key, verdict);
      verdicts[verdict]++;
    }
    expect(verdicts.right).toBeGreaterThan(file.length / 4);
    expect(verdicts.wrong).toBeGreaterThan(0);
  });

  it('has done so between any two bytes of any document', () => {
    const verdicts = { right: 0, wrong: 0, none: 0 };
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e6 }),
        fc.constantFrom(...encodings),
        share,
        share,
        (seed, encoding, first, length) => {
          const file = encode(trickyDocument(seed, 2500), encoding);
          const at = Math.floor(first * file.length);
          verdicts[check(file, at, at + Math.floor(0.3 * length * file.length))]++;
        },
      ),
      { numRuns: 400 },
    );
    expect(verdicts.right).toBeGreaterThan(100);
  });

  it('has done so in a document that is malformed somewhere: no fault is passed over', () => {
    const verdicts = { right: 0, wrong: 0, none: 0 };
    const faults = [
      '</item>',
      '</root>',
      '<item>',
      '<x>',
      '&',
      ']]>',
      '<!DOCTYPE x>',
      '\0',
      '<![CDATA[',
      '<!--',
      '"',
      '<a a="1" a="2"/>',
      '</_>',
      '&#32;',
      '<![CDATA[]]>',
      'x',
    ];
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e6 }),
        fc.constantFrom(...faults),
        fc.array(share, { minLength: 3, maxLength: 3 }),
        (seed, fault, [where, first, length]) => {
          const text = trickyDocument(seed, 1500);
          // Behind what tells the encoding.
          const at = 5 + Math.floor(where! * (text.length - 5));
          const file = encode(text.slice(0, at) + fault + text.slice(at), 'UTF-8');
          const from = Math.floor(first! * file.length);
          verdicts[check(file, from, from + Math.floor(length! * file.length))]++;
        },
      ),
      { numRuns: 1500 },
    );
    expect(verdicts.right).toBeGreaterThan(50);
    expect(verdicts.wrong).toBeGreaterThan(50);
  });

  it.each<[string, string, 'right' | 'wrong']>([
    ['nothing', '', 'right'],
    ['a comment', '<!-- x -->\n', 'right'],
    ['an instruction', ' <?x y?>\r\n', 'right'],
    ['text', 'x', 'wrong'],
    ['a reference', '&#32;', 'wrong'],
    ['CDATA', '<![CDATA[]]>', 'wrong'],
    ['an element', '<x/>', 'wrong'],
    ['a record', '<item/>', 'wrong'],
    ['an end tag', '</x>', 'wrong'],
    ['a part of a tag', '<', 'wrong'],
  ])('has seen what stands behind the root: %s', (_, behind, verdict) => {
    const text = `<r><item>1</item><item>2</item></r>${behind}`;
    expect(check(encode(text, 'UTF-8'), 10, Infinity)).toBe(verdict);
  });

  it('is within the limits, together with what was open where it began', () => {
    const nested = (depth: number) =>
      encode(
        `<r><a b="${'x'.repeat(50)}"><item/><item/>${'<c>'.repeat(depth)}${'</c>'.repeat(depth)}</a></r>`,
        'UTF-8',
      );
    const at = (depth: number, limits: Partial<XmlLimits>) => check(nested(depth), 62, Infinity, limits);
    expect([at(6, { depthMax: 8 }), at(7, { depthMax: 8 })]).toEqual(['right', 'wrong']);
    // A start tag as text is longer than what is counted of it: in doubt it is read again.
    expect([at(6, { recordCharsMax: 100 }), at(90, { recordCharsMax: 100 })]).toEqual(['right', 'wrong']);
  });

  it('began where the reader before it stopped, with those elements open', () => {
    const file = encode('<r><!--<item/>--><a><item/></a><item><item/></item></r>', 'UTF-8');
    expect(check(file, 1, Infinity)).toBe('wrong'); // in a comment
    expect(check(file, 18, Infinity)).toBe('right');
    expect(check(file, 32, Infinity)).toBe('none'); // in a record, and no other behind it
    const { excerpt } = readTo(file, guessFrom(file, 18)!, Infinity);
    const start = readTo(file, beginning(file), 18).next!;
    expect(start.open).toEqual(['<r>', '<a>']);
    expect(follow(start, excerpt)).toBe('end');
    expect(follow({ ...start, open: ['<r>', '<ab>'] }, excerpt)).toBeUndefined();
    expect(follow({ ...start, open: ['<r>'] }, excerpt)).toBeUndefined();
    expect(follow({ ...start, open: ['<x>', '<r>', '<a>'] }, excerpt)).toBeUndefined();
    expect(follow({ ...start, from: start.from + 1 }, excerpt)).toBeUndefined();
  });
});

describe('what looks like a key start tag', () => {
  it.each([
    ['<item>', 0],
    ['<r><item/>', 3],
    ['<a:item\n>', 0],
    ['<items><xitem/><item-1/></item><item\t>', 31],
    ['<a:b:item>', 0],
    ['<:item><item >', 7],
    ['item> <a b:item="">', -1],
    ['<item', -1],
    ['<ite', -1],
  ])('%j: %i', (text, at) => {
    expect(findKey(encode(text, 'UTF-8'), 'item', 'UTF-8')).toBe(at);
    expect(findKey(encode(text, 'UTF-16LE', false), 'item', 'UTF-16LE')).toBe(at === -1 ? -1 : 2 * at);
    expect(findKey(encode(text, 'UTF-16BE', false), 'item', 'UTF-16BE')).toBe(at === -1 ? -1 : 2 * at);
  });

  it('is by its whole name where the key has a prefix', () => {
    expect(findKey(encode('<item/><b:item/><a:item/>', 'UTF-8'), 'a:item', 'UTF-8')).toBe(16);
  });

  it('is nothing where the encoding has no such name', () => {
    expect(findKey(encode('<\u00e9/>', 'UTF-8'), '\u20ac', 'US-ASCII')).toBe(-1);
  });
});
