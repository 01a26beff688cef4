/**
 * What is held back because a DID cannot be resolved just now, or because somebody is asked who may take his time, and its
 * bounds: bytes in all, for each host and for each account, and time.
 * Not for order: held events stay in their lane (lane.ts). Place in the flow: beside the pipeline; what does not fit, or
 * waited too long, is dropped with a reason. Held bytes do not count as on their way, so the host is read on meanwhile.
 * Source: ours, docs/invariants.md 7 and 9: a signature is never skipped, and memory is never the host's to grow.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import type { Budget } from './budget.ts';
import type { Item, Lane } from './lane.ts';

/** Bounds of holding. */
export interface HoldBounds {
  readonly totalBytes: number;
  readonly bytesPerHost: number;
  readonly bytesPerAccount: number;
  /** How long the oldest event of an account may be held. */
  readonly maxMs: number;
}

/** Bounds unless configured otherwise. */
export const defaultHoldBounds: HoldBounds = { totalBytes: 67_108_864, bytesPerHost: 8_388_608, bytesPerAccount: 2_097_152, maxMs: 600_000 };

const firstRetryMs = 1_000;
const maxRetryMs = 30_000;

/** What it works with. */
export interface HoldParts {
  readonly budget: Budget;
  readonly bounds: HoldBounds;
  readonly clock: Clock;
  /** From 0 to 1, for spreading retries. */
  readonly random: () => number;
}

/** Holds events and charges for them. */
export class Hold {
  readonly #parts: HoldParts;
  readonly #perHost = new Map<number, number>();
  #totalBytes = 0;

  constructor(parts: HoldParts) {
    this.#parts = parts;
  }

  /** Bytes held, of all accounts. */
  get totalBytes(): number {
    return this.#totalBytes;
  }

  /** Holds a lane once more; gives the events that found no room, already taken out of the lane. */
  begin(lane: Lane): Item[] {
    lane.held ??= { sinceMs: this.#parts.clock.elapsedMs(), tries: 0, bytes: 0 };
    lane.held.tries += 1;
    // From the front, so that what stays is a run without a gap.
    const firstWithoutRoom = lane.items.findIndex((item) => !item.isHeld && !this.add(lane, item));
    return firstWithoutRoom === -1 ? [] : lane.items.splice(firstWithoutRoom);
  }

  /**
   * Holds the lane of an event that came through a relay while somebody is asked whom the account's owner chose, and who takes
   * the time he likes: the relay's other accounts do not wait for it. What finds no room now stays where it is.
   */
  async whileAsked<T>(lane: Lane, { upstream }: Item, work: Promise<T>): Promise<T> {
    if (upstream.relay === 0 || lane.held !== null) return await work;
    lane.held = { sinceMs: this.#parts.clock.elapsedMs(), tries: 0, bytes: 0 };
    for (const item of lane.items) if (!this.add(lane, item)) break;
    try {
      return await work;
    } finally {
      this.end(lane);
    }
  }

  /** Moves an event's bytes from the budget under hold; false when there is no room and nothing has changed. */
  add(lane: Lane, item: Item): boolean {
    const bytes = item.cost;
    const hostBytes = (this.#perHost.get(item.upstream.id) ?? 0) + bytes;
    const { totalBytes, bytesPerHost, bytesPerAccount } = this.#parts.bounds;
    const accountBytes = (lane.held?.bytes ?? 0) + bytes;
    if (accountBytes > bytesPerAccount || hostBytes > bytesPerHost || this.#totalBytes + bytes > totalBytes) return false;
    this.#perHost.set(item.upstream.id, hostBytes);
    this.#totalBytes += bytes;
    if (lane.held) lane.held.bytes = accountBytes;
    this.#parts.budget.release(item.upstream, bytes);
    item.isHeld = true;
    // A frame may be a view of a larger piece of memory, which must not be kept for it.
    const own = Buffer.allocUnsafeSlow(item.bytes.length);
    own.set(item.bytes);
    item.bytes = own;
    return true;
  }

  /** Says whether a lane has been held too long. */
  isOver(lane: Lane): boolean {
    return lane.held !== null && this.#parts.clock.elapsedMs() - lane.held.sinceMs >= this.#parts.bounds.maxMs;
  }

  /** Gives how long to wait before the next try: full jitter, but never beyond the time that is left. */
  retryMs(lane: Lane): number {
    if (lane.held === null) return 0;
    const ceilingMs = Math.min(maxRetryMs, firstRetryMs * 2 ** Math.min(lane.held.tries, 10));
    const leftMs = lane.held.sinceMs + this.#parts.bounds.maxMs - this.#parts.clock.elapsedMs();
    return Math.max(1, Math.min(Math.ceil(this.#parts.random() * ceilingMs), Math.ceil(leftMs)));
  }

  /** Ends holding of a lane: its events are on their way again. */
  end(lane: Lane): void {
    for (const item of lane.items) {
      if (!item.isHeld) continue;
      this.finish(item);
      item.isHeld = false;
      this.#parts.budget.charge(item.upstream, item.cost);
    }
    lane.held = null;
  }

  /** Gives back what an event is charged for, under hold or on its way: it is decided and done. */
  finish(item: Item): void {
    const bytes = item.cost;
    if (!item.isHeld) return this.#parts.budget.release(item.upstream, bytes);
    const hostBytes = (this.#perHost.get(item.upstream.id) ?? 0) - bytes;
    if (hostBytes <= 0) this.#perHost.delete(item.upstream.id);
    else this.#perHost.set(item.upstream.id, hostBytes);
    this.#totalBytes -= bytes;
  }
}
