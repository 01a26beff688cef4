/**
 * `dunlin firehose URL`: a stream on the terminal, one JSON line an event; with `--stats` one line of rates a second.
 * Not for: keeping a cursor between runs (write twenty lines with the SDK, see firehose-consumer/README.md).
 * Place in the flow: beside the app view, a consumer like any other. A slow terminal or pipe slows the socket.
 * Source: ours, see docs/operations.md. Records are in the JSON form of the data model: {"$link": …}, {"$bytes": …}.
 */
import { FirehoseConsumer, FirehoseError, faultText } from '@dunlin/firehose-consumer';
import type { ConsumerEvent, ConsumerOptions, ConsumerStats, Notice, RecordOperation } from '@dunlin/firehose-consumer';
import { systemClock } from '@dunlin/protocol/base/clock';
import type { Clock } from '@dunlin/protocol/base/clock';
import { toJson } from '@dunlin/protocol/data/json';
import { onOutputGone, outputDrained, writeLine, writeNote } from '@dunlin/service/log/terminal';

/** What stands behind the URL on the command line. */
export interface FirehoseOptions {
  /** Start after this seq; 0: from the oldest event kept; undefined: from now on. */
  cursor?: number;
  collection: string[];
  did: string[];
  verify?: boolean;
  plc: string;
  stats?: boolean;
}

/** Where lines go; the terminal unless a test says otherwise. */
export interface FirehoseOutput {
  /** Takes one line; false means: wait for `drained` before the next. */
  line: (text: string) => boolean;
  drained: () => Promise<void>;
  note: (text: string) => void;
  signal?: AbortSignal;
  clock?: Clock;
}

const terminal: FirehoseOutput = { line: writeLine, drained: outputDrained, note: writeNote };

/** Prints the stream until it is interrupted or nobody reads any more; sets the exit code to 1 when it cannot go on. */
export async function runFirehose(url: string, options: FirehoseOptions, output: FirehoseOutput = terminal): Promise<void> {
  try {
    await consume(new FirehoseConsumer(consumerOptions(url, options, output)), options, output);
  } catch (error) {
    if (!(error instanceof FirehoseError)) throw error;
    output.note(`dunlin firehose: ${error.message}`);
    process.exitCode = 1;
  }
}

async function consume(consumer: FirehoseConsumer, options: FirehoseOptions, output: FirehoseOutput): Promise<void> {
  const forget = onOutputGone(() => void consumer.close());
  const clock = output.clock ?? systemClock;
  let before: ConsumerStats | null = null;
  const timer = options.stats
    ? clock.every(1_000, () => {
        const now = consumer.stats();
        if (now) output.line(statsLine(now, before));
        before = now;
      })
    : null;
  try {
    await consumer.run((event) => {
      if (!options.stats && !output.line(eventLine(event))) return output.drained();
    });
  } finally {
    timer?.cancel();
    forget();
  }
}

function consumerOptions(url: string, options: FirehoseOptions, output: FirehoseOutput): ConsumerOptions {
  const { collection, did, plc, cursor, verify } = options;
  return {
    service: url,
    cursor: cursor ?? null,
    concurrency: 1,
    onFutureCursor: 'fail',
    verify: verify ? 'full' : 'none',
    identity: { plcUrl: plc },
    identityPatienceMs: 10_000,
    // Who names collections wants records, not the comings and goings of accounts.
    ...(collection.length > 0 ? { collections: collection, kinds: ['commit'] } : {}),
    ...(did.length > 0 ? { dids: did } : {}),
    onDrop: (drop) => output.note(`dropped: ${drop.reason} seq=${drop.seq} did=${drop.did}${drop.path ? ` path=${drop.path}` : ''} (${drop.detail})`),
    onNotice: (notice) => {
      const text = noticeText(notice);
      if (text) output.note(text);
    },
    ...(output.signal ? { signal: output.signal } : {}),
    ...(output.clock ? { clock: output.clock } : {}),
  };
}

/** Gives the JSON line of an event. */
export function eventLine(event: ConsumerEvent): string {
  const { kind, seq, time, did } = event;
  const base = { seq, time, kind, did };
  switch (event.kind) {
    case 'record':
      return JSON.stringify({ ...base, rev: event.rev, ...operationJson(event) });
    case 'commit':
      return JSON.stringify({ ...base, rev: event.rev, since: event.since, commit: event.commit.toString(), ops: event.ops.map(operationJson) });
    case 'identity':
      return JSON.stringify({ ...base, handle: event.handle });
    case 'account':
      return JSON.stringify({ ...base, active: event.active, status: event.status });
    case 'sync':
      return JSON.stringify({ ...base, rev: event.rev });
  }
}

function operationJson(op: RecordOperation): object {
  const { action, uri } = op;
  return op.action === 'delete' ? { action, uri } : { action, uri, cid: op.cid.toString(), record: toJson(op.record) };
}

/** Gives the JSON line of rates since the stats before, which were taken a second ago. */
export function statsLine(now: ConsumerStats, before: ConsumerStats | null): string {
  const rate = (name: keyof ConsumerStats['totals']): number => now.totals[name] - (before?.totals[name] ?? 0);
  return JSON.stringify({
    framesPerSecond: rate('frames'),
    bytesPerSecond: rate('bytes'),
    eventsPerSecond: rate('delivered'),
    droppedPerSecond: rate('dropped'),
    state: now.state,
    seq: now.lastSeq,
  });
}

function noticeText(notice: Notice): string | null {
  switch (notice.kind) {
    case 'state':
      return null;
    case 'fault':
      return faultText(notice.fault);
    case 'info':
      return `server says: ${notice.name}${notice.message ? ` (${notice.message})` : ''}`;
    case 'futureCursor':
      return null;
    case 'outdatedCursor':
      return `events after the cursor are gone at the server, going on from its oldest: cursor=${notice.cursor}`;
    case 'identityUnavailable':
      return `waiting for the key of ${notice.did}: ${notice.message}`;
    case 'tooSlow':
      return 'the server cut us off for not keeping up; coming back';
    case 'saveFailed':
      return 'cursor could not be saved';
    case 'gap':
    case 'backfill':
    case 'listFailed':
    case 'resynced':
    case 'resyncFailed':
      return null;
  }
}
