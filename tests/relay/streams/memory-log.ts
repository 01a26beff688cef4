/**
 * A log in memory with made events and the times they were taken at, and what each event should become in JSON.
 * Stands in for the relay's log in tests of the streams; like it, it tells of events once they are readable and covers
 * taken-down ones with pong frames. Not a test itself.
 */
import { encode } from '@dunlin/protocol/data/cbor';
import { cidForCbor } from '@dunlin/protocol/data/cid';

import { writeCar } from '@dunlin/protocol/car/write';
import type { RepoOp } from '@dunlin/protocol/repo/operation';
import { encodeEvent } from '@dunlin/protocol/stream/event-codec';
import type { StreamEvent } from '@dunlin/protocol/stream/event';
import { fillWithPongs } from '@dunlin/relay/log/frame-bytes';
import type { TimedLog, TimedSlice } from '@dunlin/relay/streams/page';
import { wrapFrame } from '@dunlin/service/websocket/frames';

/** First seq of every log made here. */
export const firstSeq = 2 ** 32 + 1;

/** An event to make. */
export type Made =
  | { readonly kind: 'commit'; readonly did: string; readonly ops: readonly MadeOp[] }
  | { readonly kind: 'identity'; readonly did: string; readonly handle: string | null }
  | { readonly kind: 'account'; readonly did: string; readonly active: boolean; readonly status: string | null }
  | { readonly kind: 'sync'; readonly did: string };

/** One operation; `text` goes into the record. */
export interface MadeOp {
  readonly action: 'create' | 'update' | 'delete';
  readonly collection: string;
  readonly rkey: string;
  readonly text: string;
}

/** An event of the log. */
export interface Logged {
  readonly seq: number;
  readonly timeMs: number;
  readonly made: Made;
  /** The WebSocket frame. */
  frame: Buffer;
  isScrubbed: boolean;
}

const rev = '3m6abcdefgh2a';
const time = '2026-11-24T10:00:00.000Z';

/** Makes the frame of an event. */
export function makeFrame(made: Made, seq: number): Buffer {
  return wrapFrame(encodeEvent(toEvent(made, seq)));
}

function toEvent(made: Made, seq: number): StreamEvent {
  const { did } = made;
  switch (made.kind) {
    case 'identity':
      return { kind: 'identity', seq, did, handle: made.handle, time };
    case 'account':
      return { kind: 'account', seq, did, active: made.active, status: made.status, time };
    case 'sync':
      return { kind: 'sync', seq, did, rev, blocks: new Uint8Array(50), time };
    case 'commit':
      break;
  }
  const commitBlock = encode({ did, rev, version: 3 });
  const commit = cidForCbor(commitBlock);
  const blocks = made.ops.filter(({ action }) => action !== 'delete').map((op) => encode(recordOf(op)));
  const ops = made.ops.map(({ action, collection, rkey, ...op }): RepoOp => {
    const path = `${collection}/${rkey}`;
    if (action === 'delete') return { action, path, cid: null, prev: commit };
    const cid = cidForCbor(encode(recordOf({ action, collection, rkey, ...op })));
    return action === 'create' ? { action, path, cid, prev: null } : { action, path, cid, prev: commit };
  });
  const car = writeCar(commit, [[commit, commitBlock], ...blocks.map((block) => [cidForCbor(block), block] as const)]);
  return { kind: 'commit', seq, did, rev, since: null, commit, prevData: commit, blocks: car, ops, blobs: [], time, tooBig: false, rebase: false };
}

function recordOf({ collection, text }: MadeOp): { $type: string; text: string } {
  return { $type: collection, text };
}

/** Gives what Jetstream would send for an event, `time_us` aside. */
export function expectedJson(made: Made, seq: number): object[] {
  const { did } = made;
  switch (made.kind) {
    case 'sync':
      return [];
    case 'identity':
      return [{ did, kind: 'identity', identity: { did, ...(made.handle === null ? {} : { handle: made.handle }), seq, time } }];
    case 'account':
      return [{ did, kind: 'account', account: { active: made.active, did, seq, ...(made.status === null ? {} : { status: made.status }), time } }];
    case 'commit':
      return made.ops.map((op) => {
        const { action: operation, collection, rkey } = op;
        const record = recordOf(op);
        const content = operation === 'delete' ? {} : { record: { ...record }, cid: cidForCbor(encode(record)).toString() };
        return { did, kind: 'commit', commit: { rev, operation, collection, rkey, ...content } };
      });
  }
}

/** The log. */
export class MemoryLog implements TimedLog {
  readonly events: Logged[] = [];
  readonly #listeners = new Set<(slice: TimedSlice) => void>();
  #nextSeq = firstSeq;
  #oldestSeq = firstSeq;
  reads = 0;
  /** Thrown by the next read. */
  fault: Error | null = null;

  headSeq(): number {
    return this.#nextSeq - 1;
  }

  oldestSeq(): number {
    return this.#oldestSeq;
  }

  /** Appends events as one slice; each comes with the time it is taken at. */
  append(events: readonly { readonly made: Made; readonly timeMs: number }[]): void {
    const logged = events.map(({ made, timeMs }, index) => ({ seq: this.#nextSeq + index, timeMs, made, frame: makeFrame(made, this.#nextSeq + index), isScrubbed: false }));
    this.events.push(...logged);
    this.#nextSeq += logged.length;
    const slice = sliceOf(logged);
    if (slice !== null) for (const listener of this.#listeners) listener(slice);
  }

  async read(afterSeq: number, maxBytes: number): Promise<TimedSlice | null> {
    this.reads += 1;
    const taken: Logged[] = [];
    let bytes = 0;
    for (const event of this.events) {
      if (event.seq <= afterSeq || event.seq < this.#oldestSeq) continue;
      bytes += event.frame.length;
      if (taken.length > 0 && bytes > maxBytes) break;
      taken.push(event);
    }
    // What is read is as it was when the read began, however late it arrives.
    const slice = sliceOf(taken);
    await new Promise<void>((resolve) => setImmediate(resolve));
    const { fault } = this;
    this.fault = null;
    if (fault !== null) throw fault;
    return slice;
  }

  onAppend(listener: (slice: TimedSlice) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  seqAtTime(ms: number): number {
    return (this.events.find(({ seq, timeMs }) => seq >= this.#oldestSeq && timeMs >= ms)?.seq ?? this.#nextSeq) - 1;
  }

  /** Takes an event down. */
  scrub(event: Logged): void {
    event.frame = Buffer.from(event.frame);
    event.isScrubbed = true;
    fillWithPongs(event.frame, 0, event.frame.length);
  }

  /** Removes everything in front of `seq` from the window. */
  trim(seq: number): void {
    this.#oldestSeq = Math.max(this.#oldestSeq, Math.min(seq, this.#nextSeq));
  }
}

function sliceOf(events: readonly Logged[]): TimedSlice | null {
  const [first, last] = [events[0], events.at(-1)];
  if (first === undefined || last === undefined) return null;
  return { bytes: Buffer.concat(events.map(({ frame }) => frame)), firstSeq: first.seq, lastSeq: last.seq, count: events.length, timesMs: events.map(({ timeMs }) => timeMs) };
}
