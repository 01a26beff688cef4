/** Blocks and CARs for the tests of this folder. */
import * as fc from 'fast-check';
import { cidForCbor, cidForRaw } from '@dunlin/protocol/data/cid';
import type { CarBlock } from '@dunlin/protocol/car/write';

/** Different blocks, some of them raw, some empty. */
export const anyBlocks = (): fc.Arbitrary<CarBlock[]> => fc.uniqueArray(
  fc.tuple(fc.boolean(), fc.uint8Array({ maxLength: 200 })),
  { selector: ([isRaw, bytes]) => `${isRaw} ${Buffer.from(bytes).toString('hex')}`, maxLength: 30 },
).map((blocks) => blocks.map(([isRaw, bytes]) => [isRaw ? cidForRaw(bytes) : cidForCbor(bytes), bytes] as const));

/** Cuts bytes into pieces of the given length. */
export async function* inPieces(bytes: Uint8Array, pieceBytes: number): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < bytes.length; offset += pieceBytes) yield bytes.subarray(offset, offset + pieceBytes);
}

/** Puts the pieces of a stream together. */
export async function joined(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return new Uint8Array(Buffer.concat(all));
}

/** Comparable form of blocks. */
export const shown = (blocks: Iterable<CarBlock>): string[] => Array.from(blocks, ([cid, bytes]) => `${cid} ${Buffer.from(bytes).toString('hex')}`);
