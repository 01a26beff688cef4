/**
 * Counts that move while you watch: whoever tracks a subject gets its counts now and again on every change.
 * The first change after a quiet time is told at once, further ones together after a rest, newest only. The rest grows with how many
 * listen, up to half a second, and with how long counting takes (very many people), so that this costs no more than a fifth of the time.
 * Counts are taken over rows each time, never added up here, so a listener can miss changes but never hold a wrong number for long.
 * Source: ours, see docs/gateway.md; figures in lexicons/app.dunlin.live.subscribe.json#counts.
 */
import type { Clock, Timer } from '@dunlin/protocol/base/clock';
import { Frame } from '../rooms/frame.ts';
import type { CountsView } from '../views/counts-view.ts';

/** Gets a frame whenever the counts of a tracked subject are new. */
export type CountsListener = (frame: Frame) => void;

/** Parts and bounds. */
export interface LiveCountsOptions {
  /** Counts a subject as it is in the index now. */
  readonly read: (subject: string) => CountsView;
  readonly clock: Clock;
  /** Rest between two frames of one subject while few listen. Default 100. */
  readonly restMs?: number;
  /** Most subjects tracked by everybody together. Default 100,000. */
  readonly maxSubjects?: number;
  /** Most subjects tracked from one address, each client's counted apart. Default 20,000. */
  readonly maxSubjectsPerAddress?: number;
}

/** Longest rest, however many listen. */
export const maxRestMs = 500;

/** This many listeners lengthen the rest by a ms. */
const listenersPerMs = 20;

interface Tracked {
  readonly listeners: Set<CountsListener>;
  frame: Frame;
  /** The counts in the frame, without their version. */
  counts: string;
  toldAtMs: number;
  /** Shortest time until it is counted again. */
  restMs: number;
}

/** Tells counts to whoever tracks them. */
export class LiveCounts {
  readonly #o: LiveCountsOptions;
  readonly #restMs: number;
  readonly #maxSubjects: number;
  readonly #maxPerAddress: number;
  readonly #perAddress = new Map<string, number>();
  readonly #tracked = new Map<string, Tracked>();
  readonly #waiting = new Set<string>();
  #timer: Timer | null = null;
  #timerDueMs = Infinity;

  constructor(o: LiveCountsOptions) {
    this.#o = o;
    this.#restMs = o.restMs ?? 100;
    this.#maxSubjects = o.maxSubjects ?? 100_000;
    this.#maxPerAddress = o.maxSubjectsPerAddress ?? 20_000;
  }

  /** How many subjects are tracked by anybody. */
  get size(): number {
    return this.#tracked.size;
  }

  /**
   * Begins to track a subject (normal form) and gives its present counts; the listener gets later ones.
   * Null: too many subjects are tracked already.
   */
  track(subject: string, listener: CountsListener): Frame | null {
    let tracked = this.#tracked.get(subject);
    if (tracked === undefined) {
      if (this.#tracked.size >= this.#maxSubjects) return null;
      tracked = { listeners: new Set(), ...this.#take(subject), toldAtMs: -Infinity, restMs: this.#restMs };
      this.#tracked.set(subject, tracked);
    }
    tracked.listeners.add(listener);
    return tracked.frame;
  }

  /** Takes so many subjects more onto an address's account; false, and nothing is taken, when that is too many. */
  claim(address: string, subjects: number): boolean {
    const claimed = (this.#perAddress.get(address) ?? 0) + subjects;
    if (claimed > this.#maxPerAddress) return false;
    if (claimed > 0) this.#perAddress.set(address, claimed);
    return true;
  }

  /** Gives subjects back that were claimed. */
  release(address: string, subjects: number): void {
    const left = (this.#perAddress.get(address) ?? 0) - subjects;
    if (left > 0) this.#perAddress.set(address, left);
    else this.#perAddress.delete(address);
  }

  /** Ends the tracking of a subject by this listener. */
  untrack(subject: string, listener: CountsListener): void {
    const tracked = this.#tracked.get(subject);
    tracked?.listeners.delete(listener);
    if (tracked?.listeners.size !== 0) return;
    this.#tracked.delete(subject);
    this.#waiting.delete(subject);
  }

  /** Tells whoever tracks one of these subjects, now or after their rest; called after the index is durable. */
  changed(subjects: ReadonlySet<string>): void {
    const nowMs = this.#o.clock.elapsedMs();
    for (const subject of subjects) {
      const tracked = this.#tracked.get(subject);
      if (tracked === undefined || this.#waiting.has(subject)) continue;
      if (nowMs - tracked.toldAtMs >= tracked.restMs) this.#tell(subject, tracked, nowMs);
      else {
        this.#waiting.add(subject);
        this.#arm(tracked.toldAtMs + tracked.restMs, nowMs);
      }
    }
  }

  /** Stops; nothing is told afterwards. */
  close(): void {
    this.#timer?.cancel();
    this.#tracked.clear();
    this.#waiting.clear();
  }

  /** Tells what is due, and waits for what is not. */
  #flush(): void {
    this.#timer = null;
    this.#timerDueMs = Infinity;
    const nowMs = this.#o.clock.elapsedMs();
    for (const subject of this.#waiting) {
      const tracked = this.#tracked.get(subject);
      const dueMs = tracked === undefined ? 0 : tracked.toldAtMs + tracked.restMs;
      if (dueMs > nowMs) {
        this.#arm(dueMs, nowMs);
        continue;
      }
      this.#waiting.delete(subject);
      if (tracked !== undefined) this.#tell(subject, tracked, nowMs);
    }
  }

  #arm(dueMs: number, nowMs: number): void {
    if (dueMs >= this.#timerDueMs) return;
    this.#timer?.cancel();
    this.#timerDueMs = dueMs;
    this.#timer = this.#o.clock.after(Math.max(1, Math.ceil(dueMs - nowMs)), () => this.#flush(), { unref: true });
  }

  #tell(subject: string, tracked: Tracked, nowMs: number): void {
    const startMs = this.#o.clock.elapsedMs();
    const { frame, counts } = this.#take(subject);
    const costMs = this.#o.clock.elapsedMs() - startMs;
    tracked.restMs = Math.max(Math.min(maxRestMs, this.#restMs + Math.floor(tracked.listeners.size / listenersPerMs)), costMs * 5);
    if (counts === tracked.counts) return;
    Object.assign(tracked, { frame, counts, toldAtMs: nowMs });
    for (const listener of tracked.listeners) listener(frame);
  }

  #take(subject: string): { frame: Frame; counts: string } {
    const view = this.#o.read(subject);
    return { frame: new Frame({ $type: '#counts', ...view }, `counts ${subject}`), counts: JSON.stringify({ ...view, version: 0 }) };
  }
}
