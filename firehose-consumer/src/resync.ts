/**
 * Fetches the repositories of accounts that are stale and tells what is different from what was told: who is next, how many at
 * once, what happens when it does not come.
 * Not for: noticing that an account is stale (continuity.ts) or reading a repository (repo-fetch.ts, difference.ts).
 * Place in the flow: beside the stream; what it tells goes the way of events.
 * Rules: the ledger is the queue and survives a crash, memory holds the next few thousand; a fetch that fails is tried again
 * after a back-off, and after some attempts when the ledger is gone through again; who is gone waits for a word of the stream.
 * Source: ours, decision 0038.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { ProtocolError } from '@dunlin/protocol/base/errors';
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';
import { demandAll } from './backfill.ts';
import type { Budget } from './budget.ts';
import type { Continuity } from './continuity.ts';
import type { FullContinuityOptions } from './continuity-options.ts';
import { heldBytes } from './decode.ts';
import type { HeldDifferences } from './decode.ts';
import { differences } from './difference.ts';
import type { Difference } from './difference.ts';
import type { Fetching } from './fetching.ts';
import { HostGates } from './host-gates.ts';
import type { Notice } from './notice.ts';
import { Queue } from './queue.ts';
import { fetchRepo } from './repo-fetch.ts';
import type { FetchedRepo, RepoAnswer } from './repo-fetch.ts';
import { untilAborted } from './until-aborted.ts';

/** What resyncs work with. */
export interface ResyncParts {
  readonly options: FullContinuityOptions;
  readonly continuity: Continuity;
  readonly identity: IdentityResolver;
  readonly isVerified: boolean;
  readonly wants: (collection: string) => boolean;
  readonly budget: Budget;
  readonly seq: () => number;
  readonly clock: Clock;
  readonly onNotice: (notice: Notice) => void;
  /** Our own mistake, or a ledger that cannot be read. */
  readonly onFault: (error: unknown) => void;
  readonly signal: AbortSignal;
}

/** The most accounts in memory that wait for their turn. */
const maxWaiting = 10_000;
/** How many are read from the ledger at once. */
const page = 500;
/** How often the ledger is gone through for those who were given up. */
const againMs = 600_000;
const maxAttempts = 6;
/** An older DID document may name a server, or a key, that the account has left. */
const maxDocumentAgeMs = 60_000;
const firstWaitMs = 2_000;
const maxWaitMs = 300_000;
/** What is told in one piece: record bytes, and operations. */
const pieceBytes = 262_144;
const pieceOps = 200;

/** done: nothing more to do. later: after so many ms, as a failure or only for want of a place. */
type Outcome = { readonly kind: 'done' } | { readonly kind: 'later'; readonly ms: number; readonly isFailure: boolean };
const done: Outcome = { kind: 'done' };

interface Waiting {
  attempts: number;
  /** Wanted again while it was under way. */
  isWantedAgain: boolean;
  /** Counted at the gate of its host. */
  isAtGate: boolean;
}

/** The resyncs of one run. */
export class Resyncs {
  readonly #parts: ResyncParts;
  readonly #gates: HostGates;
  /** Everyone who waits, is under way, or is put off. */
  readonly #known = new Map<string, Waiting>();
  readonly #ready = new Queue<string>();
  /** Who failed too often, until the ledger is gone through again: what they say meanwhile is no reason to ask. */
  readonly #givenUp = new Set<string>();
  readonly #running = new Set<Promise<void>>();
  #isStarted = false;
  #isFeeding = false;
  /** How far the ledger was gone through, null when to its end. */
  #after: string | null = '';
  /** Somebody found no place, so the end of the ledger is not the end. */
  #isBehind = false;

  constructor(parts: ResyncParts) {
    this.#parts = parts;
    this.#gates = new HostGates({ clock: parts.clock, concurrency: parts.options.hostConcurrency, intervalMs: parts.options.hostIntervalMs });
  }

