/**
 * Runs moves: one job an account, few at work at once, the others wait in line. A job goes from step to step until it is done, until it is
 * the person's turn, or until something stops it; passing faults are tried again after a while, in which others are served, and a job that
 * has worked for long lets them by. What is done is in the row, so a job may be cut off anywhere: starting the server takes it up again.
 * Not here: what the steps do (`move-steps.ts`), what people ask (`moves.ts`). Source: ours, docs/decisions/0023-moving-by-a-page.md.
 */
import { AssertionFailure } from '@dunlin/protocol/base/assert';
import type { Clock, Timer } from '@dunlin/protocol/base/clock';
import { Line } from '@dunlin/service/lifecycle/line';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import type { Account } from '../account/account.ts';
import type { AccountStore } from '../account/account-store.ts';
import type { GroupCommit } from '../sequencer/group-commit.ts';
import { MoveFault, takenDown } from './move-fault.ts';
import { filesBegin, type FilesPlace, type MoveSteps } from './move-steps.ts';
import { stoppedByOperator, type Move, type MoveStep, type MoveStore, type OldSession } from './move-store.ts';
import { OldServer } from './old-server.ts';

/** Most jobs at work at once: as many as repositories may be put in place at once. */
export const maxMovesAtOnce = 2;

/** Waits between tries of a step that failed in passing, in ms; after the last one the person is asked. */
export const retryDelaysMs = [1_000, 5_000, 30_000, 120_000, 300_000] as const;

/** How long a session at the old server is kept while nothing happens in a move, in ms. */
export const sessionLifeMs = 7 * 24 * 3_600_000;

/** How long a job works while others wait in line, in ms; it then lets them by where nothing is lost by it. */
export const turnMs = 300_000;

const forgetEveryMs = 3_600_000;

interface Job {
  readonly abort: AbortController;
  readonly done: Promise<void>;
  /** What has come in the step under way, and since when. */
  receivedBytes: number;
  stepBeganMs: number;
  turnEndsMs: number;
  isInLine: boolean;
  files: FilesPlace;
  /** Why it waits, and until when; null while it works. */
  retry: { readonly fault: MoveFault; readonly atMs: number } | null;
}

/** What a job is doing. */
export interface MoveProgress {
  readonly isRunning: boolean;
  /** True when others are before it. */
  readonly isInLine: boolean;
  /** Bytes that have come in the step under way, in this run. */
  readonly receivedBytes: number;
  readonly bytesPerSecond: number;
  readonly retry: { readonly fault: MoveFault; readonly atMs: number } | null;
}

/** Told of what becomes of moves. */
export interface MoveObserver {
  begun(): void;
  abandoned(): void;
  received(step: 'repo' | 'blobs', bytes: number): void;
  finished(): void;
  stopped(step: MoveStep): void;
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
  readonly #observer: MoveObserver;
  readonly #turnMs: number;
  readonly #jobs = new Map<number, Job>();
  readonly #line = new Line(maxMovesAtOnce);
  /** Accounts whose person is changing their move just now. */
  readonly #held = new Set<number>();
  #timer: Timer | null = null;
  #isClosed = false;

  /** `onFault` is told of mistakes of our own; what stops a move is told to its person. */
  constructor(o: {
    moves: MoveStore; steps: MoveSteps; accounts: AccountStore; groups: GroupCommit; fetch: typeof globalThis.fetch; clock: Clock;
    observer: MoveObserver; turnMs?: number; onFault: (fault: unknown) => void;
  }) {
    this.#store = o.moves;
    this.#steps = o.steps;
    this.#accounts = o.accounts;
    this.#groups = o.groups;
    this.#fetch = o.fetch;
    this.#clock = o.clock;
    this.#observer = o.observer;
    this.#turnMs = o.turnMs ?? turnMs;
    this.#onFault = o.onFault;
  }

