/**
 * Finds a few blocks in the CAR of an event where it lies, without reading the rest of it.
 * Not for: whole CARs (see protocol/src/car/read.ts, which checks every block).
 * Place in the flow: records at delivery; the commit block for signature checks.
 * Always checks: section lengths, size of the wanted blocks, and on demand that their bytes hash to their CIDs.
 * Does not check: the header, blocks nobody asked for, what lies behind the last wanted one.
 * Source: ipld.io/specs/transport/car/carv1.
 */
import { maxBlockBytes } from '@dunlin/protocol/base/limits';
import { isSha256At } from '@dunlin/protocol/crypto/hash';
import { latin1Text } from '@dunlin/protocol/data/cbor-cursor';
import { cidByteLength, isBlockCidAt } from '@dunlin/protocol/data/cid';

const digestOffset = 4;
/** Up to this many wanted CIDs are compared one by one, more are looked up. */
const maxCompared = 4;

/**
 * Gives the block of each CID that lies at one of `cidOffsets` in `bytes` (negative: none wanted), null where the CAR
 * from `start` up to `end` does not hold it, or holds other bytes under its name. Blocks are views into `bytes`.
 */
export function findBlocks(bytes: Uint8Array, range: { start: number; end: number }, cidOffsets: readonly number[], isHashed: boolean): (Uint8Array | null)[] {
  const found: (Uint8Array | null)[] = cidOffsets.map(() => null);
  let left = cidOffsets.reduce((count, offset) => (offset < 0 ? count : count + 1), 0);
  const index = left > maxCompared ? indexOf(bytes, cidOffsets) : null;
  let offset = sectionEnd(bytes, range.start, range.end);
  while (left > 0 && offset >= 0 && offset < range.end) {
    const start = sectionStart(bytes, offset, range.end);
    const end = sectionEnd(bytes, offset, range.end);
    if (end < 0 || end - start < cidByteLength || !isBlockCidAt(bytes, start)) break;
    const wanted = index ? (index.get(key(bytes, start)) ?? []) : positions(bytes, cidOffsets, start);
    if (wanted.length > 0) {
      const block = bytes.subarray(start + cidByteLength, end);
      const isGood = block.length <= maxBlockBytes && (!isHashed || isSha256At(bytes, start + digestOffset, block));
      for (const position of wanted) {
        if (found[position] || !isGood) continue;
        found[position] = block;
        left -= 1;
      }
    }
    offset = end;
  }
  return found;
}

function key(bytes: Uint8Array, cid: number): string {
  return latin1Text(bytes, cid, cid + cidByteLength);
}

function indexOf(bytes: Uint8Array, cidOffsets: readonly number[]): Map<string, number[]> {
  const index = new Map<string, number[]>();
  for (const [position, offset] of cidOffsets.entries()) {
    if (offset < 0) continue;
    const there = index.get(key(bytes, offset));
    if (there) there.push(position);
    else index.set(key(bytes, offset), [position]);
  }
  return index;
}

const none: readonly number[] = [];

function positions(bytes: Uint8Array, cidOffsets: readonly number[], cid: number): readonly number[] {
  let found: number[] | null = null;
  for (let position = 0; position < cidOffsets.length; position++) {
    const offset = cidOffsets[position] as number;
    if (offset >= 0 && isSame(bytes, offset, cid)) (found ??= []).push(position);
  }
  return found ?? none;
}

/** Compares from the end: all CIDs of blocks begin alike. */
function isSame(bytes: Uint8Array, a: number, b: number): boolean {
  for (let index = cidByteLength - 1; index >= 0; index--) if (bytes[a + index] !== bytes[b + index]) return false;
  return true;
}

/** Gives where the section at `offset` begins behind its length, which takes at most four bytes. */
function sectionStart(bytes: Uint8Array, offset: number, end: number): number {
  let at = offset;
  while (at < end && at < offset + 4 && (bytes[at] as number) >= 0x80) at += 1;
  return at + 1;
}

/** Gives where the section at `offset` ends; −1 when it is cut short or its length takes more than four bytes. */
function sectionEnd(bytes: Uint8Array, offset: number, end: number): number {
  let length = 0;
  for (let at = offset, shift = 0; at < end && shift <= 21; at++, shift += 7) {
    const byte = bytes[at] as number;
    length |= (byte & 0x7f) << shift;
    if (byte < 0x80) return at + 1 + length <= end ? at + 1 + length : -1;
  }
  return -1;
}
