/**
 * How sure the relay is of each account's collections, and how many it knows: two bytes an account, all in memory.
 * Not for the collections themselves (members.ts). Place in the flow: looked at for every accepted commit, and swept
 * through for accounts that must be asked about (check-queue.ts).
 * Source: ours.
 */
import type { CollectionStore } from './collection-store.ts';

/**
 * unknown: never asked, what is known came from single commits. exact: as in its newest commit that was passed on.
 * doubtful: was exact, then something was missed. away: was asked, and its host has no such repository just now.
 */
export const certainties = ['unknown', 'exact', 'doubtful', 'away'] as const;

/** How an exact account came to be it: by its host's word (none, or unprovable when it gives no proof), or proven by signed blocks. */
export type Proven = 'none' | 'proven' | 'unprovable';

/** How sure the relay is of an account's collections. */
export type Certainty = (typeof certainties)[number];

const rowsPerBlock = 1_024;
const countBits = 14;

/** Two bits above the count, which is far smaller: proven, and unprovable. */
const provenBit = 1 << 13;
const unprovableBit = 1 << 12;

/** Most collections that can be counted for an account. */
export const maxCount = unprovableBit - 1;

/** The standings. */
export class Standings {
  readonly #blocks: (Uint16Array | undefined)[] = [];
  readonly #changed = new Set<number>();
  readonly #accounts: Record<Certainty, number> = { unknown: 0, exact: 0, doubtful: 0, away: 0 };
  #proven = 0;

  constructor(store: CollectionStore) {
    for (const { block, rows } of store.standings()) {
      const values = new Uint16Array(rowsPerBlock);
      for (let i = 0; i < rowsPerBlock; i++) values[i] = rows.readUInt16LE(i * 2);
      this.#blocks[block] = values;
      for (const value of values) {
        this.#accounts[certaintyOf(value)] += 1;
        if ((value & provenBit) !== 0) this.#proven += 1;
      }
    }
  }

  /** Accounts by certainty. Those never heard of count nowhere; `unknown` is reckoned from how many accounts there are. */
  accounts(rows: number): Record<Certainty, number> {
    const { exact, doubtful, away } = this.#accounts;
    return { unknown: Math.max(0, rows - exact - doubtful - away), exact, doubtful, away };
  }

  /** Blocks that have changed since the last `written`. */
  get changedCount(): number {
    return this.#changed.size;
  }

  /** One above the highest row that may have a standing other than unknown with none. */
  get rows(): number {
    return this.#blocks.length * rowsPerBlock;
  }

  certainty(row: number): Certainty {
    return certaintyOf(this.#value(row));
  }

  /** Only an exact account can be proven. */
  setCertainty(row: number, certainty: Certainty, proven: Proven = 'none'): void {
    const before = this.#value(row);
    const bits = certainty !== 'exact' || proven === 'none' ? 0 : proven === 'proven' ? provenBit : unprovableBit;
    this.#set(row, (certainties.indexOf(certainty) << countBits) | bits | (before & maxCount));
    this.#accounts[certaintyOf(before)] -= 1;
    this.#accounts[certainty] += 1;
    this.#proven += Number(bits === provenBit) - Number((before & provenBit) !== 0);
  }

  /** How an account came to be exact. */
  proof(row: number): Proven {
    const value = this.#value(row);
    if ((value & provenBit) !== 0) return 'proven';
    return (value & unprovableBit) !== 0 ? 'unprovable' : 'none';
  }

  /** Accounts whose collections are proven. */
  get proven(): number {
    return this.#proven;
  }

  /** How many collections the account is known to have. */
  count(row: number): number {
    return this.#value(row) & maxCount;
  }

  addCount(row: number, by: number): void {
    this.#set(row, this.#value(row) + by);
  }

  /** What has changed; to be written before `written`. */
  *changed(): Generator<{ readonly block: number; readonly rows: Uint8Array }> {
    for (const block of this.#changed) {
      const rows = Buffer.alloc(rowsPerBlock * 2);
      for (const [i, value] of (this.#blocks[block] ?? []).entries()) rows.writeUInt16LE(value, i * 2);
      yield { block, rows };
    }
  }

  /** Says that what had changed is on disk. */
  written(): void {
    this.#changed.clear();
  }

  #value(row: number): number {
    return this.#blocks[Math.floor(row / rowsPerBlock)]?.[row % rowsPerBlock] ?? 0;
  }

  #set(row: number, value: number): void {
    const block = Math.floor(row / rowsPerBlock);
    let values = this.#blocks[block];
    if (!values) {
      values = new Uint16Array(rowsPerBlock);
      this.#blocks[block] = values;
      this.#accounts.unknown += rowsPerBlock;
    }
    values[row % rowsPerBlock] = value;
    this.#changed.add(block);
  }
}

function certaintyOf(value: number): Certainty {
  return certainties[value >>> countBits] ?? 'unknown';
}
