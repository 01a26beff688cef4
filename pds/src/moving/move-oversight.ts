/**
 * What an operator sees of moves and can do about them: which there are, how far and how fast; stopping one, and letting it go on.
 * What an operator stopped its person cannot let go on, only throw away. Takedowns end moves too, and hold while they last.
 * Not here: the work (`move-runner.ts`), HTTP (`api/admin/moves.ts`). Source: ours.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import type { Account } from '../account/account.ts';
import type { AccountStore } from '../account/account-store.ts';
import type { BlobStore } from '../blob/blob-store.ts';
import type { RepoReader } from '../repo/read.ts';
import type { GroupCommit } from '../sequencer/group-commit.ts';
import { MoveFault, takenDown } from './move-fault.ts';
import type { MoveProgress, MoveRunner } from './move-runner.ts';
import { stoppedByOperator, type Move, type MoveStore } from './move-store.ts';

/** A move with its account. */
export interface OverseenMove {
  readonly account: Account;
  readonly move: Move;
  readonly progress: MoveProgress;
}

/** Oversees moves. */
export class MoveOversight {
  readonly #store: MoveStore;
  readonly #runner: MoveRunner;
  readonly #accounts: AccountStore;
  readonly #repos: RepoReader;
  readonly #blobs: BlobStore;
  readonly #groups: GroupCommit;
  readonly #clock: Clock;

  constructor(o: { moves: MoveStore; runner: MoveRunner; accounts: AccountStore; repos: RepoReader; blobs: BlobStore; groups: GroupCommit; clock: Clock }) {
    this.#store = o.moves;
    this.#runner = o.runner;
    this.#accounts = o.accounts;
    this.#repos = o.repos;
    this.#blobs = o.blobs;
    this.#groups = o.groups;
    this.#clock = o.clock;
  }

  /** Gives moves after that of an account id, by id. */
  page(o: { after: number; limit: number; withDone: boolean }): OverseenMove[] {
    return this.#store.page(o).flatMap((move) => {
      const account = this.#accounts.byId(move.accountId);
      return account === null ? [] : [{ account, move, progress: this.#runner.progressOf(account.id) }];
    });
  }

  /** Gives one move with what has come of it. @throws XrpcError 400 NoMove */
  show(account: Account): OverseenMove & { readonly records: number; readonly named: number; readonly held: number } {
    const move = this.#require(account);
    return { account, move, progress: this.#runner.progressOf(account.id), records: this.#repos.counts(account.id).records, ...this.#blobs.counts(account.id) };
  }

  /** Stops a move; `reason` is told to its person. @throws XrpcError 400 NoMove */
  async stop(account: Account, reason: string | null): Promise<void> {
    const { step } = this.#require(account);
    if (step === 'done') throw invalidRequest('this move is done', 'NoMove');
    await this.#runner.halt(account.id, byOperator(reason));
  }

  /** Lets a move go on that an operator stopped. @throws XrpcError 400 NoMove */
  async resume(account: Account): Promise<void> {
    const { stop } = this.#require(account);
    if (stop?.code !== stoppedByOperator) throw invalidRequest('no operator has stopped this move', 'NoMove');
    await this.#groups.write(() => this.#store.liftStop(account.id, this.#clock.nowMs()));
    this.#runner.run(account.id);
  }

  /** Ends the work on an account that was taken down. */
  takenDown(accountId: number): Promise<void> {
    return this.#runner.halt(accountId, takenDown());
  }

  /** Ends the work on an account that an operator put out of service. */
  deactivated(accountId: number): Promise<void> {
    return this.#runner.halt(accountId, byOperator(null));
  }

  #require({ id }: Account): Move {
    const move = this.#store.find(id);
    if (move === null) throw invalidRequest('no move of this account was begun here', 'NoMove');
    return move;
  }
}

function byOperator(reason: string | null): MoveFault {
  return new MoveFault(stoppedByOperator, `The operator of this server has stopped this move${reason === null ? '.' : `: ${reason}`}`);
}
