/**
 * The CAR inside a frame, checked and indexed in one pass where it lies: step 7 of the verdict.
 * Always checks: CAR v1 with one root, which is the event's commit; sections whole; blocks of DAG-CBOR, at most 1,000,000 bytes,
 * hashing to their CIDs, canonical.
 * Does not check: what the blocks are, or whether any of them is needed.
 * Source: ipld.io/specs/transport/car/carv1; atproto.com/specs/sync.
 */
import { ProtocolError } from '../base/errors.ts';
import { maxBlockBytes } from '../base/limits.ts';
import { isSha256At } from '../crypto/hash.ts';
import { checkCanonical } from '../data/cbor-canon.ts';
import { BlockMap } from '../data/block-map.ts';
import { cidByteLength, dagCborCode, isBlockCidAt } from '../data/cid.ts';
import type { BlockIndex } from '../mst/block-index.ts';
import { refuse, type Refusal } from './drop-reason.ts';

const oneRoot = Buffer.from('3aa265726f6f747381d82a582500', 'hex');
const version = Buffer.from('6776657273696f6e01', 'hex');
const headBytes = oneRoot.length + cidByteLength + version.length;

/** Gives where the root's CID lies in a CAR that begins at `start` and has one root. */
export function carRootOffset(start: number): number {
  return start + oneRoot.length;
}

/** Fills the index with the blocks of the CAR from `start` up to `end`; `commitOffset` is where the event names its commit. */
export function indexCar(index: BlockIndex, bytes: Uint8Array, start: number, end: number, commitOffset: number): Refusal | null {
  index.clear(bytes);
  if (end - start < headBytes || !hasBytes(bytes, start, oneRoot) || !hasBytes(bytes, start + oneRoot.length + cidByteLength, version)) {
    return refuse('badCar', 'not a car with one root');
  }
  const root = carRootOffset(start);
  if (!isBlockCidAt(bytes, root)) return refuse('badCar', 'root is not the cid of a block');
  for (let at = 0; at < cidByteLength; at++) {
    if (bytes[root + at] !== bytes[commitOffset + at]) return refuse('rootMismatch', 'root is not the commit of the event');
  }
  for (let offset = start + headBytes; offset < end; ) {
    const length = sectionLength(bytes, offset);
    const cid = offset + lengthBytes(length);
    const block = cid + cidByteLength;
    const behind = cid + length;
    if (length < cidByteLength || behind > end || !isBlockCidAt(bytes, cid) || bytes[cid + 1] !== dagCborCode) return refuse('badCar', `section is broken: offset=${offset - start}`);
    const fault = checkBlock(bytes, cid, block, behind);
    if (fault !== null) return fault;
    index.add(cid, block, behind);
    offset = behind;
  }
  return null;
}

/** Gives the blocks of a CAR that indexCar found to be well; views into `bytes`. */
export function blocksOfCar(bytes: Uint8Array, start: number, end: number): BlockMap {
  const blocks = new BlockMap();
  for (let offset = start + headBytes; offset < end; ) {
    const length = sectionLength(bytes, offset);
    const cid = offset + lengthBytes(length);
    offset = cid + length;
    blocks.setBytes(bytes, cid, bytes.subarray(cid + cidByteLength, offset));
  }
  return blocks;
}

function checkBlock(bytes: Uint8Array, cid: number, start: number, end: number): Refusal | null {
  if (end - start > maxBlockBytes) return refuse('blockTooBig', `bytes=${end - start} max=${maxBlockBytes}`);
  if (!isSha256At(bytes, cid + 4, bytes.subarray(start, end))) return refuse('badBlockHash', `bytes=${end - start}`);
  try {
    return checkCanonical(bytes, start) === end ? null : refuse('notCanonical', 'block is not one item');
  } catch (error) {
    if (error instanceof ProtocolError) return refuse('notCanonical', error.message);
    throw error;
  }
}

function hasBytes(bytes: Uint8Array, offset: number, expected: Uint8Array): boolean {
  for (let index = 0; index < expected.length; index++) if (bytes[offset + index] !== expected[index]) return false;
  return true;
}

/** Reads a length of up to 28 bits in its shortest form; −1 for anything else. */
function sectionLength(bytes: Uint8Array, offset: number): number {
  let value = 0;
  for (let index = 0; index < 4; index++) {
    const byte = bytes[offset + index]!;
    value |= (byte & 0x7f) << (7 * index);
    if (byte < 0x80) return byte === 0 && index > 0 ? -1 : value;
  }
  return -1;
}

function lengthBytes(length: number): number {
  return length < 0x80 ? 1 : length < 0x4000 ? 2 : length < 0x200000 ? 3 : 4;
}
