/**
 * Opens what the relay keeps: hosts, accounts, collections, the log.
 * Not for bringing them in step (ingest/recovery.ts). Place in the flow: start, first stage.
 * Source: ours.
 */
import { join } from 'node:path';
import { lockFolder } from '@dunlin/service/sqlite/folder-lock';
import { AccountStore } from '../accounts/account-store.ts';
import type { AccountTable } from '../accounts/account-table.ts';
import { AuditLog } from '../audit/audit-log.ts';
import { Collections } from '../collections/collections.ts';
import { HostStore } from '../hosts/host-store.ts';
import { RelayLog } from '../log/relay-log.ts';
import { Room, freeBytesOf } from '../log/room.ts';
import { declareLogMetrics } from '../metrics.ts';
import type { Stage } from './stage.ts';

/** What is kept. */
export interface Stores {
  readonly hostStore: HostStore;
  readonly accountStore: AccountStore;
  readonly table: AccountTable;
  readonly log: RelayLog;
  readonly room: Room;
  readonly audit: AuditLog;
  /** Null when the operator does without. */
  readonly collections: Collections | null;
}

/** What a checkpoint writes, as the operator reads it when there is no room for it. */
export const checkpointStores = 'accounts, collections and hosts';

const segmentAgeMs = 3_600_000;
const gatherMs = 1;
const roomEveryMs = 1_000;
/** Seqs left out when the log is new but the accounts are not: more than the lost log can have had. */
const lostLogGapSeqs = 1_000_000_000;

/** Opens the stores. */
export async function openStores({ config, deps, clock, lifecycle, metrics, onFault }: Stage): Promise<Stores> {
  const { persistDirectory: folder } = config;
  const lock = lockFolder(folder);
  lifecycle.own('folder lock', () => lock.release());
  const audit = new AuditLog(join(folder, 'audit.sqlite'));
  lifecycle.own('audit log', () => audit.close());
  const hostStore = new HostStore(join(folder, 'hosts.sqlite'));
  lifecycle.own('host store', () => hostStore.close());
  const accountStore = new AccountStore(join(folder, 'accounts.sqlite'));
  lifecycle.own('account store', () => accountStore.close());
  const table = accountStore.load();
  const appliedSeq = accountStore.appliedSeq();
  const initialSeq = appliedSeq === null ? config.initialSeq : Math.max(config.initialSeq, appliedSeq + lostLogGapSeqs);
  const room = new Room({ minFreeBytes: config.minFreeBytes, freeBytes: deps.freeBytes ?? (() => freeBytesOf(folder)) });
  const log = await RelayLog.open({
    folder: join(folder, 'log'), initialSeq, durability: config.durability, segmentBytes: config.segmentBytes, segmentAgeMs,
    clock, gatherMs, onFault, onFull: (isFull) => room.setLogFull(isFull), onWritten: declareLogMetrics(metrics), ...(deps.writeLog && { write: deps.writeLog }),
  });
  lifecycle.own('log', () => log.close());
  await room.check();
  const roomTimer = clock.every(roomEveryMs, () => void room.check().catch(onFault), { unref: true });
  lifecycle.own('room', async () => roomTimer.cancel());
  const collections = config.collections
    ? new Collections({ path: join(folder, 'collections.sqlite'), cacheBytes: config.collectionCacheBytes, accounts: table, headSeq: () => log.headSeq(), onFull: (isFull) => room.setStoreFull(checkpointStores, isFull), clock })
    : null;
  if (collections) lifecycle.own('collections', () => collections.close());
  return { hostStore, accountStore, table, log, room, audit, collections };
}
