/**
 * One host, or another relay: its socket, its limits, its cursor, and what is known of how it behaves.
 * Not for what its events say (ingest/) nor for when to have it at all (host-pool.ts).
 * Place in the flow: hop 5. Over a limit, or when the relay has no room, its socket is not read for a while; nothing is
 * dropped for that. Reconnecting, with back-off for refusals and for hosts that hang up at once, is the Subscription's.
 * Source: ours; FutureCursor by rule: a host that does not know our cursor has a new numbering, so we begin anew at its
 * oldest event and revs sort out what we have already.
 */
import type { LookupFunction } from 'node:net';
import type { Clock } from '@dunlin/protocol/base/clock';
import type { DropReason } from '@dunlin/protocol/repo/drop-reason';
import { Subscription, faultText } from '@dunlin/firehose-consumer';
import type { SubscriptionFault } from '@dunlin/firehose-consumer';
import type { Intake } from '../ingest/intake.ts';
import type { Upstream } from '../ingest/upstream.ts';
import { CursorTracker } from './cursor-tracker.ts';
import type { OpenEvent } from './cursor-tracker.ts';
import { HostFigures } from './host-figures.ts';
import type { HostLimits } from './host-limits.ts';
import type { HostState, HostStatus } from './host-status.ts';
import type { Host, HostCursor } from './host-store.ts';
import { Oversize } from './oversize.ts';
import type { Parkable } from './parking.ts';
import { RatePause } from './rate-pause.ts';

/** Frames between this and 5 MB more are read and dropped by verdict; larger ones end the connection. */
const largestReadBytes = 8_000_000;

/** Failed attempts in a row after which a host counts as offline. */
const offlineAfterFaults = 3;

/** What a connection is made of. */
export interface HostConnectionParts {
  readonly host: Host;
  readonly origin: string;
  readonly intake: Pick<Intake, 'take' | 'refuse'>;
  readonly clock: Clock;
  readonly isTrusted: boolean;
  readonly limits: () => HostLimits;
  readonly accountLimit: () => number;
  readonly accounts: () => number;
  /** A stream that was never heard begins with what happens from now on, not with its oldest event. */
  readonly startsLive: boolean;
  readonly backoff: { readonly minMs: number; readonly maxMs: number };
  readonly lookup: LookupFunction;
  readonly userAgent: string;
  /** Called when the host has a new numbering, which begins after `cursor`; durable when it returns, if the disk has room. */
  readonly onNewNumbering: (cursor: number) => void;
  readonly onTextFrame: () => void;
  /** Called when the host has let go of events that we never had. */
  readonly onMissed: () => void;
}

/** A host we listen to. */
export class HostConnection implements Upstream, Parkable {
  readonly id: number;
  readonly origin: string;
  readonly relay: number;
  readonly #parts: HostConnectionParts;
  readonly #rate: RatePause;
  readonly #figures = new HostFigures();
  readonly #oversize = new Oversize();
  #tracker: CursorTracker;
  #subscription: Subscription | null = null;
  /** Seq of the last frame on the present connection. */
  #connectionSeq: number | null = null;
  /** A host says FutureCursor, or OutdatedCursor, once a connection; more is noise. */
  #hasResetHere = false;
  #isOutdatedHere = false;
  #isParked = false;
  /** Its numbering is not known yet. */
  #isBeforeFirst: boolean;
  /** When its stream was opened, and when a frame came last; monotonic. */
  #openedMs = 0;
  #heardMs = -1;
  #isWithoutRoom = false;
  #faultsInARow = 0;
  #resets: number;
  #savedCursor: number;

  constructor(parts: HostConnectionParts) {
    this.#parts = parts;
    this.id = parts.host.id;
    this.origin = parts.origin;
    this.relay = parts.host.relay;
    this.#isBeforeFirst = parts.startsLive && parts.host.cursor === 0 && parts.host.resets === 0;
    this.#tracker = new CursorTracker(parts.host.cursor);
    this.#savedCursor = parts.host.cursor;
    this.#resets = parts.host.resets;
    this.#rate = new RatePause(parts.limits, parts.clock, () => this.#setPause());
  }

