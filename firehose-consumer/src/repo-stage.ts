/**
 * The blocks of one repository while it is compared: in memory while they are few, beyond that in a file of their own that is
 * gone with the process. Only an index of some 40 bytes a block stays in memory.
 * Not for: checking (the CAR reader has hashed every block) or for more than one repository.
 * Place in the flow: between a getRepo and the walk over its tree, since hosts send blocks in any order.
 * Source: ours.
 */
import { closeSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { randomBytes } from '@dunlin/protocol/crypto/random';
import type { NodeBlocks } from '@dunlin/protocol/mst/node';

/** From here on blocks lie in a file, in bytes. */
export const spillBytes = 8_388_608;
/** Bytes of a digest that tell blocks apart. */
const keyBytes = 16;
const digestOffset = 4;
const firstBlocks = 256;
/** Hosts choose the digests, so where they fall in the table must not be theirs to choose. */
const seed = new DataView(randomBytes(8).buffer);
const mixLow = seed.getUint32(0) | 1;
const mixHigh = seed.getUint32(4) | 1;

/** Where blocks are kept and found again; `close` must be called. */
export class RepoStage implements NodeBlocks {
  readonly #folder: string;
  #memory = new Uint8Array(65_536);
  #file: number | null = null;
  #path = '';
  #length = 0;
  #count = 0;
  #keys = new Uint8Array(firstBlocks * keyBytes);
  #offsets = new Float64Array(firstBlocks);
  #lengths = new Uint32Array(firstBlocks);
  /** Block number + 1; open addressing, at most half full. */
  #slots = new Uint32Array(firstBlocks * 2);

  /** `folder` takes the file, when there is one. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Adds a block; `cidBytes` are the 36 of its CID. One that is there stays. */
  add(cidBytes: Uint8Array, bytes: Uint8Array): void {
    const slot = this.#slotOf(cidBytes, 0);
    if (this.#slots[slot] !== 0) return;
    if (this.#count === this.#offsets.length) this.#growBlocks();
    this.#keys.set(cidBytes.subarray(digestOffset, digestOffset + keyBytes), this.#count * keyBytes);
    this.#offsets[this.#count] = this.#length;
    this.#lengths[this.#count] = bytes.length;
    this.#append(bytes);
    this.#slots[slot] = ++this.#count;
    if (this.#count * 2 > this.#slots.length) this.#growSlots();
  }

  /** Gives a block, a copy when it comes from the file; undefined when it is not here. */
  getBytes(cidBytes: Uint8Array, offset = 0): Uint8Array | undefined {
    const number = (this.#slots[this.#slotOf(cidBytes, offset)] as number) - 1;
    if (number < 0) return undefined;
    const [at, length] = [this.#offsets[number] as number, this.#lengths[number] as number];
    if (this.#file === null) return this.#memory.subarray(at, at + length);
    const bytes = new Uint8Array(length);
    for (let read = 0; read < length; ) {
      const got = readSync(this.#file, bytes, read, length - read, at + read);
      if (got === 0) throw new Error(`staged blocks are cut short: at=${at} length=${length}`);
      read += got;
    }
    return bytes;
  }

  /** Lets go of memory and file. */
  close(): void {
    if (this.#file !== null) {
      closeSync(this.#file);
      rmSync(this.#path, { force: true });
    }
    this.#file = null;
    this.#memory = new Uint8Array(0);
    this.#slots.fill(0);
  }

  #append(bytes: Uint8Array): void {
    const end = this.#length + bytes.length;
    if (this.#file === null && end > spillBytes) this.#spill();
    if (this.#file !== null) writeAll(this.#file, bytes, this.#length);
    else {
      if (end > this.#memory.length) this.#memory = grown(this.#memory, Math.max(end, this.#memory.length * 2));
      this.#memory.set(bytes, this.#length);
    }
    this.#length = end;
  }

  #spill(): void {
    this.#path = join(this.#folder, `dunlin-resync-${Buffer.from(randomBytes(12)).toString('hex')}`);
    this.#file = openSync(this.#path, 'wx+', 0o600);
    try {
      // Without a name nothing is left behind by a crash; where an open file keeps its name, `close` removes it.
      rmSync(this.#path);
    } catch {
      // See above.
    }
    writeAll(this.#file, this.#memory.subarray(0, this.#length), 0);
    this.#memory = new Uint8Array(0);
  }

  #slotOf(cidBytes: Uint8Array, offset: number): number {
    const at = offset + digestOffset;
    const mask = this.#slots.length - 1;
    const hash = Math.imul(word(cidBytes, at), mixLow) ^ Math.imul(word(cidBytes, at + 4), mixHigh);
    const start = hash ^ (hash >>> 15);
    for (let slot = start & mask; ; slot = (slot + 1) & mask) {
      const number = this.#slots[slot] as number;
      if (number === 0 || this.#isKey(number - 1, cidBytes, at)) return slot;
    }
  }

  #isKey(number: number, cidBytes: Uint8Array, at: number): boolean {
    for (let index = 0; index < keyBytes; index++) if (this.#keys[number * keyBytes + index] !== cidBytes[at + index]) return false;
    return true;
  }

  #growBlocks(): void {
    const count = this.#count * 2;
    this.#keys = grown(this.#keys, count * keyBytes);
    const [offsets, lengths] = [new Float64Array(count), new Uint32Array(count)];
    offsets.set(this.#offsets);
    lengths.set(this.#lengths);
    [this.#offsets, this.#lengths] = [offsets, lengths];
  }

  #growSlots(): void {
    this.#slots = new Uint32Array(this.#slots.length * 2);
    for (let number = 0; number < this.#count; number++) {
      this.#slots[this.#slotOf(this.#keys, number * keyBytes - digestOffset)] = number + 1;
    }
  }
}

function grown(bytes: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(length);
  larger.set(bytes);
  return larger;
}

function writeAll(file: number, bytes: Uint8Array, at: number): void {
  for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written, bytes.length - written, at + written);
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24);
}
