/**
 * One event of the log, read as far as filters need it, and the JSON events it stands for: one an operation.
 * Not verified here: what is in the log was. Text and compressed forms are made when somebody first wants them, and then kept.
 * Place in the flow: inside a page; filters judge entries and their JSON events, encodings send them.
 * Source: Jetstream's README for the events; lexicon com.atproto.sync.subscribeRepos for what they are made of.
 */
import { scanFrame, type FrameScan } from '@dunlin/protocol/stream/frame-scan';
import { OpsScan, scanOps } from '@dunlin/protocol/repo/ops-scan';
import { framePayload } from '../log/frame-bytes.ts';
import type { LoggedKind } from '../log/record.ts';
import { slotTimeUs, type TimeSlots } from './time-slots.ts';

/** What a filter looks at. */
export interface Judged {
  readonly kind: LoggedKind;
  readonly did: string;
  /** Collections it touches; none for what is not a commit. */
  readonly collections: readonly string[];
}

/** Told of the memory that kept forms take, for the bounds of those who hold pages. */
export interface Memory {
  add(bytes: number): void;
}

const kinds: ReadonlyMap<string, LoggedKind> = new Map([['#commit', 'commit'], ['#sync', 'sync'], ['#identity', 'identity'], ['#account', 'account']]);
const none: readonly string[] = [];
const actions = ['create', 'update', 'delete'] as const;

/** A frame and where its fields lie. */
export interface ScannedFrame {
  readonly kind: LoggedKind;
  readonly payload: Buffer;
  readonly scan: FrameScan;
}

/** Scans one binary frame of the log; null for a kind that is not streamed. */
export function scanEntry(frame: Buffer): ScannedFrame | null {
  const payload = framePayload(frame);
  const scan = scanFrame(payload);
  const kind = kinds.get(scan.t);
  return kind === undefined ? null : { kind, payload, scan };
}

/** An event of the log. */
export class Entry implements Judged {
  readonly kind: LoggedKind;
  readonly did: string;
  readonly seq: number;
  /** The whole WebSocket frame as the log has it. */
  readonly frame: Buffer;
  readonly payload: Buffer;
  readonly scan: FrameScan;
  readonly memory: Memory;
  /** What it is in JSON; nothing for a #sync, which Jetstream does not know. */
  readonly events: readonly JsonEvent[];

  /** Reads a frame of the log; `timeMs` is when the log took it. */
  constructor(frame: Buffer, { kind, scan, payload }: ScannedFrame, timeMs: number, slots: TimeSlots, memory: Memory) {
    this.frame = frame;
    this.payload = payload;
    this.kind = kind;
    this.scan = scan;
    this.did = scan.did ?? '';
    this.seq = scan.seq;
    this.memory = memory;
    this.events = kind === 'commit' ? this.#operations(timeMs, slots) : this.#single(timeMs, slots);
  }

  /** Collections of all its operations. */
  get collections(): readonly string[] {
    const [first, ...others] = this.events;
    if (first === undefined || others.length === 0) return first?.collections ?? none;
    return this.events.flatMap((event) => event.collections);
  }

  #operations(timeMs: number, slots: TimeSlots): JsonEvent[] {
    const { scan, payload } = this;
    const ops = sharedOps;
    scanOps(ops, payload, scan.opsOffset, scan.opsEnd);
    const slot = slots.take(timeMs, ops.count);
    const events: JsonEvent[] = [];
    for (let index = 0; index < ops.count; index++) {
      const path = ops.path(index);
      const border = path.indexOf('/');
      const operation = { action: actions[ops.actions[index] ?? 0] ?? 'create', collection: path.slice(0, border), rkey: path.slice(border + 1), cidOffset: ops.cidOffsets[index] ?? -1 };
      events.push(new JsonEvent(this, slotTimeUs(timeMs, slot + index), operation));
    }
    return events;
  }

  #single(timeMs: number, slots: TimeSlots): JsonEvent[] {
    const slot = slots.take(timeMs, 1);
    return this.kind === 'sync' ? [] : [new JsonEvent(this, slotTimeUs(timeMs, slot), null)];
  }
}

const sharedOps = new OpsScan();

/** What an operation of a commit did; offsets are within the entry's payload, −1 for no CID. */
export interface Operation {
  readonly action: (typeof actions)[number];
  readonly collection: string;
  readonly rkey: string;
  readonly cidOffset: number;
}

/** One message for those who want JSON. */
export class JsonEvent implements Judged {
  readonly entry: Entry;
  readonly timeUs: number;
  readonly operation: Operation | null;
  readonly collections: readonly string[];
  /** The text as a whole WebSocket frame, once somebody wanted it (see event-text.ts). */
  textFrame: Buffer | null = null;
  /** Whole frames with the text compressed, by the compressor's number (see compressor.ts). */
  readonly compressed: (Buffer | undefined)[] = [];

  constructor(entry: Entry, timeUs: number, operation: Operation | null) {
    this.entry = entry;
    this.timeUs = timeUs;
    this.operation = operation;
    this.collections = operation === null ? none : [operation.collection];
  }

  get kind(): LoggedKind {
    return this.entry.kind;
  }

  get did(): string {
    return this.entry.did;
  }

  get seq(): number {
    return this.entry.seq;
  }
}
