/**
 * The subjects one client tracks: normal forms, a bound, and nothing left behind when the client goes.
 * Not for counting (live-counts.ts) nor for sending (rooms/session.ts, api/events.ts).
 * Source: ours, see docs/gateway.md.
 */
import type { Frame } from '../rooms/frame.ts';
import type { CountsListener, LiveCounts } from './live-counts.ts';
import { normalSubject } from './subject-uri.ts';

/** Why nothing was done: an error of app.dunlin.live.subscribe, and a sentence. */
export interface TrackRefusal {
  readonly error: 'InvalidSubject' | 'TooManySubjects';
  readonly message: string;
}

/** The subjects in their normal forms, in the order given, and the present counts of those that are new. */
export interface TrackOutcome {
  readonly subjects: readonly string[];
  readonly frames: readonly Frame[];
}

/** What a client tracks. */
export class TrackedSubjects {
  readonly #counts: LiveCounts;
  readonly #max: number;
  readonly #address: string;
  readonly #listener: CountsListener;
  readonly #subjects = new Set<string>();

  /** `address` is where the client comes from: all clients of one address have a bound together. */
  constructor(counts: LiveCounts, o: { readonly max: number; readonly address: string }, listener: CountsListener) {
    this.#counts = counts;
    this.#max = o.max;
    this.#address = o.address;
    this.#listener = listener;
  }

  get size(): number {
    return this.#subjects.size;
  }

  /** Begins to track all of these, or none. */
  add(given: readonly string[]): TrackOutcome | TrackRefusal {
    const subjects = normalForms(given);
    if (!Array.isArray(subjects)) return subjects;
    const added = [...new Set(subjects)].filter((subject) => !this.#subjects.has(subject));
    if (this.#subjects.size + added.length > this.#max) return { error: 'TooManySubjects', message: `at most ${this.#max} subjects` };
    if (!this.#counts.claim(this.#address, added.length)) return { error: 'TooManySubjects', message: 'your address tracks all the subjects it may' };
    const frames: Frame[] = [];
    for (const subject of added) {
      const frame = this.#counts.track(subject, this.#listener);
      if (frame === null) {
        this.#counts.release(this.#address, added.length - frames.length);
        for (const each of added.slice(0, frames.length)) this.#forget(each);
        return { error: 'TooManySubjects', message: 'this gateway tracks all the subjects it can' };
      }
      this.#subjects.add(subject);
      frames.push(frame);
    }
    return { subjects, frames };
  }

  /** Ends the tracking of these; those not tracked are passed by. */
  remove(given: readonly string[]): TrackOutcome | TrackRefusal {
    const subjects = normalForms(given);
    if (!Array.isArray(subjects)) return subjects;
    for (const subject of subjects) this.#forget(subject);
    return { subjects, frames: [] };
  }

  /** Ends all of it. */
  clear(): void {
    for (const subject of this.#subjects) this.#forget(subject);
  }

  #forget(subject: string): void {
    if (!this.#subjects.delete(subject)) return;
    this.#counts.untrack(subject, this.#listener);
    this.#counts.release(this.#address, 1);
  }
}

function normalForms(given: readonly string[]): string[] | TrackRefusal {
  const subjects: string[] = [];
  for (const [index, text] of given.entries()) {
    const subject = normalSubject(text);
    if (subject === null) return { error: 'InvalidSubject', message: `nobody can react to this: subjects/${index}` };
    subjects.push(subject.uri);
  }
  return subjects;
}
