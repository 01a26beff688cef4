/**
 * Whether the disk has room for more events; while it has not, no host is read.
 * Not for making room: retention.ts keeps its window, and what else fills the disk is the operator's.
 * Place in the flow: told by the log and by databases that a write found the disk full, and asks the file system itself, so that reading
 * stops before that; ingest's budget, health and metrics follow.
 * Source: ours, docs/operations.md "When the disk of a relay is full".
 */
import { statfs } from 'node:fs/promises';

/** What it works with. */
export interface RoomParts {
  /** Below this the relay stops reading hosts; 0 leaves it to the log to find the disk full. */
  readonly minFreeBytes: number;
  /** Gives the bytes that are free on the disk of the log. */
  readonly freeBytes: () => Promise<number>;
}

/** Reading goes on when there is so much more room than was asked for; else it would start and stop by turns. */
const marginShare = 0.1;

/** The room for events. */
export class Room {
  readonly #parts: RoomParts;
  readonly #followers: ((hasRoom: boolean) => void)[] = [];
  #freeBytes = 0;
  #isLow = false;
  #isLogFull = false;
  /** Databases that found no room when they were written last. */
  readonly #fullStores = new Set<string>();

  constructor(parts: RoomParts) {
    this.#parts = parts;
  }

  /** Bytes free when it was last asked. */
  get freeBytes(): number {
    return this.#freeBytes;
  }

  get hasRoom(): boolean {
    return !this.#isLow && !this.#isLogFull && this.#fullStores.size === 0;
  }

  /** Why nothing is taken in; null while there is room. */
  get reason(): string | null {
    if (this.#isLogFull) return 'the disk is full: no events are taken in until there is room again';
    if (this.#fullStores.size > 0) return `the disk is full: no events are taken in until there is room again for ${[...this.#fullStores].join(', ')}`;
    if (this.#isLow) return `the disk is nearly full: no events are taken in, free=${this.#freeBytes} wanted=${this.#parts.minFreeBytes}`;
    return null;
  }

  /** Calls back when room has run out or is there again, and at once when there is none. */
  follow(follower: (hasRoom: boolean) => void): void {
    this.#followers.push(follower);
    if (!this.hasRoom) follower(false);
  }

  /** Hears from the log that it cannot write for want of room, or that it can again. */
  setLogFull(isFull: boolean): void {
    this.#change(() => void (this.#isLogFull = isFull));
  }

  /** Hears from a database that it cannot be written for want of room, or that it can again. */
  setStoreFull(name: string, isFull: boolean): void {
    this.#change(() => void (isFull ? this.#fullStores.add(name) : this.#fullStores.delete(name)));
  }

  /** Asks the file system. */
  async check(): Promise<void> {
    const free = await this.#parts.freeBytes();
    const { minFreeBytes } = this.#parts;
    this.#change(() => {
      this.#freeBytes = free;
      this.#isLow = free < (this.#isLow ? minFreeBytes * (1 + marginShare) : minFreeBytes);
    });
  }

  #change(change: () => void): void {
    const before = this.hasRoom;
    change();
    if (this.hasRoom !== before) for (const follower of this.#followers) follower(this.hasRoom);
  }
}

/** Gives what the file system of a folder has free for a user without privileges. */
export async function freeBytesOf(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
