/**
 * The events of the second stage: the one writer, where events lie, and what goes on with them when nobody waits for it.
 * Hops 3 and 4 of the flow, as far as they are not HTTP.
 * Not for what is written (`writes.ts`). Source: ours.
 */
import { Outbox } from '@dunlin/service/firehose/outbox';
import { declarePdsMetrics } from '../metrics.ts';
import { Erasure, erasureEveryMs } from '../sequencer/erasure.ts';
import { EventFiles, eventFolder } from '../sequencer/event-files.ts';
import { Filing } from '../sequencer/filing.ts';
import { GroupCommit } from '../sequencer/group-commit.ts';
import { EventReplay } from '../sequencer/replay.ts';
import { Retention, retentionEveryMs } from '../sequencer/retention.ts';
import { RunStore } from '../sequencer/run-store.ts';
import { Sequencer } from '../sequencer/sequencer.ts';
import { keepUp, reportFault, type Stage } from './stage.ts';
import type { Stores } from './stores.ts';

/** Memory for the newest frames, in bytes: a PDS is read by a relay or a few, who keep up. */
const ringBytes = 2 * 1024 * 1024;

/** A file of events goes by age, whole: the times of its events are not further apart than this part of the window. */
const fileShare = 1 / 8;

/** The events, their writer, and their way out. */
export function openEvents(stage: Stage, { database, accounts, intents, events: reading }: Stores) {
  const { config, clock, log, lifecycle, metrics } = stage;
  const sequencer = new Sequencer(database, clock, reading);
  const observer = declarePdsMetrics(metrics, {
    accounts: () => accounts.count(),
    headSeq: () => sequencer.headSeq(),
    oldestSeq: () => sequencer.oldestSeq(),
    fileBytes: () => sequencer.fileBytes(),
    openIntents: () => intents.count(),
  });
  const files = new EventFiles(eventFolder(config.dataDirectory), new RunStore(database).files());
  lifecycle.own('event files', () => files.close());
  const groups = new GroupCommit({ database, sequencer, clock, observer });
  lifecycle.own('writes', () => groups.drain());
  const failed = 'upkeep of events failed';
  const parts = { database, reading, sequencer, groups, files, clock, onFault: reportFault(log, failed) };
  const filing = new Filing({ ...parts, runBytes: config.eventRunBytes, fileSpanMs: config.backfillLimitMs * fileShare });
  lifecycle.own('filing', () => filing.close());
  filing.nudge();
  const erasure = new Erasure(parts);
  const erasing = keepUp(stage, 'erasure', { everyMs: erasureEveryMs, work: (signal) => erasure.erase(signal), failed });
  erasing.nudge();
  const retention = new Retention({ ...parts, windowMs: config.backfillLimitMs });
  keepUp(stage, 'retention', { everyMs: retentionEveryMs, work: () => retention.prune(), failed });
  const replay = new EventReplay({ ...parts, bufferBytes: config.eventRunBytes });
  const outbox = new Outbox(replay, { metrics, logger: log, clock, ringBytes });
  const onForgotten = (): void => {
    outbox.forget();
    erasing.nudge();
  };
  return { sequencer, groups, replay, outbox, onForgotten };
}
