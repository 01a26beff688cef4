/**
 * One segment of the log: a `.dat` of WebSocket frames and the `.idx` that tells where each begins.
 * Not for deciding when to roll, sync or delete: see relay-log.ts and retention.ts.
 * Place in the flow: the newest segment is appended to, all are read by consumers that are behind.
 * A reader sees `count` records and `datBytes` bytes, which grow only after they are durable.
 * Source: ours, see record.ts. Damage found here is our own and stops the process (invariant 8).
 */
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { AssertionFailure, assert } from '@dunlin/protocol/base/assert';
import { headerBytes, readRecord, recordBytes } from './record.ts';
import type { LogRecord, SegmentHeader } from './record.ts';

/** The two open files of a segment. */
export interface SegmentHandles {
  readonly dat: FileHandle;
  readonly idx: FileHandle;
}

/** A segment and how much of it is there. */
export class Segment {
  readonly header: SegmentHeader;
  readonly path: string;
  /** Records that are durable. */
  count: number;
  /** Bytes of `.dat` that are durable. */
  datBytes: number;
  #handles: Promise<SegmentHandles> | null = null;
  #users = 0;
  #closeWhenIdle = false;
  readonly #flags: 'r' | 'r+';

  /** `isReadOnly` is for who reads what another process writes. */
  constructor(path: string, header: SegmentHeader, { count, datBytes, isReadOnly = false }: { count: number; datBytes: number; isReadOnly?: boolean }) {
    this.path = path;
    this.header = header;
    this.count = count;
    this.datBytes = datBytes;
    this.#flags = isReadOnly ? 'r' : 'r+';
  }

  /** Seq of the first record, present or to come. */
  get firstSeq(): number {
    return this.header.firstSeq;
  }

  /** Seq of the last durable record; firstSeq − 1 when there is none. */
  get lastSeq(): number {
    return this.header.firstSeq + this.count - 1;
  }

  /** Bytes on disk, both files. */
  get totalBytes(): number {
    return this.datBytes + headerBytes + this.count * recordBytes;
  }

  /** True while files are open. */
  get isOpen(): boolean {
    return this.#handles !== null;
  }

  /** Runs `work` with the open files; they stay open afterwards until `release`. */
  async use<T>(work: (handles: SegmentHandles) => Promise<T>): Promise<T> {
    this.#users += 1;
    try {
      this.#handles ??= openHandles(this.path, this.#flags);
      return await work(await this.#handles);
    } finally {
      this.#users -= 1;
      if (this.#closeWhenIdle && this.#users === 0) await this.#close();
    }
  }

  /** Closes the files, now or as soon as nobody uses them; a later `use` opens them again. */
  async release(): Promise<void> {
    this.#closeWhenIdle = true;
    if (this.#users === 0) await this.#close();
  }

  /**
   * Gives up to `wanted` records from index `from` on.
   * @throws AssertionFailure when a record is damaged
   */
  async records(from: number, wanted: number): Promise<LogRecord[]> {
    const many = Math.min(wanted, this.count - from);
    if (many <= 0) return [];
    const bytes = await this.use(({ idx }) => readExactly(idx, headerBytes + from * recordBytes, many * recordBytes, this.path));
    return this.decode(bytes, from, many);
  }

  /** Gives the records that stand in bytes of `.idx`, from index `from` on. @throws AssertionFailure when one is damaged */
  decode(bytes: Buffer, from: number, many: number): LogRecord[] {
    const records: LogRecord[] = [];
    for (let i = 0; i < many; i++) {
      const record = readRecord(bytes, i * recordBytes, this.firstSeq + from + i);
      if (record === null) throw new AssertionFailure(`log index is damaged: segment=${this.path} record=${from + i}`);
      records.push(record);
    }
    return records;
  }

  /** Gives bytes of `.dat`. @throws AssertionFailure when the file is shorter than it was */
  async frames(offset: number, length: number): Promise<Buffer> {
    assert(offset + length <= this.datBytes, `read beyond the durable end: end=${offset + length} durable=${this.datBytes}`);
    return await this.use(({ dat }) => readExactly(dat, offset, length, this.path));
  }

  /**
   * Gives the index of the first record appended at or after `timeMs`; `count` when there is none.
   * Times of a log never go back (relay-log.ts sees to that).
   */
  async indexAtTime(timeMs: number): Promise<number> {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const [record] = await this.records(middle, 1);
      assert(record, 'record within count');
      if (record.timeMs < timeMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  async #close(): Promise<void> {
    const handles = this.#handles;
    this.#handles = null;
    this.#closeWhenIdle = false;
    if (handles === null) return;
    const { dat, idx } = await handles;
    await dat.close();
    await idx.close();
  }
}

async function openHandles(path: string, flags: 'r' | 'r+'): Promise<SegmentHandles> {
  const dat = await open(`${path}.dat`, flags);
  try {
    return { dat, idx: await open(`${path}.idx`, flags) };
  } catch (error) {
    await dat.close();
    throw error;
  }
}

/** Reads exactly so many bytes. @throws AssertionFailure when the file ends before */
export async function readExactly(file: FileHandle, position: number, length: number, path: string): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(buffer, done, length - done, position + done);
    if (bytesRead === 0) throw new AssertionFailure(`log file is too short: segment=${path} wanted=${position + length} has=${position + done}`);
    done += bytesRead;
  }
  return buffer;
}

/** Writes all of the buffer. */
export async function writeExactly(file: FileHandle, buffer: Buffer, position: number): Promise<void> {
  for (let done = 0; done < buffer.length; ) {
    const { bytesWritten } = await file.write(buffer, done, buffer.length - done, position + done);
    done += bytesWritten;
  }
}
