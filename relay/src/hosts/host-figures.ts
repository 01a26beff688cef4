/**
 * What is remembered of how a host behaved since the start: for its operator and ours to see.
 * Not for deciding anything. Place in the flow: written by the host's connection, read by status pages and admin.
 * Source: ours. Bounded: one count a drop reason, one fault in words.
 */
import type { DropReason } from '@dunlin/protocol/repo/drop-reason';

/** Longest detail that is kept, in characters. */
const maxFaultText = 300;

/** Something that went wrong, in words. */
export interface HostFault {
  readonly text: string;
  readonly atMs: number;
}

/** The figures of one host. */
export class HostFigures {
  acceptedEvents = 0;
  /** Events that had come from somebody else before. */
  duplicateEvents = 0;
  readonly dropped = new Map<DropReason, number>();
  lastFault: HostFault | null = null;
  /** Ms since 1970: when its newest event came, and when its stream was opened last. */
  lastEventAtMs: number | null = null;
  connectedAtMs: number | null = null;
  /** The time that its newest event says of itself. */
  #eventTime: string | null = null;

  heard(atMs: number): void {
    this.lastEventAtMs = atMs;
  }

  /** Takes the time field of an event. */
  dated(time: string | null): void {
    if (time !== null) this.#eventTime = time;
  }

  drop(reason: DropReason): void {
    if (reason === 'duplicate') {
      this.duplicateEvents += 1;
      return;
    }
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + 1);
  }

  note(text: string, atMs: number): void {
    this.lastFault = { text: text.slice(0, maxFaultText), atMs };
  }

  /** How old its newest event was when it came, by the event's own word, in ms; null when that is not known. */
  lagMs(): number | null {
    if (this.lastEventAtMs === null || this.#eventTime === null) return null;
    const lagMs = this.lastEventAtMs - Date.parse(this.#eventTime);
    return Number.isFinite(lagMs) ? Math.max(0, lagMs) : null;
  }
}
