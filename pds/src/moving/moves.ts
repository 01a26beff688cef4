/**
 * What people ask about their move: begin it with a session at the old server, see how far it is, let it go on, change the DID, throw it
 * away. The old password is typed into the page and goes to the old server only; what is lent to this server is the session.
 * Not here: the work (`move-runner.ts`), HTTP (`api/account/moves.ts`), archives (`restoration.ts`).
 * Source: ours, docs/decisions/0023-moving-by-a-page.md.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { ProtocolError } from '@dunlin/protocol/base/errors';
import { growingCache } from '@dunlin/protocol/base/growing-cache';
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';
import { invalidRequest, XrpcError } from '@dunlin/service/xrpc/errors';
import type { Account } from '../account/account.ts';
import type { AccountStore } from '../account/account-store.ts';
import type { AccountStanding } from '../membership/standing.ts';
import type { BlobStore } from '../blob/blob-store.ts';
import type { ServerIdentity } from '../identity/server-identity.ts';
import type { InviteStore } from '../invite/invite-store.ts';
import type { RepoReader } from '../repo/read.ts';
import type { GroupCommit } from '../sequencer/group-commit.ts';
import { MoveFault } from './move-fault.ts';
import type { IdentityPlan, KeyWishes, MoveIdentity } from './move-identity.ts';
import type { MoveObserver, MoveProgress, MoveRunner } from './move-runner.ts';
import { stoppedByOperator, type Move, type MoveStep, type MoveStore, type OldSession } from './move-store.ts';
import { OldServer } from './old-server.ts';

/** How long one question to the old server may take while the person waits, in ms. */
export const questionTimeoutMs = 20_000;

/** Counting the files of a move takes at most this part of the time. */
const countingShare = 1 / 50;

/** A move as its person sees it. */
export interface MoveView {
  readonly move: Move;
  readonly progress: MoveProgress;
  readonly records: number;
  readonly expectedBlobs: number;
  readonly importedBlobs: number;
}

/** What the person's turn in changing the DID looks like. */
export type IdentityView =
  | { readonly kind: 'plc'; readonly plan: IdentityPlan }
  | { readonly kind: 'web'; readonly isHosted: boolean; readonly wanted: { readonly handle: string; readonly signingKey: string; readonly pdsUrl: string } };

/** Moves of accounts into this server. */
export class Moves {
  readonly #store: MoveStore;
  readonly #runner: MoveRunner;
  readonly #identity: MoveIdentity;
  readonly #resolver: IdentityResolver;
  readonly #server: ServerIdentity;
  readonly #accounts: AccountStore;
  readonly #standing: AccountStanding;
  readonly #invites: InviteStore;
  readonly #repos: RepoReader;
  readonly #blobs: BlobStore;
  readonly #groups: GroupCommit;
  readonly #fetch: typeof globalThis.fetch;
  readonly #isAccepting: boolean;
  readonly #clock: Clock;
  readonly #observer: MoveObserver;
  readonly #files = growingCache<number, { step: MoveStep; untilMs: number; counts: { named: number; held: number } }>(1_000);

  /** `isAccepting` false refuses every new move. */
  constructor(o: {
    isAccepting: boolean; moves: MoveStore; runner: MoveRunner; identity: MoveIdentity; resolver: IdentityResolver; server: ServerIdentity; accounts: AccountStore; standing: AccountStanding;
    invites: InviteStore; repos: RepoReader; blobs: BlobStore; groups: GroupCommit; fetch: typeof globalThis.fetch; clock: Clock; observer: MoveObserver;
  }) {
    this.#isAccepting = o.isAccepting;
    this.#store = o.moves;
    this.#runner = o.runner;
    this.#identity = o.identity;
    this.#resolver = o.resolver;
    this.#server = o.server;
    this.#accounts = o.accounts;
    this.#standing = o.standing;
    this.#invites = o.invites;
    this.#repos = o.repos;
    this.#blobs = o.blobs;
    this.#groups = o.groups;
    this.#fetch = o.fetch;
    this.#clock = o.clock;
    this.#observer = o.observer;
  }

  /** Begins a move with a session at the old server, or lends one that was begun another session, and lets it go on. @throws XrpcError 400, 502 */
  begin(account: Account, session: OldSession): Promise<void> {
    return this.#runner.alone(account.id, () => this.#begin(account, session));
  }

