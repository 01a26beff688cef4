/**
 * Second stage of the wiring: the one writer, the events that follow from it, and the upkeep of both.
 * Hops 1 to 4 of the flow, as far as they are not HTTP.
 * Not for accounts (`accounts.ts`). Source: ours.
 */
import { TidClock } from '@dunlin/protocol/repo/tid';
import { loadLexicons } from '@dunlin/service/xrpc/lexicons';
import { SigningKeys } from '../account/signing-keys.ts';
import { BlobCollector } from '../blob/collect.ts';
import { BlobKeeper } from '../blob/keep.ts';
import { BlobTrash } from '../blob/trash.ts';
import { RecordPreparer } from '../repo/prepare.ts';
import { RepoRenewal } from '../repo/renewal.ts';
import { RepoWriter } from '../repo/write.ts';
import { openEvents } from './events.ts';
import { reportFault, type Stage } from './stage.ts';
import type { Stores } from './stores.ts';

/** The one writer and the events that follow from it. */
export function openWrites(stage: Stage, stores: Stores) {
  const { config, clock, log, lifecycle } = stage;
  const { accounts } = stores;
  const events = openEvents(stage, stores);
  const { sequencer, groups } = events;
  const onFault = reportFault(log, 'upkeep failed');
  const trash = new BlobTrash({ ...stores, groups, clock, trashMs: config.blobTrashMs });
  const keeper = new BlobKeeper({ ...stores, groups, clock });
  const collector = new BlobCollector({ ...stores, trash, groups, clock, graceMs: config.blobGraceMs });
  lifecycle.own('blob collection', collector.start(onFault));
  const keys = new SigningKeys(accounts);
  const tids = new TidClock(clock);
  const writer = new RepoWriter({ ...stores, groups, sequencer, keys, tids, clock });
  const renewal = new RepoRenewal(stores.heads, tids);
  return { ...events, trash, keeper, collector, keys, tids, writer, renewal, preparer: new RecordPreparer(loadLexicons(), () => tids.next()) };
}

/** The writer and its events. */
export type Writes = ReturnType<typeof openWrites>;
