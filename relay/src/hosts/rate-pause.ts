/**
 * Keeps a host's socket unread while the host is over its rate.
 * Not for the rate itself (host-limits.ts). Place in the flow: charged for each message of a host, of whatever kind.
 * Source: ours.
 */
import type { Clock, Timer } from '@dunlin/protocol/base/clock';
import { HostBudget } from './host-limits.ts';
import type { HostLimits } from './host-limits.ts';

/** The pause of one host. */
export class RatePause {
  readonly #clock: Clock;
  readonly #budget: HostBudget;
  readonly #onChange: () => void;
  #timer: Timer | null = null;

  /** `onChange` is called when the host comes over its rate, and when it may be read again. */
  constructor(limits: () => HostLimits, clock: Clock, onChange: () => void) {
    this.#clock = clock;
    this.#budget = new HostBudget(limits, clock.elapsedMs());
    this.#onChange = onChange;
  }

  /** True while the host is not to be read. */
  get isOver(): boolean {
    return this.#timer !== null;
  }

  /** Gives the limits, and what is left of each now. */
  figures(): ReturnType<HostBudget['figures']> {
    return this.#budget.figures(this.#clock.elapsedMs());
  }

  /** Charges one message. */
  charge(): void {
    const waitMs = this.#budget.charge(this.#clock.elapsedMs());
    if (waitMs === 0) return;
    this.#timer?.cancel();
    this.#timer = this.#clock.after(waitMs, () => {
      this.#timer = null;
      this.#onChange();
    }, { unref: true });
    this.#onChange();
  }

  close(): void {
    this.#timer?.cancel();
  }
}
