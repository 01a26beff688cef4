/**
 * What goes out to one client. Durable frames go at once and in order; while the client is slow, newest-wins frames wait by slot.
 * A client with more than the bound waiting is past help: the owner is told, ends the connection, and the client recovers later.
 * Not for what is sent (session.ts) nor for sockets (service/src/websocket).
 * Source: ours, see docs/flow.md hop 13, docs/invariants.md 9 and 10.
 */
import type { Frame } from './frame.ts';

/** A way to one client: a WebSocket, or anything that can take text. */
export interface Sink {
  /** Takes a frame, complete and in order. */
  send(frame: Frame): void;
  /** Bytes taken that the client has not. */
  readonly bufferedBytes: number;
  /** Ends the connection behind what was sent. */
  close(code: number, reason: string): void;
}

/** Most bytes that may wait for a client, 1 MiB. */
export const maxWaitingBytes = 1_048_576;

/** With more than this waiting, newest-wins frames are held back. */
export const slowBytes = 65_536;

/** Sends frames by the rules above. */
export class Outbound {
  readonly #sink: Sink;
  readonly #onTooSlow: () => void;
  readonly #held = new Map<string, Frame>();

  constructor(sink: Sink, onTooSlow: () => void) {
    this.#sink = sink;
    this.#onTooSlow = onTooSlow;
  }

  /** Frames held back now. */
  get heldCount(): number {
    return this.#held.size;
  }

  /** Sends a frame, or holds it in its slot. */
  send(frame: Frame): void {
    const waiting = this.#sink.bufferedBytes;
    if (frame.slot !== null && (waiting > slowBytes || this.#held.has(frame.slot))) this.#held.set(frame.slot, frame);
    else if (waiting > maxWaitingBytes) this.#onTooSlow();
    else this.#sink.send(frame);
  }

  /** The client took what waited: sends what was held. `refresh` may replace a held frame by one that says it all. */
  drained(refresh: (frame: Frame) => Frame | null): void {
    for (const [slot, frame] of this.#held) {
      if (this.#sink.bufferedBytes > slowBytes) return;
      this.#held.delete(slot);
      const fresh = refresh(frame);
      if (fresh !== null) this.#sink.send(fresh);
    }
  }

  /** Forgets a slot: nobody waits for it any more. */
  forget(slot: string): void {
    this.#held.delete(slot);
  }
}
