/**
 * The only door to time: wall clock, monotonic clock, timers and sleeping.
 * Code takes a Clock as an argument, so tests drive a ManualClock instead of waiting.
 * Not for pacing by I/O (sockets, streams): those tell by their own events.
 * Source: ours; Node's setTimeout cannot wait longer than 2^31 − 1 ms, so longer waits are refused.
 */
import { assert } from './assert.ts';

/** A running timer; cancelling twice, or after it fired, does nothing. */
export interface Timer {
  cancel(): void;
}

/** How a timer behaves. */
export interface TimerOptions {
  /** True lets the process end although the timer is still waiting. */
  readonly unref?: boolean;
}

/** Time as the project sees it. All times in ms. */
export interface Clock {
  /** Gives the wall clock: ms since 1970, whole; may jump when the machine's clock is set. */
  nowMs(): number;
  /** Gives ms since some fixed moment, with fractions; never goes back. */
  elapsedMs(): number;
  /** Calls once, `ms` from now. */
  after(ms: number, callback: () => void, options?: TimerOptions): Timer;
  /** Calls again and again, every `ms`. */
  every(ms: number, callback: () => void, options?: TimerOptions): Timer;
  /** Resolves `ms` from now; rejects with the signal's reason when that aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

const maxTimerMs = 2_147_483_647;

function sleepOn(clock: Clock, ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = (): void => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.after(ms, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** The machine's own clock. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  elapsedMs: () => performance.now(),
  after(ms, callback, options) {
    assert(ms >= 0 && ms <= maxTimerMs, `timer out of range: ms=${ms}`);
    const timer = setTimeout(callback, ms);
    if (options?.unref) timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
  every(ms, callback, options) {
    assert(ms > 0 && ms <= maxTimerMs, `timer out of range: ms=${ms}`);
    const timer = setInterval(callback, ms);
    if (options?.unref) timer.unref();
    return { cancel: () => clearInterval(timer) };
  },
  sleep(ms, signal) {
    return sleepOn(systemClock, ms, signal);
  },
};

interface WaitingTimer {
  dueMs: number;
  readonly order: number;
  readonly everyMs: number | null;
  readonly callback: () => void;
}

/** A clock that moves only when told to; timers fire in order of their due time, then of their making. */
export class ManualClock implements Clock {
  #startMs: number;
  #elapsedMs = 0;
  #made = 0;
  readonly #waiting = new Set<WaitingTimer>();

  /** Starts at the given wall-clock time, by default 2026-01-01T00:00:00Z. */
  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#startMs = startMs;
  }

  nowMs(): number {
    return Math.floor(this.#startMs + this.#elapsedMs);
  }

  elapsedMs(): number {
    return this.#elapsedMs;
  }

  after(ms: number, callback: () => void): Timer {
    return this.#add(ms, null, callback);
  }

  every(ms: number, callback: () => void): Timer {
    assert(ms > 0, `timer out of range: ms=${ms}`);
    return this.#add(ms, ms, callback);
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleepOn(this, ms, signal);
  }

  /** How many timers are waiting. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Moves both clocks forward and fires what falls due on the way, each at its own time. */
  advance(ms: number): void {
    assert(ms >= 0, `time does not go back: ms=${ms}`);
    const endMs = this.#elapsedMs + ms;
    for (let timer = this.#nextDue(endMs); timer; timer = this.#nextDue(endMs)) {
      this.#elapsedMs = Math.max(this.#elapsedMs, timer.dueMs);
      if (timer.everyMs === null) this.#waiting.delete(timer);
      else timer.dueMs += timer.everyMs;
      timer.callback();
    }
    this.#elapsedMs = endMs;
  }

  /** Sets the wall clock, as an operator or NTP would; timers and the monotonic clock do not notice. */
  setNow(nowMs: number): void {
    this.#startMs = nowMs - this.#elapsedMs;
  }

  #add(ms: number, everyMs: number | null, callback: () => void): Timer {
    assert(ms >= 0, `timer out of range: ms=${ms}`);
    const timer = { dueMs: this.#elapsedMs + ms, order: this.#made++, everyMs, callback };
    this.#waiting.add(timer);
    return { cancel: () => void this.#waiting.delete(timer) };
  }

  #nextDue(endMs: number): WaitingTimer | null {
    let next: WaitingTimer | null = null;
    for (const timer of this.#waiting) {
      if (timer.dueMs > endMs) continue;
      if (next === null || timer.dueMs < next.dueMs || (timer.dueMs === next.dueMs && timer.order < next.order)) next = timer;
    }
    return next;
  }
}
