/**
 * Runs moves: one job an account, few at once, the others wait in line. A job goes from step to step until it is done, until it is the
 * person's turn, or until something stops it; passing faults are tried again after a while. What is done is in the row, so a job may be
 * cut off anywhere: closing the server ends it, starting the server takes it up again.
 * Not here: what the steps do (`move-steps.ts`), what people ask (`moves.ts`). Source: ours, docs/decisions/0023-moving-by-a-page.md.
 */
import { AssertionFailure } from '@dunlin/protocol/base/assert';
import type { Clock, Timer } from '@dunlin/protocol/base/clock';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import type { AccountStore } from '../account/account-store.ts';
import type { GroupCommit } from '../sequencer/group-commit.ts';
import { MoveFault } from './move-fault.ts';
import type { MoveSteps } from './move-steps.ts';
import type { Move, MoveStep, MoveStore, OldSession } from './move-store.ts';
import { OldServer } from './old-server.ts';

/** Most jobs at once: as many as repositories may be imported at once. */
export const maxMovesAtOnce = 2;

/** Waits between tries of a step that failed in passing, in ms; after the last one the person is asked. */
export const retryDelaysMs = [1_000, 5_000, 30_000, 120_000, 300_000] as const;

/** How long a session at the old server is kept while nothing happens in a move, in ms. */
export const sessionLifeMs = 7 * 24 * 3_600_000;

const forgetEveryMs = 3_600_000;

interface Job {
  readonly abort: AbortController;
  readonly done: Promise<void>;
  receivedBytes: number;
  /** Why it waits, and until when; null while it works. */
  retry: { readonly fault: MoveFault; readonly atMs: number } | null;
}

/** What a job is doing. */
export interface MoveProgress {
  readonly isRunning: boolean;
  /** True when others are before it. */
  readonly isInLine: boolean;
  /** Bytes of the repository that have come in this run. */
  readonly receivedBytes: number;
  readonly retry: { readonly fault: MoveFault; readonly atMs: number } | null;
}

/** Runs moves. */
export class MoveRunner {
  readonly #store: MoveStore;
  readonly #steps: MoveSteps;
  readonly #accounts: AccountStore;
  readonly #groups: GroupCommit;
  readonly #fetch: typeof globalThis.fetch;
  readonly #clock: Clock;
  readonly #onFault: (fault: unknown) => void;
  readonly #jobs = new Map<number, Job>();
  readonly #line = new Set<number>();
  /** Accounts whose person is changing their move just now. */
  readonly #held = new Set<number>();
  #timer: Timer | null = null;
  #isClosed = false;

  /** `onFault` is told of mistakes of our own; what stops a move is told to its person. */
  constructor(o: {
    moves: MoveStore; steps: MoveSteps; accounts: AccountStore; groups: GroupCommit; fetch: typeof globalThis.fetch; clock: Clock;
    onFault: (fault: unknown) => void;
  }) {
    this.#store = o.moves;
    this.#steps = o.steps;
    this.#accounts = o.accounts;
    this.#groups = o.groups;
    this.#fetch = o.fetch;
    this.#clock = o.clock;
    this.#onFault = o.onFault;
  }

