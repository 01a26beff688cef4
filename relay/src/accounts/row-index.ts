/**
 * Finds rows by hash: open addressing, split in 256 parts that grow each on its own, so that no growth stops the process
 * for long.
 * Not for comparing DIDs: the caller is asked whether a row with the same hash is the one.
 * Source: ours; linear probing, at most 70 % full. Rows are never removed.
 */

const parts = 256;
const smallestPart = 16;
const fullness = 0.7;

interface Part {
  /** Row + 1; 0 is empty. */
  slots: Int32Array;
  used: number;
}

/** The index. */
export class RowIndex {
  readonly #parts: Part[] = Array.from({ length: parts }, () => ({ slots: new Int32Array(smallestPart), used: 0 }));
  readonly #hashLowOf: (row: number) => number;

  /** `hashLowOf` gives the low half of a row's hash, needed when a part grows. */
  constructor(hashLowOf: (row: number) => number) {
    this.#hashLowOf = hashLowOf;
  }

  /** Bytes held. */
  get byteLength(): number {
    return this.#parts.reduce((sum, part) => sum + part.slots.byteLength, 0);
  }

  /** Gives the row with this hash for which `isIt` says yes, or −1. */
  find(low: number, high: number, isIt: (row: number) => boolean): number {
    const { slots } = this.#partOf(high);
    const mask = slots.length - 1;
    for (let at = low & mask; ; at = (at + 1) & mask) {
      const row = (slots[at] ?? 0) - 1;
      if (row < 0) return -1;
      if (this.#hashLowOf(row) === low && isIt(row)) return row;
    }
  }

  /** Adds a row that is not there yet. */
  add(low: number, high: number, row: number): void {
    const part = this.#partOf(high);
    if (part.used + 1 > part.slots.length * fullness) this.#grow(part);
    place(part.slots, low, row);
    part.used += 1;
  }

  #partOf(high: number): Part {
    return this.#parts[high & (parts - 1)] as Part;
  }

  #grow(part: Part): void {
    const larger = new Int32Array(part.slots.length * 2);
    for (const slot of part.slots) if (slot > 0) place(larger, this.#hashLowOf(slot - 1), slot - 1);
    part.slots = larger;
  }
}

function place(slots: Int32Array, low: number, row: number): void {
  const mask = slots.length - 1;
  let at = low & mask;
  while ((slots[at] ?? 0) > 0) at = (at + 1) & mask;
  slots[at] = row + 1;
}
