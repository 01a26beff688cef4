/**
 * A log without end, made of a few thousand real-sized commits over and over: what the bench of the JSON streams reads and hears.
 * Not verified and not on disk: what is measured stands behind the log. Frames are as large as on the network (5.5 kB, most of it
 * MST nodes, which are random bytes here). Source: sizes of real traffic as in docs/decisions on the relay's log.
 */
import { encode } from '@dunlin/protocol/data/cbor';
import { cidForCbor } from '@dunlin/protocol/data/cid';
import { writeCar } from '@dunlin/protocol/car/write';
import { randomBytes } from '@dunlin/protocol/crypto/random';
import { encodeEvent } from '@dunlin/protocol/stream/event-codec';
import { scanFrame } from '@dunlin/protocol/stream/frame-scan';
import type { TimedLog, TimedSlice } from '@dunlin/relay/streams/page';
import { wrapFrame } from '@dunlin/service/websocket/frames';
import { SampleRecords } from './sample-records.ts';

const firstSeq = 2 ** 32 + 1;
const nodeBlocks = 8;
const nodeBytes = 560;

/** The payload of one event, before its seq. */
export interface SampleFrame {
  readonly did: string;
  readonly collection: string;
  readonly frame: Buffer;
  /** Where the eight bytes of its seq are in the frame. */
  readonly seqAt: number;
}

/** Makes `count` events of as many accounts. */
export function sampleFrames(count: number): SampleFrame[] {
  const samples = new SampleRecords(7);
  return Array.from({ length: count }, () => {
    const did = samples.did();
    const { collection, rkey, record } = samples.next();
    const block = encode(record);
    const rev = samples.tid();
    const commitBlock = encode({ did, rev, version: 3, prev: null, data: samples.cid(), sig: randomBytes(64) });
    const commit = cidForCbor(commitBlock);
    const nodes = Array.from({ length: nodeBlocks }, () => encode({ e: randomBytes(nodeBytes) }));
    const blocks = writeCar(commit, [[commit, commitBlock], ...[...nodes, block].map((bytes) => [cidForCbor(bytes), bytes] as const)]);
    const payload = encodeEvent({
      kind: 'commit', seq: firstSeq, did, rev, since: samples.tid(), commit, prevData: samples.cid(), blocks,
      ops: [{ action: 'create', path: `${collection}/${rkey}`, cid: cidForCbor(block), prev: null }], blobs: [], time: '2026-11-24T10:00:00.000Z', tooBig: false, rebase: false,
    });
    const frame = wrapFrame(payload);
    return { did, collection, frame, seqAt: frame.length - payload.length + scanFrame(payload).seqOffset + 1 };
  });
}

/** The log. `held` events are behind its head from the start. */
export class SampleLog implements TimedLog {
  readonly #frames: readonly SampleFrame[];
  readonly #listeners = new Set<(slice: TimedSlice) => void>();
  #head: number;

  constructor(frames: readonly SampleFrame[], held: number) {
    this.#frames = frames;
    this.#head = firstSeq - 1 + held;
  }

  headSeq(): number {
    return this.#head;
  }

  oldestSeq(): number {
    return firstSeq;
  }

  read(afterSeq: number, maxBytes: number): TimedSlice | null {
    const average = this.#frames[0]?.frame.length ?? 1;
    const count = Math.min(this.#head - afterSeq, Math.max(1, Math.floor(maxBytes / average)));
    return count <= 0 ? null : this.#slice(afterSeq + 1, count);
  }

  onAppend(listener: (slice: TimedSlice) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  seqAtTime(ms: number): number {
    return Math.min(this.#head, firstSeq - 1 + Math.max(0, ms - 1));
  }

  append(count: number): void {
    const slice = this.#slice(this.#head + 1, count);
    this.#head += count;
    for (const listener of this.#listeners) listener(slice);
  }

  /** Events that follow, each a ms behind the one before. */
  #slice(from: number, count: number): TimedSlice {
    const parts = Array.from({ length: count }, (_, index) => this.#frames[(from + index) % this.#frames.length]!);
    const bytes = Buffer.concat(parts.map(({ frame }) => frame));
    let at = 0;
    for (const [index, { frame, seqAt }] of parts.entries()) {
      bytes.writeBigUInt64BE(BigInt(from + index), at + seqAt);
      at += frame.length;
    }
    return { bytes, firstSeq: from, lastSeq: from + count - 1, count, timesMs: parts.map((_, index) => from + index - firstSeq + 1) };
  }
}