  get cursor(): number {
    return this.#tracker.cursor;
  }

  /** True while its stream is open. */
  get isOpen(): boolean {
    return this.#subscription?.state === 'open';
  }

  /** True while the handshake is under way. */
  get isDialling(): boolean {
    return this.#subscription?.state === 'connecting';
  }

  /** Hung up on because it was quiet; `connect` dials again. */
  get isParked(): boolean {
    return this.#isParked;
  }

  /** Since when nothing came, on the monotonic clock; null while the stream is not open, or not read, and for relays. */
  get quietSinceMs(): number | null {
    if (this.relay > 0 || !this.isOpen || this.#isWithoutRoom || this.#rate.isOver) return null;
    return Math.max(this.#openedMs, this.#heardMs);
  }

  /** Says whether a frame came after that moment of the monotonic clock. */
  hasSpokenSince(elapsedMs: number): boolean {
    return this.#heardMs > elapsedMs;
  }

  /** Dials, or dials anew without waiting when the last attempt failed. */
  connect(): void {
    if (this.#subscription?.state === 'open' || this.#subscription?.state === 'connecting') return;
    void this.#subscription?.close();
    this.#isParked = false;
    const { backoff, clock, lookup, userAgent } = this.#parts;
    const subscription = new Subscription({
      service: this.origin,
      cursor: () => (this.#isBeforeFirst ? null : this.#tracker.lastSeq),
      onFrame: (bytes) => this.#onFrame(bytes),
      onState: (state) => {
        if (subscription === this.#subscription && state === 'open') this.#opened();
      },
      onError: (fault) => {
        if (subscription === this.#subscription) this.#failed(fault);
      },
      clock, backoff, lookup, maxFrameBytes: largestReadBytes, headers: { 'User-Agent': userAgent },
    });
    this.#subscription = subscription;
    this.#setPause();
    subscription.start();
  }

  /** Hangs up until `connect`. */
  park(): void {
    this.#isParked = true;
    const subscription = this.#subscription;
    this.#subscription = null;
    void subscription?.close();
  }

  /** Hangs up for good. */
  async close(): Promise<void> {
    this.#rate.close();
    const subscription = this.#subscription;
    this.#subscription = null;
    await subscription?.close();
  }

  begin(seq: number, time: string | null): OpenEvent | null {
    this.#figures.dated(time);
    if (this.#isBeforeFirst) {
      this.#isBeforeFirst = false;
      this.#tracker = new CursorTracker(seq - 1);
    }
    if (this.#connectionSeq !== null && seq <= this.#connectionSeq) return null;
    const isFirst = this.#connectionSeq === null;
    this.#connectionSeq = seq;
    if (seq > this.#tracker.lastSeq) return this.#tracker.open(seq);
    // A host that gives the event at the cursor once more is forgiven; one that goes further back counts anew.
    if (!isFirst || seq === this.#tracker.lastSeq) return null;
    this.#beginNumbering(seq - 1);
    return this.#tracker.open(seq);
  }

  settle(event: OpenEvent): void {
    this.#tracker.settle(event);
  }

  dropped(reason: DropReason, detail: string): void {
    this.#figures.drop(reason);
    // Repeats after a reconnect are everyday and say nothing of the host.
    if (reason !== 'revNotNewer' && reason !== 'duplicate' && reason !== 'seqNotIncreasing') this.#note(`${reason}: ${detail}`);
  }

  accepted(): void {
    this.#figures.acceptedEvents += 1;
  }

  info(name: string): void {
    this.#note(`info from host: ${name}`);
    if (name === 'OutdatedCursor' && !this.#isOutdatedHere) this.#parts.onMissed();
    this.#isOutdatedHere ||= name === 'OutdatedCursor';
  }

  resumeFromBudget(): void {
    this.#isWithoutRoom = false;
    queueMicrotask(() => this.#setPause());
  }

  /** Gives the cursor when it has moved since it was last taken, else null. */
  takeCursor(): HostCursor | null {
    if (this.cursor === this.#savedCursor) return null;
    this.#savedCursor = this.cursor;
    return { hostId: this.id, cursor: this.cursor, resets: this.#resets };
  }

  /** Gives how the host does. */
  status(): HostStatus {
    const figures = this.#figures;
    return {
      hostname: this.#parts.host.hostname,
      kind: this.relay > 0 ? 'relay' : 'pds',
      isHeard: true,
      state: this.#state(),
      cursor: this.cursor,
      seenSeq: this.#tracker.lastSeq,
      accounts: this.#parts.accounts(),
      accountLimit: this.#parts.accountLimit(),
      acceptedEvents: figures.acceptedEvents,
      duplicateEvents: figures.duplicateEvents,
      droppedEvents: Object.fromEntries(figures.dropped),
      lastFault: figures.lastFault,
      lastEventAtMs: figures.lastEventAtMs,
      lagMs: figures.lagMs(),
      connectedAtMs: figures.connectedAtMs,
      rates: this.relay > 0 ? null : this.#rate.figures(),
      isTrusted: this.#parts.isTrusted,
      pause: this.#rate.isOver ? 'rate' : this.#isWithoutRoom ? 'room' : null,
      resets: this.#resets,
    };
  }

  #state(): HostState {
    if (this.#subscription === null) return 'idle';
    if (this.#rate.isOver) return 'throttled';
    if (this.#subscription.state === 'open') return 'active';
    return this.#faultsInARow >= offlineAfterFaults ? 'offline' : 'idle';
  }

  #opened(): void {
    this.#connectionSeq = null;
    [this.#hasResetHere, this.#isOutdatedHere] = [false, false];
    this.#openedMs = this.#parts.clock.elapsedMs();
    this.#figures.connectedAtMs = this.#parts.clock.nowMs();
  }

  #onFrame(bytes: Buffer): void {
    this.#faultsInARow = 0;
    this.#heardMs = this.#parts.clock.elapsedMs();
    this.#figures.heard(this.#parts.clock.nowMs());
    if (!this.#parts.intake.take(this, bytes)) {
      this.#isWithoutRoom = true;
      this.#setPause();
    }
    this.#rate.charge();
  }

  #setPause(): void {
    if (this.#isWithoutRoom || this.#rate.isOver) this.#subscription?.pause();
    else this.#subscription?.resume();
  }

  #failed(fault: SubscriptionFault): void {
    if (fault.kind === 'text-frame' || fault.kind === 'error-frame') this.#rate.charge();
    if (fault.kind === 'text-frame') return this.#parts.onTextFrame();
    this.#faultsInARow += 1;
    this.#note(faultText(fault));
    if (fault.kind === 'frame-too-big') return this.#passOver(fault.maxBytes);
    if (fault.kind !== 'error-frame' || fault.error !== 'FutureCursor' || this.#hasResetHere) return;
    this.#hasResetHere = true;
    const back = this.#oversize.backFrom(this.#tracker.lastSeq);
    if (back !== null) return void (this.#tracker = new CursorTracker(back));
    this.#beginNumbering(0);
  }

  /** Goes on behind a frame that is too large to be read, when that has been tried often enough. */
  #passOver(maxBytes: number): void {
    const { lastSeq } = this.#tracker;
    const jump = this.#isBeforeFirst ? 0 : this.#oversize.ended(lastSeq);
    if (jump === 0) return;
    this.settle(this.#tracker.open(lastSeq + jump));
    this.#parts.intake.refuse(this, 'frameTooBig', `frame cannot be read and is passed over: behind=${lastSeq} max=${maxBytes}`);
    this.#parts.onMissed();
  }

  #beginNumbering(cursor: number): void {
    this.#resets += 1;
    this.#tracker = new CursorTracker(cursor);
    this.#savedCursor = cursor;
    this.#parts.onNewNumbering(cursor);
    this.#parts.onMissed();
  }

  #note(text: string): void {
    this.#figures.note(text, this.#parts.clock.nowMs());
  }
}
