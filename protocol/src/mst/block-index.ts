/**
 * Blocks that lie in one stretch of bytes, found by the CID of a link in the same bytes: how nodes are followed without a copy.
 * Filled in one pass over a CAR (see repo/car-slice.ts); whoever fills it has checked that each block hashes to its CID.
 * Source: ours.
 */
import { randomBytes } from '../crypto/random.ts';
import { cidByteLength } from '../data/cid.ts';

const firstSlots = 64;
const firstBlocks = 32;
const digestOffset = 4;
/** Peers choose the digests, so where they fall in the table must not be theirs to choose. */
const seed = new DataView(randomBytes(8).buffer);
const mixLow = seed.getUint32(0) | 1;
const mixHigh = seed.getUint32(4) | 1;

/** Blocks by CID, as offsets into `bytes`. Made to be cleared and filled again. */
export class BlockIndex {
  bytes: Uint8Array = new Uint8Array(0);
  count = 0;
  /** Offset of each block's CID, of its first byte, and of the byte behind its last. */
  cidOffsets = new Int32Array(firstBlocks);
  starts = new Int32Array(firstBlocks);
  ends = new Int32Array(firstBlocks);
  /** Block number + 1 by slot; 0 is free. Open addressing, at most half full. */
  #slots = new Int32Array(firstSlots);
  #mask = firstSlots - 1;

  /** Forgets all blocks; the next ones lie in these bytes. */
  clear(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.count = 0;
    if (this.#mask !== firstSlots - 1) {
      this.#slots = new Int32Array(firstSlots);
      this.#mask = firstSlots - 1;
    } else this.#slots.fill(0);
  }

  /** Adds a block; one that is there already stays as it is. */
  add(cidOffset: number, start: number, end: number): void {
    if (this.count === this.starts.length) this.#growBlocks();
    const slot = this.#slotOf(this.bytes, cidOffset);
    if (this.#slots[slot] !== 0) return;
    this.cidOffsets[this.count] = cidOffset;
    this.starts[this.count] = start;
    this.ends[this.count] = end;
    this.#slots[slot] = ++this.count;
    if (this.count * 2 > this.#mask) this.#growSlots();
  }

  /** Gives the number of the block with the 36-byte CID at an offset of these bytes; −1 when it is not here. */
  find(cidOffset: number): number {
    return this.#slots[this.#slotOf(this.bytes, cidOffset)]! - 1;
  }

  /** Gives the block with a CID that lies elsewhere; undefined when it is not here. */
  getBytes(cidBytes: Uint8Array, offset = 0): Uint8Array | undefined {
    const block = this.#slots[this.#slotOf(cidBytes, offset)]! - 1;
    return block < 0 ? undefined : this.bytes.subarray(this.starts[block], this.ends[block]);
  }

  #slotOf(bytes: Uint8Array, cidOffset: number): number {
    const at = cidOffset + digestOffset;
    const low = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
    const high = (bytes[at + 4]! << 24) | (bytes[at + 5]! << 16) | (bytes[at + 6]! << 8) | bytes[at + 7]!;
    const mixed = Math.imul(low, mixLow) ^ Math.imul(high, mixHigh);
    for (let slot = (mixed ^ (mixed >>> 15)) & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const block = this.#slots[slot]!;
      if (block === 0 || this.#isCidOf(block - 1, bytes, cidOffset)) return slot;
    }
  }

  #isCidOf(block: number, bytes: Uint8Array, cidOffset: number): boolean {
    const own = this.cidOffsets[block]!;
    for (let index = cidByteLength - 1; index >= 0; index--) if (this.bytes[own + index] !== bytes[cidOffset + index]) return false;
    return true;
  }

  #growBlocks(): void {
    this.cidOffsets = doubled(this.cidOffsets);
    this.starts = doubled(this.starts);
    this.ends = doubled(this.ends);
  }

  #growSlots(): void {
    this.#mask = this.#mask * 4 + 3;
    this.#slots = new Int32Array(this.#mask + 1);
    for (let block = 0; block < this.count; block++) this.#slots[this.#slotOf(this.bytes, this.cidOffsets[block]!)] = block + 1;
  }
}

function doubled(from: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(from.length * 2);
  larger.set(from);
  return larger;
}