  /** Takes up every move that can go on without its person; gives what ends them all. */
  start(): () => Promise<void> {
    const forget = (): void => this.#store.forgetSessions(this.#clock.nowMs() - sessionLifeMs);
    forget();
    this.#timer = this.#clock.every(forgetEveryMs, forget, { unref: true });
    // Whoever deletes the account ends its job too; nothing waits for that.
    this.#store.onRemoved = (accountId) => void this.stop(accountId);
    for (const accountId of this.#store.ableToGoOn()) this.run(accountId);
    return () => this.#close();
  }

  /** Sees to it that a move goes on: now, or when its turn has come. */
  run(accountId: number): void {
    if (this.#isClosed || this.#jobs.has(accountId)) return;
    if (this.#jobs.size >= maxMovesAtOnce) {
      this.#line.add(accountId);
      return;
    }
    this.#line.delete(accountId);
    const abort = new AbortController();
    // The first step begins a turn later, when the job is in the table.
    const done = Promise.resolve()
      .then(() => this.#work(accountId, job))
      .catch((fault: unknown) => {
        if (!abort.signal.aborted || fault instanceof AssertionFailure) this.#onFault(fault);
      })
      .finally(() => {
        this.#jobs.delete(accountId);
        const [next] = this.#line;
        if (next !== undefined) this.run(next);
      });
    const job: Job = { abort, done, receivedBytes: 0, retry: null };
    this.#jobs.set(accountId, job);
  }

  /** Ends the job of a move, and resolves when nothing of it goes on. */
  async stop(accountId: number): Promise<void> {
    this.#line.delete(accountId);
    const job = this.#jobs.get(accountId);
    job?.abort.abort(new Error('the move was stopped'));
    await job?.done;
  }

  /** Does what a person asks of their move while nothing else is asked of it, by another page perhaps. @throws XrpcError 400 NotYet; what the work throws */
  async alone<T>(accountId: number, work: () => Promise<T>): Promise<T> {
    if (this.#held.has(accountId)) throw invalidRequest('something else is being done with this move just now, look again in a moment', 'NotYet');
    this.#held.add(accountId);
    try {
      return await work();
    } finally {
      this.#held.delete(accountId);
    }
  }

  /** Gives what the job of a move is doing. */
  progressOf(accountId: number): MoveProgress {
    const job = this.#jobs.get(accountId);
    return { isRunning: job !== undefined, isInLine: this.#line.has(accountId), receivedBytes: job?.receivedBytes ?? 0, retry: job?.retry ?? null };
  }

  /** Gives the old server of a move as it is spoken to within one job or call. @throws MoveFault OldSessionOver */
  oldServer({ accountId, origin, session }: Move, signal: AbortSignal): OldServer {
    if (origin === null || session === null) throw new MoveFault('OldSessionOver', 'There is no sign-in at the old server any more. Sign in there once more to go on.');
    return new OldServer({ origin, session, signal, fetch: this.#fetch, onRenewed: (renewed) => this.#keep(accountId, renewed) });
  }

  async #close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#line.clear();
    await Promise.all([...this.#jobs.keys()].map((accountId) => this.stop(accountId)));
  }

  async #keep(accountId: number, session: OldSession): Promise<void> {
    await this.#groups.write(() => this.#store.setSession(accountId, session, this.#clock.nowMs()));
  }

  async #work(accountId: number, job: Job): Promise<void> {
    const { signal } = job.abort;
    for (let tries = 0; ;) {
      const move = this.#store.find(accountId);
      if (move === null) return;
      try {
        const next = await this.#step(move, job);
        if (next === null) return;
        await this.#advance(accountId, next);
        tries = 0;
      } catch (fault) {
        if (!(fault instanceof MoveFault) || signal.aborted) throw fault;
        if (fault.hasProgressed) tries = 0;
        const delayMs = fault.isPassing ? retryDelaysMs[tries++] : undefined;
        if (delayMs === undefined) return await this.#stopAt(accountId, fault);
        job.retry = { fault, atMs: this.#clock.nowMs() + delayMs };
        await this.#clock.sleep(delayMs, signal);
        job.retry = null;
      }
    }
  }

  /** Does the step that is next and gives the one after it; null when there is none, or when it is the person's turn. */
  async #step(move: Move, job: Job): Promise<MoveStep | null> {
    const account = this.#accounts.byId(move.accountId);
    const { signal } = job.abort;
    if (account === null) return null;
    switch (move.step) {
      case 'archive':
      case 'done':
        return null;
      case 'repo':
        if (account.deactivatedAtMs === null) throw new MoveFault('AccountInService', 'The account is in service here already; a repository can no longer be put in its place.');
        job.receivedBytes = 0;
        await this.#steps.repo(account, this.oldServer(move, signal), { signal, onBytes: (bytes) => (job.receivedBytes += bytes) });
        return 'blobs';
      case 'blobs':
        await this.#steps.files(account, this.oldServer(move, signal), { signal, goesWithoutMissing: move.goesWithoutMissing });
        return 'preferences';
      case 'preferences':
        await this.#steps.preferences(account, this.oldServer(move, signal));
        return 'identity';
      case 'identity':
        if (await this.#steps.isIdentityHere(account)) return 'activation';
        if (move.operation === null) return null;
        await this.#steps.submitOwn(account, move.operation);
        return 'activation';
      case 'activation':
        await this.#steps.activate(account);
        return move.origin === null ? 'done' : 'farewell';
      case 'farewell':
        await this.#steps.farewell(this.oldServer(move, signal));
        return 'done';
    }
  }

  async #advance(accountId: number, step: MoveStep): Promise<void> {
    await this.#groups.write(() => {
      this.#store.setStep(accountId, step, this.#clock.nowMs());
      if (step === 'done') this.#store.setSession(accountId, null, this.#clock.nowMs());
    });
  }

  async #stopAt(accountId: number, { code, message }: MoveFault): Promise<void> {
    await this.#groups.write(() => {
      this.#store.setStop(accountId, { code, message }, this.#clock.nowMs());
      if (code === 'OldSessionOver') this.#store.setSession(accountId, null, this.#clock.nowMs());
    });
  }
}
