/**
 * Gives every JSON event its `time_us`: the log's time of the event in ms, then a counter of three digits within that ms.
 * Not a clock: the same event has the same time, live and in every replay, since it comes from the log alone.
 * Times never go back and are distinct, unless more than a thousand events share one ms: the rest shares its last µs.
 * Place in the flow: while a page is made. Source: ours; Jetstream's `time_us` is a cursor, inclusive and in µs.
 */

/** Distinct times in one ms. */
const slotsPerMs = 1_000;

/** Where the counter stands behind some event of the log. */
export interface SlotState {
  /** Time of that event, ms since 1970. */
  readonly ms: number;
  /** Slots of that ms that are taken; at most 1,000 is told apart. */
  readonly used: number;
}

/** The counter while it runs over consecutive events. */
export class TimeSlots {
  #ms: number;
  #used: number;

  /** Goes on from a state, or begins with the first event of a ms when there is none. */
  constructor(state: SlotState | null) {
    this.#ms = state?.ms ?? -1;
    this.#used = state?.used ?? 0;
  }

  /** The state behind the last event. */
  get state(): SlotState {
    return { ms: this.#ms, used: this.#used };
  }

  /** Takes `count` slots (an event of the log takes one at least) and gives the first one's number within its ms. */
  take(ms: number, count: number): number {
    if (ms > this.#ms) {
      this.#ms = ms;
      this.#used = 0;
    }
    const first = this.#used;
    this.#used = Math.min(slotsPerMs, first + Math.max(1, count));
    return first;
  }
}

/** Gives the `time_us` of slot number `slot` in a ms. */
export function slotTimeUs(ms: number, slot: number): number {
  return ms * slotsPerMs + Math.min(slot, slotsPerMs - 1);
}

/** A state in which all slots of a ms are taken: for starting in the midst of a ms that has more events than slots. */
export function fullMs(ms: number): SlotState {
  return { ms, used: slotsPerMs };
}

/** So many events in front of another in the same ms take all its slots, whatever they hold. */
export const maxCountedEvents = slotsPerMs;
