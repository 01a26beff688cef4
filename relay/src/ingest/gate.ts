/**
 * What our own state says to an event: steps 4 to 6 and 10 of the verdict order.
 * Not for bytes and signatures (the verify worker) nor for asking the network (identities.ts).
 * Place in the flow: asked when an event comes to the head of its lane, so that every earlier event of the account has
 * already been counted in.
 * Source: ours, docs/wire.md; rules of the sync specification's validation checklist.
 */
import { checkRevTime } from '@dunlin/protocol/repo/check-commit';
import type { FrameScan } from '@dunlin/protocol/stream/frame-scan';
import type { AccountTable } from '../accounts/account-table.ts';
import type { DropReason } from '@dunlin/protocol/repo/drop-reason';
import type { HomeBook } from './home.ts';
import type { IngestLimits } from './limits.ts';
import type { Upstream } from './upstream.ts';

/** What the gate looks into. */
export interface Known {
  readonly table: AccountTable;
  readonly homes: HomeBook;
  readonly limits: Pick<IngestLimits, 'keyMaxAgeSeconds'>;
}

/** Why the DID has to be looked up before one can go on. */
export type LookupCause = 'unknown' | 'elsewhere' | 'stale';

/** What the gate says. */
export type GateVerdict =
  | { readonly kind: 'pass'; readonly row: number }
  | { readonly kind: 'look-up'; readonly cause: LookupCause }
  /** Its host said that the account is not active, and may be asked whether that is still so. */
  | { readonly kind: 'inactive'; readonly row: number; readonly detail: string }
  | { readonly kind: 'drop'; readonly reason: DropReason; readonly detail: string };

/** How an event continues what we know; null when nothing is known or everything fits. */
export type Discontinuity = 'since' | 'prev-data' | null;

/** How long it is believed that an account has no signing key, in seconds. */
const noKeyMaxAgeSeconds = 60;

/** Bytes of a CID before its digest. */
const cidHeadBytes = 4;

/** Step 4 and the first half of 5: is it an account of this host, or of one that a relay may speak of, and do we let it speak? */
export function checkAccount({ table, homes }: Known, row: number, upstream: Upstream): Exclude<GateVerdict, { kind: 'inactive' }> {
  if (row === -1) return { kind: 'look-up', cause: 'unknown' };
  const hostId = table.hostId(row);
  const isTheirs = upstream.relay === 0 ? hostId === upstream.id : homes.byId(hostId)?.isRefused === false;
  if (!isTheirs) return { kind: 'look-up', cause: 'elsewhere' };
  if (table.local(row) === 'throttled') return drop('throttled', `host is over its account limit: limit=${homes.byId(hostId)?.accountLimit()}`);
  return { kind: 'pass', row };
}

/** Steps 4 to 6 for a #commit or #sync whose fields have been found well-formed. */
export function checkSigned(known: Known, row: number, upstream: Upstream, scan: FrameScan, nowMs: number): GateVerdict {
  const { table } = known;
  const account = checkAccount(known, row, upstream);
  if (account.kind !== 'pass') return account;
  if (table.local(row) === 'takendown') return drop('inactive', 'account is taken down at this relay');
  if (!table.isActiveUpstream(row)) return { kind: 'inactive', row, detail: `account is not active at its host: status=${table.upstream(row)}` };
  const order = checkRev(table, row, upstream, scan, nowMs);
  if (order !== null) return order;
  const hasKey = table.hasKey(row);
  const isStale = nowMs / 1000 - table.keyCheckedSeconds(row) > (hasKey ? known.limits.keyMaxAgeSeconds : noKeyMaxAgeSeconds);
  if (isStale) return { kind: 'look-up', cause: 'stale' };
  return hasKey ? account : drop('unknownAccount', 'did document has no usable #atproto key');
}

function checkRev(table: AccountTable, row: number, upstream: Upstream, scan: FrameScan, nowMs: number): GateVerdict | null {
  const got = scan.rev ?? '';
  const stored = table.rev(row);
  const isSync = scan.t === '#sync';
  // A #sync may tell again what was told, as hosts do when an account comes back; its data is compared later.
  const isOld = stored !== null && (isSync ? got < stored : got <= stored);
  // Of two who tell the same the later one does nothing wrong.
  const isEcho = upstream.relay > 0 || table.isRelayed(row);
  if (isOld) return drop(isEcho ? 'duplicate' : 'revNotNewer', `rev not newer: stored=${stored} got=${got}`);
  const future = checkRevTime(got, nowMs);
  return future && drop(future.reason, future.detail);
}

/** Step 10: does the commit continue what we last passed on? */
export function checkContinuity(table: AccountTable, row: number, scan: FrameScan, bytes: Uint8Array): Discontinuity {
  const stored = table.rev(row);
  if (stored === null) return null;
  if (scan.since !== stored) return 'since';
  return scan.prevDataOffset >= 0 && table.isData(row, bytes, scan.prevDataOffset + cidHeadBytes) ? null : 'prev-data';
}

/** Says whether the first commit of an account follows what its host has proven of it before. */
export function continuesTold(table: AccountTable, row: number, scan: FrameScan, bytes: Uint8Array): boolean {
  const data = scan.prevDataOffset >= 0 ? table.told(row)?.data : null;
  return data ? table.isData(row, bytes, scan.prevDataOffset + cidHeadBytes) : false;
}

/** Says whether a #sync with the rev we already have also has the tree we have. */
export function repeatsRev(table: AccountTable, row: number, scan: FrameScan, data: Uint8Array): boolean {
  return table.rev(row) !== scan.rev || table.isData(row, data, 0);
}

function drop(reason: DropReason, detail: string): Extract<GateVerdict, { kind: 'drop' }> {
  return { kind: 'drop', reason, detail };
}
