/**
 * Lets each host have only so many look-ups under way, so that one host full of strangers does not keep the others waiting.
 * Not for limits by DID (did-limiter.ts). What waits here is events on their way, so the intake's budget bounds it.
 * Place in the flow: ingest, around every question to a directory.
 * Source: ours.
 */

interface Slots {
  running: number;
  readonly waiting: (() => void)[];
}

/** A small semaphore for each host. */
export class HostSlots {
  readonly #each: number;
  readonly #hosts = new Map<number, Slots>();

  /** `each` look-ups of a host at the same time. */
  constructor(each: number) {
    this.#each = each;
  }

  /** Runs `work` as soon as the host has a slot, in the order of the calls. */
  async run<T>(hostId: number, work: () => Promise<T>): Promise<T> {
    let slots = this.#hosts.get(hostId);
    if (!slots) {
      slots = { running: 0, waiting: [] };
      this.#hosts.set(hostId, slots);
    }
    const { waiting } = slots;
    if (slots.running >= this.#each) await new Promise<void>((resolve) => void waiting.push(resolve));
    else slots.running += 1;
    try {
      return await work();
    } finally {
      // The slot goes to the next one, or is given back.
      const next = waiting.shift();
      if (next) next();
      else slots.running -= 1;
      if (slots.running === 0) this.#hosts.delete(hostId);
    }
  }
}