  /** How many jobs are at work, and how many wait in line. */
  get counts(): { running: number; inLine: number } {
    return { running: this.#line.taken, inLine: this.#line.waiting };
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
    const abort = new AbortController();
    // The first step begins a turn later, when the job is in the table.
    const done = Promise.resolve()
      .then(() => this.#work(accountId, job))
      .catch((fault: unknown) => {
        if (!abort.signal.aborted || fault instanceof AssertionFailure) this.#onFault(fault);
      })
      .finally(() => this.#jobs.delete(accountId));
    const job: Job = { abort, done, receivedBytes: 0, stepBeganMs: 0, turnEndsMs: 0, isInLine: false, files: filesBegin(), retry: null };
    this.#jobs.set(accountId, job);
  }

  /** Ends the job of a move, and resolves when nothing of it goes on. */
  async stop(accountId: number): Promise<void> {
    const job = this.#jobs.get(accountId);
    job?.abort.abort(new Error('the move was stopped'));
    await job?.done;
  }

  /** Ends the job of a move that is not done, and says why; nothing of it goes on when this resolves. */
  async halt(accountId: number, { code, message }: MoveFault): Promise<void> {
    const say = (): Promise<void> => this.#groups.write(() => this.#store.setStop(accountId, { code, message }, this.#clock.nowMs()));
    const step = this.#store.find(accountId)?.step ?? 'done';
    if (step === 'done') return;
    await say();
    await this.stop(accountId);
    // The step that was under way may have ended well meanwhile, and thereby what was said.
    if (this.#store.find(accountId)?.step === 'done') return;
    await say();
    this.#observer.stopped(step);
  }

  /** Judges an account as it is at this moment. @throws MoveFault AccountTakenDown, StoppedByOperator */
  assertMayGoOn({ id, takedownRef }: Account): void {
    if (takedownRef !== null) throw takenDown();
    const stop = this.#store.find(id)?.stop;
    if (stop?.code === stoppedByOperator) throw new MoveFault(stoppedByOperator, stop.message);
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
    if (job === undefined) return { isRunning: false, isInLine: false, receivedBytes: 0, bytesPerSecond: 0, retry: null };
    const seconds = (this.#clock.elapsedMs() - job.stepBeganMs) / 1_000;
    const bytesPerSecond = job.isInLine || job.retry !== null || seconds <= 0 ? 0 : Math.round(job.receivedBytes / seconds);
    return { isRunning: !job.isInLine, isInLine: job.isInLine, receivedBytes: job.receivedBytes, bytesPerSecond, retry: job.retry };
  }

  /** Gives the old server of a move as it is spoken to within one job or call. @throws MoveFault OldSessionOver */
  oldServer({ accountId, origin, session }: Move, signal: AbortSignal): OldServer {
    if (origin === null || session === null) throw new MoveFault('OldSessionOver', 'There is no sign-in at the old server any more. Sign in there once more to go on.');
    return new OldServer({ origin, session, signal, fetch: this.#fetch, clock: this.#clock, onRenewed: (renewed) => this.#keep(accountId, renewed) });
  }

  async #close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await Promise.all([...this.#jobs.keys()].map((accountId) => this.stop(accountId)));
  }

  async #keep(accountId: number, session: OldSession): Promise<void> {
    await this.#groups.write(() => this.#store.setSession(accountId, session, this.#clock.nowMs()));
  }

  async #work(accountId: number, job: Job): Promise<void> {
    const { signal } = job.abort;
    for (let tries = 0; ;) {
      const { fault, step, hasAdvanced } = await this.#turn(accountId, job);
      if (fault === null && step === null) return;
      if (hasAdvanced || fault?.hasProgressed) tries = 0;
      if (fault === null || step === null) continue;
      const delayMs = fault.isPassing ? retryDelaysMs[tries++] : undefined;
      if (delayMs === undefined) return await this.#stopAt(accountId, step, fault);
      job.retry = { fault, atMs: this.#clock.nowMs() + delayMs };
      await this.#clock.sleep(delayMs, signal);
      job.retry = null;
    }
  }

  /** Works in a place of the line until there is nothing more to do (no step), something stops it (a fault), or others are to be let by. */
  async #turn(accountId: number, job: Job): Promise<{ step: MoveStep | null; fault: MoveFault | null; hasAdvanced: boolean }> {
    const { signal } = job.abort;
    job.isInLine = this.#line.taken >= maxMovesAtOnce;
    await this.#line.enter(signal);
    job.isInLine = false;
    job.turnEndsMs = this.#clock.elapsedMs() + this.#turnMs;
    let [step, hasAdvanced]: [MoveStep | null, boolean] = [null, false];
    try {
      do {
        signal.throwIfAborted();
        const move = this.#store.find(accountId);
        step = move?.step ?? null;
        if (move === null) return { step, fault: null, hasAdvanced };
        job.receivedBytes = 0;
        job.stepBeganMs = this.#clock.elapsedMs();
        const next = await this.#step(move, job);
        if (next === null) return { step: null, fault: null, hasAdvanced };
        if (next !== step) await this.#advance(accountId, next);
        hasAdvanced ||= next !== step;
      } while (this.#mayGoOn(job));
      return { step, fault: null, hasAdvanced };
    } catch (fault) {
      if (!(fault instanceof MoveFault) || signal.aborted) throw fault;
      return { step, fault, hasAdvanced };
    } finally {
      this.#line.leave();
    }
  }

  #mayGoOn({ turnEndsMs }: Job): boolean {
    return !this.#line.isWaitedFor || this.#clock.elapsedMs() < turnEndsMs;
  }

  /** Does the step that is next and gives the one after it, or the same one when others are to be let by; null when there is none, or when it is the person's turn. */
  async #step(move: Move, job: Job): Promise<MoveStep | null> {
    const account = this.#accounts.byId(move.accountId);
    const { signal } = job.abort;
    if (account === null || move.step === 'archive' || move.step === 'done') return null;
    this.assertMayGoOn(account);
    switch (move.step) {
      case 'repo':
        if (account.deactivatedAtMs === null) throw new MoveFault('AccountInService', 'The account is in service here already; a repository can no longer be put in its place.');
        await this.#steps.repo(account, this.oldServer(move, signal), { signal, onBytes: this.#counter(job, 'repo') });
        return 'blobs';
      case 'blobs': {
        const isAll = await this.#steps.files(account, this.oldServer(move, signal), { signal, onBytes: this.#counter(job, 'blobs'), goesWithoutMissing: move.goesWithoutMissing, place: job.files, mayGoOn: () => this.#mayGoOn(job) });
        return isAll ? 'preferences' : 'blobs';
      }
      case 'preferences':
        await this.#steps.preferences(account, this.oldServer(move, signal));
        return 'identity';
      case 'identity':
        if (await this.#steps.isIdentityHere(account)) return 'activation';
        if (move.operation === null) return null;
        // It may have been stopped, or taken down, while the network was asked.
        signal.throwIfAborted();
        this.assertMayGoOn(this.#accounts.byId(account.id) ?? account);
        await this.#steps.submitOwn(account, move.operation);
        return 'activation';
      case 'activation':
        await this.#steps.activate(account, (now) => this.assertMayGoOn(now));
        return move.origin === null ? 'done' : 'farewell';
      case 'farewell':
        await this.#steps.farewell(this.oldServer(move, signal));
        return 'done';
    }
  }

  #counter(job: Job, step: 'repo' | 'blobs'): (bytes: number) => void {
    return (bytes) => {
      job.receivedBytes += bytes;
      this.#observer.received(step, bytes);
    };
  }

  async #advance(accountId: number, step: MoveStep): Promise<void> {
    await this.#groups.write(() => {
      this.#store.setStep(accountId, step, this.#clock.nowMs());
      if (step === 'done') this.#store.setSession(accountId, null, this.#clock.nowMs());
    });
    if (step === 'done') this.#observer.finished();
  }

  async #stopAt(accountId: number, step: MoveStep, { code, message }: MoveFault): Promise<void> {
    await this.#groups.write(() => {
      this.#store.setStop(accountId, { code, message }, this.#clock.nowMs());
      if (code === 'OldSessionOver') this.#store.setSession(accountId, null, this.#clock.nowMs());
    });
    this.#observer.stopped(step);
  }
}
