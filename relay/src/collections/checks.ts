/**
 * Asks hosts which collections their accounts have, where the relay does not know exactly: accounts older than its first
 * sight of them, and accounts of which something was missed. Politely: see host-pace.ts.
 * Not in any event's path. Place in the flow: a timer; answers go into the index, then what commits said meanwhile.
 * An answer is the host's word; every later commit of the account is proof and corrects it. When a host has told of all
 * its accounts it is asked to prove what it said, and what is proven counts.
 * Source: ours, docs/decisions/0010-collections-from-the-commits-own-blocks.md.
 */
import type { AccountKey, ToldRepo } from '../accounts/account-row.ts';
import type { Clock, Timer } from '@dunlin/protocol/base/clock';
import { waitMs } from '../hosts/lookup-pace.ts';
import { CheckQueue } from './check-queue.ts';
import type { CollectionIndex } from './collection-index.ts';
import type { CollectionMetrics } from './collection-metrics.ts';
import { describeRepo } from './describe-repo.ts';
import { HostPace } from './host-pace.ts';
import type { Journal, Journals } from './journals.ts';
import { proveRepo } from './prove-repo.ts';
import type { Proof } from './prove-repo.ts';

/** Accounts as far as checks look at them. */
export interface CheckedAccounts {
  readonly size: number;
  did(row: number): string;
  hostId(row: number): number;
  isActive(row: number): boolean;
  /** A commit or #sync of it was passed on, or its host lists it. */
  isListed(row: number): boolean;
  /** Rev last passed on, or null. */
  rev(row: number): string | null;
  key(row: number): AccountKey | null;
  setTold(row: number, told: ToldRepo): void;
}

/** What it works with. */
export interface ChecksParts {
  readonly index: CollectionIndex;
  readonly journals: Journals;
  readonly accounts: CheckedAccounts;
  /** Gives where a host is asked, or null while it is not listened to. */
  readonly originOf: (hostId: number) => string | null;
  /** Guarded. */
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
  readonly metrics: CollectionMetrics;
  /** Questions a second to one host. */
  readonly perSecond: number;
  /** Has hosts prove what they said. */
  readonly proves: boolean;
  readonly onFault: (error: unknown) => void;
}

const everyMs = 200;
/** Questions under way to all hosts. */
const atOnce = 64;

/** Asks. */
export class Checks {
  readonly #parts: ChecksParts;
  readonly #queue: CheckQueue;
  readonly #paces = new Map<number, HostPace>();
  readonly #timer: Timer;
  readonly #running = new Set<Promise<void>>();
  readonly #stopping = new AbortController();
  #isClosed = false;

  constructor(parts: ChecksParts) {
    this.#parts = parts;
    this.#queue = new CheckQueue({ rows: () => parts.accounts.size, hostToAsk: (row) => this.#hostToAsk(row), isForProof: (row) => parts.index.certainty(row) === 'exact' });
    this.#timer = parts.clock.every(everyMs, () => this.step(), { unref: true });
  }

  /** Accounts found and not asked about yet. */
  get queued(): number {
    return this.#queue.size;
  }

  /** Puts an account before others. */
  hurry(row: number): void {
    this.#queue.hurry(row);
  }

