/**
 * Stores what is in memory, now and then: accounts, then host cursors; never ahead of the log.
 * Not in any event's path. Place in the flow: hop 7, second and third.
 * Host cursors are taken before the accounts are written and stored after, so they are never ahead of them.
 * Source: ours, docs/invariants.md 6.
 */
import type { Clock, Timer } from '@dunlin/protocol/base/clock';
import type { AccountSaver } from '../accounts/account-saver.ts';
import type { HostPool } from '../hosts/host-pool.ts';
import type { HostStore } from '../hosts/host-store.ts';
import { isOutOfRoom } from '../log/group-writer.ts';
import type { RelayLog } from '../log/relay-log.ts';

/** What it works with. */
export interface CheckpointParts {
  readonly saver: AccountSaver;
  readonly pool: HostPool;
  readonly hostStore: HostStore;
  readonly log: RelayLog;
  /** Stores what follows the log beside the accounts, up to this seq; never before them. */
  readonly saveFollowers: (headSeq: number) => void;
  readonly clock: Clock;
  /** Time between two checkpoints, in ms. */
  readonly everyMs: number;
  /** Called after each: whether there was no room to store it all. */
  readonly onFull: (isFull: boolean) => void;
  /** Called when one failed: our own disk or mistake. */
  readonly onFault: (error: unknown) => void;
}

/** Makes checkpoints. */
export class Checkpoint {
  readonly #parts: CheckpointParts;
  readonly #timer: Timer;
  #running: Promise<void> | null = null;

  constructor(parts: CheckpointParts) {
    this.#parts = parts;
    this.#timer = parts.clock.every(parts.everyMs, () => {
      if (this.#running === null) this.make().catch((error: unknown) => this.#failed(error));
    }, { unref: true });
  }

  /** Makes one now; waits for one that is being made. */
  async make(): Promise<void> {
    while (this.#running) await this.#running;
    this.#running = this.#make();
    try {
      await this.#running;
      this.#parts.onFull(false);
    } catch (error) {
      if (isOutOfRoom(error)) this.#parts.onFull(true);
      throw error;
    } finally {
      this.#running = null;
    }
  }

  /** Makes a last one and stops. What there is no room for is in the log. */
  async close(): Promise<void> {
    this.#timer.cancel();
    await this.make().catch((error: unknown) => {
      if (!isOutOfRoom(error)) throw error;
    });
  }

  /** Stops without one: the log gave up events that what is in memory contains. */
  async abandon(): Promise<void> {
    this.#timer.cancel();
    await this.#running?.catch(() => undefined);
  }

  /** What there was no room for is in the log and is stored with the next one. */
  #failed(error: unknown): void {
    if (!isOutOfRoom(error)) this.#parts.onFault(error);
  }

  async #make(): Promise<void> {
    const { saver, pool, hostStore, log } = this.#parts;
    const cursors = pool.takeCursors();
    const logSeq = log.headSeq();
    await saver.save();
    // Asked anew: they contain everything that is durable, the accounts at least what was when they began.
    this.#parts.saveFollowers(log.headSeq());
    if (cursors.length > 0) hostStore.saveCursors(cursors, logSeq);
  }
}
