/**
 * What a running server owns, closed in the reverse order of its making.
 * Not for signals and exit codes: that is run-main.ts, which tests and `dunlin up` do without.
 * Source: ours.
 */
import type { Logger } from '../log/logger.ts';

/** A server that is up. */
export interface RunningService {
  /** Where it answers, without a slash at its end. */
  readonly url: string;
  /** Drains and closes everything it opened; may be called more than once. */
  close(): Promise<void>;
}

/** Remembers what was opened and closes it again, last first. */
export class Lifecycle {
  readonly #owned: { name: string; close: () => void | Promise<void> }[] = [];
  readonly #abort = new AbortController();
  readonly #log: Logger | null;
  #closing: Promise<void> | null = null;

  /** With a log, a part that fails to close is told there; the others are closed all the same. */
  constructor(log: Logger | null = null) {
    this.#log = log;
  }

  /** Aborts when closing begins: loops and waits of the service listen to it. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Takes over a part; after closing has begun the part is closed at once. */
  own(name: string, close: () => void | Promise<void>): void {
    if (this.#closing === null) this.#owned.push({ name, close });
    else void this.#closeOne({ name, close });
  }

  /** Closes every part, last first, one after another. Never throws; a second call waits for the first. */
  close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  async #closeAll(): Promise<void> {
    this.#abort.abort(new Error('service is closing'));
    for (let part = this.#owned.pop(); part; part = this.#owned.pop()) await this.#closeOne(part);
  }

  async #closeOne(part: { name: string; close: () => void | Promise<void> }): Promise<void> {
    try {
      await part.close();
    } catch (error) {
      this.#log?.error({ err: error, part: part.name }, 'part failed to close');
    }
  }
}
