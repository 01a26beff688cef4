/**
 * Dials the hosts that are known at the start a few at a time, those with the most accounts first: thousands of
 * handshakes at once would press the machine, its resolver and everybody's proxies.
 * Not for dialling again (the Subscription's) nor for hosts that request a crawl, which are dialled at once.
 * Place in the flow: before hop 5, once. A host that does not answer gives its turn to others after a while.
 * Source: ours.
 */
import type { Clock, Timer } from '@dunlin/protocol/base/clock';

/** What it works with. */
export interface DiallerParts<H extends { readonly id: number }> {
  /** In the order in which they are dialled. */
  readonly hosts: readonly H[];
  readonly connect: (host: H) => void;
  /** Says whether the handshake with a host is under way. */
  readonly isDialling: (hostId: number) => boolean;
  readonly atOnce: number;
  readonly clock: Clock;
}

const everyMs = 50;
/** A handshake that takes longer keeps nobody waiting. */
const maxTurnMs = 3_000;

/** Dials them. */
export class Dialler<H extends { readonly id: number }> {
  readonly #parts: DiallerParts<H>;
  /** Hosts that are being dialled, and until when they count. */
  readonly #dialling = new Map<number, number>();
  readonly #timer: Timer;
  #next = 0;

  constructor(parts: DiallerParts<H>) {
    this.#parts = parts;
    this.#timer = parts.clock.every(everyMs, () => this.#step(), { unref: true });
    this.#step();
  }

  /** Hosts that wait for their turn. */
  get waiting(): number {
    return this.#parts.hosts.length - this.#next;
  }

  close(): void {
    this.#timer.cancel();
  }

  #step(): void {
    const { hosts, connect, isDialling, atOnce, clock } = this.#parts;
    const nowMs = clock.elapsedMs();
    for (const [id, untilMs] of this.#dialling) if (nowMs >= untilMs || !isDialling(id)) this.#dialling.delete(id);
    while (this.#dialling.size < atOnce) {
      const host = hosts[this.#next];
      if (host === undefined) return this.close();
      this.#next += 1;
      connect(host);
      if (isDialling(host.id)) this.#dialling.set(host.id, nowMs + maxTurnMs);
    }
  }
}
