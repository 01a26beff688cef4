/**
 * The way of a frame from the socket to its delivery: scan → filter → open → verify, in order per DID → deliver.
 * Not for: sockets (see stream.ts) or what a delivery does with an event (see handler-delivery.ts and its siblings).
 * Place in the flow: between `Subscription` and the delivery; counts, drops and the cursor are kept here.
 * Invariant: every event that opens is finished exactly once, or stays open for ever and keeps the cursor below it.
 * Source: ours, see firehose-consumer/README.md.
 */
import { ProtocolError } from '@dunlin/protocol/base/errors';
import type { Refusal } from '@dunlin/protocol/repo/drop-reason';
import { scanFrame } from '@dunlin/protocol/stream/frame-scan';
import type { FrameScan } from '@dunlin/protocol/stream/frame-scan';
import type { Budget } from './budget.ts';
import type { Continuity } from './continuity.ts';
import { CursorTracker } from './cursor.ts';
import { Intake, heldBytes, kindOf, own } from './decode.ts';
import type { HeldFrame } from './decode.ts';
import type { Filter } from './filter.ts';
import { InOrder } from './in-order.ts';
import type { Place } from './in-order.ts';
import { Lanes } from './lanes.ts';
import type { Counters } from './metrics.ts';
import type { Drop } from './notice.ts';
import type { OpenFrame } from './open-frame.ts';
import type { Verifier } from './verify.ts';

/** The parts of a pipeline and who hears from it. */
export interface PipelineOptions {
  filter: Filter;
  /** Commits without operations are events of their own. */
  keepsEmpty: boolean;
  /** True delivers in order of the stream, false in order per DID. */
  isOrdered: boolean;
  verifier: Verifier | null;
  continuity: Continuity | null;
  /** An account's identity may have changed: what is remembered of it is old. */
  forget: (did: string) => void;
  budget: Budget;
  counters: Counters;
  deliver: (event: OpenFrame) => void;
  onDrop: (drop: Drop) => void;
  /** `#info` frames, and error frames that look so unusual that the subscription did not see them. */
  onWord: (word: { isError: boolean; name: string; message: string | null }) => void;
  /** Our own mistake while verifying; the run must end. */
  onFault: (error: unknown) => void;
}

/** How many accounts may be verified, or wait for their key, at once. */
const verifyConcurrency = 256;

/** Takes frames in and hands over those that are wanted and true. */
export class Pipeline {
  readonly #options: PipelineOptions;
  readonly #intake: Intake;
  readonly #verifying: Lanes<Judged> | null;
  readonly #inOrder: InOrder<OpenFrame> | null;
  #tracker = new CursorTracker(null);

  constructor(options: PipelineOptions) {
    this.#options = options;
    this.#intake = new Intake(options.filter, options.keepsEmpty, options.continuity !== null);
    this.#verifying = options.verifier ? new Lanes({ concurrency: verifyConcurrency, work: (judged) => this.#verify(judged), onFault: options.onFault }) : null;
    this.#inOrder = options.isOrdered && (options.verifier || options.continuity) ? new InOrder(options.deliver) : null;
  }

  /** The highest seq with nothing open at or below it. */
  get cursor(): number | null {
    return this.#tracker.cursor;
  }

  /** The highest seq taken in: where a new connection of this run goes on. */
  get lastSeq(): number | null {
    return this.#tracker.lastSeq;
  }

  get openCount(): number {
    return this.#tracker.openCount;
  }

  /** Begins at a cursor; what is still open from before is finished for its own sake and moves no cursor any more. */
  restart(cursor: number | null): void {
    this.#tracker = new CursorTracker(cursor);
  }

