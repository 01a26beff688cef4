/**
 * Brings account state and host cursors up to the log at start: what is in the log's tail and not yet in the stores.
 * Not for verifying: what is in the log was accepted. Place in the flow: before hosts are dialled.
 * Applying an event twice changes nothing, since revs only grow and later events follow.
 * Source: ours, docs/invariants.md 6: the log is the write-ahead log of the other two.
 */
import { assert } from '@dunlin/protocol/base/assert';
import { readCar } from '@dunlin/protocol/car/read';
import { cidDigest } from '@dunlin/protocol/data/cid';
import { decodeCommit } from '@dunlin/protocol/repo/commit';
import { scanFrame } from '@dunlin/protocol/stream/frame-scan';
import type { FrameScan } from '@dunlin/protocol/stream/frame-scan';
import type { AccountTable } from '../accounts/account-table.ts';
import type { RepoState } from '../accounts/account-row.ts';
import type { Host } from '../hosts/host-store.ts';
import type { RelayLog } from '../log/relay-log.ts';
import { eventsAfter } from '../log/tail.ts';
import type { LoggedEvent } from '../log/tail.ts';
import { knownStatus } from './acceptance.ts';
import type { DurableEvent } from './durable-event.ts';
import { checkContinuity } from './gate.ts';

/** What recovery found. */
export interface Recovered {
  /** How many events were applied. */
  readonly events: number;
  /** Hosts with the cursors they have by the log. */
  readonly hosts: readonly Host[];
}

/** Someone who follows the log's tail at start. */
export type TailFollower = (event: DurableEvent, seq: number) => void;

/**
 * Applies the events after `appliedSeq` (null: all that the log has); `follow` is told of each that a host sent.
 * @throws AssertionFailure when the log is damaged
 */
export async function recoverState(log: RelayLog, table: AccountTable, appliedSeq: number | null, hosts: readonly Host[], follow: TailFollower = () => undefined): Promise<Recovered> {
  const cursors = new Map(hosts.map((host) => [host.id, { ...host }]));
  const relays = new Map(hosts.filter(({ relay }) => relay > 0).map(({ relay, id }) => [relay, id]));
  let events = 0;
  for await (const event of eventsAfter(log, appliedSeq ?? 0)) {
    const { hostId, relay, hostCursor } = event.record;
    const host = cursors.get(relay > 0 ? (relays.get(relay) ?? 0) : hostId);
    if (host && event.seq > host.cursorLogSeq) cursors.set(host.id, { ...host, cursor: Math.max(host.cursor, hostCursor) });
    // Events of our own making have no host; what they tell is in the store already.
    if (hostId !== 0) follow(apply(table, event, scanFrame(event.payload)), event.seq);
    events += 1;
  }
  return { events, hosts: [...cursors.values()] };
}

function apply(table: AccountTable, { record, payload }: LoggedEvent, scan: FrameScan): DurableEvent {
  const { did } = scan;
  assert(did !== null, 'logged event has a did');
  let row = table.find(did);
  if (row === -1) row = table.add(did, record.hostId);
  if (table.hostId(row) !== record.hostId) table.setHost(row, record.hostId);
  let breaks = false;
  if (record.kind === 'account') {
    breaks = !table.isActiveUpstream(row);
    // A taken-down account's status goes out as ours; what its host said stays as it is stored.
    if (table.local(row) === 'none') table.setUpstream(row, scan.active === true, knownStatus(scan.status));
  } else if (record.kind !== 'identity') {
    breaks = applyRepo(table, row, payload, scan);
  }
  return { kind: record.kind, row, scan, bytes: payload, breaks };
}

/** Gives whether it breaks with what was there; when the table has it already, that cannot be told and counts as a break. */
function applyRepo(table: AccountTable, row: number, payload: Buffer, scan: FrameScan): boolean {
  const stored = table.rev(row);
  const rev = scan.rev ?? '';
  if (stored !== null && rev <= stored) return true;
  const state = repoStateOf(payload, scan, rev);
  const isCommit = scan.t === '#commit';
  const isContinued = isCommit ? checkContinuity(table, row, scan, payload) === null : stored !== null && table.isData(row, state.data, 0);
  table.setDesynchronized(row, isCommit && !isContinued);
  table.setRepo(row, state);
  return stored === null || !isContinued;
}

function repoStateOf(payload: Buffer, scan: FrameScan, rev: string): RepoState {
  const { roots, blocks } = readCar(payload.subarray(scan.blocksOffset, scan.blocksOffset + scan.blocksLength));
  const [head] = roots;
  const block = head && blocks.get(head);
  assert(head && block, 'logged event holds its commit');
  return { rev, data: cidDigest(decodeCommit(block).data), head: cidDigest(head) };
}
