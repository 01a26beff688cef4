/**
 * How hard one host may be asked: so many at once, so far apart, and not at all while it said "later".
 * Not for: asking (see resync.ts).
 * Place in the flow: before each fetch of a repository.
 * Bounds: a host is forgotten when nothing of it is under way and its next time has come.
 * Source: ours.
 */
import type { Clock } from '@dunlin/protocol/base/clock';

interface Gate {
  running: number;
  waiting: number;
  openAtMs: number;
}

/** Limits for each host. */
export interface HostGatesOptions {
  readonly clock: Clock;
  readonly concurrency: number;
  readonly intervalMs: number;
}

/** One gate a host. */
export class HostGates {
  readonly #options: HostGatesOptions;
  readonly #gates = new Map<string, Gate>();

  constructor(options: HostGatesOptions) {
    this.#options = options;
  }

  /**
   * Takes a place and gives 0, or gives how long to wait before asking again, in ms: longer for each who waits already.
   * `wasWaiting`: the caller was told to wait when it asked last.
   */
  enter(host: string, wasWaiting: boolean): number {
    const { clock, concurrency, intervalMs } = this.#options;
    const nowMs = clock.elapsedMs();
    const gate = this.#gates.get(host) ?? { running: 0, waiting: 0, openAtMs: nowMs };
    this.#gates.set(host, gate);
    if (wasWaiting && gate.waiting > 0) gate.waiting -= 1;
    if (gate.openAtMs > nowMs || gate.running >= concurrency) {
      gate.waiting += 1;
      return Math.max(gate.openAtMs - nowMs, 0) + gate.waiting * Math.max(intervalMs, 1);
    }
    gate.running += 1;
    gate.openAtMs = nowMs + intervalMs;
    return 0;
  }

  /** Gives a place back; `pauseMs` keeps everybody out for so long. */
  leave(host: string, pauseMs: number): void {
    const gate = this.#gates.get(host);
    if (!gate) return;
    const nowMs = this.#options.clock.elapsedMs();
    gate.running -= 1;
    gate.openAtMs = Math.max(gate.openAtMs, nowMs + pauseMs);
    for (const [name, each] of this.#gates) if (each.running === 0 && each.waiting === 0 && each.openAtMs <= nowMs) this.#gates.delete(name);
  }
}
