/**
 * Reads a run of events out of one segment, checked, ready for a socket.
 * Not for finding the segment (segment-list.ts) nor for the newest events, which consumers share in memory.
 * Place in the flow: hop 8, a consumer that is behind.
 * Source: ours. Every frame's checksum is compared: damage is our own and stops the process (invariant 8).
 */
import { crc32 } from 'node:zlib';
import { AssertionFailure, assert } from '@dunlin/protocol/base/assert';
import { fillWithPongs } from './frame-bytes.ts';
import type { RelaySlice } from './group.ts';
import type { LogRecord } from './record.ts';
import type { Segment } from './segment.ts';

const maxRecordsPerRead = 8_192;

/**
 * Gives the events of a segment from index `from` on, as many as fit `maxBytes` but at least one.
 * @throws AssertionFailure when the files are not what was written
 */
export async function readSlice(segment: Segment, from: number, maxBytes: number): Promise<RelaySlice> {
  return await segment.use(async () => {
    const taken = fitting(await segment.records(from, wantedRecords(segment, maxBytes)), maxBytes);
    const [first, last] = [taken[0], taken.at(-1)];
    assert(first && last, `log gave no record: segment=${segment.path} index=${from}`);
    const bytes = await segment.frames(first.offset, last.offset + last.length - first.offset);
    // A takedown may have come between the two reads; then the records say so now.
    if (!coverAndCheck(bytes, taken) && !coverAndCheck(bytes, await segment.records(from, taken.length))) {
      throw new AssertionFailure(`log frames are damaged: segment=${segment.path} from=${first.offset} bytes=${bytes.length}`);
    }
    return sliceOf(segment, from, taken, bytes);
  });
}

/** Gives how many records to read for a slice of so many bytes: by the mean length of the segment's events, and some more. */
export function wantedRecords(segment: Segment, maxBytes: number): number {
  return Math.min(maxRecordsPerRead, Math.ceil((maxBytes * segment.count * 1.25) / segment.datBytes) + 1);
}

/** Puts a slice together from the events that `taken` are the records of. */
export function sliceOf(segment: Segment, from: number, taken: readonly LogRecord[], bytes: Buffer): RelaySlice {
  const firstSeq = segment.firstSeq + from;
  return { bytes, firstSeq, lastSeq: firstSeq + taken.length - 1, count: taken.length, timesMs: taken.map((record) => record.timeMs) };
}

/** Gives the first of the records, at least one, as many as have so many bytes together. */
export function fitting(records: LogRecord[], maxBytes: number): LogRecord[] {
  const start = records[0]?.offset ?? 0;
  const beyond = records.findIndex((record) => record.offset + record.length - start > maxBytes);
  return beyond === -1 ? records : records.slice(0, Math.max(1, beyond));
}

/** Covers what was taken down, whether the disk already has it so or not; gives whether all else is whole. */
export function coverAndCheck(bytes: Buffer, records: readonly LogRecord[]): boolean {
  const start = records[0]?.offset ?? 0;
  let isWhole = true;
  for (const record of records) {
    const at = record.offset - start;
    if (record.isScrubbed) fillWithPongs(bytes, at, at + record.length);
    else isWhole &&= crc32(bytes.subarray(at, at + record.length)) === record.frameChecksum;
  }
  return isWhole;
}
