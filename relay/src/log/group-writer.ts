/**
 * Writes a group of events to the end of a segment and makes it durable.
 * Not for what a fault of the disk means (relay-log.ts) nor for which segment it is (segment-list.ts).
 * Place in the flow: hop 7. Until this resolves nothing counts the group; so when the disk was full it may be called
 * again for the same group and place: all of it is written anew, also what a failed sync may have thrown away.
 * Source: ours, docs/invariants.md 2 and 6.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import type { Group, RelaySlice } from './group.ts';
import { headerBytes, recordBytes } from './record.ts';
import { writeExactly } from './segment.ts';
import type { Segment } from './segment.ts';

/** Writes all bytes at a place of a file; tests put one in place that finds the disk full. */
export type WriteBytes = typeof writeExactly;

/** How groups are written. */
export interface GroupWriterParts {
  readonly clock: Clock;
  /** Waits for the disk, not only for the kernel. */
  readonly isSynced: boolean;
  /** Called when the disk is found full, and when it no longer is. */
  readonly onFull?: (isFull: boolean) => void;
  readonly write?: WriteBytes;
}

/** Wait between two attempts to write to a disk that was full. */
const retryMs = 1_000;

/** Writes one group at a time. */
export class GroupWriter {
  readonly #parts: GroupWriterParts;
  #isFull = false;
  #isClosing = false;
  #wake: (() => void) | null = null;

  constructor(parts: GroupWriterParts) {
    this.#parts = parts;
  }

  /** From now on a full disk is not waited out any more. */
  get isClosing(): boolean {
    return this.#isClosing;
  }

  /**
   * Resolves when the group is on disk, behind what its segment counts; the segment does not count it yet. A full disk
   * is tried again and again. @throws what else the disk says, and when closing that it is full
   */
  async write(group: Group, slices: readonly RelaySlice[], segmentFor: () => Promise<Segment>): Promise<Segment> {
    while (true) {
      try {
        const segment = await segmentFor();
        await this.#attempt(segment, group, slices);
        this.#setFull(false);
        return segment;
      } catch (error) {
        if (!isOutOfRoom(error) || this.#isClosing) throw error;
        this.#setFull(true);
        await this.#untilRetry();
      }
    }
  }

  /** Ends waiting for room: one more attempt is made. */
  close(): void {
    this.#isClosing = true;
    this.#wake?.();
  }

  async #attempt(segment: Segment, group: Group, slices: readonly RelaySlice[]): Promise<void> {
    const { isSynced, write = writeExactly } = this.#parts;
    const records = group.records(segment.datBytes, segment.count);
    await segment.use(async ({ dat, idx }) => {
      const writeDat = async (): Promise<void> => {
        let position = segment.datBytes;
        for (const { bytes } of slices) {
          await write(dat, bytes, position);
          position += bytes.length;
        }
        if (isSynced) await dat.datasync();
      };
      const writeIdx = async (): Promise<void> => {
        await write(idx, records, headerBytes + segment.count * recordBytes);
        if (isSynced) await idx.datasync();
      };
      // Both are awaited before a fault is told: neither may still be writing when the group is tried again.
      for (const result of await Promise.allSettled([writeDat(), writeIdx()])) if (result.status === 'rejected') throw result.reason;
    });
  }

  #setFull(isFull: boolean): void {
    if (this.#isFull === isFull) return;
    this.#isFull = isFull;
    this.#parts.onFull?.(isFull);
  }

  async #untilRetry(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const timer = this.#parts.clock.after(retryMs, resolve, { unref: true });
    await promise;
    timer.cancel();
    this.#wake = null;
  }
}

/** Says whether a fault is that the disk has no room, or that the quota is used up. */
export function isOutOfRoom(error: unknown): error is NodeJS.ErrnoException {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'SQLITE_FULL';
}
