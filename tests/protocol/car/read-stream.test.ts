import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { readCarStream } from '@dunlin/protocol/car/read-stream';
import { writeCar } from '@dunlin/protocol/car/write';
import type { CarBlock } from '@dunlin/protocol/car/write';
import { cidForRaw } from '@dunlin/protocol/data/cid';
import { anyBlocks, inPieces, shown } from './car-values.ts';

/** A source that notes how far it was read and whether it was closed. */
function watched(car: Uint8Array, pieceBytes: number): { pieces: AsyncGenerator<Uint8Array>; state: { given: number; isClosed: boolean } } {
  const state = { given: 0, isClosed: false };
  async function* give(): AsyncGenerator<Uint8Array> {
    try {
      for await (const piece of inPieces(car, pieceBytes)) {
        state.given += piece.length;
        yield piece;
      }
    } finally {
      state.isClosed = true;
    }
  }
  return { pieces: give(), state };
}

const blocks: CarBlock[] = Array.from({ length: 100 }, (_, index) => {
  const bytes = new Uint8Array(500).fill(index);
  return [cidForRaw(bytes), bytes];
});
const car = writeCar(blocks[0]![0], blocks);

test('gives the same blocks however the bytes are cut', async () => {
  await fc.assert(fc.asyncProperty(anyBlocks(), fc.integer({ min: 1, max: 400 }), async (some, pieceBytes) => {
    const stream = await readCarStream(inPieces(writeCar(null, some), pieceBytes));
    const read: CarBlock[] = [];
    for await (const block of stream.blocks) read.push(block);
    expect(shown(read)).toEqual(shown(some));
  }), { numRuns: 40 });
});

async function* pieces(): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(0);
  yield Buffer.from(car.subarray(0, 1000));
  yield new Uint8Array(0);
  yield Buffer.from(car.subarray(1000));
}

test('takes empty pieces and Buffers', async () => {
  const stream = await readCarStream(pieces());
  let count = 0;
  for await (const [, bytes] of stream.blocks) {
    expect(bytes.constructor).toBe(Uint8Array);
    count += 1;
  }
  expect(count).toBe(blocks.length);
});

test('reads no further than it must', async () => {
  const { pieces, state } = watched(car, 100);
  const stream = await readCarStream(pieces);
  expect(state.given).toBe(100);
  await stream.blocks.next();
  expect(state.given).toBeLessThan(800);
  await stream.blocks.return();
});

describe('closes its source', () => {
  test('at the end', async () => {
    const { pieces, state } = watched(car, 1000);
    for await (const block of (await readCarStream(pieces)).blocks) expect(block).toHaveLength(2);
    expect(state).toEqual({ given: car.length, isClosed: true });
  });

  test('when the reader stops early', async () => {
    const { pieces, state } = watched(car, 1000);
    for await (const block of (await readCarStream(pieces)).blocks) {
      expect(block).toHaveLength(2);
      break;
    }
    expect(state.isClosed).toBe(true);
  });

  test('when the reader never starts', async () => {
    const { pieces, state } = watched(car, 1000);
    await (await readCarStream(pieces)).blocks.return();
    expect(state.isClosed).toBe(true);
  });

  test('when the head is bad', async () => {
    const { pieces, state } = watched(new Uint8Array(100), 10);
    await expect(readCarStream(pieces)).rejects.toThrow(expect.objectContaining({ code: 'InvalidCar' }));
    expect(state.isClosed).toBe(true);
  });

  test('when a block is bad', async () => {
    const broken = car.slice();
    broken[car.length - 1]! ^= 1;
    const { pieces, state } = watched(broken, 1000);
    const stream = await readCarStream(pieces);
    await expect(async () => {
      for await (const block of stream.blocks) expect(block).toHaveLength(2);
    }).rejects.toThrow(expect.objectContaining({ code: 'InvalidCar' }));
    expect(state.isClosed).toBe(true);
  });
});

async function* failing(): AsyncGenerator<Uint8Array> {
  yield car.subarray(0, 900);
  throw new Error('connection lost');
}

test('passes on what the source throws', async () => {
  const stream = await readCarStream(failing());
  await stream.blocks.next();
  await expect(stream.blocks.next()).rejects.toThrow('connection lost');
});
