/**
 * Events that were appended and wait for the next group commit: their frames, side by side in large buffers,
 * and what the index will say about them.
 * Not for writing: relay-log.ts takes a whole group and makes it durable.
 * Place in the flow: accepted frames are copied here once, with their new seq; the same memory then goes to the file
 * and, as a slice, to every consumer. Nobody changes it after that.
 * Source: ours; the canonical CBOR of a seq above 2^32 is nine bytes: 0x1b and eight, big-endian.
 */
import { crc32 } from 'node:zlib';
import { assert } from '@dunlin/protocol/base/assert';
import type { EventSlice } from '@dunlin/service/firehose/event-log';
import { frameHeaderBytes, writeFrameHeader } from '@dunlin/service/websocket/frames';
import type { DidHash } from './did-hash.ts';
import { recordBytes, writeRecord } from './record.ts';
import type { LoggedKind } from './record.ts';

/** Bytes of a seq inside a frame, always. */
export const seqBytes = 9;

const chunkBytes = 1_048_576;

/** An event to append. `payload` is copied at once and stays the caller's. */
export interface Appendable {
  readonly kind: LoggedKind;
  /** The event frame: two DAG-CBOR items. */
  readonly payload: Uint8Array;
  /** Where the CBOR of seq stands in the payload, and how long it is; it is replaced. */
  readonly seqOffset: number;
  readonly seqLength: number;
  readonly didHash: DidHash;
  /** Our number of the host the account lives at; 0 for our own events. */
  readonly hostId: number;
  /** Number of the relay it was heard through; left out when it came from the host itself. */
  readonly relay?: number;
  /** Cursor of that host, or relay: everything up to here is decided and durable. */
  readonly hostCursor: number;
}

/** A slice that also tells when each of its events was appended. */
export interface RelaySlice extends EventSlice {
  /** ms since 1970; event `seq` at index seq − firstSeq. */
  readonly timesMs: readonly number[];
}

interface Entry {
  readonly event: Pick<Required<Appendable>, 'kind' | 'didHash' | 'hostId' | 'relay' | 'hostCursor'>;
  readonly length: number;
  readonly timeMs: number;
  readonly frameChecksum: number;
}

/** A run of frames in one piece of memory. */
interface Part {
  readonly chunk: Buffer;
  readonly start: number;
  end: number;
  readonly firstSeq: number;
  count: number;
}

/** Hands out memory for frames; a chunk is shared by groups, so few events do not cost a chunk each. */
export class FrameMemory {
  /** The chunk that the last `take` was served from. */
  chunk = Buffer.alloc(0);
  #used = 0;

  /** Gives where in `chunk` `bytes` of fresh memory begin; consecutive takes from one chunk are adjacent. */
  take(bytes: number): number {
    if (this.#used + bytes > this.chunk.length) {
      this.chunk = Buffer.allocUnsafeSlow(Math.max(chunkBytes, bytes));
      this.#used = 0;
    }
    const start = this.#used;
    this.#used += bytes;
    return start;
  }
}

/** Events of one group commit, in order. */
export class Group {
  readonly firstSeq: number;
  byteLength = 0;
  readonly #memory: FrameMemory;
  readonly #entries: Entry[] = [];
  readonly #parts: Part[] = [];

  constructor(firstSeq: number, memory: FrameMemory) {
    this.firstSeq = firstSeq;
    this.#memory = memory;
  }

  /** How many events are in it. */
  get count(): number {
    return this.#entries.length;
  }

  /** Seq of its last event; firstSeq − 1 when empty. */
  get lastSeq(): number {
    return this.firstSeq + this.#entries.length - 1;
  }

  /** Adds an event and gives its seq. */
  add(event: Appendable, timeMs: number): number {
    const seq = this.lastSeq + 1;
    const payloadBytes = event.payload.length - event.seqLength + seqBytes;
    const length = frameHeaderBytes(payloadBytes) + payloadBytes;
    const start = this.#memory.take(length);
    const { chunk } = this.#memory;
    const payloadAt = writeFrameHeader(chunk, start, payloadBytes);
    const seqAt = payloadAt + event.seqOffset;
    chunk.set(event.payload.subarray(0, event.seqOffset), payloadAt);
    writeSeq(chunk, seqAt, seq);
    chunk.set(event.payload.subarray(event.seqOffset + event.seqLength), seqAt + seqBytes);
    const { kind, didHash, hostId, relay = 0, hostCursor } = event;
    const frameChecksum = crc32(chunk.subarray(start, start + length));
    this.#entries.push({ event: { kind, didHash, hostId, relay, hostCursor }, length, timeMs, frameChecksum });
    this.#extend(start, length, seq);
    return seq;
  }

  /** Gives the group as slices, one for each piece of memory it stands in. */
  slices(): RelaySlice[] {
    return this.#parts.map(({ chunk, start, end, firstSeq, count }) => {
      const first = firstSeq - this.firstSeq;
      const timesMs = this.#entries.slice(first, first + count).map((entry) => entry.timeMs);
      return { bytes: chunk.subarray(start, end), firstSeq, lastSeq: firstSeq + count - 1, count, timesMs };
    });
  }

  /** Gives the index records for a group that begins at `datOffset` in `.dat` and at `index` in the segment. */
  records(datOffset: number, index: number): Buffer {
    const bytes = Buffer.alloc(this.#entries.length * recordBytes);
    let offset = datOffset;
    for (const [i, { event, length, timeMs, frameChecksum }] of this.#entries.entries()) {
      writeRecord(bytes, i * recordBytes, this.firstSeq + i, {
        offset, length, timeMs, frameChecksum, kind: event.kind, isScrubbed: false, groupStart: index,
        didHashLow: event.didHash.low, didHashHigh: event.didHash.high, hostId: event.hostId, relay: event.relay, hostCursor: event.hostCursor,
      });
      offset += length;
    }
    return bytes;
  }

  #extend(start: number, length: number, seq: number): void {
    const { chunk } = this.#memory;
    const last = this.#parts.at(-1);
    this.byteLength += length;
    if (last?.chunk === chunk && last.end === start) {
      last.end += length;
      last.count += 1;
    } else {
      this.#parts.push({ chunk, start, end: start + length, firstSeq: seq, count: 1 });
    }
  }
}

function writeSeq(target: Buffer, at: number, seq: number): void {
  assert(seq > 0xffff_ffff, `seq is not above 2^32: seq=${seq}`);
  target[at] = 0x1b;
  target.writeUInt32BE(Math.floor(seq / 0x1_0000_0000), at + 1);
  target.writeUInt32BE(seq % 0x1_0000_0000, at + 5);
}
