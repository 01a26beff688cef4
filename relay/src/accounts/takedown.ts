/**
 * Takes an account down at this relay, and lets it come back.
 * Not for what its host decides about it (#account events). Place in the flow: an operator's act.
 * Order: status durable → #account event for consumers → its events out of the replay window, in files and memory. A
 * crash in between is finished at the next start. Source: ours, docs/invariants.md 11.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { encodeEvent } from '@dunlin/protocol/stream/event-codec';
import { scanFrame } from '@dunlin/protocol/stream/frame-scan';
import { hashDid } from '../log/did-hash.ts';
import type { RelayLog } from '../log/relay-log.ts';
import { scrubLog } from '../log/scrub.ts';
import type { AccountSaver } from './account-saver.ts';
import type { AccountStore } from './account-store.ts';
import type { AccountTable } from './account-table.ts';

/** What it works with. */
export interface TakedownParts {
  readonly table: AccountTable;
  readonly store: AccountStore;
  readonly saver: AccountSaver;
  readonly log: RelayLog;
  readonly clock: Clock;
  /** Lets go of events in memory, in every process, so that the log is read instead. */
  readonly forgetMemory: () => Promise<void>;
  /** Called when an account may speak again. */
  readonly onReversed: (row: number) => void;
}

/** Does and undoes takedowns. */
export class Takedowns {
  readonly #parts: TakedownParts;

  constructor(parts: TakedownParts) {
    this.#parts = parts;
  }

  /** Takes an account down; its row must exist. Gives how many events were taken out of the window. */
  async takeDown(row: number): Promise<number> {
    const { table, store, saver } = this.#parts;
    const did = table.did(row);
    table.setLocal(row, 'takendown');
    await saver.save();
    store.beginScrub(did);
    this.#announce(did, false, 'takendown');
    return await this.#scrub(did);
  }

  /** Lets an account speak again; what was taken out of the window stays out. */
  async reverse(row: number): Promise<void> {
    const { table, store, saver } = this.#parts;
    table.setLocal(row, 'none');
    await saver.save();
    store.sync();
    this.#parts.onReversed(row);
    const upstream = table.upstream(row);
    this.#announce(table.did(row), table.isActiveUpstream(row), upstream === 'none' || upstream === 'other' ? null : upstream);
  }

  /** Finishes what a crash interrupted. */
  async finish(): Promise<void> {
    for (const did of this.#parts.store.openScrubs()) await this.#scrub(did);
  }

  /** Gives accounts that are taken down, from a row on, and where to go on. */
  page(from: number, limit: number): { readonly dids: string[]; readonly nextRow: number | null } {
    const { table } = this.#parts;
    const dids: string[] = [];
    for (let row = from; row < table.size; row++) {
      if (dids.length === limit) return { dids, nextRow: row };
      if (table.local(row) === 'takendown') dids.push(table.did(row));
    }
    return { dids, nextRow: null };
  }

  async #scrub(did: string): Promise<number> {
    const { log, store, forgetMemory } = this.#parts;
    const scrubbed = await scrubLog(log, hashDid(did), (payload) => scanFrame(payload).did === did);
    await forgetMemory();
    store.endScrub(did);
    return scrubbed;
  }

  #announce(did: string, active: boolean, status: string | null): void {
    const { log, clock } = this.#parts;
    const payload = encodeEvent({ kind: 'account', seq: 1, did, active, status, time: new Date(clock.nowMs()).toISOString() });
    const { seqOffset, seqLength } = scanFrame(payload);
    log.append({ kind: 'account', payload, seqOffset, seqLength, didHash: hashDid(did), hostId: 0, hostCursor: 0 });
  }
}
