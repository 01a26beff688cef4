/**
 * Reads events that another process has just written and made durable, at once and without waiting.
 * Not for anything older: the kernel has these bytes in memory, so a read takes microseconds, where a turn through the
 * thread pool would take longer than the copy itself. Not for the writer either, who has the bytes.
 * Place in the flow: hop 8, in a process that serves consumers (followed-log.ts). Source: ours.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { AssertionFailure } from '@dunlin/protocol/base/assert';
import type { RelaySlice } from './group.ts';
import { headerBytes, recordBytes } from './record.ts';
import type { LogRecord } from './record.ts';
import type { Segment } from './segment.ts';
import { coverAndCheck, fitting, sliceOf, wantedRecords } from './slice-reader.ts';

/** Keeps the files of one segment open, the newest. */
export class NewestReader {
  #open: { readonly path: string; readonly dat: number; readonly idx: number } | null = null;

  /** As readSlice, without waiting. @throws AssertionFailure when the files are not what was written */
  read(segment: Segment, from: number, maxBytes: number): RelaySlice {
    const records = (wanted: number): LogRecord[] => {
      const many = Math.min(wanted, segment.count - from);
      return segment.decode(this.#bytes(segment, 'idx', headerBytes + from * recordBytes, many * recordBytes), from, many);
    };
    const taken = fitting(records(wantedRecords(segment, maxBytes)), maxBytes);
    const [first, last] = [taken[0], taken.at(-1)];
    if (first === undefined || last === undefined) throw new AssertionFailure(`log gave no record: segment=${segment.path} index=${from}`);
    const bytes = this.#bytes(segment, 'dat', first.offset, last.offset + last.length - first.offset);
    // A takedown may be under way; then the records say so now.
    if (!coverAndCheck(bytes, taken) && !coverAndCheck(bytes, records(taken.length))) {
      throw new AssertionFailure(`log frames are damaged: segment=${segment.path} from=${first.offset} bytes=${bytes.length}`);
    }
    return sliceOf(segment, from, taken, bytes);
  }

  /** Closes the files. */
  close(): void {
    if (this.#open === null) return;
    closeSync(this.#open.dat);
    closeSync(this.#open.idx);
    this.#open = null;
  }

  #bytes(segment: Segment, file: 'dat' | 'idx', position: number, length: number): Buffer {
    if (this.#open?.path !== segment.path) {
      this.close();
      this.#open = { path: segment.path, dat: openSync(`${segment.path}.dat`, 'r'), idx: openSync(`${segment.path}.idx`, 'r') };
    }
    const buffer = Buffer.allocUnsafeSlow(length);
    for (let done = 0; done < length; ) {
      const bytesRead = readSync(this.#open[file], buffer, done, length - done, position + done);
      if (bytesRead === 0) throw new AssertionFailure(`log file is too short: segment=${segment.path} wanted=${position + length} has=${position + done}`);
      done += bytesRead;
    }
    return buffer;
  }
}
