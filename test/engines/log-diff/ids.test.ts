import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { latin1, latin1Bytes } from '../../../engines/log-diff/bytes.ts';
import { IdSet, Marks } from '../../../engines/log-diff/ids.ts';
import { KeySet } from '../../../engines/log-diff/keys.ts';
import { randomFrom } from './random.ts';

const nil = '00000000-0000-0000-0000-000000000000';
const nearNil = [0, 9, 19, 35].map((at) => `${nil.slice(0, at)}1${nil.slice(at + 1)}`);
const uuids = [...nearNil, '0b0e8c3e-1f2a-4b3c-8d4e-5f60718293a4', 'ffffffff-ffff-ffff-ffff-ffffffffffff', nil];
/** Texts that resemble each other: other case, a UUID's raw key, NULs at the end, any byte. */
const id = fc.oneof(
  fc.constantFrom(
    ...uuids,
    ...uuids.map((uuid) => uuid.toUpperCase()),
    '\0'.repeat(16),
    '\0',
    '\0\0',
    'a',
    'A',
    'ab',
    'aB',
  ),
  fc.uuid(),
  fc.string({ unit: fc.constantFrom('a', 'A', 'b', '-', '\0', '\xff'), minLength: 1, maxLength: 4 }),
  fc.uint8Array({ minLength: 1, maxLength: 256 }).map((bytes) => latin1(bytes, 0, bytes.length)),
);
const asciiLower = (text: string): string => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
const read = (set: IdSet, ref: number): string => latin1(set.bytes(ref), 0, set.bytes(ref).length);

describe('a set of IDs', () => {
  for (const hashMask of [0xffffffff, 3, 0]) {
    for (const ignoreCase of [false, true]) {
      it(`equals a Set of strings (hash mask ${hashMask}, ${ignoreCase ? 'case ignored' : 'bytes compared'})`, () => {
        fc.assert(
          fc.property(fc.array(id, { maxLength: 120 }), fc.array(id, { maxLength: 60 }), (added, asked) => {
            const set = new IdSet({ hashMask, ignoreCase });
            const oracle = new Map<string, string>();
            const refs = new Map<string, number>();
            for (const text of added) {
              const name = ignoreCase ? asciiLower(text) : text;
              if (!oracle.has(name)) oracle.set(name, text);
              const ref = set.add(latin1Bytes(`<${text}>`), 1, text.length + 1);
              expect(refs.get(name) ?? ref).toBe(ref);
              refs.set(name, ref);
            }
            expect(set.size).toBe(oracle.size);
            expect(Array.from(set.inOrder(), (ref) => read(set, ref))).toEqual([...oracle.values()]);
            for (const text of [...asked, ...added]) {
              const bytes = latin1Bytes(text);
              expect(set.find(bytes)).toBe(refs.get(ignoreCase ? asciiLower(text) : text) ?? -1);
              const alike = [...oracle.keys()].some((kept) => asciiLower(kept) === asciiLower(text));
              expect(set.findIgnoringCase(bytes) !== -1).toBe(alike);
            }
            for (const ref of refs.values()) expect(ref).toBeLessThan(set.refs);
          }),
          { numRuns: 60 },
        );
      });
    }
  }

  it('stays exact through many growths, of UUIDs and other texts mixed', () => {
    const random = randomFrom(7);
    const texts = Array.from({ length: 30_000 }, (_, i) =>
      i % 3 === 0 ? `order/${random.below(1e9)}/${i}` : random.uuid(),
    );
    const set = new IdSet();
    const refs = texts.map((text) => set.add(latin1Bytes(text)));
    expect(set.size).toBe(texts.length);
    expect(new Set(refs).size).toBe(texts.length);
    texts.forEach((text, i) => expect(set.find(latin1Bytes(text))).toBe(refs[i]));
    expect(set.find(latin1Bytes(random.uuid()))).toBe(-1);
    expect(Array.from(set.inOrder(), (ref) => read(set, ref))).toEqual(texts);
  });

  it('refuses an empty ID and one of more than 256 bytes', () => {
    const set = new IdSet();
    expect(() => set.add(new Uint8Array(0))).toThrow('1 to 256 bytes, not 0');
    expect(() => set.add(new Uint8Array(257))).toThrow('1 to 256 bytes, not 257');
    expect(set.find(latin1Bytes('x'.repeat(257)))).toBe(-1);
    expect(set.find(new Uint8Array(0))).toBe(-1);
  });
});

describe('a set of keys', () => {
  it('gives a key the index at which it came first', () => {
    const keys = new KeySet({ hashMask: 1 });
    const list = [3, 0, 3, 7, 0, 7, 9].map((n) => new Uint8Array(16).fill(n));
    expect(list.map((key) => keys.add(key))).toEqual([0, 1, 0, 2, 1, 2, 3]);
    expect(list.map((key) => keys.find(key))).toEqual([0, 1, 0, 2, 1, 2, 3]);
    expect(keys.find(new Uint8Array(16).fill(1))).toBe(-1);
  });
});

describe('marks', () => {
  it('are of the references that were set', () => {
    const marks = new Marks(100);
    for (const ref of [31, 31, 99, 99, 32]) marks.set(ref);
    expect(Array.from({ length: 100 }, (_, ref) => ref).filter((ref) => marks.has(ref))).toEqual([31, 32, 99]);
  });
});
