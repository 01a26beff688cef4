/**
 * Everything the relay streams beside and around the plain firehose, put together: /subscribe, /events, /poll, the filters of
 * subscribeRepos, and the dictionary. One set of pages of the one verified log feeds them all.
 * Not for the plain firehose: that is the outbox, which is handed in. Place in the flow: hop 8; called by the wiring.
 * Source: ours.
 */
import type { AssertionFailure } from '@dunlin/protocol/base/assert';
import { systemClock, type Clock } from '@dunlin/protocol/base/clock';
import type { EventLog } from '@dunlin/service/firehose/event-log';
import type { ConsumerInfo, Outbox } from '@dunlin/service/firehose/outbox';
import type { PlainRouter } from '@dunlin/service/http/router';
import { throwAtProcess } from '@dunlin/service/lifecycle/throw-at-process';
import type { Logger } from '@dunlin/service/log/logger';
import type { Metrics } from '@dunlin/service/metrics/registry';
import type { WebSocketRoutes } from '@dunlin/service/websocket/server';
import { AnswerSlots } from './answer-slots.ts';
import { CompressedEncoding } from './compressor.ts';
import { readDictionary, type Dictionary } from './dictionary.ts';
import { arrayEncoding, frameEncoding, sseEncoding, textEncoding } from './encoding.ts';
import { serveEvents } from './event-source.ts';
import { Feed, type FeedOptions } from './feed.ts';
import { declareStreamGauges, streamMetrics, streamNames, type StreamName } from './feed-metrics.ts';
import { FilterBudget } from './filter-budget.ts';
import { serveFilteredFrames } from './filtered-frames.ts';
import type { TimedLog } from './page.ts';
import { Pages } from './pages.ts';
import { servePoll } from './poll.ts';
import { ReplayShare } from './replay-share.ts';
import { serveSubscribe } from './subscribe.ts';

/** Parts, and bounds that have defaults. */
export interface StreamsOptions {
  readonly websocket: WebSocketRoutes;
  /** Mounted on the app of the same listener. */
  readonly router: PlainRouter;
  readonly log: TimedLog & EventLog;
  /** Feeds subscribeRepos when nothing is filtered. */
  readonly outbox: Outbox;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly clock?: Clock;
  readonly random?: () => number;
  /** Memory for the newest events, in bytes; default 32 MiB. */
  readonly ringBytes?: number;
  /** Memory for events that were read for those who are behind, in bytes; default 32 MiB. */
  readonly cacheBytes?: number;
  /** Bytes of the log read at a time; default 1 MiB. */
  readonly readBytes?: number;
  /** Most bytes handed to one consumer at a time, and one event more; default 262,144. */
  readonly runBytes?: number;
  /** Memory for all filters, in bytes; default 128 MiB. */
  readonly maxFilterBytes?: number;
  /** Longest time events are gathered under load, in ms; default 5. */
  readonly flushMs?: number;
  /** A consumer that takes nothing for so long, in ms, is cut; default 30,000. */
  readonly stallMs?: number;
  /** Part of the main thread for consumers that are behind, all together; default 0.5. */
  readonly replayShare?: number;
  /** HTTP answers open at once; default 10,000. */
  readonly maxAnswers?: number;
  /** HTTP answers open at once for one address; default 100. */
  readonly maxAnswersPerAddress?: number;
  readonly onAssertionFailure?: (failure: AssertionFailure) => void;
}

/** A consumer as operators see it. */
export interface StreamConsumerInfo extends ConsumerInfo {
  readonly stream: StreamName;
}

/** The streams of a running relay. */
export interface Streams {
  /** To be called when the log changed some events in place (a takedown). */
  forget(): void;
  consumers(): StreamConsumerInfo[];
  /** Ends every stream. */
  close(): void;
}

/** Mounts all of them. */
export function serveStreams(o: StreamsOptions): Streams {
  const clock = o.clock ?? systemClock;
  const onAssertionFailure = o.onAssertionFailure ?? throwAtProcess;
  const metrics = streamMetrics(o.metrics);
  const pages = new Pages(o.log, { ringBytes: o.ringBytes ?? 33_554_432, cacheBytes: o.cacheBytes ?? 33_554_432, readBytes: o.readBytes ?? 1_048_576, maxReads: 4 });
  const dictionary = readDictionary();
  const compressors = [new CompressedEncoding(0, null), new CompressedEncoding(1, dictionary.bytes)] as const;
  const share = new ReplayShare(clock, o.replayShare ?? 0.5);
  const options = (stream: StreamName): FeedOptions => ({
    pages, share, metrics: metrics.feed(stream), logger: o.logger, clock, flushMs: o.flushMs ?? 5, runBytes: o.runBytes ?? 262_144, stallMs: o.stallMs ?? 30_000, onAssertionFailure,
  });
  const feeds = {
    json: new Feed(textEncoding, options('json')),
    json_zstd: new Feed(compressors[0], options('json_zstd')),
    json_zstd_dictionary: new Feed(compressors[1], options('json_zstd_dictionary')),
    events: new Feed(sseEncoding, options('events')),
    poll: new Feed(arrayEncoding, options('poll')),
    frames: new Feed(frameEncoding, options('frames')),
  };
  const filterBytes = (): number => streamNames.reduce((sum, stream) => sum + feeds[stream].filterBytes, 0);
  declareStreamGauges(o.metrics, { consumers: (stream) => feeds[stream].consumers.size, pageBytes: () => pages.heldBytes, filterBytes });
  const budget = new FilterBudget(o.maxFilterBytes ?? 134_217_728, filterBytes);
  const slots = new AnswerSlots({ maxAnswers: o.maxAnswers ?? 10_000, maxAnswersPerAddress: o.maxAnswersPerAddress ?? 100 });
  const shared = { websocket: o.websocket, router: o.router, log: o.log, logger: o.logger, clock, budget, slots, onAssertionFailure };
  serveSubscribe({ ...shared, metrics, dictionaryId: dictionary.id, feeds: { none: feeds.json, plain: feeds.json_zstd, dictionary: feeds.json_zstd_dictionary } });
  serveEvents({ ...shared, feed: feeds.events, random: o.random ?? Math.random });
  servePoll({ ...shared, feed: feeds.poll });
  serveFilteredFrames({ ...shared, outbox: o.outbox, feed: feeds.frames });
  serveDictionary(o.router, dictionary);
  return {
    forget: () => pages.forget(),
    consumers: () => streamNames.flatMap((stream) => consumersOf(stream, feeds[stream])),
    close: () => {
      for (const stream of streamNames) feeds[stream].close();
      for (const compressor of compressors) compressor.close();
      share.close();
      pages.close();
    },
  };
}

/** What an operator is told of a feed's consumers. */
function consumersOf(stream: StreamName, feed: Pick<Feed<never>, 'consumers' | 'positionOf'>): StreamConsumerInfo[] {
  return [...feed.consumers].map((consumer) => ({
    stream, ip: consumer.sink.ip, cursor: feed.positionOf(consumer), connectedAtMs: consumer.connectedAtMs,
    sentEvents: consumer.sentEvents, sentBytes: consumer.sentBytes, bufferedBytes: consumer.sink.bufferedBytes,
  }));
}

/** Mounts the dictionary that compressed text is made with. */
export function serveDictionary(router: PlainRouter, { bytes, id }: Dictionary): void {
  router.get('/zstd-dictionary', (context) => {
    context.set('etag', `"${id}"`);
    context.set('zstd-dictionary-id', String(id));
    context.set('cache-control', 'public, max-age=86400');
    context.type = 'application/octet-stream';
    context.body = bytes;
  });
}
