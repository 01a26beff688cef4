/**
 * The last word of hosts about accounts whose #account events came too often to be passed on: it is told once the limit
 * allows, so that a burst does not leave an account in the wrong state.
 * Not for relays, whose word does not count. Place in the flow: beside the pipeline, a timer. Not stored: after a crash
 * the account stands as it did before its burst.
 * Source: ours. Bounded: so many accounts, a word each.
 */
import type { Clock, Timer } from '@dunlin/protocol/base/clock';
import type { HostWord } from './acceptance.ts';
import type { Upstream } from './upstream.ts';

/** A word that waits. */
export interface LateWord {
  readonly upstream: Upstream;
  readonly said: HostWord;
}

const maxWaiting = 10_000;
const everyMs = 60_000;

/** Keeps them. */
export class LateStatuses {
  readonly #waiting = new Map<string, LateWord>();
  readonly #timer: Timer;

  /** `tell` gives whether the word has been told or is not worth telling any more. */
  constructor(clock: Clock, tell: (did: string, word: LateWord) => boolean) {
    this.#timer = clock.every(everyMs, () => {
      for (const [did, word] of this.#waiting) if (tell(did, word)) this.#waiting.delete(did);
    }, { unref: true });
  }

  /** Keeps the word in place of an earlier one. */
  keep(did: string, word: LateWord): void {
    if (this.#waiting.size < maxWaiting || this.#waiting.has(did)) this.#waiting.set(did, word);
  }

  /** Forgets it: its host has said something newer. */
  forget(did: string): void {
    if (this.#waiting.size > 0) this.#waiting.delete(did);
  }

  close(): void {
    this.#timer.cancel();
  }
}
