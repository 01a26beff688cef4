/**
 * Where each event of a run lies and whose it is, packed into one value of 32 bytes an event: seq, account, and the account's event
 * before, as doubles; length of its WebSocket frame and CRC-32 of that, as 32-bit integers. All little-endian.
 * An event that was forgotten stays as a gap: account 0, nothing else but its seq and length.
 * Not for where the run itself lies (`run-store.ts`). Source: ours.
 */

/** Bytes of one place. */
export const placeBytes = 32;

/** One event of a run to be. */
export interface Place {
  readonly seq: number;
  readonly account: number;
  /** The account's event before. */
  readonly previous: number | null;
  /** Length of its frame, with the WebSocket header. */
  readonly bytes: number;
  /** CRC-32 of that. */
  readonly checksum: number;
}

/** Packs the events of a run, which are in order of seq. */
export function packPlaces(places: readonly Place[]): Places {
  const packed = Buffer.alloc(places.length * placeBytes);
  for (const [index, { seq, account, previous, bytes, checksum }] of places.entries()) {
    const at = index * placeBytes;
    packed.writeDoubleLE(seq, at);
    packed.writeDoubleLE(account, at + 8);
    packed.writeDoubleLE(previous ?? 0, at + 16);
    packed.writeUInt32LE(bytes, at + 24);
    packed.writeUInt32LE(checksum, at + 28);
  }
  return new Places(packed);
}

/** The places of a run, by index. */
export class Places {
  readonly packed: Buffer;

  constructor(packed: Buffer) {
    this.packed = packed;
  }

  get count(): number {
    return this.packed.length / placeBytes;
  }

  seq(index: number): number {
    return this.packed.readDoubleLE(index * placeBytes);
  }

  /** Account of an event; 0 when it was forgotten. */
  account(index: number): number {
    return this.packed.readDoubleLE(index * placeBytes + 8);
  }

  /** The account's event before; null when there was none. */
  previous(index: number): number | null {
    return this.packed.readDoubleLE(index * placeBytes + 16) || null;
  }

  bytes(index: number): number {
    return this.packed.readUInt32LE(index * placeBytes + 24);
  }

  checksum(index: number): number {
    return this.packed.readUInt32LE(index * placeBytes + 28);
  }

  /** False for an event that was forgotten. */
  isHeld(index: number): boolean {
    return this.account(index) !== 0;
  }

  /** Index of the first event above a seq; the count when there is none. */
  indexAfter(seq: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.seq(middle) > seq) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Makes a gap of an event. */
  forget(index: number): void {
    this.packed.fill(0, index * placeBytes + 8, index * placeBytes + 24);
    this.packed.writeUInt32LE(0, index * placeBytes + 28);
  }
}