  /** Begins with what the ledger has; to be called when the stream is there, so that nothing falls between the two. Again does nothing. */
  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    const { clock, signal } = this.#parts;
    const again = (): void => {
      this.#givenUp.clear();
      this.#after ??= '';
      this.#feed();
    };
    const timer = clock.every(againMs, again, { unref: true });
    signal.addEventListener('abort', () => timer.cancel(), { once: true });
    this.#feed();
    const { options, continuity, onNotice, onFault } = this.#parts;
    if (options.accounts) void demandAll(options.accounts, { fetch: options.fetch, clock, continuity, onNotice, signal }).catch(onFault);
    this.#pump();
  }

  /** Wants an account fetched. */
  request(did: string): void {
    const known = this.#known.get(did);
    if (known) known.isWantedAgain = true;
    if (known || this.#givenUp.has(did) || this.#parts.signal.aborted) return;
    // Without room it is found when the ledger is gone through again, as soon as there is.
    if (this.#known.size >= maxWaiting) return void (this.#isBehind = true);
    this.#known.set(did, { attempts: 0, isWantedAgain: false, isAtGate: false });
    this.#setReady(did);
  }

  #setReady(did: string): void {
    this.#ready.push(did);
    this.#pump();
  }

  /** Resolves when nothing is under way; the signal has been aborted before. */
  async idle(): Promise<void> {
    await Promise.all(this.#running);
  }

  #pump(): void {
    const { options, signal, onFault } = this.#parts;
    while (this.#isStarted && this.#running.size < options.concurrency && !signal.aborted) {
      const did = this.#ready.shift();
      if (did === undefined) break;
      const running: Promise<void> = this.#attempt(did)
        .catch((error: unknown) => (signal.aborted ? undefined : onFault(error)))
        .finally(() => {
          this.#running.delete(running);
          this.#pump();
        });
      this.#running.add(running);
    }
    if (this.#known.size < maxWaiting / 2) this.#feed();
  }

  /** Goes on through the ledger; whoever is known is passed by. */
  #feed(): void {
    if ((this.#after === null && !this.#isBehind) || this.#isFeeding || !this.#isStarted || this.#parts.signal.aborted) return;
    this.#isFeeding = true;
    void this.#readStale()
      .catch(this.#parts.onFault)
      .finally(() => (this.#isFeeding = false));
  }

  async #readStale(): Promise<void> {
    const { options, signal } = this.#parts;
    while ((this.#after !== null || this.#isBehind) && this.#known.size + page <= maxWaiting && !signal.aborted) {
      if (this.#after === null) [this.#after, this.#isBehind] = ['', false];
      const dids = await options.ledger.stale(this.#after, page);
      for (const did of dids) if (!this.#known.has(did)) this.request(did);
      this.#after = dids.at(-1) ?? null;
    }
  }

  async #attempt(did: string): Promise<void> {
    const waiting = this.#known.get(did) as Waiting;
    waiting.isWantedAgain = false;
    const outcome = await this.#resync(did, waiting);
    if (outcome.kind === 'later' && outcome.isFailure) waiting.attempts += 1;
    if (outcome.kind === 'done' && waiting.isWantedAgain) this.#ready.push(did);
    else if (outcome.kind === 'done') this.#known.delete(did);
    else if (waiting.attempts >= maxAttempts) {
      this.#known.delete(did);
      if (this.#givenUp.size < maxWaiting) this.#givenUp.add(did);
    } else this.#putOff(did, Math.max(outcome.ms, outcome.isFailure ? Math.random() * Math.min(maxWaitMs, firstWaitMs * 2 ** waiting.attempts) : 0));
  }

  #putOff(did: string, ms: number): void {
    const { clock, signal } = this.#parts;
    if (signal.aborted) return;
    const timer = clock.after(ms, () => {
      signal.removeEventListener('abort', onAbort);
      this.#setReady(did);
    });
    const onAbort = (): void => timer.cancel();
    signal.addEventListener('abort', onAbort, { once: true });
  }

  async #resync(did: string, waiting: Waiting): Promise<Outcome> {
    const { identity, signal } = this.#parts;
    try {
      const document = await identity.resolveDid(did, { maxAgeMs: maxDocumentAgeMs, signal });
      if (!document?.pdsUrl || (this.#parts.isVerified && !document.signingKey)) return await this.#unknown(did);
      const waitMs = this.#gates.enter(document.pdsUrl, waiting.isAtGate);
      waiting.isAtGate = waitMs > 0;
      if (waitMs > 0) return { kind: 'later', ms: waitMs, isFailure: false };
      let [pauseMs, isGone] = [0, false];
      const fetching = await this.#begin(did);
      try {
        if (!fetching) return done;
        const answer = await this.#fetch(fetching, document.pdsUrl);
        pauseMs = answer.kind === 'failed' ? (answer.retryMs ?? 0) : 0;
        isGone = answer.kind === 'gone';
        if (answer.kind !== 'repo') return this.#failed(did, answer.reason, isGone, pauseMs);
        return await this.#compare(fetching, answer);
      } finally {
        fetching?.giveUp(isGone);
        this.#gates.leave(document.pdsUrl, pauseMs);
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return this.#failed(did, error.message, false);
    }
  }

  /** A ledger that has failed answers nobody, and must not keep the run from its end. */
  async #begin(did: string): Promise<Fetching | null> {
    const { continuity, signal } = this.#parts;
    const begun: { fetching: Fetching | null } = { fetching: null };
    await untilAborted(continuity.begin(did).then((fetching) => (begun.fetching = fetching)), signal);
    return begun.fetching;
  }

  async #unknown(did: string): Promise<Outcome> {
    (await this.#begin(did))?.giveUp(true);
    return this.#failed(did, 'did document names no server or no key', true);
  }

  #failed(did: string, reason: string, isOver: boolean, ms = 0): Outcome {
    this.#parts.onNotice({ kind: 'resyncFailed', did, reason, isOver });
    return isOver ? done : { kind: 'later', ms, isFailure: true };
  }

  /** Asks for the repository; on a bad signature the DID is looked up afresh, once. */
  async #fetch(fetching: Fetching, host: string): Promise<RepoAnswer> {
    const { options, identity, clock, isVerified } = this.#parts;
    const { did } = fetching;
    const signal = AbortSignal.any([this.#parts.signal, fetching.signal]);
    for (let refresh = false; ; refresh = true) {
      const { fetch, maxRepoBytes: maxBytes, fetchTimeoutMs: timeoutMs, folder } = options;
      try {
        const key = isVerified ? ((await identity.resolveDid(did, { refresh, signal }))?.signingKey ?? null) : null;
        if (isVerified && key === null) return { kind: 'gone', reason: 'did document has no signing key' };
        const answer = await fetchRepo({ did, host, key, fetch, clock, maxBytes, timeoutMs, folder, signal });
        if (answer.kind !== 'badSignature' || refresh) return answer;
      } catch (error) {
        if (this.#parts.signal.aborted || !fetching.signal.aborted) throw error;
        return { kind: 'gone', reason: 'the account is no longer active' };
      }
    }
  }

  async #compare(fetching: Fetching, repo: FetchedRepo): Promise<Outcome> {
    const { did } = fetching;
    const { signal, onNotice } = this.#parts;
    try {
      if (!fetching.isEnough(repo.rev)) return this.#failed(did, `the server gives an older repository: rev=${repo.rev}`, false);
      const either = AbortSignal.any([signal, fetching.signal]);
      await untilAborted(fetching.idle(), either);
      const counts = await this.#tell(fetching, repo, either);
      // Cut short, not all was told: it must not be written down as whole.
      if (either.aborted) return done;
      const notice = { kind: 'resynced', did, rev: repo.rev, created: counts.create, updated: counts.update, deleted: counts.delete } as const;
      return fetching.succeed({ rev: repo.rev, data: repo.data }, () => onNotice(notice)) ? done : { kind: 'later', ms: 0, isFailure: false };
    } finally {
      repo.stage.close();
    }
  }

  /** Tells the differences piece by piece, as fast as the memory bound lets. */
  async #tell(fetching: Fetching, repo: FetchedRepo, either: AbortSignal): Promise<Record<Difference['action'], number>> {
    const { did } = fetching;
    const { options, wants, budget, clock, seq } = this.#parts;
    const counts = { create: 0, update: 0, delete: 0 };
    const time = new Date(clock.nowMs()).toISOString();
    const give = async (ops: Difference[]): Promise<void> => {
      await untilAborted(budget.free(), either);
      if (either.aborted) return;
      const held: HeldDifferences = { kind: 'differences', seq: seq(), did, rev: repo.rev, commit: repo.commit, time, ops };
      budget.charge(heldBytes(held));
      fetching.tell(held);
    };
    let [ops, bytes]: [Difference[], number] = [[], 0];
    for await (const difference of differences(did, repo, options.ledger, wants)) {
      if (either.aborted) return counts;
      if (difference.isWanted) counts[difference.action] += 1;
      // The stage's memory is one piece for all blocks: what waits must not keep it.
      ops.push({ ...difference, block: difference.block && new Uint8Array(difference.block) });
      bytes += difference.block?.length ?? 0;
      if (ops.length < pieceOps && bytes < pieceBytes) continue;
      await give(ops);
      [ops, bytes] = [[], 0];
    }
    if (ops.length > 0 && !either.aborted) await give(ops);
    return counts;
  }
}
