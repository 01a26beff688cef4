/**
 * How many bytes of frames are on their way through the relay, in all and for each host; who is over stops reading.
 * Not for rates (hosts/host-limits.ts) nor for held events, which have a bound of their own (hold.ts).
 * Place in the flow: charged when a frame is taken in, released when it was dropped or is durable in the log.
 * Source: ours, docs/invariants.md 9: a host that is slow to verify costs itself, all together cost a fixed amount.
 */

/** Someone whose socket can be left unread. */
export interface Pausable {
  /** Called when there is room again, from within whatever gave room; reading on must wait for a turn of its own. */
  resumeFromBudget(): void;
}

/** Bounds in bytes. */
export interface BudgetBounds {
  readonly totalBytes: number;
  readonly bytesPerHost: number;
}

/** Counts bytes on their way. */
export class Budget {
  readonly #bounds: BudgetBounds;
  readonly #perHost = new Map<Pausable, number>();
  readonly #paused = new Set<Pausable>();
  #totalBytes = 0;
  #isStopped = false;

  constructor(bounds: BudgetBounds) {
    this.#bounds = bounds;
  }

  /** Bytes on their way, of all hosts. */
  get totalBytes(): number {
    return this.#totalBytes;
  }

  /** Hosts that are not read because of this budget. */
  get pausedHosts(): number {
    return this.#paused.size;
  }

  /** Takes the bytes in any case. */
  charge(host: Pausable, bytes: number): void {
    this.#totalBytes += bytes;
    const hostBytes = (this.#perHost.get(host) ?? 0) + bytes;
    this.#perHost.set(host, hostBytes);
    if (this.#isStopped || hostBytes >= this.#bounds.bytesPerHost || this.#totalBytes >= this.#bounds.totalBytes) this.#paused.add(host);
  }

  /** Says whether there is room for more of this host; false means that `resumeFromBudget` will be called. */
  hasRoom(host: Pausable): boolean {
    return !this.#paused.has(host);
  }

  /** Gives bytes back and wakes whoever has room again: below half of its own bound and three quarters of all. */
  release(host: Pausable, bytes: number): void {
    this.#totalBytes -= bytes;
    const hostBytes = (this.#perHost.get(host) ?? 0) - bytes;
    if (hostBytes <= 0) this.#perHost.delete(host);
    else this.#perHost.set(host, hostBytes);
    if (this.#paused.size > 0) this.#wake();
  }

  /** Lets every host's next event be its last until `start`: there is no room on the disk. What is on its way goes on. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Ends that, and wakes whoever has room. */
  start(): void {
    this.#isStopped = false;
    this.#wake();
  }

  #wake(): void {
    if (this.#isStopped || this.#totalBytes > this.#bounds.totalBytes * 0.75) return;
    for (const host of this.#paused) {
      if ((this.#perHost.get(host) ?? 0) > this.#bounds.bytesPerHost / 2) continue;
      this.#paused.delete(host);
      host.resumeFromBudget();
    }
  }
}
