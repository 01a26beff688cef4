import { expect, test } from '@jest/globals';
import * as reference from '@atproto/repo';
import * as fc from 'fast-check';
import { carBlock, writeCar, writeCarStream } from '@dunlin/protocol/car/write';
import type { CarBlock } from '@dunlin/protocol/car/write';
import { cidForCbor, cidForRaw } from '@dunlin/protocol/data/cid';
import { anyBlocks, joined } from './car-values.ts';

const root = cidForCbor(new Uint8Array([0xa0]));
type ReferenceRoot = Parameters<typeof reference.blocksToCarFile>[0];

test('gives the bytes that the reference package gives, which reads them', async () => {
  await fc.assert(fc.asyncProperty(anyBlocks(), fc.boolean(), async (blocks, hasRoot) => {
    const map = new reference.BlockMap();
    for (const [cid, bytes] of blocks) map.set(cid as unknown as Parameters<typeof map.set>[0], bytes);
    const car = writeCar(hasRoot ? root : null, blocks);
    expect(Buffer.from(await reference.blocksToCarFile((hasRoot ? root : null) as unknown as ReferenceRoot, map)).equals(car)).toBe(true);
    const read = await reference.readCar(car);
    expect(read.roots.map(String)).toEqual(hasRoot ? [String(root)] : []);
    expect(read.blocks.size).toBe(blocks.length);
  }), { numRuns: 30 });
});

test('in pieces it is the same bytes, no piece too long, none without need', async () => {
  await fc.assert(fc.asyncProperty(anyBlocks(), fc.integer({ min: 1, max: 1000 }), async (blocks, chunkBytes) => {
    const longest = Math.max(59, ...blocks.map((block) => carBlock(...block).length));
    const lengths: number[] = [];
    async function* measured(): AsyncGenerator<Uint8Array> {
      for await (const piece of writeCarStream(root, blocks, chunkBytes)) {
        lengths.push(piece.length);
        yield piece;
      }
    }
    expect(await joined(measured())).toEqual(writeCar(root, blocks));
    expect(Math.max(...lengths)).toBeLessThanOrEqual(Math.max(chunkBytes, longest));
    expect(Math.min(...lengths)).toBeGreaterThan(0);
  }), { numRuns: 60 });
});

test('takes blocks from asynchronous sources only as pieces are asked for', async () => {
  let taken = 0;
  async function* source(): AsyncGenerator<CarBlock> {
    for (; taken < 1000; taken++) {
      const bytes = new Uint8Array(1000).fill(taken);
      yield [cidForRaw(bytes), bytes];
    }
  }
  const pieces = writeCarStream(null, source(), 10_000);
  await pieces.next();
  expect(taken).toBeLessThan(12);
  await pieces.return();
});

test('a chunk must have room', async () => {
  await expect(writeCarStream(null, [], 0).next()).rejects.toThrow('chunk has no room');
});
