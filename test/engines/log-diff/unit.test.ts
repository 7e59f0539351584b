import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { latin1Bytes } from '../../../engines/log-diff/bytes.ts';
import type { BlockKind } from '../../../engines/log-diff/core.ts';
import {
  blocksAt,
  footerTailBytes,
  idsIn,
  indexRowBytes,
  layOutIndex,
  pickIds,
  placesIn,
  readFooter,
  sideOf,
  statsBytesMax,
  UnitBlocks,
} from '../../../engines/log-diff/unit.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const keys = fc
  .array(fc.uint8Array({ minLength: 16, maxLength: 16 }), { minLength: 1, maxLength: 4 })
  .map((all) => Uint8Array.from(all.flatMap((key) => [...key])));
const texts = fc
  .array(fc.string({ minLength: 1, maxLength: 256, unit: fc.constantFrom('a', '\xff') }), {
    minLength: 1,
    maxLength: 4,
  })
  .map((all) => Uint8Array.from(all.flatMap((text) => [text.length - 1, ...latin1Bytes(text)])));
const block = fc.oneof(
  keys.map((bytes) => ({ kind: 'keys' as BlockKind, bytes })),
  texts.map((bytes) => ({ kind: 'texts' as BlockKind, bytes })),
);
const put = (partitions: number) => fc.array(fc.tuple(fc.nat(partitions - 1), block), { maxLength: 20 });

function unitOf(partitions: number, blocks: readonly (readonly [number, { kind: BlockKind; bytes: Uint8Array }])[]) {
  const unit = new UnitBlocks(partitions);
  for (const [partition, { kind, bytes }] of blocks) unit.put(kind, partition, bytes);
  return unit;
}

describe('a unit', () => {
  it('is found again by ranges: partition by partition, and several neighbours at once', () => {
    fc.assert(
      fc.property(put(8), put(8), fc.constantFrom(8, 4, 1), (one, other, partitions) => {
        const objects = [one, other].map((blocks) => unitOf(8, blocks).layOut({ lines: 7, server: 'srv-ü' }));
        const footers = objects.map((object) => {
          const tail = object.subarray(-Math.min(object.length, footerTailBytes(8)));
          const { offsets, stats } = readFooter(tail, object.length);
          expect(stats).toEqual({ lines: 7, server: 'srv-ü' });
          return offsets;
        });
        const index = layOutIndex(footers, partitions);
        const bytes = indexRowBytes(2, 8 / partitions);
        expect(index.length).toBe(partitions * bytes);
        for (let partition = 0; partition < partitions; partition++) {
          const places = placesIn(index.subarray(partition * bytes, (partition + 1) * bytes), 2);
          const found = places.map((place, i) => {
            const side = sideOf(blocksAt(place, objects[i]!.subarray(place[0], place.at(-1))));
            return (['keys', 'texts'] as const).map((kind) =>
              side[kind]
                .map((each) => {
                  const target = new Uint8Array(each.bytes);
                  each.copyTo(target);
                  return hex(target);
                })
                .join(''),
            );
          });
          const wanted = [one, other].map((blocks) =>
            (['keys', 'texts'] as const).map((kind) =>
              Array.from({ length: 8 / partitions }, (_, i) => partition * (8 / partitions) + i)
                .flatMap((fine) => blocks.filter(([p, b]) => p === fine && b.kind === kind))
                .map(([, b]) => hex(b.bytes))
                .join(''),
            ),
          );
          expect(found).toEqual(wanted);
        }
      }),
    );
  });

  it('counts and picks the IDs of a block', () => {
    fc.assert(
      fc.property(block, fc.nat(9), fc.infiniteStream(fc.boolean()), ({ kind, bytes }, first, wanted) => {
        const whole = { bytes: bytes.length, copyTo: (target: Uint8Array) => target.set(bytes) };
        const ids: Uint8Array[] = [];
        for (let at = 0; at < bytes.length; at += ids.at(-1)!.length) {
          ids.push(bytes.subarray(at, at + (kind === 'keys' ? 16 : 2 + bytes[at]!)));
        }
        expect(idsIn(kind, whole)).toBe(ids.length);
        const bits = new Uint8Array(3);
        const picked = ids.filter((_, i) => {
          const take = wanted.next().value!;
          if (take) bits[(first + i) >>> 3]! |= 1 << ((first + i) & 7);
          return take;
        });
        const target = new Uint8Array(picked.reduce((sum, { length }) => sum + length, 0));
        const result = pickIds(kind, whole, bits, first);
        expect(result.bytes).toBe(target.length);
        result.copyTo(target);
        expect(hex(target)).toBe(picked.map(hex).join(''));
      }),
    );
  });

  it('keeps a copy of what it is given, and says how much that is', () => {
    const unit = new UnitBlocks(2);
    const bytes = new Uint8Array(16).fill(7);
    unit.put('keys', 1, bytes);
    bytes.fill(0);
    expect(unit.bytes).toBe(16);
    expect(hex(unit.layOut({}).subarray(0, 16))).toBe('07'.repeat(16));
  });

  it('refuses stats that are data', () => {
    expect(() => new UnitBlocks(1).layOut({ names: 'x'.repeat(statsBytesMax) })).toThrow(RangeError);
  });

  it('is refused when it is not whole, wherever it is cut', () => {
    const object = unitOf(4, [[1, { kind: 'keys', bytes: new Uint8Array(32) }]]).layOut({ lines: 1 });
    for (let length = 0; length < object.length; length++) {
      expect(() => readFooter(object.subarray(0, length), length), `${length} bytes`).toThrow(RangeError);
    }
    for (let at = object.length - 16; at < object.length; at++) {
      const damaged = object.slice();
      damaged[at]! ^= 0x55;
      expect(() => readFooter(damaged, damaged.length), `byte ${at}`).toThrow(RangeError);
    }
    expect(() => readFooter(object, object.length + 1)).toThrow('do not cover');
    expect(() => readFooter(object, object.length - 1)).toThrow('bytes were given');
  });

  it('is refused where a range is short or a key torn', () => {
    expect(() => blocksAt(Uint32Array.of(0, 16, 16), new Uint8Array(15))).toThrow(
      '15 bytes were read of a range of 16',
    );
    expect(() => blocksAt(Uint32Array.of(0, 15, 15), new Uint8Array(15))).toThrow('torn key');
  });
});
