/** Finding single blocks in a CAR gives what reading it whole gives. */
import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { readCar } from '@dunlin/protocol/car/read';
import { writeCar } from '@dunlin/protocol/car/write';
import { concatBytes } from '@dunlin/protocol/base/bytes';
import { maxBlockBytes } from '@dunlin/protocol/base/limits';
import { encode } from '@dunlin/protocol/data/cbor';
import { cidForCbor } from '@dunlin/protocol/data/cid';
import type { Cid } from '@dunlin/protocol/data/cid';
import { findBlocks } from '../../firehose-consumer/src/car-blocks.ts';

/** Puts the CIDs in front of the CAR, as an event's fields stand in front of its blocks. */
function layOut(cids: Cid[], car: Uint8Array): { bytes: Uint8Array; range: { start: number; end: number }; offsets: number[] } {
  const start = cids.length * 36;
  return { bytes: concatBytes([...cids.map((cid) => cid.bytes), car]), range: { start, end: start + car.length }, offsets: cids.map((_, index) => index * 36) };
}

const block = (value: unknown): [Cid, Uint8Array] => {
  const bytes = encode(value);
  return [cidForCbor(bytes), bytes];
};

describe('findBlocks', () => {
  test('finds what is there and gives null for what is not, for any blocks and any order', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string({ maxLength: 300 }), { minLength: 1, maxLength: 20, size: 'max' }), fc.array(fc.nat(25), { maxLength: 20, size: 'max' }), (values, picks) => {
        const blocks = values.map((value) => block({ value }));
        const car = writeCar((blocks[0] as [Cid, Uint8Array])[0], blocks);
        const wanted = picks.map((pick) => blocks[pick]?.[0] ?? block({ absent: pick })[0]);
        const { bytes, range, offsets } = layOut(wanted, car);
        const whole = readCar(car).blocks;
        expect(findBlocks(bytes, range, offsets, true)).toEqual(wanted.map((cid) => whole.get(cid) ?? null));
      }),
    );
  });

  test('passes by what is not wanted', () => {
    const [cid, bytes] = block({ a: 1 });
    const laid = layOut([cid], writeCar(cid, [[cid, bytes]]));
    expect(findBlocks(laid.bytes, laid.range, [-1, 0, -2], true)).toEqual([null, bytes, null]);
    expect(findBlocks(laid.bytes, laid.range, [], true)).toEqual([]);
  });

  test('gives null for bytes that do not hash to their name, when asked to look', () => {
    const [cid, bytes] = block({ a: 1 });
    const other = encode({ a: 2 });
    const laid = layOut([cid], writeCar(cid, [[cid, other]]));
    expect(findBlocks(laid.bytes, laid.range, laid.offsets, true)).toEqual([null]);
    expect(findBlocks(laid.bytes, laid.range, laid.offsets, false)).toEqual([other]);
    const both = layOut([cid], writeCar(cid, [[cid, other], [cid, bytes]]));
    expect(findBlocks(both.bytes, both.range, both.offsets, true)).toEqual([bytes]);
  });

  test('takes a block of the size limit and not one byte more', () => {
    for (const [size, isTaken] of [[maxBlockBytes, true], [maxBlockBytes + 1, false]] as const) {
      const bytes = new Uint8Array(size);
      const cid = cidForCbor(bytes);
      const laid = layOut([cid], writeCar(cid, [[cid, bytes]]));
      expect(findBlocks(laid.bytes, laid.range, laid.offsets, true)[0] !== null).toBe(isTaken);
    }
  });

  test('never reads beyond the range, never loops and never throws, whatever the bytes', () => {
    const [cid, bytes] = block({ a: 1 });
    const car = writeCar(cid, [[cid, bytes]]);
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200, size: 'max' }), fc.tuple(fc.nat(car.length - 1), fc.nat(255)).map(([at, byte]) => car.with(at, byte)), fc.nat(car.length).map((end) => car.slice(0, end))), (damaged) => {
        const laid = layOut([cid], damaged);
        const [found] = findBlocks(laid.bytes, laid.range, laid.offsets, true);
        expect(found === null || Buffer.from(found ?? []).equals(bytes)).toBe(true);
      }),
    );
  });
});
