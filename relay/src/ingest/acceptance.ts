/**
 * What happens to an event once its verdict is accept: log, then account state in memory, then, when the log says that
 * it is durable, the host's cursor.
 * Not for deciding. Place in the flow: hop 7; invariants 6 and 15.
 * State in memory is ahead of the disk by what the log has not synced yet; nothing of it is told to anybody before, and
 * a crash forgets both.
 * Source: ours.
 */
import { encodeEvent } from '@dunlin/protocol/stream/event-codec';
import { scanFrame } from '@dunlin/protocol/stream/frame-scan';
import type { AccountTable } from '../accounts/account-table.ts';
import { upstreamStatuses } from '../accounts/account-row.ts';
import type { UpstreamStatus } from '../accounts/account-row.ts';
import type { RelayLog } from '../log/relay-log.ts';
import type { Lane, Item } from './lane.ts';
import type { ScannedFrame } from './rewrite.ts';
import type { Upstream } from './upstream.ts';

/** What it works with. */
export interface AcceptanceParts {
  readonly log: RelayLog;
  readonly table: AccountTable;
  /** Called for each accepted event when it is durable, in log order. */
  readonly onDurable: (item: Item) => void;
}

/** Takes accepted events. */
export class Acceptance {
  readonly #parts: AcceptanceParts;
  /** Appended, not yet durable; in order of seq. */
  #waiting: { readonly seq: number; readonly item: Item }[] = [];
  readonly #stop: () => void;

  constructor(parts: AcceptanceParts) {
    this.#parts = parts;
    this.#stop = parts.log.onAppend((slice) => this.#durable(slice.lastSeq));
  }

  /** Takes a #commit or #sync; `data` is the digest of its tree's root, `head` that of its commit. */
  signed(lane: Lane, item: Item, row: number, repo: { data: Uint8Array; head: Uint8Array }): void {
    this.#append(lane, item, item);
    this.#parts.table.setRepo(row, { rev: item.scan.rev ?? '', ...repo });
  }

  /** Takes an #account event; `frame` is what goes out. */
  account(lane: Lane, item: Item, row: number, frame: ScannedFrame): void {
    this.#append(lane, item, frame);
    this.#parts.table.setUpstream(row, item.scan.active === true, knownStatus(item.scan.status));
  }

  /** Takes an #identity event; `frame` is what goes out. */
  identity(lane: Lane, item: Item, frame: ScannedFrame): void {
    this.#append(lane, item, frame);
  }

  /** Takes the answer of an account's own host that it is active, as the #account event that was missed. */
  reactivated(lane: Lane, upstream: Upstream, row: number, nowMs: number): void {
    const payload = encodeEvent({ kind: 'account', seq: 1, did: lane.did, active: true, status: null, time: new Date(nowMs).toISOString() });
    const { seqOffset, seqLength } = scanFrame(payload);
    this.#parts.log.append({ kind: 'account', payload, seqOffset, seqLength, didHash: lane.hash, hostId: upstream.id, hostCursor: upstream.cursor });
    this.#parts.table.setUpstream(row, true, 'none');
  }

  /** Stops listening to the log. */
  close(): void {
    this.#stop();
  }

  #append(lane: Lane, item: Item, frame: ScannedFrame): void {
    const { seqOffset, seqLength } = frame.scan;
    const { upstream, kind } = item;
    const seq = this.#parts.log.append({ kind, payload: frame.bytes, seqOffset, seqLength, didHash: lane.hash, hostId: upstream.id, hostCursor: upstream.cursor });
    this.#waiting.push({ seq, item });
  }

  #durable(seq: number): void {
    const end = this.#waiting.findIndex((waiting) => waiting.seq > seq);
    const done = end === -1 ? this.#waiting : this.#waiting.slice(0, end);
    this.#waiting = end === -1 ? [] : this.#waiting.slice(end);
    for (const { item } of done) this.#parts.onDurable(item);
  }
}

/** Gives a host's word about an account as we keep it. */
export function knownStatus(status: string | null): UpstreamStatus {
  if (status === null) return 'none';
  return upstreamStatuses.find((known) => known === status) ?? 'other';
}
