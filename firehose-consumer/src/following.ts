/**
 * Continuity and resyncs of one run put together.
 * Not for: any of their work.
 * Place in the flow: made by `Stream` where `continuity` was asked for; `begin` before the first dial, `start` when the stream
 * is there, `stop` when no more is taken in, `flush` when what was under way is handled.
 * Source: ours.
 */
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';
import { Continuity } from './continuity.ts';
import type { Budget } from './budget.ts';
import { withNamedFaults } from './ledger-faults.ts';
import type { Ledger } from './ledger.ts';
import type { Counters } from './metrics.ts';
import type { Notice } from './notice.ts';
import type { FullOptions } from './options.ts';
import type { OpenFrame } from './open-frame.ts';
import type { Pipeline } from './pipeline.ts';
import { Resyncs } from './resync.ts';

/** What the parts of a following need of their stream. */
export interface FollowingParts {
  readonly options: FullOptions;
  readonly identity: IdentityResolver;
  readonly pipeline: () => Pipeline;
  readonly deliver: (event: OpenFrame) => void;
  readonly budget: Budget;
  readonly counters: Counters;
  readonly onNotice: (notice: Notice) => void;
  readonly fail: (error: unknown) => void;
  readonly signal: AbortSignal;
}

/** Which collections the ledger was kept for. */
const scopeMark = 'scope';

/** Keeps account of every account of a run. */
export class Following {
  readonly continuity: Continuity;
  readonly #options: FullOptions;
  readonly #ledger: Ledger;
  readonly #resyncs: Resyncs;

  constructor(parts: FollowingParts) {
    const { options, pipeline, counters, budget, onNotice, signal } = parts;
    const following = options.following as NonNullable<FullOptions['following']>;
    const onFault = (error: unknown): void => {
      if (!signal.aborted) parts.fail(error);
    };
    this.#options = options;
    this.#ledger = withNamedFaults(following.ledger);
    this.continuity = new Continuity({
      ledger: this.#ledger,
      newAccounts: following.newAccounts,
      isHashed: options.verify === 'full',
      maxHeldBytes: Math.floor(options.maxBufferedBytes / 4),
      deliver: parts.deliver,
      close: (event) => pipeline().close(event),
      drop: (event, refusal) => pipeline().leaveOut(event, refusal),
      onGap: (did, rev) => {
        counters.add('gaps');
        onNotice({ kind: 'gap', did, rev });
      },
      onKnown: () => counters.add('known'),
      request: (did) => this.#resyncs.request(did),
      onFault,
    });
    this.#resyncs = new Resyncs({
      options: { ...following, ledger: this.#ledger },
      continuity: this.continuity,
      identity: parts.identity,
      isVerified: options.verify !== 'none',
      wants: (collection) => options.filter.wantsKind('commit') && options.filter.wantsCollection(collection),
      budget,
      seq: () => pipeline().lastSeq ?? 0,
      clock: options.clock,
      onNotice: (notice) => {
        if (notice.kind === 'resynced') counters.add('resyncs');
        onNotice(notice);
      },
      onFault,
      signal,
    });
  }

  /** Looks whether the ledger was kept for what is wanted now. @throws FirehoseError Ledger */
  async begin(): Promise<void> {
    const kept = await this.#ledger.mark(scopeMark);
    if (kept === this.#options.scope) return;
    if (kept !== null) await this.#ledger.staleAll();
    await this.#ledger.write([{ kind: 'mark', name: scopeMark, value: this.#options.scope }]);
  }

  /** The stream is there: accounts may be fetched. Again does nothing. */
  start(): void {
    this.#resyncs.start();
  }

  /** Resolves when nothing is being fetched; the signal has been aborted before. */
  stop(): Promise<void> {
    return this.#resyncs.idle();
  }

  /** Resolves when all that was handled is in the ledger. */
  flush(): Promise<void> {
    return this.continuity.writer.flush();
  }
}