  async #begin(account: Account, session: OldSession): Promise<void> {
    const before = this.#find(account);
    if (before === null && !this.#isAccepting) throw invalidRequest('Service is not accepting repo imports');
    assertFree(before);
    if (before?.step === 'done') throw invalidRequest('this move is done', 'NoMove');
    if (before === null && account.deactivatedAtMs === null) throw invalidRequest('the account is in service here already', 'AccountInService');
    if (before?.origin === null) throw invalidRequest('this account is being brought from an archive', 'NoMove');
    const origin = before?.origin ?? (await this.#homeOf(account));
    await this.#checkSession(account, origin, session);
    await this.#runner.stop(account.id);
    await this.#groups.write(() => {
      const nowMs = this.#clock.nowMs();
      if (this.#accounts.byId(account.id) === null) throw invalidRequest('Account not found', 'AccountNotFound');
      if (before === null) this.#store.begin(account.id, { origin, operation: null, nowMs });
      this.#store.setSession(account.id, session, nowMs);
      this.#store.setStop(account.id, null, nowMs);
    });
    if (before === null) this.#observer.begun();
    this.#runner.run(account.id);
  }

  /** Gives the move of an account with what is known of its progress. @throws XrpcError 400 NoMove */
  view(account: Account): MoveView {
    const move = this.#require(account);
    const { named, held } = this.#filesOf(move);
    return { move, progress: this.#runner.progressOf(account.id), records: this.#recordsOf(account.id), expectedBlobs: named, importedBlobs: held };
  }

  /** The page asks every second, also while they come. */
  #recordsOf(accountId: number): number {
    return this.#repos.head(accountId) === null ? 0 : this.#repos.counts(accountId).records;
  }