  /** Takes one message of the stream. Bad bytes are dropped, never thrown. */
  take(bytes: Uint8Array): void {
    const { counters, onWord, forget } = this.#options;
    counters.add('frames');
    counters.add('bytes', bytes.length);
    const scan = this.#scan(bytes);
    if (!scan) return;
    const kind = kindOf(scan);
    if (kind === null) {
      if (scan.op === -1 || scan.t === '#info') onWord({ isError: scan.op === -1, name: scan.name ?? '', message: scan.message });
      else counters.add('unknown');
      return;
    }
    const { seq, did } = scan;
    if (this.#tracker.lastSeq !== null && seq <= this.#tracker.lastSeq) {
      return this.#drop({ reason: 'seqNotIncreasing', detail: `last=${this.#tracker.lastSeq}`, seq, did, path: null });
    }
    if (kind === 'identity' && did !== null) forget(did);
    const taken = this.#intake.take(bytes, scan, kind);
    if (taken !== null && !('accepted' in taken)) return this.#admit(taken);
    this.#tracker.skip(seq);
    if (taken === null) counters.add('filtered');
    else this.#drop({ reason: taken.reason, detail: taken.detail, seq, did, path: null });
  }

  /** Ends an event: gives its bytes back and lets the cursor pass, with continuity when the ledger knows. Again does nothing. */
  finish(event: OpenFrame): void {
    if (event.open.isClosed) return;
    if (event.entry) event.entry.finish();
    else this.close(event);
  }

  /** The end of it, at once. Again does nothing. */
  close({ frame, open, tracker }: OpenFrame): void {
    if (open.isClosed) return;
    if (tracker) tracker.close(open);
    else open.isClosed = true;
    this.#options.budget.refund(heldBytes(frame));
  }

  /** Leaves an event out for a reason. */
  leaveOut(event: OpenFrame, { reason, detail }: Refusal): void {
    const { seq, did } = event.frame;
    this.#drop({ reason, detail, seq, did, path: null });
    this.close(event);
  }

  /** Gives the cursor that is right once these are done, besides what is: below everything else that is open. */
  cursorWith(events: readonly OpenFrame[]): number | null {
    for (const { open } of events) open.isGiven = true;
    return this.#tracker.cursorBeyondGiven;
  }

  #scan(bytes: Uint8Array): FrameScan | null {
    try {
      return scanFrame(bytes);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#drop({ reason: error.code === 'FrameTooBig' ? 'frameTooBig' : 'badFrame', detail: error.message, seq: null, did: null, path: null });
      return null;
    }
  }

  #admit(frame: HeldFrame): void {
    const event: OpenFrame = { frame, open: this.#tracker.open(frame.seq), tracker: this.#tracker, entry: null };
    this.#options.budget.charge(heldBytes(frame));
    if (this.#verifying) this.#verifying.push(frame.did, { frame, event, place: this.#inOrder?.admit(event) ?? null });
    else this.#goOn(event, this.#inOrder?.admit(event) ?? null);
    if (!event.open.isClosed) own(frame);
  }

  #verify(judged: Judged): void | Promise<void> {
    const verdict = (this.#options.verifier as Verifier).verify(judged.frame);
    if (!(verdict instanceof Promise)) return this.#verified(judged, verdict);
    return verdict.then((refusal) => this.#verified(judged, refusal));
  }

  #verified({ event, place }: Judged, refusal: Refusal | null): void {
    if (refusal === null) return this.#goOn(event, place);
    this.leaveOut(event, refusal);
    if (place) this.#inOrder?.settle(place, false);
  }

  #goOn(event: OpenFrame, place: Place<OpenFrame> | null): void {
    const { continuity, deliver } = this.#options;
    if (!continuity) return place ? this.#inOrder?.settle(place, true) : deliver(event);
    continuity.take(event, (isKept) => {
      if (place) this.#inOrder?.settle(place, isKept);
      else if (isKept) deliver(event);
    });
  }

  #drop(drop: Drop): void {
    this.#options.counters.add('dropped', 1, drop.reason);
    this.#options.onDrop(drop);
  }
}

interface Judged {
  readonly frame: HeldFrame;
  readonly event: OpenFrame;
  readonly place: Place<OpenFrame> | null;
}
