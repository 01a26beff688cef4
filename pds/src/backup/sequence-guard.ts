/**
 * Asks the relays, before the first event, up to which seq they have heard this server, and jumps past that when it is behind:
 * a relay ignores seqs it has passed, so a server whose disk went back in time would not be heard any more.
 * A relay that does not answer in time is passed by, with a word in the log. Not for restores made with our own command, which jump
 * by themselves (`restore.ts`). Source: lexicon com.atproto.sync.getHostStatus; ours.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import type { Logger } from '@dunlin/service/log/logger';
import { xrpcGet } from '@dunlin/service/xrpc/call';
import { XrpcError } from '@dunlin/service/xrpc/errors';
import type { Sequencer } from '../sequencer/sequencer.ts';

/** Longest wait for a relay at the start, in ms. */
export const relayTimeoutMs = 3_000;

/** How far past a relay's seq this server jumps: events may be on their way there. */
export const guardSeqJump = 10_000;

/** Guards the sequence. */
export class SequenceGuard {
  readonly #sequencer: Sequencer;
  readonly #relays: readonly string[];
  readonly #fetch: typeof globalThis.fetch;
  readonly #clock: Clock;
  readonly #log: Logger;

  /** `relays` are URLs. */
  constructor(o: { sequencer: Sequencer; relays: readonly string[]; fetch: typeof globalThis.fetch; clock: Clock; log: Logger }) {
    this.#sequencer = o.sequencer;
    this.#relays = o.relays;
    this.#fetch = o.fetch;
    this.#clock = o.clock;
    this.#log = o.log;
  }

  /** Asks about this server, by the host name relays know, and jumps when needed. */
  async check(hostname: string): Promise<void> {
    const seqs = await Promise.all(this.#relays.map((relay) => this.#ask(relay, hostname)));
    const highest = Math.max(0, ...seqs);
    const headSeq = this.#sequencer.headSeq();
    if (highest <= headSeq) return;
    this.#log.warn({ headSeq, relaySeq: highest, jumpTo: highest + guardSeqJump }, 'relays have heard later events than this server has: was it restored? jumping ahead');
    this.#sequencer.skipTo(highest + guardSeqJump);
  }

  /** Gives up to which seq a relay has heard this server; 0 when it has not, or does not say. */
  async #ask(relay: string, hostname: string): Promise<number> {
    try {
      const answer = await xrpcGet('com.atproto.sync.getHostStatus', { hostname }, { fetch: this.#fetch, service: relay, timeoutMs: relayTimeoutMs, clock: this.#clock });
      const seq = typeof answer === 'object' && answer !== null && 'seq' in answer ? answer.seq : null;
      return typeof seq === 'number' && Number.isSafeInteger(seq) ? seq : 0;
    } catch (fault) {
      if (!(fault instanceof XrpcError)) throw fault;
      if (fault.status >= 500) this.#log.warn({ relay, reason: fault.message }, 'relay did not say what it has heard of this server');
      return 0;
    }
  }
}
