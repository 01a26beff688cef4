/**
 * Writes a CAR v1: a head with one root or none, then each block as length, CID, bytes.
 * Not for choosing which blocks or their order (repo/export, mst/proof), and it hashes nothing: the caller's CIDs are true.
 * Source: ipld.io/specs/transport/car/carv1.
 */
import { assert } from '../base/assert.ts';
import { varintLength, writeVarintAt } from '../base/varint.ts';
import type { Cid } from '../data/cid.ts';
import { carHeader } from './header.ts';

/** A block as writers take it. */
export type CarBlock = readonly [Cid, Uint8Array];

const defaultChunkBytes = 262_144;

function sectionLength([cid, bytes]: CarBlock): number {
  const length = cid.bytes.length + bytes.length;
  return varintLength(length) + length;
}

function writeSection(target: Uint8Array, offset: number, [cid, bytes]: CarBlock): number {
  const cidOffset = writeVarintAt(target, offset, cid.bytes.length + bytes.length);
  target.set(cid.bytes, cidOffset);
  target.set(bytes, cidOffset + cid.bytes.length);
  return cidOffset + cid.bytes.length + bytes.length;
}

/** Gives one block as it stands in a CAR: its length, its CID, its bytes. */
export function carBlock(cid: Cid, bytes: Uint8Array): Uint8Array {
  const section = new Uint8Array(sectionLength([cid, bytes]));
  writeSection(section, 0, [cid, bytes]);
  return section;
}

/** Gives a whole CAR; null means no root. */
export function writeCar(root: Cid | null, blocks: Iterable<CarBlock>): Uint8Array {
  const header = carHeader(root);
  const list = Array.from(blocks);
  let length = header.length;
  for (const block of list) length += sectionLength(block);
  const car = new Uint8Array(length);
  car.set(header);
  let offset = header.length;
  for (const block of list) offset = writeSection(car, offset, block);
  return car;
}

/**
 * Gives a CAR in pieces of at most `chunkBytes`, none of which cuts a block; a block longer than that is a piece of its own.
 * Each piece belongs to who receives it. Blocks are taken from `blocks` only as pieces are asked for.
 */
export async function* writeCarStream(
  root: Cid | null,
  blocks: Iterable<CarBlock> | AsyncIterable<CarBlock>,
  chunkBytes: number = defaultChunkBytes,
): AsyncGenerator<Uint8Array, void, undefined> {
  assert(chunkBytes > 0, `chunk has no room: chunkBytes=${chunkBytes}`);
  let chunk = new Uint8Array(chunkBytes);
  let filled = 0;
  const header = carHeader(root);
  if (header.length > chunkBytes) yield header;
  else {
    chunk.set(header);
    filled = header.length;
  }
  for await (const block of blocks) {
    const length = sectionLength(block);
    if (filled + length > chunkBytes && filled > 0) {
      yield chunk.subarray(0, filled);
      chunk = new Uint8Array(chunkBytes);
      filled = 0;
    }
    if (length > chunkBytes) yield carBlock(...block);
    else filled = writeSection(chunk, filled, block);
  }
  if (filled > 0) yield chunk.subarray(0, filled);
}
