/**
 * Takes an account's events out of the replay window: their frames become pong frames of the same length.
 * Not for what consumers already have, nor for the account's status (accounts/).
 * Place in the flow: after an operator's takedown. The index is marked first and durably, so that a crash half-way
 * leaves frames that readers cover themselves; running it again finishes the work.
 * Source: ours; the one exception to invariant 11.
 */
import type { DidHash } from './did-hash.ts';
import { fillWithPongs, framePayload } from './frame-bytes.ts';
import { headerBytes, recordBytes, writeRecord } from './record.ts';
import type { LogRecord } from './record.ts';
import type { RelayLog } from './relay-log.ts';
import { writeExactly } from './segment.ts';
import type { Segment } from './segment.ts';

const recordsPerRead = 8_192;

interface Found {
  readonly index: number;
  readonly record: LogRecord;
}

/**
 * Overwrites the #commit, #sync and #identity events of an account that are durable now; gives how many.
 * `isTheirs` decides by the event itself, since hashes may collide. #account events stay: they tell the status.
 */
export async function scrubLog(log: RelayLog, hash: DidHash, isTheirs: (payload: Buffer) => boolean): Promise<number> {
  await log.settled();
  let scrubbed = 0;
  for (const segment of log.segments.slice()) {
    try {
      const found = await findIn(segment, hash, isTheirs);
      if (found.length > 0) await overwrite(segment, found);
      scrubbed += found.length;
    } catch (error) {
      // Retention may have removed the segment meanwhile, which is as good.
      if (log.segments.includes(segment)) throw error;
    }
  }
  return scrubbed;
}

async function findIn(segment: Segment, hash: DidHash, isTheirs: (payload: Buffer) => boolean): Promise<Found[]> {
  const found: Found[] = [];
  const count = segment.count;
  for (let from = 0; from < count; from += recordsPerRead) {
    const records = await segment.records(from, Math.min(recordsPerRead, count - from));
    for (const [i, record] of records.entries()) {
      if (record.didHashLow !== hash.low || record.didHashHigh !== hash.high || record.kind === 'account') continue;
      // An interrupted earlier run may have marked it only: overwrite it again without looking inside.
      if (record.isScrubbed || isTheirs(framePayload(await segment.frames(record.offset, record.length)))) found.push({ index: from + i, record });
    }
  }
  return found;
}

async function overwrite(segment: Segment, found: readonly Found[]): Promise<void> {
  await segment.use(async ({ dat, idx }) => {
    for (const { index, record } of found) {
      const bytes = Buffer.alloc(recordBytes);
      writeRecord(bytes, 0, segment.firstSeq + index, { ...record, isScrubbed: true });
      await writeExactly(idx, bytes, headerBytes + index * recordBytes);
    }
    await idx.datasync();
    for (const { record } of found) {
      const pongs = Buffer.alloc(record.length);
      fillWithPongs(pongs, 0, record.length);
      await writeExactly(dat, pongs, record.offset);
    }
    await dat.datasync();
  });
}
