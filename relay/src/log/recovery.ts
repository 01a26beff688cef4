/**
 * Finds out, at start, what of the log is whole, and cuts a torn tail off its newest segment.
 * Not for older segments' contents: sealed ones are checked by size here and by checksum when they are read.
 * Place in the flow: before anything is appended or served.
 * A group commit is written only after the one before it is durable. So damage in the last group is the trace of a
 * crash and is cut off, while damage with a later group behind it is a broken disk or hand: the process stops.
 * Source: ours, see docs/invariants.md 6 and 8.
 */
import { open, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { AssertionFailure } from '@dunlin/protocol/base/assert';
import { decodeHeader, headerBytes, readRecord, recordBytes } from './record.ts';
import type { LogRecord } from './record.ts';
import { Segment, readExactly } from './segment.ts';
import { listSegments, removeSegmentFiles, segmentPath } from './segment-files.ts';

const checkChunkBytes = 4_194_304;

/** The log as it was found. */
export interface RecoveredLog {
  /** Ascending; the last one is open for appending. Empty for a new log. */
  readonly segments: Segment[];
  /** Bytes that were cut off, 0 after a clean end. */
  readonly tornBytes: number;
}

/**
 * Reads a log's folder.
 * @throws AssertionFailure when something other than the tail is damaged
 */
export async function recoverLog(folder: string): Promise<RecoveredLog> {
  const seqs = await listSegments(folder);
  const newest = seqs.at(-1);
  // A crash while a segment was being made leaves an index without a whole header and no frames.
  if (newest !== undefined && (await isUnborn(segmentPath(folder, newest)))) {
    await removeSegmentFiles(folder, newest);
    seqs.pop();
  }
  const segments: Segment[] = [];
  for (const seq of seqs.slice(0, -1)) segments.push(await openSealed(folder, seq));
  const last = seqs.at(-1);
  if (last === undefined) return { segments, tornBytes: 0 };
  const { segment, tornBytes } = await openNewest(segmentPath(folder, last), last);
  segments.push(segment);
  checkSequence(segments);
  return { segments, tornBytes };
}

async function isUnborn(path: string): Promise<boolean> {
  return (await stat(`${path}.idx`)).size < headerBytes && (await stat(`${path}.dat`)).size === 0;
}

function checkSequence(segments: readonly Segment[]): void {
  for (let i = 1; i < segments.length; i++) {
    const [before, after] = [segments[i - 1], segments[i]];
    if (before && after && after.header.previousLastSeq !== before.lastSeq) {
      throw new AssertionFailure(`log has a hole: segment=${before.path} ends=${before.lastSeq} expected=${after.header.previousLastSeq}`);
    }
  }
}

async function openSealed(folder: string, firstSeq: number): Promise<Segment> {
  const path = segmentPath(folder, firstSeq);
  const idx = await open(`${path}.idx`, 'r');
  try {
    const { size } = await idx.stat();
    const header = decodeHeader(await readExactly(idx, 0, Math.min(size, headerBytes), path));
    const count = (size - headerBytes) / recordBytes;
    if (header?.firstSeq !== firstSeq || count < 1 || !Number.isInteger(count)) throw new AssertionFailure(`sealed log index is damaged: segment=${path}`);
    const last = readRecord(await readExactly(idx, size - recordBytes, recordBytes, path), 0, firstSeq + count - 1);
    const { size: datBytes } = await stat(`${path}.dat`);
    if (last === null || last.offset + last.length !== datBytes) throw new AssertionFailure(`sealed log segment is damaged at its end: segment=${path}`);
    return new Segment(path, header, { count, datBytes });
  } finally {
    await idx.close();
  }
}

async function openNewest(path: string, firstSeq: number): Promise<{ segment: Segment; tornBytes: number }> {
  const idx = await open(`${path}.idx`, 'r+');
  const dat = await open(`${path}.dat`, 'r+');
  try {
    const [idxSize, datSize] = [(await idx.stat()).size, (await dat.stat()).size];
    const header = decodeHeader(await readExactly(idx, 0, Math.min(idxSize, headerBytes), path));
    if (header?.firstSeq !== firstSeq) throw new AssertionFailure(`log index has no header: segment=${path}`);
    const records = await readExactly(idx, headerBytes, idxSize - headerBytes, path);
    const { count, datBytes } = await findEnd({ path, firstSeq, records, dat, datSize });
    const wholeIdx = headerBytes + count * recordBytes;
    const tornBytes = datSize - datBytes + (idxSize - wholeIdx);
    if (tornBytes > 0) {
      await dat.truncate(datBytes);
      await idx.truncate(wholeIdx);
      await dat.sync();
      await idx.sync();
    }
    return { segment: new Segment(path, header, { count, datBytes }), tornBytes };
  } finally {
    await idx.close();
    await dat.close();
  }
}

interface Candidate {
  readonly path: string;
  readonly firstSeq: number;
  readonly records: Buffer;
  readonly dat: FileHandle;
  readonly datSize: number;
}

async function findEnd(found: Candidate): Promise<{ count: number; datBytes: number }> {
  const checker = new FrameChecker(found);
  const written = Math.floor(found.records.length / recordBytes);
  let datBytes = 0;
  for (let i = 0; i < written; i++) {
    const record = recordAt(found, i);
    if (record === null || record.offset !== datBytes || !(await checker.isWhole(record))) {
      refuseDamageBeforeLaterGroup(found, i, written);
      return { count: i, datBytes };
    }
    datBytes += record.length;
  }
  return { count: written, datBytes };
}

function recordAt(found: Candidate, index: number): LogRecord | null {
  return readRecord(found.records, index * recordBytes, found.firstSeq + index);
}

function refuseDamageBeforeLaterGroup(found: Candidate, damaged: number, written: number): void {
  for (let i = damaged + 1; i < written; i++) {
    const later = recordAt(found, i);
    if (later !== null && later.groupStart > damaged) {
      throw new AssertionFailure(`log is damaged before its tail: segment=${found.path} record=${damaged} whole=${i}`);
    }
  }
}

/** Checks frames one after another, reading `.dat` in large pieces. */
class FrameChecker {
  readonly #found: Candidate;
  #chunk: Buffer = Buffer.alloc(0);
  #chunkStart = 0;

  constructor(found: Candidate) {
    this.#found = found;
  }

  async isWhole(record: LogRecord): Promise<boolean> {
    const end = record.offset + record.length;
    if (end > this.#found.datSize) return false;
    if (record.isScrubbed) return true;
    if (end > this.#chunkStart + this.#chunk.length) {
      const wanted = Math.min(Math.max(checkChunkBytes, record.length), this.#found.datSize - record.offset);
      this.#chunk = await readExactly(this.#found.dat, record.offset, wanted, this.#found.path);
      this.#chunkStart = record.offset;
    }
    const start = record.offset - this.#chunkStart;
    return crc32(this.#chunk.subarray(start, start + record.length)) === record.frameChecksum;
  }
}
