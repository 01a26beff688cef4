/**
 * How fast a host may send: events per second, hour and day, as token buckets that grow with the host's accounts.
 * Not for dropping: a host over its limit is not read from for a while, so nothing is lost and the host feels it.
 * Place in the flow: one charge for each frame of a host connection.
 * Source: figures of the indigo relay: 50/s + accounts/1,000; 2,500/h + accounts; 20,000/day + 10 × accounts; trusted
 * hosts 5,000/s, 50 million/h, 500 million/day.
 */

/** Most events in each span of time. */
export interface HostLimits {
  readonly perSecond: number;
  readonly perHour: number;
  readonly perDay: number;
}

/** Limits of a trusted host unless configured otherwise. */
export const trustedLimits: HostLimits = { perSecond: 5_000, perHour: 50_000_000, perDay: 500_000_000 };

/** Limits of an ordinary host without accounts unless configured otherwise. */
export const smallestLimits: HostLimits = { perSecond: 50, perHour: 2_500, perDay: 20_000 };

/** A relay tells of all hosts at once: it is held up by no rate. */
export const relayLimits: HostLimits = { perSecond: 1e9, perHour: 1e12, perDay: 1e13 };

/** Limits of an ordinary host with so many accounts, which grow from those of one without. */
export function ordinaryLimits(accounts: number, { perSecond, perHour, perDay }: HostLimits = smallestLimits): HostLimits {
  return { perSecond: perSecond + accounts / 1_000, perHour: perHour + accounts, perDay: perDay + 10 * accounts };
}

const spansMs = { perSecond: 1_000, perHour: 3_600_000, perDay: 86_400_000 } as const;
const spans = ['perSecond', 'perHour', 'perDay'] as const;

/** Charges events against limits. */
export class HostBudget {
  readonly #limits: () => HostLimits;
  readonly #left: Record<keyof HostLimits, number>;
  #atMs: number;

  /** Begins full. `limits` is asked at each charge, as accounts come and go. */
  constructor(limits: () => HostLimits, nowMs: number) {
    this.#limits = limits;
    this.#left = { ...limits() };
    this.#atMs = nowMs;
  }

  /** Gives the limits, and what is left of each now; below 0 while the host is not read. */
  figures(nowMs: number): { readonly limits: HostLimits; readonly left: HostLimits } {
    const limits = this.#limits();
    const passedMs = nowMs - this.#atMs;
    const leftOf = (span: keyof HostLimits): number => Math.floor(Math.min(limits[span], this.#left[span] + (passedMs * limits[span]) / spansMs[span]));
    return { limits, left: { perSecond: leftOf('perSecond'), perHour: leftOf('perHour'), perDay: leftOf('perDay') } };
  }

  /** Charges one event (always) and gives how long not to read now, in ms; 0 when there is still something left. */
  charge(nowMs: number): number {
    const limits = this.#limits();
    const passedMs = nowMs - this.#atMs;
    this.#atMs = nowMs;
    let waitMs = 0;
    for (const span of spans) {
      const limit = limits[span];
      const perMs = limit / spansMs[span];
      const left = Math.min(limit, this.#left[span] + passedMs * perMs) - 1;
      this.#left[span] = left;
      if (left < 0) waitMs = Math.max(waitMs, Math.ceil(-left / perMs));
    }
    return waitMs;
  }
}