  /** Asks whom it may ask now. */
  step(): void {
    const nowMs = this.#parts.clock.elapsedMs();
    for (const host of this.#queue.hosts()) {
      const pace = this.#paceOf(host);
      while (this.#running.size < atOnce && pace.mayAsk(nowMs)) {
        const row = this.#queue.take(host);
        if (row < 0) break;
        pace.begin(nowMs);
        this.#run(row, host, pace);
      }
    }
    for (const [host, pace] of this.#paces) if (pace.isForgettable(nowMs)) this.#paces.delete(host);
    // Last, so that who was found has until the next step to become known by a commit that is nearly durable.
    this.#queue.refill();
  }

  /** Asks no more; resolves when nothing is under way. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#stopping.abort();
    this.#timer.cancel();
    await Promise.all(this.#running);
  }

  #hostToAsk(row: number): number {
    const { index, accounts, journals, originOf } = this.#parts;
    const certainty = index.certainty(row);
    const isDone = certainty === 'exact' && !(this.#parts.proves && index.proof(row) === 'none');
    if (isDone || certainty === 'away' || journals.has(row) || !accounts.isActive(row) || !accounts.isListed(row)) return -1;
    const host = accounts.hostId(row);
    return originOf(host) === null ? -1 : host;
  }

  #paceOf(host: number): HostPace {
    let pace = this.#paces.get(host);
    if (!pace) {
      pace = new HostPace(this.#parts.perSecond);
      this.#paces.set(host, pace);
    }
    return pace;
  }

  #run(row: number, host: number, pace: HostPace): void {
    const isForProof = this.#parts.index.certainty(row) === 'exact';
    const work = (isForProof ? this.#prove(row, host, pace) : this.#ask(row, host, pace)).catch(this.#parts.onFault).finally(() => this.#running.delete(work));
    this.#running.add(work);
  }

  async #ask(row: number, host: number, pace: HostPace): Promise<void> {
    const { index, journals, accounts, clock, metrics, fetch } = this.#parts;
    const origin = this.#parts.originOf(host);
    journals.open(row);
    const answer = origin === null ? ({ kind: 'failed', retryMs: null } as const) : await describeRepo(fetch, origin, accounts.did(row), () => clock.nowMs());
    const { facts, isDoubtful } = journals.close(row);
    pace.end(clock.elapsedMs(), answer.kind === 'failed', answer.kind === 'failed' ? answer.retryMs : null);
    metrics.checked[answer.kind].inc();
    // What is stored when the relay closes must not depend on what comes after.
    if (this.#isClosed || answer.kind === 'failed' || accounts.hostId(row) !== host) return;
    if (answer.kind === 'away') return index.setCertainty(row, isDoubtful || facts.size > 0 ? 'doubtful' : 'away');
    const collections = withFacts(answer.collections, facts);
    index.replace(row, collections);
    index.setCertainty(row, isDoubtful ? 'doubtful' : 'exact');
  }

  /** Has a host prove what it told, or what a proof found it to be. */
  async #prove(row: number, host: number, pace: HostPace): Promise<void> {
    const { index, journals, accounts, clock, metrics, fetch, originOf } = this.#parts;
    const [origin, key, did, rev] = [originOf(host), accounts.key(row), accounts.did(row), accounts.rev(row)];
    const before = index.collectionsOf(row);
    journals.open(row);
    const proof: Proof = origin === null || key === null ? { kind: 'unprovable', detail: 'no host or no key' } : await proveRepo({
      fetch, origin, did, key, claimed: before, nowMs: () => clock.nowMs(), turn: () => waitMs(clock, pace.reserve(clock.elapsedMs()), this.#stopping.signal),
    });
    const journal = journals.close(row);
    // What is older than what was passed on proves nothing of today.
    const isOld = proof.kind === 'proven' && rev !== null && proof.repo.rev < rev;
    const hasFailed = proof.kind === 'failed' || isOld;
    pace.end(clock.elapsedMs(), hasFailed, proof.kind === 'failed' ? proof.retryMs : null);
    if (this.#isClosed) return;
    if (hasFailed) return metrics.proved.failed.inc();
    if (accounts.hostId(row) !== host || index.certainty(row) !== 'exact') return;
    if (proof.kind === 'unprovable') {
      metrics.proved.unprovable.inc();
      return index.setCertainty(row, 'exact', 'unprovable');
    }
    this.#take(row, proof, journal, before);
  }

  #take(row: number, { collections, repo }: Extract<Proof, { kind: 'proven' }>, { facts, isDoubtful }: Journal, before: readonly string[]): void {
    const { index, accounts, metrics } = this.#parts;
    const isAsTold = before.length === collections.size && before.every((each) => collections.has(each));
    metrics.proved[isAsTold || facts.size > 0 ? 'proven' : 'corrected'].inc();
    index.replace(row, withFacts(collections, facts));
    if (!isDoubtful) index.setCertainty(row, 'exact', 'proven');
    accounts.setTold(row, repo);
  }
}

/** What commits said meanwhile counts more. */
function withFacts(told: ReadonlySet<string>, facts: Journal['facts']): Set<string> {
  const collections = new Set(told);
  for (const [collection, isPresent] of facts) {
    if (isPresent) collections.add(collection);
    else collections.delete(collection);
  }
  return collections;
}
