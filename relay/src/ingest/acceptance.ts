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
import type { Heard } from './heard.ts';
import type { Lane, Item } from './lane.ts';
import type { ScannedFrame } from './rewrite.ts';
import type { Upstream } from './upstream.ts';

/** What it works with. */
export interface AcceptanceParts {
  readonly log: RelayLog;
  readonly table: AccountTable;
  readonly heard: Heard;
  /** Called for each accepted event when it is durable, in log order. */
  readonly onDurable: (item: Item) => void;
}

/** What an account's own host says of it. */
export interface HostWord {
  readonly active: boolean;
  readonly status: string | null;
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
    const { table, heard } = this.#parts;
    const isRelay = item.upstream.relay > 0;
    this.#append(lane, item, row, item);
    table.setRepo(row, { rev: item.scan.rev ?? '', ...repo });
    table.setRelayed(row, isRelay);
    if (item.kind === 'sync') heard.note({ kind: 'sync', did: item.did, rev: item.scan.rev }, isRelay);
  }

  /** Takes an #account event; `frame` is what goes out, `said` what the account's host says. */
  account(lane: Lane, item: Item, row: number, frame: ScannedFrame, said: HostWord): void {
    const { table, heard } = this.#parts;
    const { did, scan: { active, status, time }, upstream } = item;
    this.#append(lane, item, row, frame);
    table.setUpstream(row, said.active, knownStatus(said.status));
    heard.note({ kind: 'account', did, active: active === true, status, time }, upstream.relay > 0);
    if (upstream.relay > 0) heard.note({ kind: 'account', did, ...said, time }, true);
  }

  /** Takes an #identity event; `frame` is what goes out. */
  identity(lane: Lane, item: Item, row: number, frame: ScannedFrame): void {
    this.#append(lane, item, row, frame);
    this.#parts.heard.note({ kind: 'identity', did: item.did, time: item.scan.time }, item.upstream.relay > 0);
  }

  /** Takes what an account's own host says of it now, as the #account event that was missed or not passed on. */
  told(of: Pick<Lane, 'did' | 'hash'>, upstream: Upstream, row: number, said: HostWord, nowMs: number): void {
    const { table, heard, log } = this.#parts;
    const { did, hash } = of;
    const time = new Date(nowMs).toISOString();
    const payload = encodeEvent({ kind: 'account', seq: 1, did, ...said, time });
    const { seqOffset, seqLength } = scanFrame(payload);
    log.append({ kind: 'account', payload, seqOffset, seqLength, didHash: hash, hostId: table.hostId(row), relay: upstream.relay, hostCursor: upstream.cursor });
    table.setUpstream(row, said.active, knownStatus(said.status));
    heard.note({ kind: 'account', did, ...said, time }, false);
  }

  /** Stops listening to the log. */
  close(): void {
    this.#stop();
  }

  #append(lane: Lane, item: Item, row: number, frame: ScannedFrame): void {
    const { log, table } = this.#parts;
    const { seqOffset, seqLength } = frame.scan;
    const { upstream: { relay, cursor }, kind } = item;
    const seq = log.append({ kind, payload: frame.bytes, seqOffset, seqLength, didHash: lane.hash, hostId: table.hostId(row), relay, hostCursor: cursor });
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
