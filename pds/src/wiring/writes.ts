/**
 * Second stage of the wiring: the one writer, the events that follow from it, and the upkeep of both.
 * Hops 1 to 4 of the flow, as far as they are not HTTP.
 * Not for accounts (`accounts.ts`). Source: ours.
 */
import { TidClock } from '@dunlin/protocol/repo/tid';
import { Outbox } from '@dunlin/service/firehose/outbox';
import { loadLexicons } from '@dunlin/service/xrpc/lexicons';
import { SigningKeys } from '../account/signing-keys.ts';
import { BlobCollector } from '../blob/collect.ts';
import { BlobKeeper } from '../blob/keep.ts';
import { BlobTrash } from '../blob/trash.ts';
import { declarePdsMetrics } from '../metrics.ts';
import { RecordPreparer } from '../repo/prepare.ts';
import { RepoRenewal } from '../repo/renewal.ts';
import { RepoWriter } from '../repo/write.ts';
import { GroupCommit } from '../sequencer/group-commit.ts';
import { Retention } from '../sequencer/retention.ts';
import { Sequencer } from '../sequencer/sequencer.ts';
import { reportFault, type Stage } from './stage.ts';
import type { Stores } from './stores.ts';

/** Memory for the newest frames, in bytes: a PDS is read by a relay or a few, who keep up. */
const ringBytes = 8 * 1024 * 1024;

/** The one writer and the events that follow from it. */
export function openWrites({ config, clock, log, lifecycle, metrics }: Stage, stores: Stores) {
  const { database, accounts } = stores;
  const sequencer = new Sequencer(database, clock, stores.events);
  const observer = declarePdsMetrics(metrics, {
    accounts: () => accounts.count(),
    headSeq: () => sequencer.headSeq(),
    oldestSeq: () => sequencer.oldestSeq(),
  });
  const groups = new GroupCommit({ database, sequencer, clock, observer });
  lifecycle.own('writes', () => groups.drain());
  const outbox = new Outbox(sequencer, { metrics, logger: log, clock, ringBytes });
  const onFault = reportFault(log, 'upkeep failed');
  const retention = new Retention({ database, sequencer, groups, clock, windowMs: config.backfillLimitMs });
  const trash = new BlobTrash({ ...stores, groups, clock, trashMs: config.blobTrashMs });
  const keeper = new BlobKeeper({ ...stores, groups, clock });
  const collector = new BlobCollector({ ...stores, trash, groups, clock, graceMs: config.blobGraceMs });
  lifecycle.own('retention', retention.start(onFault));
  lifecycle.own('blob collection', collector.start(onFault));
  const keys = new SigningKeys(accounts);
  const tids = new TidClock(clock);
  const writer = new RepoWriter({ ...stores, groups, sequencer, keys, tids, clock });
  const renewal = new RepoRenewal(stores.heads, tids);
  return { sequencer, groups, outbox, trash, keeper, collector, keys, tids, writer, renewal, preparer: new RecordPreparer(loadLexicons(), () => tids.next()) };
}

/** The writer and its events. */
export type Writes = ReturnType<typeof openWrites>;
