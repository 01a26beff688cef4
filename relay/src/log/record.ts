/**
 * The fixed record that `.idx` holds for every event of the log, and the header in front of the records.
 * Not for the frames themselves: those are the whole content of `.dat`, with nothing between them.
 * Place in the flow: written beside each frame, read to seek by seq (arithmetic) or time (binary search),
 * checked at start to find the end of what was written before a crash.
 * Source: ours, see docs/decisions/0006-the-relays-log-is-websocket-frames.md; integers are little-endian, checksums CRC-32.
 */
import { crc32 } from 'node:zlib';
import { assert } from '@dunlin/protocol/base/assert';

/** Bytes of one record. */
export const recordBytes = 48;

/** Bytes of the header at the start of `.idx`. */
export const headerBytes = 64;

/** Kinds of events that are logged. */
export type LoggedKind = 'commit' | 'sync' | 'identity' | 'account';

/** What the index knows about one event. */
export interface LogRecord {
  /** Where the frame begins in `.dat`, in bytes. */
  readonly offset: number;
  /** Length of the WebSocket frame, header included, in bytes. */
  readonly length: number;
  /** When it was appended, ms since 1970. */
  readonly timeMs: number;
  readonly kind: LoggedKind;
  /** True when the frame was taken down: its bytes are pong frames now and its checksum no longer counts. */
  readonly isScrubbed: boolean;
  /** Hash of the DID, two 32-bit halves (see did-hash.ts). */
  readonly didHashLow: number;
  readonly didHashHigh: number;
  /** Our number of the host the account lives at; 0 for events of our own. */
  readonly hostId: number;
  /** Number of the relay it was heard through, at most 127; 0 when it came from the host itself. */
  readonly relay: number;
  /** The cursor of that host, or relay, when this was appended: everything up to it was decided and durable. */
  readonly hostCursor: number;
  /** Index in this segment of the first record of the same group commit. */
  readonly groupStart: number;
  /** CRC-32 of the frame's bytes as they were appended. */
  readonly frameChecksum: number;
}

/** What the header of `.idx` says. */
export interface SegmentHeader {
  /** Seq of the first record; record i has seq firstSeq + i. */
  readonly firstSeq: number;
  /** Last seq of the segment before, or of the start of the log; equals firstSeq − 1 unless seqs were left out. */
  readonly previousLastSeq: number;
  readonly createdMs: number;
}

const magic = 'DUNLIDX1';
const kinds: readonly LoggedKind[] = ['commit', 'sync', 'identity', 'account'];
const scrubbedFlag = 1;
/** Most relays that can be told apart: the bits beside the flag. */
export const maxRelayNumber = 127;

/** Writes one record at `at`; `seq` goes into the checksum, so that a record cannot pass for another's. */
export function writeRecord(target: Buffer, at: number, seq: number, record: LogRecord): void {
  target.writeUInt32LE(record.offset, at);
  target.writeUInt32LE(record.length, at + 4);
  target.writeUIntLE(record.timeMs, at + 8, 6);
  target.writeUInt8(kinds.indexOf(record.kind) + 1, at + 14);
  target.writeUInt8((record.relay << 1) | (record.isScrubbed ? scrubbedFlag : 0), at + 15);
  target.writeUInt32LE(record.didHashLow, at + 16);
  target.writeUInt32LE(record.didHashHigh, at + 20);
  target.writeUInt32LE(record.hostId, at + 24);
  target.writeDoubleLE(record.hostCursor, at + 28);
  target.writeUInt32LE(record.groupStart, at + 36);
  target.writeUInt32LE(record.frameChecksum, at + 40);
  target.writeUInt32LE(recordChecksum(target, at, seq), at + 44);
}

/** Gives the record at `at`, or null when its checksum or its kind is wrong. */
export function readRecord(source: Buffer, at: number, seq: number): LogRecord | null {
  if (source.readUInt32LE(at + 44) !== recordChecksum(source, at, seq)) return null;
  const kind = kinds[source.readUInt8(at + 14) - 1];
  if (kind === undefined) return null;
  return {
    offset: source.readUInt32LE(at),
    length: source.readUInt32LE(at + 4),
    timeMs: source.readUIntLE(at + 8, 6),
    kind,
    isScrubbed: (source.readUInt8(at + 15) & scrubbedFlag) !== 0,
    didHashLow: source.readUInt32LE(at + 16),
    didHashHigh: source.readUInt32LE(at + 20),
    hostId: source.readUInt32LE(at + 24),
    relay: source.readUInt8(at + 15) >>> 1,
    hostCursor: source.readDoubleLE(at + 28),
    groupStart: source.readUInt32LE(at + 36),
    frameChecksum: source.readUInt32LE(at + 40),
  };
}

/** Gives the header of a new `.idx`. */
export function encodeHeader(header: SegmentHeader): Buffer {
  assert(header.firstSeq > header.previousLastSeq, `segment starts before its predecessor ends: first=${header.firstSeq} previous=${header.previousLastSeq}`);
  const bytes = Buffer.alloc(headerBytes);
  bytes.write(magic, 0, 'latin1');
  bytes.writeDoubleLE(header.firstSeq, 8);
  bytes.writeDoubleLE(header.previousLastSeq, 16);
  bytes.writeDoubleLE(header.createdMs, 24);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, headerBytes - 4)), headerBytes - 4);
  return bytes;
}

/** Gives what the header says, or null when it is not whole. */
export function decodeHeader(bytes: Buffer): SegmentHeader | null {
  if (bytes.length < headerBytes || bytes.toString('latin1', 0, 8) !== magic) return null;
  if (bytes.readUInt32LE(headerBytes - 4) !== crc32(bytes.subarray(0, headerBytes - 4))) return null;
  return { firstSeq: bytes.readDoubleLE(8), previousLastSeq: bytes.readDoubleLE(16), createdMs: bytes.readDoubleLE(24) };
}

function recordChecksum(source: Buffer, at: number, seq: number): number {
  return crc32(source.subarray(at, at + 44), (seq % 0x1_0000_0000) >>> 0);
}
