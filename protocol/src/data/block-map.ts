/**
 * Blocks by CID in memory: what a CAR holds, what a commit adds. Keeps the order in which blocks were first added.
 * Looks up by the 36 raw bytes, so a verifier needs no Cid object for a link it only follows.
 * Not a store: nothing is durable here, and the caller bounds what goes in. Keeps block arrays, never copies them.
 * Source: ours.
 */
import { assert } from '../base/assert.ts';
import { randomBytes } from '../crypto/random.ts';
import { cidByteLength, cidForCbor, cidFromBytes, isBlockCidAt } from './cid.ts';
import type { Cid } from './cid.ts';

/** Anything that gives a block by its CID at once: memory or SQLite. */
export interface BlockSource {
  get(cid: Cid): Uint8Array | undefined;
}

const firstSlots = 16;
const slotEmpty = -1;
const slotDeleted = -2;
const seed = randomBytes(8);
const seedLow = readUint32(seed, 0) | 1;
const seedHigh = readUint32(seed, 4) | 1;

function readUint32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

/** Spreads a digest over the slots; seeded, because peers choose the digests. */
function slotHash(bytes: Uint8Array, offset: number): number {
  const mixed = Math.imul(readUint32(bytes, offset + 4), seedLow) ^ Math.imul(readUint32(bytes, offset + 8), seedHigh);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}

/** A map from the CIDs of blocks to their bytes, in order of adding. */
export class BlockMap implements BlockSource {
  /** Entry number by slot; open addressing with linear probing, at most half full. */
  #slots = new Int32Array(firstSlots).fill(slotEmpty);
  #usedSlots = 0;
  /** The 36 bytes of each entry's CID, side by side. */
  #keys = new Uint8Array((firstSlots / 2) * cidByteLength);
  #blocks: (Uint8Array | null)[] = [];
  #size = 0;
  #byteLength = 0;

  /** Number of blocks. */
  get size(): number {
    return this.#size;
  }

  /** Sum of the lengths of all blocks, in bytes; CIDs not counted. */
  get byteLength(): number {
    return this.#byteLength;
  }

  /** Gives the bytes of a block, not to be changed; undefined when it is not here. */
  get(cid: Cid): Uint8Array | undefined {
    return this.getBytes(cid.bytes);
  }

  /** Gives the block whose CID is the 36 bytes at `offset`. */
  getBytes(cidBytes: Uint8Array, offset = 0): Uint8Array | undefined {
    if (!isBlockCidAt(cidBytes, offset)) return undefined;
    const entry = this.#slots[this.#findSlot(cidBytes, offset)]!;
    return entry < 0 ? undefined : this.#blocks[entry] ?? undefined;
  }

  /** Tells whether the block is here. */
  has(cid: Cid): boolean {
    return this.getBytes(cid.bytes) !== undefined;
  }

  /** Adds or replaces a block under a CID that the caller has checked; nothing is hashed here. */
  set(cid: Cid, bytes: Uint8Array): void {
    assert(cid.bytes.length === cidByteLength, 'cid is not that of a block');
    this.setBytes(cid.bytes, 0, bytes);
  }

  /** Adds or replaces a block under the 36 bytes at `offset`, which are copied; nothing is hashed here. */
  setBytes(cidBytes: Uint8Array, offset: number, bytes: Uint8Array): void {
    assert(isBlockCidAt(cidBytes, offset), 'cid is not that of a block');
    const slot = this.#findSlot(cidBytes, offset);
    const entry = this.#slots[slot]!;
    if (entry >= 0) {
      this.#byteLength += bytes.length - this.#blocks[entry]!.length;
      this.#blocks[entry] = bytes;
      return;
    }
    this.#append(slot, cidBytes, offset, bytes);
  }

  /** Hashes a DAG-CBOR block, adds it and gives its CID. */
  add(bytes: Uint8Array): Cid {
    const cid = cidForCbor(bytes);
    this.setBytes(cid.bytes, 0, bytes);
    return cid;
  }

