/**
 * Walks the log's events one by one with their records, from a seq on: for bringing state up to date at start.
 * Not for consumers: they get whole slices (slice-reader.ts).
 * Place in the flow: start-up, before anything is appended.
 * Source: ours.
 */
import { framePayload } from './frame-bytes.ts';
import type { LogRecord } from './record.ts';
import type { RelayLog } from './relay-log.ts';

const recordsPerRead = 512;

/** One event of the log. */
export interface LoggedEvent {
  readonly seq: number;
  readonly record: LogRecord;
  /** The event frame with our seq, sharing memory with its neighbours. */
  readonly payload: Buffer;
}

/** Gives all durable events after `seq` but those that were taken down. @throws AssertionFailure on damage */
export async function* eventsAfter(log: RelayLog, seq: number): AsyncGenerator<LoggedEvent> {
  for (const segment of log.segments.slice()) {
    for (let index = Math.max(0, seq + 1 - segment.firstSeq); index < segment.count; ) {
      const records = await segment.records(index, recordsPerRead);
      const [first, last] = [records[0], records.at(-1)];
      if (!first || !last) break;
      const bytes = await segment.frames(first.offset, last.offset + last.length - first.offset);
      for (const [i, record] of records.entries()) {
        if (record.isScrubbed) continue;
        const at = record.offset - first.offset;
        yield { seq: segment.firstSeq + index + i, record, payload: framePayload(bytes.subarray(at, at + record.length)) };
      }
      index += records.length;
    }
  }
}
