import { describe, expect, test } from '@jest/globals';
import * as reference from '@atproto/repo';
import * as fc from 'fast-check';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { concatBytes } from '@dunlin/protocol/base/bytes';
import { maxBlockBytes, maxCarHeaderBytes } from '@dunlin/protocol/base/limits';
import { writeVarint } from '@dunlin/protocol/base/varint';
import { carHeader } from '@dunlin/protocol/car/header';
import { readCar } from '@dunlin/protocol/car/read';
import { readCarStream } from '@dunlin/protocol/car/read-stream';
import { carBlock, writeCar } from '@dunlin/protocol/car/write';
import { cidForCbor, cidForRaw, parseCid } from '@dunlin/protocol/data/cid';
import { captureFolder } from '../../harness/vectors.ts';
import { anyBlocks, inPieces, shown } from './car-values.ts';

const refused = expect.objectContaining({ code: 'InvalidCar' });
const bytes = new Uint8Array([0xa0]);
const cid = cidForCbor(bytes);
const header = carHeader(cid);

/** Reads whole and in pieces; both must say the same. */
async function readBothWays(car: Uint8Array, limits = {}): Promise<string[]> {
  const streamed: string[] = [];
  const readStreamed = async (): Promise<void> => {
    const { roots, blocks } = await readCarStream(inPieces(car, 3), limits);
    streamed.push(...roots.map(String));
    for await (const block of blocks) streamed.push(...shown([block]));
  };
  let whole;
  try {
    whole = readCar(car, limits);
  } catch (fault) {
    await expect(readStreamed()).rejects.toEqual(refused);
    throw fault;
  }
  await readStreamed();
  expect([...new Set(streamed)]).toEqual([...new Set([...whole.roots.map(String), ...shown(whole.blocks)])]);
  return streamed;
}

test('reads what the reference package writes', async () => {
  await fc.assert(fc.asyncProperty(anyBlocks(), async (blocks) => {
    const map = new reference.BlockMap();
    for (const [blockCid, block] of blocks) map.set(blockCid as unknown as Parameters<typeof map.set>[0], block);
    const car = await reference.blocksToCarFile(cid as unknown as Parameters<typeof reference.blocksToCarFile>[0], map);
    const read = readCar(car);
    expect(read.roots.map(String)).toEqual([String(cid)]);
    expect(shown(read.blocks)).toEqual(shown(blocks));
  }), { numRuns: 30 });
});

test('no root, no block, an empty block and a repeated block are read', async () => {
  expect(await readBothWays(writeCar(null, []))).toEqual([]);
  const empty = cidForRaw(new Uint8Array(0));
  expect(await readBothWays(writeCar(null, [[empty, new Uint8Array(0)]]))).toEqual([`${empty} `]);
  expect(readCar(writeCar(cid, [[cid, bytes], [cid, bytes]])).blocks.size).toBe(1);
});

test('any changed byte is noticed, save in a root', async () => {
  const block = new Uint8Array([0xa1, 0x61, 0x61, 0x01]);
  const car = writeCar(cid, [[cidForCbor(block), block], [cid, bytes]]);
  for (let offset = 0; offset < car.length; offset++) {
    const changed = car.slice();
    changed[offset]! ^= 0x10;
    const rootDigest = header.length - 9 - 32;
    if (offset >= rootDigest && offset < rootDigest + 32) expect(String(readCar(changed).roots[0])).not.toBe(String(cid));
    else await expect(readBothWays(changed)).rejects.toEqual(refused);
  }
});

test('every cut is noticed, save between blocks', async () => {
  const car = writeCar(cid, [[cid, bytes], [cid, bytes]]);
  const between = [header.length, header.length + 1 + 37, car.length];
  for (let length = 0; length <= car.length; length++) {
    if (between.includes(length)) await readBothWays(car.subarray(0, length));
    else await expect(readBothWays(car.subarray(0, length))).rejects.toEqual(refused);
  }
});

describe('refuses', () => {
  const section = (content: Uint8Array): Uint8Array => concatBytes([header, writeVarint(content.length), content]);
  const other = parseCid('bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi');
  test.each<[string, Uint8Array]>([
    ['a section of nothing', section(new Uint8Array(0))],
    ['a section shorter than a CID', section(cid.bytes.slice(0, 35))],
    ['a block under the CID of another', section(concatBytes([cid.bytes, new Uint8Array([0xa1])]))],
    ['a raw CID for what hashes the same under dag-pb', section(concatBytes([other.bytes, bytes]))],
    ['a length not in shortest form', concatBytes([header, new Uint8Array([0xa5, 0x00]), cid.bytes, bytes])],
    ['a length of five bytes', concatBytes([header, new Uint8Array([0xff, 0xff, 0xff, 0xff, 0x01]), cid.bytes])],
    ['zeros behind the last block', concatBytes([writeCar(cid, [[cid, bytes]]), new Uint8Array(3)])],
    ['a huge header', concatBytes([writeVarint(maxCarHeaderBytes + 1), new Uint8Array(maxCarHeaderBytes + 1)])],
    ['a header of nothing', new Uint8Array([0])],
  ])('%s', async (_name, car) => {
    await expect(readBothWays(car)).rejects.toEqual(refused);
  });
});

describe('bounds', () => {
  const largest = new Uint8Array(maxBlockBytes);
  const tooLarge = new Uint8Array(maxBlockBytes + 1);

  test('a block may be as long as the protocol allows, not longer', () => {
    expect(readCar(concatBytes([header, carBlock(cidForRaw(largest), largest)])).blocks.byteLength).toBe(maxBlockBytes);
    expect(() => readCar(concatBytes([header, carBlock(cidForRaw(tooLarge), tooLarge)]))).toThrow(refused);
  });

  test('block length, count and whole length follow the given limits', async () => {
    const car = writeCar(cid, [[cid, bytes], [cid, bytes]]);
    const exact = { maxBlocks: 2, maxBlockBytes: 1, maxBytes: car.length };
    await readBothWays(car, exact);
    for (const short of [{ maxBlocks: 1 }, { maxBlockBytes: 0 }, { maxBytes: car.length - 1 }]) {
      await expect(readBothWays(car, { ...exact, ...short })).rejects.toEqual(refused);
    }
  });
});

const capture = captureFolder();
if (capture === null) test('finds no captured repositories, skips them', () => expect(capture).toBeNull());
else {
  test('captured repositories and proofs are read and written to the same bytes', async () => {
    const files = ['cars', 'proofs'].flatMap((folder) => readdirSync(join(capture, folder)).map((name) => join(capture, folder, name)));
    expect(files.length).toBeGreaterThan(100);
    for (const path of files) {
      const car = readFileSync(path);
      const { roots, blocks } = readCar(car);
      expect(car.equals(writeCar(roots[0] ?? null, blocks))).toBe(true);
    }
  });
}
