/**
 * Second stage of the wiring: the one writer, the events that follow from it, and the upkeep of both.
 * Hops 1 to 4 of the flow, as far as they are not HTTP.
 * Not for accounts (`accounts.ts`). Source: ours.
 */
import { TidClock } from '@dunlin/protocol/repo/tid';
import { loadLexicons } from '@dunlin/service/xrpc/lexicons';
import { SigningKeys } from '../account/signing-keys.ts';
import { BlobCollector, collectEveryMs } from '../blob/collect.ts';
import { BlobKeeper } from '../blob/keep.ts';
import { BlobTrash } from '../blob/trash.ts';
import { RecordPreparer } from '../repo/prepare.ts';
import { RepoRenewal } from '../repo/renewal.ts';
import { RepoWriter } from '../repo/write.ts';
import { openEvents } from './events.ts';
import { keepUp, type Stage } from './stage.ts';
import type { Stores } from './stores.ts';

/** The one writer and the events that follow from it. */
export function openWrites(stage: Stage, stores: Stores) {
  const { config, clock } = stage;
  const { accounts } = stores;
  const events = openEvents(stage, stores);
  const { sequencer, groups } = events;
  const trash = new BlobTrash({ ...stores, groups, clock, trashMs: config.blobTrashMs });
  const keeper = new BlobKeeper({ ...stores, groups, clock });
  const collector = new BlobCollector({ ...stores, trash, groups, clock, graceMs: config.blobGraceMs });
  const collecting = keepUp(stage, 'blob collection', { everyMs: collectEveryMs, work: (signal) => collector.collect(signal), failed: 'upkeep of blobs failed' });
  collecting.nudge();
  const keys = new SigningKeys(accounts);
  const tids = new TidClock(clock);
  const writer = new RepoWriter({ ...stores, groups, sequencer, keys, tids, clock });
  const renewal = new RepoRenewal(stores.heads, tids);
  return { ...events, trash, keeper, collecting, keys, tids, writer, renewal, preparer: new RecordPreparer(loadLexicons(), () => tids.next()) };
}

/** The writer and its events. */
export type Writes = ReturnType<typeof openWrites>;