  /** Takes a block out; gives whether it was here. */
  delete(cid: Cid): boolean {
    if (cid.bytes.length !== cidByteLength) return false;
    const slot = this.#findSlot(cid.bytes, 0);
    const entry = this.#slots[slot]!;
    if (entry < 0) return false;
    this.#slots[slot] = slotDeleted;
    this.#byteLength -= this.#blocks[entry]!.length;
    this.#blocks[entry] = null;
    this.#size -= 1;
    return true;
  }

  /** Adds every block of another map. */
  addAll(other: BlockMap): void {
    for (const [entry, bytes] of other.#blocks.entries()) if (bytes !== null) this.setBytes(other.#keys, entry * cidByteLength, bytes);
  }

  /** Gives each block with its CID, in order of adding. */
  *[Symbol.iterator](): Iterator<[Cid, Uint8Array]> {
    for (let entry = 0; entry < this.#blocks.length; entry++) {
      const bytes = this.#blocks[entry];
      if (bytes) yield [cidFromBytes(this.#keys.slice(entry * cidByteLength, (entry + 1) * cidByteLength)), bytes];
    }
  }

  /** Gives the bytes of each block, in order of adding; cheaper than with its CID. */
  *values(): Generator<Uint8Array> {
    for (const bytes of this.#blocks) if (bytes !== null) yield bytes;
  }

  /** Gives each CID, in order of adding. */
  *cids(): Generator<Cid> {
    for (const [cid] of this) yield cid;
  }

  /** Gives the slot of the key, or the free slot where it would go. */
  #findSlot(key: Uint8Array, offset: number): number {
    const mask = this.#slots.length - 1;
    let free = -1;
    for (let slot = slotHash(key, offset) & mask; ; slot = (slot + 1) & mask) {
      const entry = this.#slots[slot]!;
      if (entry === slotEmpty) return free >= 0 ? free : slot;
      if (entry === slotDeleted) {
        if (free < 0) free = slot;
      } else if (this.#hasKey(entry, key, offset)) return slot;
    }
  }

  #hasKey(entry: number, key: Uint8Array, offset: number): boolean {
    const start = entry * cidByteLength;
    for (let index = cidByteLength - 1; index > 0; index--) if (this.#keys[start + index] !== key[offset + index]) return false;
    return true;
  }

  #append(slot: number, key: Uint8Array, offset: number, bytes: Uint8Array): void {
    const entry = this.#blocks.length;
    const start = entry * cidByteLength;
    if (start === this.#keys.length) {
      const keys = new Uint8Array(this.#keys.length * 2);
      keys.set(this.#keys);
      this.#keys = keys;
    }
    for (let index = 0; index < cidByteLength; index++) this.#keys[start + index] = key[offset + index]!;
    if (this.#slots[slot] === slotEmpty) this.#usedSlots += 1;
    this.#slots[slot] = entry;
    this.#blocks.push(bytes);
    this.#size += 1;
    this.#byteLength += bytes.length;
    if (this.#usedSlots * 2 > this.#slots.length) this.#rebuild();
  }

  /** Lays the slots out anew: twice as many, or as many as before when deleted ones filled them. Entries move together. */
  #rebuild(): void {
    const slotCount = this.#size * 4 > this.#slots.length ? this.#slots.length * 2 : this.#slots.length;
    const keys = new Uint8Array(Math.max(slotCount / 2, this.#size) * cidByteLength);
    const blocks: Uint8Array[] = [];
    for (let entry = 0; entry < this.#blocks.length; entry++) {
      const bytes = this.#blocks[entry];
      if (!bytes) continue;
      keys.set(this.#keys.subarray(entry * cidByteLength, (entry + 1) * cidByteLength), blocks.length * cidByteLength);
      blocks.push(bytes);
    }
    this.#slots = new Int32Array(slotCount).fill(slotEmpty);
    this.#keys = keys;
    this.#blocks = blocks;
    this.#usedSlots = blocks.length;
    for (let entry = 0; entry < blocks.length; entry++) this.#slots[this.#findSlot(keys, entry * cidByteLength)] = entry;
  }
}
