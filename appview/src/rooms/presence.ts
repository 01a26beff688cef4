/**
 * Who is in a room: one entry a person, however many sessions they have, held by a lease that any sign of life renews.
 * A person is there from their first session to the last, or until no session has given a sign for the lease time.
 * Gives what changed since last asked, so that a wave of comings and goings is one frame.
 * Not for sending (room-hub.ts) nor for judging who may be seen (access.ts).
 * Source: ours, see docs/gateway.md.
 */
import type { Clock } from '@dunlin/protocol/base/clock';

/** How long a person stays without a sign of life, in ms. */
export const leaseMs = 60_000;

/** From how many people on only the number is told; back to names at nine tenths of it. */
export const maxListedPeople = 200;

/** Comings and goings since last asked. */
export interface PresenceDiff {
  readonly joins: readonly string[];
  readonly leaves: readonly string[];
}

interface Present {
  sessions: number;
  /** False once the lease has ended although sessions are still open. */
  isHere: boolean;
  sinceMs: number;
  seenAtMs: number;
}

/** The people of one room. */
export class Presence {
  readonly #clock: Clock;
  readonly #people = new Map<string, Present>();
  /** True: came, false: went; since last asked. */
  readonly #changed = new Map<string, boolean>();
  #online = 0;
  #isListed = true;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** People in the room. */
  get online(): number {
    return this.#online;
  }

  /** False while there are too many people to name. */
  get isListed(): boolean {
    if (this.#online > maxListedPeople) this.#isListed = false;
    else if (this.#online <= maxListedPeople * 0.9) this.#isListed = true;
    return this.#isListed;
  }

  /** True when somebody came or went since last asked. */
  get hasChanged(): boolean {
    return this.#changed.size > 0;
  }

  /** A session of this person entered. */
  enter(did: string): void {
    const present = this.#people.get(did) ?? { sessions: 0, isHere: false, sinceMs: 0, seenAtMs: 0 };
    present.sessions += 1;
    this.#people.set(did, present);
    this.#seen(did, present);
  }

  /** A session of this person left. */
  leave(did: string): void {
    const present = this.#people.get(did);
    if (present === undefined) return;
    present.sessions -= 1;
    if (present.sessions > 0) return;
    this.#gone(did, present);
    this.#people.delete(did);
  }

  /** A session gave a sign of life; it brings back a person whose lease had ended. */
  renew(did: string): void {
    const present = this.#people.get(did);
    if (present !== undefined) this.#seen(did, present);
  }

  /** Removes everybody whose lease has ended. */
  expire(): void {
    const oldest = this.#clock.elapsedMs() - leaseMs;
    for (const [did, present] of this.#people) if (present.isHere && present.seenAtMs <= oldest) this.#gone(did, present);
  }

  /** Gives what changed and begins anew. Somebody who came and went in between is in neither list. */
  takeDiff(): PresenceDiff {
    const joins: string[] = [];
    const leaves: string[] = [];
    for (const [did, hasCome] of this.#changed) (hasCome ? joins : leaves).push(did);
    this.#changed.clear();
    return { joins, leaves };
  }

  /** Gives everybody who is here, in order of coming. */
  people(): string[] {
    return [...this.#people].filter(([, { isHere }]) => isHere).map(([did]) => did);
  }

  /** Gives when a person came, in ms since 1970; null when they are not here. */
  sinceMs(did: string): number | null {
    const present = this.#people.get(did);
    return present?.isHere ? present.sinceMs : null;
  }

  #seen(did: string, present: Present): void {
    present.seenAtMs = this.#clock.elapsedMs();
    if (present.isHere) return;
    present.isHere = true;
    present.sinceMs = this.#clock.nowMs();
    this.#online += 1;
    this.#note(did, true);
  }

  #gone(did: string, present: Present): void {
    if (!present.isHere) return;
    present.isHere = false;
    this.#online -= 1;
    this.#note(did, false);
  }

  #note(did: string, hasCome: boolean): void {
    if (!this.#changed.delete(did)) this.#changed.set(did, hasCome);
  }
}