  /** The number of files goes on changing: the longer it takes to count them, the longer it is before they are counted again. */
  #filesOf({ accountId, step }: Move): { named: number; held: number } {
    const known = this.#files.get(accountId);
    const beganMs = this.#clock.elapsedMs();
    if (known?.step === step && beganMs < known.untilMs) return known.counts;
    const counts = this.#blobs.counts(accountId);
    const endedMs = this.#clock.elapsedMs();
    this.#files.set(accountId, { step, untilMs: endedMs + (endedMs - beganMs) / countingShare, counts });
    return counts;
  }

  /** Lets a move go on that was stopped; `withoutMissing` without the files that cannot be had, `withoutFarewell` without a word to the old server. @throws XrpcError 400 NoMove */
  goOn(account: Account, o: { withoutMissing: boolean; withoutFarewell: boolean }): Promise<void> {
    return this.#runner.alone(account.id, () => this.#goOn(account, o));
  }

  async #goOn(account: Account, o: { withoutMissing: boolean; withoutFarewell: boolean }): Promise<void> {
    const { step } = this.#requireFree(account);
    await this.#runner.stop(account.id);
    await this.#groups.write(() => {
      const nowMs = this.#clock.nowMs();
      this.#store.setStop(account.id, null, nowMs);
      if (o.withoutMissing) this.#store.goWithoutMissing(account.id, nowMs);
      if (!o.withoutFarewell || step !== 'farewell') return;
      this.#store.setStep(account.id, 'done', nowMs);
      this.#store.setSession(account.id, null, nowMs);
    });
    this.#runner.run(account.id);
  }

  /** Gives what is to become of the DID. @throws XrpcError 400, 502 */
  async identityOf(account: Account): Promise<IdentityView> {
    const move = this.#require(account);
    return this.#atOldServer(async (signal) => {
      if (account.did.startsWith('did:plc:')) return { kind: 'plc', plan: await this.#identity.plan(account, this.#runner.oldServer(move, signal), { recoveryKey: null, keptKeys: null, newest: null }) };
      const isHosted = move.session !== null && (await this.#identity.isHostedBy(account, this.#runner.oldServer(move, signal)));
      return { kind: 'web', isHosted, wanted: this.#identity.wantedOf(account) };
    });
  }

  /** Asks the old server to mail the code that changing the DID takes. @throws XrpcError 400, 502 */
  async requestCode(account: Account): Promise<void> {
    const move = this.#requireFree(account);
    await this.#atOldServer((signal) => this.#runner.oldServer(move, signal).procedure('com.atproto.identity.requestPlcOperationSignature'));
  }

  /** Changes the DID with the mailed code, and lets the move go on. @throws XrpcError 400 InvalidToken…, 502 */
  changeIdentity(account: Account, o: KeyWishes & { token: string }): Promise<void> {
    return this.#runner.alone(account.id, async () => {
      const move = this.#requireFree(account);
      if (move.step !== 'identity') throw invalidRequest('it is not yet, or no longer, time to change the identity', 'NotYet');
      await this.#atOldServer((signal) => this.#identity.change(account, this.#runner.oldServer(move, signal), { ...o, check: () => this.#checkStanding(account.id) }));
      await this.#goOn(account, { withoutMissing: false, withoutFarewell: false });
    });
  }

  /** Throws a move away with everything that came of it; the account at the old server is as it was. @throws XrpcError 400 NoMove, IdentityIsHere */
  abandon(account: Account): Promise<void> {
    return this.#runner.alone(account.id, async () => {
      const { step } = this.#require(account);
      // What the job may just be sending to the directory is there before it is looked at.
      await this.#runner.stop(account.id);
      try {
        const document = await this.#lookUp(account.did);
        const isHere = account.deactivatedAtMs === null || document?.pdsUrl === this.#server.publicUrl;
        if (isHere || step === 'done') throw invalidRequest('the account lives here already: its DID names this server', 'IdentityIsHere');
      } catch (fault) {
        this.#runner.run(account.id);
        throw fault;
      }
      await this.#groups.write(() => this.#invites.giveBack(account.did));
      await this.#standing.delete(account, { isAnnounced: false });
      this.#observer.abandoned();
    });
  }

  async #homeOf({ did }: Account): Promise<string> {
    const document = await this.#lookUp(did);
    if (!document?.pdsUrl) throw invalidRequest(`the DID names no server to move from: ${did}`);
    if (document.pdsUrl === this.#server.publicUrl) throw invalidRequest('the DID names this server already: activate the account', 'IdentityIsHere');
    return document.pdsUrl;
  }

  async #lookUp(did: string): Promise<Awaited<ReturnType<IdentityResolver['resolveDid']>>> {
    try {
      return await this.#resolver.resolveDid(did, { refresh: true });
    } catch (fault) {
      if (fault instanceof ProtocolError) throw new XrpcError(502, 'UpstreamFailure', 'the DID could not be looked up, try again', {}, { cause: fault });
      throw fault;
    }
  }

  /** Only a session of the very account is of use. */
  #checkSession({ did }: Account, origin: string, session: OldSession): Promise<void> {
    return this.#atOldServer(async (signal) => {
      const old = new OldServer({ origin, session, signal, fetch: this.#fetch, clock: this.#clock, onRenewed: () => Promise.reject(new MoveFault('OldSessionOver', 'The sign-in at the old server has run out. Sign in there once more.')) });
      const theirs = await old.query('com.atproto.server.getSession');
      if (theirs['did'] !== did) throw invalidRequest('the session at the old server is another account\'s', 'OldServerRefused');
    });
  }

  async #atOldServer<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const abort = new AbortController();
    const timer = this.#clock.after(questionTimeoutMs, () => abort.abort(new MoveFault('OldServerUnreachable', 'The old server did not answer in time.')), { unref: true });
    try {
      return await work(abort.signal);
    } catch (fault) {
      if (!(fault instanceof MoveFault)) throw fault;
      const isTheirs = fault.theirError !== null && ['InvalidToken', 'ExpiredToken'].includes(fault.theirError) && fault.code === 'OldServerRefused';
      throw new XrpcError(fault.code === 'OldServerUnreachable' ? 502 : 400, isTheirs ? 'InvalidToken' : fault.code, fault.message, {}, { cause: fault });
    } finally {
      timer.cancel();
    }
  }

  /** A move that is done says nothing any more of an account that went out of service again: it may come back by another one. */
  #find({ id, deactivatedAtMs }: Account): Move | null {
    const move = this.#store.find(id);
    return move?.step === 'done' && deactivatedAtMs !== null ? null : move;
  }

  /** An account may have been taken down, or its move stopped, while the old server was asked. */
  #checkStanding(accountId: number): void {
    const now = this.#accounts.byId(accountId);
    if (now !== null) this.#runner.assertMayGoOn(now);
  }

  #requireFree(account: Account): Move {
    const move = this.#require(account);
    assertFree(move);
    return move;
  }

  #require(account: Account): Move {
    const move = this.#find(account);
    if (move === null) throw invalidRequest('no move of this account was begun here', 'NoMove');
    return move;
  }
}

function assertFree(move: Move | null): void {
  if (move?.stop?.code === stoppedByOperator) throw invalidRequest(move.stop.message, stoppedByOperator);
}
